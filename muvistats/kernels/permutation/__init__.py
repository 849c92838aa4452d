"""Permutation tests: arrangements of units, and the statistics that are permuted."""
