"""Features of the picture: extractors that share one decoding of a video."""
