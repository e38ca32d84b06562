"""How long questions, answers and whole trees are for the recipe's model, and what does not fit.

    lengths = token_lengths(split, reader, pictures, row_tokens=None)
    lengths["too_long"]["n"], lengths["tree"]["p95"]

Only a tokenizer and the image preprocessing are needed, no weights. `Reader` is what a script hands over of a
model, as the data knows no models.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from artimuse.data.checks.report.splits import Split
from artimuse.data.checks.report.statistics import spread
from artimuse.data.collate import Collator
from artimuse.data.tree import Conversation, Family, shared_prefix
from artimuse.prompts import PromptProtocol
from artimuse.records import Question, Sample

Sizes = Mapping[str, tuple[int, int]]


class Reader:
    """How the recipe's model reads a conversation.

    Args:
        name: what it is, to show.
        decode: token ids -> text, special tokens included.
        max_positions: how many tokens of one conversation the model can tell apart; None where its
            configuration does not say.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        decode: Callable[[Sequence[int]], str],
        *,
        protocol: PromptProtocol,
        max_positions: int | None,
    ) -> None:
        self.name = name
        self.family = family
        self.decode = decode
        self.max_positions = max_positions
        # The one that training uses, so that what is counted here is what is trained on.
        self._collate = Collator(family, protocol=protocol, aspects=(), datasets=())

    def conversation(self, question: Question, image_tokens: Sequence[int]) -> Conversation:
        """A tokenized question; one without an answer (a benchmark's) ends where its answer would begin."""
        if question.kind != "score" and question.answer is None:
            wording = self._collate.wording(question)
            return Conversation(self.family.prompt_ids(wording, image_tokens), None)
        return self._collate.conversation(question, image_tokens)

    def image_tokens(self, sample: Sample, sizes: Sizes) -> list[int]:
        """Image tokens of each image of a sample, from the sizes of its files."""
        return [self.family.image_tokens(sizes[str(image)]) for image in sample.images]


@dataclass(slots=True)
class _Lengths:
    """Numbers of tokens, one entry per question (prompt, answer) or per image (tree, drawn)."""

    prompt: array[int] = field(default_factory=lambda: array("q"))
    answer: array[int] = field(default_factory=lambda: array("q"))
    tree: array[int] = field(default_factory=lambda: array("q"))
    drawn: array[int] = field(default_factory=lambda: array("q"))


def token_lengths(
    split: Split, reader: Reader, sizes: Sizes, *, row_tokens: int | None, progress: bool = False
) -> dict[str, Any] | None:
    """Token counts of a split, whose images can all be read; None where it asks nothing.

    A question does not fit where prompt and answer have more tokens that are read than the model has
    positions: the last token of an answer is predicted, never read.
    """
    lengths = _Lengths()
    too_long = 0
    example: str | None = None
    hidden = not (progress and sys.stderr.isatty())
    for sample in tqdm(
        split.source.samples, desc=f"tokens of {split.title}", unit="", disable=hidden
    ):
        if not sample.questions:
            continue
        image_tokens = reader.image_tokens(sample, sizes)
        asked = [reader.conversation(question, image_tokens) for question in sample.questions]
        for one in asked:
            lengths.prompt.append(len(one.prompt))
            if one.answer is not None:
                lengths.answer.append(len(one.answer))
            if reader.max_positions is not None and _read(one) > reader.max_positions:
                too_long += 1
                example = example or sample.id
        lengths.tree.append(tree_tokens(asked))
        lengths.drawn.append(_largest_drawn(sample.questions, asked, split.questions_per_image))
    if not lengths.prompt:
        return None
    return {
        "prompt": spread(lengths.prompt),
        "answer": spread(lengths.answer),
        "tree": spread(lengths.tree),
        "drawn_tree": None if split.questions_per_image == "all" else spread(lengths.drawn),
        "too_long": _too_long(too_long, len(lengths.prompt), example),
        "longer_than_row": None if row_tokens is None else _longer(lengths.drawn, row_tokens),
    }


def tree_tokens(asked: Sequence[Conversation], prefix: int | None = None) -> int:
    """Tokens of the tree of some conversations, as `build_tree` lays it out.

    Args:
        prefix: tokens that are shared; None is all that these conversations have in common.
    """
    shared = shared_prefix(asked) if prefix is None else prefix
    return shared + sum(_read(one) - shared for one in asked)


def _read(one: Conversation) -> int:
    return len(one.prompt) + max(len(one.answer or ()) - 1, 0)


def _largest_drawn(
    questions: Sequence[Question], asked: Sequence[Conversation], wanted: Any
) -> int:
    """Tokens of the largest tree that a step can draw: all score questions, the longest of the others.

    With the prefix that all questions share: those of a draw may share a few tokens more.
    """
    if wanted == "all":
        return tree_tokens(asked)
    scores = [
        one for question, one in zip(questions, asked, strict=True) if question.kind == "score"
    ]
    others = [
        one for question, one in zip(questions, asked, strict=True) if question.kind != "score"
    ]
    longest = sorted(others, key=_read, reverse=True)[:wanted]
    return tree_tokens([*scores, *longest], shared_prefix(asked))


def _too_long(number: int, questions: int, example: str | None) -> dict[str, Any]:
    return {"n": number, "frac": number / questions, "example": example}


def _longer(trees: Sequence[int], row_tokens: int) -> dict[str, Any]:
    number = sum(tree > row_tokens for tree in trees)
    return {"n": number, "frac": number / len(trees)}
