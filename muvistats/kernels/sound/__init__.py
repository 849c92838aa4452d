"""Level and loudness of sound."""
