"""The Python interface: a model folder as an object that scores, answers and ranks.

    import artimuse
    model = artimuse.load("runs/quickstart/model")
    print(model.score("photo.jpg"))

An image is a path, a PIL image, or an array of uint8 ((H, W, 3), (H, W, 4) or (H, W)); they may be mixed, and
are read as training reads them, EXIF orientation included.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, overload

import numpy as np
import torch
from PIL import Image

from artimuse.data.images import ImageError, ImageSource
from artimuse.inference.asked import MAX_NEW_TOKENS
from artimuse.inference.critic import Critic
from artimuse.inference.device import pick_device, pick_dtype
from artimuse.inference.ranking import beside, placed
from artimuse.inference.scorer import Scorer
from artimuse.inference.series import SeriesScoring
from artimuse.inference.stream import Broken, score_stream
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import model_folder
from artimuse.models.folder import load_model
from artimuse.models.info import ModelInfo
from artimuse.prompts import ATTRIBUTES, protocol

Questions: TypeAlias = list[str] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """What a model says of one image, on 0-100.

    value: the first aspect's score. spread: its standard deviation, None where the read-out has none.
    scores, spreads: the same by aspect.
    """

    value: float
    spread: float | None
    scores: dict[str, float]
    spreads: dict[str, float | None]

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class Ranking:
    """A series of N images, best first.

    order: (N) places in the series that was given. scores: (N) in that order. ahead: (N-1) P(better) of each
    image against the next one: sigmoid((S_a - S_b) / tau), with S(a|b) and S(b|a) where pairs have scores of
    their own. scored: whether each image was scored alone ("single"), or beside the others ("pairs").
    """

    order: tuple[int, ...]
    scores: tuple[Score, ...]
    ahead: tuple[float, ...]
    scored: SeriesScoring = "single"


class Model:
    """A loaded model; `load` makes one.

    Args:
        model: put into evaluation mode and moved to the device.
        device: None is CUDA where there is one.
        batch_images: images of one forward pass; None is 32 on a GPU and 4 on a CPU.
    """

    def __init__(
        self,
        model: AestheticModel,
        *,
        device: str | torch.device | None = None,
        batch_images: int | None = None,
    ) -> None:
        self.device = pick_device(device)
        self._scorer = Scorer(model, device=self.device, batch_images=batch_images)
        self._critic = Critic(model, device=self.device)

    @property
    def info(self) -> ModelInfo:
        """Base, read-out, aspects and prompt protocol."""
        return self._scorer.model.info

    @property
    def critic(self) -> Critic:
        """What writes the texts."""
        return self._critic

    @overload
    def score(self, images: ImageSource) -> Score: ...
    @overload
    def score(self, images: Iterable[ImageSource]) -> list[Score]: ...
    def score(self, images: ImageSource | Iterable[ImageSource]) -> Score | list[Score]:
        """The score of an image, or those of several in their order.

        Raises:
            ImageError: for an image that cannot be read.
            ValueError: for a model without a score read-out.
        """
        if self.info.readout is None:
            raise ValueError(
                "this model has no score read-out; it answers questions: ask, describe"
            )
        if isinstance(images, str | os.PathLike | Image.Image | np.ndarray):
            (only,) = self._scores([images])
            return only
        return self._scores(list(images))

    @overload
    def ask(
        self, image: ImageSource, questions: str, *, max_new_tokens: int = MAX_NEW_TOKENS
    ) -> str: ...
    @overload
    def ask(
        self, image: ImageSource, questions: Questions, *, max_new_tokens: int = MAX_NEW_TOKENS
    ) -> list[str]: ...
    def ask(
        self,
        image: ImageSource,
        questions: str | Questions,
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> str | list[str]:
        """The answer to a question about an image, or those to several; the image is encoded once.

        An answer that reaches `max_new_tokens` ends there.

        Raises:
            ImageError: for an image that cannot be read.
        """
        asked = [questions] if isinstance(questions, str) else list(questions)
        answers = self._critic.answer(image, asked, max_new_tokens=max_new_tokens)
        return answers[0] if isinstance(questions, str) else answers

    def describe(
        self, image: ImageSource, *, max_new_tokens: int = MAX_NEW_TOKENS
    ) -> dict[str, str]:
        """The eight critiques of an image by attribute.

        Raises:
            ImageError: for an image that cannot be read.
        """
        wording = protocol(self.info.prompt)
        questions = [wording.attribute(attribute) for attribute in ATTRIBUTES]
        answers = self.ask(image, questions, max_new_tokens=max_new_tokens)
        return dict(zip(ATTRIBUTES, answers, strict=True))

    def rank(self, images: Iterable[ImageSource], *, series: SeriesScoring = "pairs") -> Ranking:
        """Order a series by score, best first; of equal scores the earlier image comes first.

        Args:
            series: a model that compares (FGAesQ) scores every image beside each of the others, and its score
                is the mean; "single" scores each alone, as all other models do.

        Raises:
            ImageError: for an image that cannot be read.
            ValueError: for a model without a score read-out.
        """
        given = list(images)
        together = series == "pairs" and self._scorer.compares and len(given) > 1
        if together:
            values, differences = beside(self._scorer, given)
            aspect = self.info.aspects[0]
            scores = [Score(v, None, {aspect: v}, {aspect: None}) for v in values]
            order = placed(values, lambda a, b: differences[a, b])
        else:
            scores = self.score(given)
            order = placed([score.value for score in scores])
        return Ranking(
            order=tuple(one.index for one in order),
            scores=tuple(scores[one.index] for one in order),
            ahead=tuple(one.over_next for one in order if one.over_next is not None),
            scored="pairs" if together else "single",
        )

    def _scores(self, images: list[ImageSource]) -> list[Score]:
        found: list[Score] = []
        for one in score_stream(self._scorer, images):
            if isinstance(one, Broken):
                several = f"images[{len(found)}]: " if len(images) > 1 else ""
                raise ImageError(several + one.reason)
            value, spread = next(iter(one.scores.values())), next(iter(one.spreads.values()))
            found.append(Score(value, spread, one.scores, one.spreads))
        return found


def load(
    folder: str | Path,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    batch_images: int | None = None,
) -> Model:
    """Load a model folder, or the hub id of one.

    Args:
        device: None is CUDA where there is one, else the CPU.
        dtype: of the base's weights; None is float32. The read-out is float32 whatever it is.
        batch_images: images of one forward pass; None is 32 on a GPU and 4 on a CPU.

    Raises:
        ValueError: for a model that is not there or lacks weights (ConfigError where the folder is absent), a
            device that is not there, or another dtype than float32, bfloat16 and float16.
    """
    chosen, number_format = pick_device(device), pick_dtype(dtype)
    model = load_model(model_folder(folder, setting="artimuse.load"), dtype=number_format)
    return Model(model, device=chosen, batch_images=batch_images)
