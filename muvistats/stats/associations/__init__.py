"""How measures of the same ratings go together."""
