"""Mixed, linear and generalised linear models by formula."""
