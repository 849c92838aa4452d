"""The released MuVi folder: read with its faults, and written with them."""
