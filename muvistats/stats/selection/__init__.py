"""Models that predict the ratings of an item from its features, and what they rest on."""
