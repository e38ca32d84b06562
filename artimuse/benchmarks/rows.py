"""What stock training makes of a case: a row per question, or all questions of an image as one conversation.

    rows = question_rows(step_samples, collate)          # `rows`: as every general trainer lays them out
    rows = conversation_rows(step_samples, collate)      # `multiturn`: the image once, other losses

A row is padded to the longest of its batch. The rows of a step are ordered by length, as Trainer's
group_by_length orders them, so that hardly any padding is left; the images of a step stay those of the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from artimuse.data.collate import Collator
from artimuse.data.images import image_size, read_image
from artimuse.data.labels import Asked, label_tensors
from artimuse.records import Sample

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation: its tokens, its labels (IGNORED where nothing is supervised), and the place of its
    read-out, if it has one."""

    sample: Sample
    ids: tuple[int, ...]
    labels: tuple[int, ...]
    asked: tuple[Asked, ...] = ()
    readout: int | None = None

    @property
    def supervised(self) -> int:
        return sum(label != IGNORED for label in self.labels)


def question_rows(samples: Sequence[Sample], collate: Collator) -> list[Row]:
    """A row per question of the samples of one step, longest first."""
    rows: list[Row] = []
    for sample in samples:
        image_tokens = _image_tokens(sample, collate)
        for question in sample.questions:
            said = collate.conversation(question, image_tokens)
            answer = said.answer or []
            ids = (*said.prompt, *answer)
            labels = (*[IGNORED] * len(said.prompt), *answer)
            scored = said.answer is None
            asked = ((sample, question),) if scored else ()
            rows.append(Row(sample, ids, labels, asked, len(ids) - 1 if scored else None))
    return sorted(rows, key=lambda row: -len(row.ids))


def conversation_rows(samples: Sequence[Sample], collate: Collator) -> list[Row]:
    """A row per image: its questions one after the other, each turn what a row of its own says without the
    image, longest first. A later answer sees the earlier ones, so losses are not those of separate rows."""
    rows = [_conversation(sample, collate) for sample in samples]
    return sorted(rows, key=lambda row: -len(row.ids))


def _conversation(sample: Sample, collate: Collator) -> Row:
    image_tokens = _image_tokens(sample, collate)
    ids: list[int] = []
    labels: list[int] = []
    readout, asked = None, None
    for question in sample.questions:
        said = collate.conversation(question, image_tokens)
        prompt = said.prompt if not ids else _without_image(said.prompt, collate)
        ids += prompt
        labels += [IGNORED] * len(prompt)
        if said.answer is None:
            assert readout is None, "a conversation with two score questions"
            readout, asked = len(ids) - 1, (sample, question)
        else:
            ids += said.answer
            labels += said.answer
    return Row(sample, tuple(ids), tuple(labels), (asked,) if asked else (), readout)


def _without_image(prompt: list[int], collate: Collator) -> list[int]:
    family: Any = collate.family
    start = prompt.index(family.placeholder_id)
    if family.block_start or family.template_close:
        start -= 1  # a token opens the block
    return prompt[:start] + prompt[family.image_block_end(prompt) :]


def _image_tokens(sample: Sample, collate: Collator) -> list[int]:
    family: Any = collate.family
    return [family.image_tokens(image_size(path)) for path in sample.images]


class RowDataset(Dataset[tuple[Row, list[Any]]]):
    """Rows with their decoded, preprocessed images: what Trainer's loader processes do."""

    def __init__(self, rows: Sequence[Row], family: Any) -> None:
        self.rows, self.family = list(rows), family

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[Row, list[Any]]:
        row = self.rows[number]
        return row, [self.family.pixels(read_image(path)) for path in row.sample.images]


class RowCollator:
    """Rows -> what `StockModel` is called with, padded on the right to the longest.

    Args:
        readouts: of a whole optimizer step. Trainer counts a step's supervised tokens and hands the number to
            the model; of read-outs it knows nothing, so their number comes with the batch.
    """

    def __init__(self, collate: Collator, *, readouts: int) -> None:
        self.collate, self.readouts = collate, readouts
        tokenizer = collate.family.tokenizer  # type: ignore[attr-defined]
        self.pad = tokenizer.pad_token_id

    def __call__(self, drawn: Sequence[tuple[Row, list[Any]]]) -> dict[str, Any]:
        rows = [row for row, _ in drawn]
        length = max(len(row.ids) for row in rows)
        scored = [(n, row) for n, row in enumerate(rows) if row.readout is not None]
        labels = label_tensors(
            [asked for row in rows for asked in row.asked],
            (),
            aspects=self.collate.aspects,
            datasets=self.collate.datasets,
        )
        return {
            "input_ids": _padded([row.ids for row in rows], length, self.pad),
            "attention_mask": _padded([(1,) * len(row.ids) for row in rows], length, 0),
            "labels": _padded([row.labels for row in rows], length, IGNORED),
            "readouts": torch.tensor(
                [n * length + (row.readout or 0) for n, row in scored], dtype=torch.int64
            ),
            "scores": labels,
            "readouts_in_step": self.readouts,
            "images": self.collate.family.collate_images(
                [p for _, pixels in drawn for p in pixels]
            ),
        }


def _padded(rows: Sequence[Sequence[int]], length: int, value: int) -> Tensor:
    padded = torch.full((len(rows), length), value, dtype=torch.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = torch.tensor(row, dtype=torch.int64)
    return padded
