"""Resampling and errors of clustered samples: bootstrap, multiway variances, quantiles."""
