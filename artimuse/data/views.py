"""From samples to a Batch for a family without language: views of images in place of conversations.

A family of CLIP's kind (FGAesQ) sees an image as tokens, alone or as a partner asks for. An image of a pair has
a view for every pair that it is in, and is read in each; any other image has one view. What stands for trees in
`data/collate.py` is then, in `Batch.images` beside the family's own tensors (shape legend in `batch.py`; V
views, E readings, C texts):

    reading_view, reading_readout   (E): which view is read for which read-out
    pair_readings                   (P,2): S(x|y) and S(y|x); (0,2) where pairs are scored from the images alone
    text_views                      (C,2): the views of the pairs that a text compares, in the text's order
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import torch
from PIL.Image import Image
from torch import Tensor

from artimuse.batch import Batch
from artimuse.config import ConfigError
from artimuse.data.collate import Collator, Item
from artimuse.data.images import read_image
from artimuse.data.labels import Asked, label_tensors
from artimuse.data.tree import Family
from artimuse.prompts import PromptProtocol
from artimuse.records import DataError, Pair


class ViewFamily(Protocol):
    """What the data layer needs to know of a family without language."""

    name: str

    @property
    def compares(self) -> bool:
        """Whether a pair's images are seen as each asks for the other to be."""
        ...

    def view(self, image: Image) -> Any:
        """An image without a partner."""
        ...

    def pair_views(self, first: Image, second: Image, names: tuple[str, str]) -> tuple[Any, Any]:
        """Two images as each asks for the other to be seen."""
        ...

    def collate_images(self, pixels: Sequence[Any]) -> dict[str, Tensor]:
        """Tensors of the views."""
        ...

    def collate_texts(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Tensors of the texts that compare pairs."""
        ...


class ViewCollator:
    """Turns items into one Batch of views; what `Collator` is to the families with language.

    Args:
        compare: score the images of a pair as seen beside each other, where the family does; else alone.
    """

    text_per: Literal["token", "answer"] = "token"

    def __init__(
        self,
        family: ViewFamily,
        *,
        aspects: Sequence[str],
        datasets: Sequence[str],
        compare: bool = True,
        texts: bool = False,
    ) -> None:
        self.family: Any = family
        self.aspects = {aspect: number for number, aspect in enumerate(aspects)}
        self.datasets = {name: number for number, name in enumerate(datasets)}
        self.compare = compare and family.compares
        self.texts = texts

    def __call__(
        self, items: Sequence[Item], pairs: Sequence[Pair] = (), lists: Sequence[int] = ()
    ) -> Batch:
        """Items and the pairs among their samples -> a Batch without tokens, a row an image.

        Args:
            lists: per pair the number of the list that it belongs to; () puts all into one.

        Raises:
            ImageError: for an image that cannot be read.
            DataError: for a question that is no score question, or that is about several images.
            ValueError: as `Collator` does.
        """
        asked = [(row, item, q) for row, item in enumerate(items) for q in item.questions]
        for _, item, question in asked:
            if question.kind != "score" or len(item.sample.images) != 1:
                raise DataError(no_language(self.family.name, item.sample.id, question.kind))
        labelled: list[Asked] = [(item.sample, question) for _, item, question in asked]
        labels = label_tensors(labelled, pairs, aspects=self.aspects, datasets=self.datasets)
        seen = self._see(items, pairs)
        empty = torch.zeros(len(items), 0, dtype=torch.int64)
        nothing = torch.zeros(0, dtype=torch.int64)
        rows = [row for row, _, _ in asked]
        return Batch(
            input_ids=empty, tree=empty, branch=empty, positions=empty[None],
            images=self.family.collate_images(seen.views) | self._readings(rows, labels["pairs"], seen, pairs),
            supervised=nothing, targets=nothing, weights=torch.zeros(0),
            readouts=torch.tensor(rows, dtype=torch.int64),
            **labels,
            pair_list=torch.tensor(lists or [0] * len(pairs), dtype=torch.int64),
        )  # fmt: skip

    def views(self, samples: int, pairs: Sequence[Pair]) -> int:
        """How many views so many samples have, with the pairs among them: what they cost."""
        if not self.compare:
            return samples
        paired = {name for pair in pairs for name in (pair.first, pair.second)}
        return 2 * len(pairs) + samples - len(paired)

    def _see(self, items: Sequence[Item], pairs: Sequence[Pair]) -> _Seen:
        """The views of a batch: of every pair two, and one of every image that no pair holds."""
        images = [read_image(item.sample.images[0]) for item in items]
        row = {item.sample.id: number for number, item in enumerate(items)}
        seen = _Seen([], [[] for _ in items], [])
        if self.compare:
            for pair in pairs:
                ends = row[pair.first], row[pair.second]
                both = self.family.pair_views(
                    images[ends[0]], images[ends[1]], (pair.first, pair.second)
                )
                seen.of_pair.append((len(seen.views), len(seen.views) + 1))
                for end, view in zip(ends, both, strict=True):
                    seen.of_row[end].append(len(seen.views))
                    seen.views.append(view)
        for number, views in enumerate(seen.of_row):
            if not views:
                views.append(len(seen.views))
                seen.views.append(self.family.view(images[number]))
        if not self.compare:
            seen.of_pair = [
                (seen.of_row[row[p.first]][0], seen.of_row[row[p.second]][0]) for p in pairs
            ]
        return seen

    def _readings(
        self, rows: Sequence[int], ends: Tensor, seen: _Seen, pairs: Sequence[Pair]
    ) -> dict[str, Tensor]:
        """Which view is read for which read-out, and which readings and texts belong to a pair."""
        readings = [(view, number) for number, row in enumerate(rows) for view in seen.of_row[row]]
        place = {reading: number for number, reading in enumerate(readings)}
        of_pairs = [
            [place[view, readout] for view, readout in zip(views, both, strict=True)]
            for views, both in zip(seen.of_pair, ends.tolist(), strict=True)
        ]
        index = torch.tensor(readings, dtype=torch.int64).reshape(-1, 2)
        found = {
            "reading_view": index[:, 0],
            "reading_readout": index[:, 1],
            "pair_readings": torch.tensor(
                of_pairs if self.compare else [], dtype=torch.int64
            ).reshape(-1, 2),
        }
        said = [number for number, pair in enumerate(pairs) if pair.text is not None]
        if not self.texts or not said:
            return found
        views = torch.tensor([seen.of_pair[n] for n in said], dtype=torch.int64).reshape(-1, 2)
        return (
            found
            | {"text_views": views}
            | self.family.collate_texts([str(pairs[n].text) for n in said])
        )


class _Seen:
    """views: all of a batch. of_row: per item the numbers of its views. of_pair: per pair those of its ends."""

    def __init__(
        self, views: list[Any], of_row: list[list[int]], of_pair: list[tuple[int, int]]
    ) -> None:
        self.views, self.of_row, self.of_pair = views, of_row, of_pair


def no_language(family: str, sample: str, kind: str) -> str:
    """Why a sample cannot be shown to a family without language."""
    return (
        f"{sample}: a {family} model has no language, and scores one image at a time: expected score questions "
        f"about single images, found a {kind} question; leave texts, comparisons and sources of questions out"
    )


def collator(
    family: Any,
    *,
    protocol: PromptProtocol,
    aspects: Sequence[str],
    datasets: Sequence[str],
    text_per: Literal["token", "answer"] = "token",
    row_tokens: int | None = None,
    layout: Literal["tree", "rows"] = "tree",
    compare: bool = True,
    texts: bool = False,
    unanswered: bool = False,
) -> Collator | ViewCollator:
    """What makes batches for a family: of conversations, or of views for one without language.

    Args: as `Collator`'s and `ViewCollator`'s; each takes its own.

    Raises:
        ConfigError: for a layout that the family has no questions for.
    """
    if not family.language:
        if layout != "tree":
            raise ConfigError(
                f"train.layout {layout}: a {family.name} model has one question an image, so there is nothing "
                f"to lay out; leave train.layout away"
            )
        return ViewCollator(
            family, aspects=aspects, datasets=datasets, compare=compare, texts=texts
        )
    known: Family = family
    return Collator(
        known,
        protocol=protocol,
        aspects=aspects,
        datasets=datasets,
        text_per=text_per,
        row_tokens=row_tokens,
        layout=layout,
        unanswered=unanswered,
    )
