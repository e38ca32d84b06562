"""How likely a model finds each option of a choice question.

Where one token tells all options apart ("A)", "B)", ...), one branch is asked and the logits of that token are
compared. Where none does (a tokenizer that joins a letter and its bracket in some options only), every
option is a branch of its own, and the probabilities of their whole texts are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from artimuse.records import Question


def branches(question: Question, family: Any) -> tuple[Question, ...]:
    """What is asked in a choice question's place: an option stands where the answer would.

    The true answer never enters. Where one token tells the options apart nothing of the option is read up to
    it, so that any of them will do.

    Raises:
        ValueError: for two options that are the same text.
    """
    options = question.options
    if len(set(options)) < len(options):
        raise ValueError(f"question {question.text!r}: expected different options, found {options}")
    if _telling(_answers(question, family)) is not None:
        options = options[:1]
    return tuple(replace(question, answer=option) for option in options)


def chances(question: Question, logits: Sequence[Tensor], family: Any) -> list[float]:
    """P of each option, given that one of them is the answer.

    Args:
        question: a choice question; its options are written as answers are.
        logits: per branch of the question the (S,V) at the positions that predict its answer's tokens.
    """
    answers = _answers(question, family)
    place = _telling(answers)
    if place is not None:
        (only,) = logits
        found = only[place][[ids[place] for ids in answers]]
    else:
        found = torch.stack(
            [
                one.log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum()
                for one, ids in zip(logits, answers, strict=True)
            ]
        )
    return found.softmax(0).tolist()


def _answers(question: Question, family: Any) -> list[list[int]]:
    return [family.answer_ids(option) for option in question.options]


def _telling(answers: Sequence[Sequence[int]]) -> int | None:
    """The first place at which the answers differ, where all differ there; None otherwise."""
    shortest = min(len(ids) for ids in answers)
    first = next((n for n in range(shortest) if len({ids[n] for ids in answers}) > 1), None)
    if first is None or len({ids[first] for ids in answers}) < len(answers):
        return None
    return first
