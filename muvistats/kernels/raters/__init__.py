"""Raters: concordance, reliability, gold standards, delays."""
