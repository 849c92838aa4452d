"""Ratings of any study brought into shape: keys, answers, wide tables, votes, many files."""
