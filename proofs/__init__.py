"""Long proofs that the package holds under damage, faults, load and attack; see README.md."""
