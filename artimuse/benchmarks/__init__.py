"""Measurements that `scripts/benchmark.py` runs: each returns rows, medians and spreads of one run."""
