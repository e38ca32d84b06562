"""A few samples as the model is taught with them: prompts and answers as text, and what is supervised.

    for sample in rendered(split, reader, pictures.sizes): print(sample["questions"][0]["text"])

The text is decoded from the ids of the tree that training builds, and what is marked is the tree's targets: a
template that swallows a word, or an answer without an end, can be seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from artimuse.data.checks.report.splits import Split
from artimuse.data.checks.report.tokens import Reader, Sizes
from artimuse.data.tree import Conversation, Tree, build_tree
from artimuse.records import Pair, Question, Sample

SAMPLES = 3
PAIRS = 4
"""Pairs of a sample that are shown."""
_RUN = 4
"""Equal tokens in a row from which on they are written as one with their number."""
Decode = Callable[[Sequence[int]], str]


def rendered(split: Split, reader: Reader, sizes: Sizes) -> list[dict[str, Any]]:
    """Samples from the beginning, from a third and from two thirds of a split.

    Raises:
        ValueError: for a chat template that a tree cannot be made of.
    """
    samples = split.source.samples
    places = sorted({number * len(samples) // SAMPLES for number in range(SAMPLES)})
    chosen = [samples[place] for place in places if place < len(samples)]
    wanted = {sample.id for sample in chosen}
    pairs = [p for p in split.source.pairs if p.first in wanted or p.second in wanted]
    return [_sample(sample, pairs, reader, sizes) for sample in chosen]


def _sample(sample: Sample, pairs: Sequence[Pair], reader: Reader, sizes: Sizes) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": sample.id,
        "images": [str(image) for image in sample.images],
        "sizes": [list(sizes[str(image)]) for image in sample.images],
        "category": sample.category,
        "series": sample.series,
        "pairs": _ranked(sample.id, pairs),
        "tokens": 0,
        "prefix": "",
        "questions": [],
    }
    if not sample.questions:
        return record
    image_tokens = reader.image_tokens(sample, sizes)
    asked = [reader.conversation(question, image_tokens) for question in sample.questions]
    tree = build_tree(asked, reader.family, [sizes[str(image)] for image in sample.images])
    prefix = int((tree.branch == 0).sum())
    record["tokens"] = len(tree)
    record["prefix"] = folded(tree.ids[:prefix].tolist(), reader.decode)
    record["questions"] = [
        _question(number, question, one, tree, prefix, reader.decode)
        for number, (question, one) in enumerate(zip(sample.questions, asked, strict=True))
    ]
    return record


def _question(
    number: int, question: Question, one: Conversation, tree: Tree, prefix: int, decode: Decode
) -> dict[str, Any]:
    """One branch: the text after the shared prefix, with the spans of its supervised tokens."""
    own = one.prompt[prefix:]
    prompt = decode(own)
    targets = tree.targets[tree.answer == number].tolist()
    spans = [
        [len(prompt) + start, len(prompt) + end] for start, end in token_spans(targets, decode)
    ]
    label = question.label
    scale = None if label is None else {"mean": label.mean, "low": label.low, "high": label.high}
    return {
        "kind": question.kind,
        "aspect": question.aspect,
        "label": scale,
        "options": list(question.options),
        "text": prompt + decode(targets),
        "supervised": spans,
        # The score is read at the prompt's last token.
        "readout": _last(own, prompt, decode) if question.kind == "score" else None,
    }


def token_spans(ids: Sequence[int], decode: Decode) -> list[tuple[int, int]]:
    """Where each token stands in the decoded text; a character that several make is one span of them."""
    spans: list[tuple[int, int]] = []
    start = 0
    for number in range(1, len(ids) + 1):
        text = decode(ids[:number])
        # Half a character is decoded as the replacement sign, until its other half comes.
        if text.endswith("\ufffd") and number < len(ids):
            continue
        if len(text) > start:
            spans.append((start, len(text)))
            start = len(text)
    return spans


def folded(ids: Sequence[int], decode: Decode) -> str:
    """The decoded tokens, with a long run of one token written once, with its number."""
    parts: list[str] = []
    pending: list[int] = []
    for token, run in groupby(ids):
        length = len(list(run))
        if length < _RUN:
            pending += [token] * length
            continue
        parts += [decode(pending), f"{decode([token])} x {length} "]
        pending = []
    return "".join([*parts, decode(pending)])


def _last(own: Sequence[int], prompt: str, decode: Decode) -> list[int]:
    """The span of the prompt's last token; empty where the prefix ends with it."""
    return [len(decode(own[:-1])), len(prompt)] if own else [0, 0]


def _ranked(sample: str, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """The first pairs of a sample, each as P(this image better than the other)."""
    own = [pair for pair in pairs if sample in (pair.first, pair.second)][:PAIRS]
    return [
        {
            "other": pair.second if pair.first == sample else pair.first,
            "probability": pair.probability if pair.first == sample else 1 - pair.probability,
        }
        for pair in own
    ]
