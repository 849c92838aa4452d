"""Labels: frequencies, tables, tests, pairs."""
