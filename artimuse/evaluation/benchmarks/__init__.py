"""Benchmarks as data: what --data is, who reads it, and how large the published test set is."""
