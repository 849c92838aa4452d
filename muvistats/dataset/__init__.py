"""What the data is and where it comes from."""
