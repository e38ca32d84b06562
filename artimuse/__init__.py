"""artimuse: joint training of multimodal language models that score, explain and rank images."""

__version__ = "0.1.0"
