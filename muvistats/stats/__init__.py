"""The tests, tables and models."""
