"""Prediction rows -> metrics that can be resampled, one module per kind of row."""
