"""`scripts/benchmark.py score`: images a second of this project's scoring, beside one image at a time."""
