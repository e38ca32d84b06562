"""Leakage, as the report shows it: which images are trained on and held out, by what evidence.

leaks = find_leaks(training, held_out, ..., known=pictures.read)
overlap(leaks, allowed=["ava-test"])
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from artimuse.data.checks.leakage import Leak
from artimuse.data.checks.refusal import count_leaks

SHOWN = 6
"""Examples of each kind of evidence and pair of sources."""


def overlap(leaks: Sequence[Leak], allowed: Collection[str]) -> dict[str, Any]:
    """Numbers per pair of sources, and the first findings of each kind."""
    return {
        "findings": len(leaks),
        "between": count_leaks(leaks, allowed),
        "examples": [_example(leak) for leak in _first(leaks)],
    }


def _first(leaks: Sequence[Leak]) -> list[Leak]:
    shown: dict[tuple[str, tuple[str, str]], list[Leak]] = {}
    for leak in leaks:
        group = shown.setdefault((leak.kind, leak.sources), [])
        if len(group) < SHOWN:
            group.append(leak)
    return [leak for group in shown.values() for leak in group]


def _example(leak: Leak) -> dict[str, Any]:
    return {
        "kind": leak.kind,
        "training": leak.training,
        "training_file": leak.training_file,
        "evaluation": leak.evaluation,
        "evaluation_file": leak.evaluation_file,
        "distance": leak.distance,
    }
