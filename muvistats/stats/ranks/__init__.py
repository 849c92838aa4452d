"""Rank tests between groups of ratings."""
