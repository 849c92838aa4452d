"""Features of the sound: extractors that share one decoding of a file."""
