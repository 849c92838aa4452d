"""Statistics of one's own under the arrangements that the design allows."""
