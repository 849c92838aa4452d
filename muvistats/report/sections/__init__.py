"""Sections of the report, one file each, and the catalogue that orders them."""
