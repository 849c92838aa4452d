"""Ranks: effects, intervals, signed ranks."""
