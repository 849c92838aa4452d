"""Checks of what the rows say: raters, shifted labels, repeated lists."""
