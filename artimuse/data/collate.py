"""From samples to a Batch: conversations, trees, rows.

`Collator` knows a family, a prompt protocol and the model's aspects, and nothing of order, steps or
processes; training, evaluation and scoring all go through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from artimuse.batch import PADDING, Batch
from artimuse.data.images import read_image
from artimuse.data.labels import Asked, label_tensors
from artimuse.data.tree import Conversation, Family, Tree, build_tree
from artimuse.prompts import PromptProtocol
from artimuse.records import Pair, Question, Sample


@dataclass(frozen=True, slots=True)
class Item:
    """A sample with the questions that are asked of it this time."""

    sample: Sample
    questions: tuple[Question, ...]


@dataclass(slots=True)
class _Placed:
    """A tree with what belongs to it, and where in the batch it was laid."""

    item: Item
    tree: Tree
    pixels: list[Any]
    row: int = 0
    offset: int = 0
    number: int = 0


class Collator:
    """Turns items into one Batch.

    Args:
        family: tokenizes and preprocesses.
        protocol: the wordings of score questions.
        aspects: the model's aspects; a score question asks about one of them.
        datasets: names in the order of the model's affine links.
        text_per: weight of a target: 1 ("token"), or 1/length of its answer ("answer").
        row_tokens: lay several trees into rows of at most so many tokens; None is one tree a row. A
            longer tree has a row of its own.
        layout: "rows" makes a tree of every question alone.
        unanswered: whether a text question without an answer is asked: the one supervised position of its
            branch predicts the first token of the answer, its target the end of the turn. Else it is refused.
    """

    def __init__(
        self,
        family: Family,
        *,
        protocol: PromptProtocol,
        aspects: Sequence[str],
        datasets: Sequence[str],
        text_per: Literal["token", "answer"] = "token",
        row_tokens: int | None = None,
        layout: Literal["tree", "rows"] = "tree",
        unanswered: bool = False,
    ) -> None:
        self.family = family
        self.protocol = protocol
        self.aspects = {aspect: number for number, aspect in enumerate(aspects)}
        self.datasets = {name: number for number, name in enumerate(datasets)}
        self.text_per = text_per
        self.row_tokens = row_tokens
        self.layout = layout
        self.unanswered = unanswered

    def __call__(
        self, items: Sequence[Item], pairs: Sequence[Pair] = (), lists: Sequence[int] = ()
    ) -> Batch:
        """Items and the pairs among their samples -> a Batch of their trees, in rows.

        Args:
            lists: per pair the number of the list that it belongs to; () puts all into one.

        Raises:
            ImageError: for an image that cannot be read.
            ValueError: for a score question about an aspect that the model does not have, or a pair of
                a sample that is not among the items or has no overall score question.
        """
        if self.layout == "rows":
            items = [
                Item(item.sample, (question,)) for item in items for question in item.questions
            ]
        placed = [self._place(item) for item in items]
        rows = _lay_out(placed, self.row_tokens)
        length = max((row[-1].offset + len(row[-1].tree) for row in rows), default=0)
        axes = len(placed[0].tree.positions) if placed else 1
        tokens = {
            "input_ids": np.zeros((len(rows), length), dtype=np.int64),
            "tree": np.full((len(rows), length), PADDING, dtype=np.int64),
            "branch": np.zeros((len(rows), length), dtype=np.int64),
            "positions": np.zeros((axes, len(rows), length), dtype=np.int64),
        }
        ordered = [tree for row in rows for tree in row]
        for entry in ordered:
            place = slice(entry.offset, entry.offset + len(entry.tree))
            tokens["input_ids"][entry.row, place] = entry.tree.ids
            tokens["tree"][entry.row, place] = entry.number
            tokens["branch"][entry.row, place] = entry.tree.branch
            tokens["positions"][:, entry.row, place] = entry.tree.positions
        return Batch(
            **{name: torch.from_numpy(array) for name, array in tokens.items()},
            images=self.family.collate_images([p for entry in ordered for p in entry.pixels]),
            **self._targets(ordered, length),
            **self._readouts(ordered, length, pairs),
            pair_list=torch.tensor(lists or [0] * len(pairs), dtype=torch.int64),
        )

    def conversation(self, question: Question, image_tokens: Sequence[int]) -> Conversation:
        """One question, tokenized."""
        separator = self.protocol.score_separator if self._is_protocol_s(question) else None
        prompt = self.family.prompt_ids(self.wording(question), image_tokens, separator=separator)
        if question.kind == "score":
            return Conversation(prompt, None)
        if question.answer is None and self.unanswered:
            return Conversation(prompt, [self.family.end_of_turn_id])
        if question.answer is None:
            raise ValueError(
                f"question {question.text!r}: expected an answer to supervise, found none"
            )
        return Conversation(prompt, self.family.answer_ids(question.answer))

    def wording(self, question: Question) -> str:
        """What is asked; a score question without a text of its own takes the protocol's."""
        if not self._is_protocol_s(question):
            return question.text
        assert question.aspect is not None
        return self.protocol.score(question.aspect)

    @staticmethod
    def _is_protocol_s(question: Question) -> bool:
        return question.kind == "score" and not question.text

    def _place(self, item: Item) -> _Placed:
        images = [read_image(path) for path in item.sample.images]
        sizes = [image.size for image in images]
        image_tokens = [self.family.image_tokens(size) for size in sizes]
        tree = build_tree(
            [self.conversation(question, image_tokens) for question in item.questions],
            self.family,
            sizes,
        )
        return _Placed(item, tree, [self.family.pixels(image) for image in images])

    def _targets(self, ordered: Sequence[_Placed], length: int) -> dict[str, Tensor]:
        supervised, targets, weights = [], [], []
        for entry in ordered:
            supervised.append(entry.row * length + entry.offset + entry.tree.supervised)
            targets.append(entry.tree.targets)
            weights.append(self.target_weights(entry.tree.answer))
        return {
            "supervised": torch.from_numpy(_joined(supervised)),
            "targets": torch.from_numpy(_joined(targets)),
            "weights": torch.from_numpy(_joined(weights).astype(np.float32)),
        }

    def target_weights(self, answer: np.ndarray) -> np.ndarray:
        """(S) weights of a tree's targets, from which answer each belongs to."""
        if self.text_per == "token" or not len(answer):
            return np.ones(len(answer))
        return 1.0 / np.bincount(answer)[answer]

    def _readouts(
        self, ordered: Sequence[_Placed], length: int, pairs: Sequence[Pair]
    ) -> dict[str, Tensor]:
        index: list[int] = []
        asked: list[Asked] = []
        for entry in ordered:
            index += (entry.row * length + entry.offset + entry.tree.readouts).tolist()
            asked += [(entry.item.sample, q) for q in entry.item.questions if q.kind == "score"]
        return {
            "readouts": torch.tensor(index, dtype=torch.int64),
            **label_tensors(asked, pairs, aspects=self.aspects, datasets=self.datasets),
        }


def _lay_out(placed: Sequence[_Placed], row_tokens: int | None) -> list[list[_Placed]]:
    """Give every tree its row: one each, or the first row with room (first fit, longest first)."""
    order = list(placed)
    if row_tokens is not None:
        order.sort(key=lambda entry: -len(entry.tree))
    rows: list[list[_Placed]] = []
    used: list[int] = []
    for entry in order:
        size = len(entry.tree)
        room = [r for r in range(len(rows)) if row_tokens and used[r] + size <= row_tokens]
        if room:
            row = room[0]
        else:
            row = len(rows)
            rows.append([])
            used.append(0)
        entry.row, entry.offset, entry.number = row, used[row], len(rows[row])
        rows[row].append(entry)
        used[row] += size
    return rows


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)
