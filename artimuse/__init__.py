"""artimuse: joint training of multimodal language models that score, explain and rank images.

import artimuse
model = artimuse.load("runs/quickstart/model")
print(model.score("photo.jpg"))
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Model", "Ranking", "Score", "__version__", "load"]

if TYPE_CHECKING:
    from artimuse.inference.api import Model, Ranking, Score, load


def __getattr__(name: str) -> object:
    # Late: `import artimuse` takes no time, and torch is imported where a model is loaded.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from artimuse.inference import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
