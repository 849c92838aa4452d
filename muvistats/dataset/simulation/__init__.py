"""A MuVi with known truth."""
