"""Published findings beside tests that respect the design."""
