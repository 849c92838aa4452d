"""What happens as an excerpt unfolds: tests over time, shared time courses, who leads."""
