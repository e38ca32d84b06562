"""Checks of the data before anything is trained: which images decode, and what is left out."""
