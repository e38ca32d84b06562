"""Texts that compare two images, from what is known of them: which is better, and in what they differ.

    compare_in_words(0.9, {"blur": 0.1}, {"blur": 0.6})
    # "The first image looks clearly better than the second: it has less blur."

They are what `objective.align` needs (CTAlign, arXiv 2603.03907, whose own texts are not published).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Factor = float | int | str
# From these probabilities on, away from .5; a panel of ten that is split 6:4 is not clear.
_CLEAR, _SLIGHT = 0.3, 0.02


def compare_in_words(
    probability: float,
    first: Mapping[str, Factor] | None = None,
    second: Mapping[str, Factor] | None = None,
) -> str:
    """One sentence that says how the first image compares with the second.

    Args:
        probability: P(first better).
        first, second: what is known of each, by the same names: numbers are compared, words are told.
    """
    away = probability - 0.5
    if abs(away) < _SLIGHT:
        verdict = "The first image looks as good as the second"
    else:
        degree = "clearly " if abs(away) >= _CLEAR else ""
        better, worse = ("first", "second") if away > 0 else ("second", "first")
        verdict = f"The {better} image looks {degree}better than the {worse}"
    told = list(_differences(first or {}, second or {}))
    return f"{verdict}: the first has {_listed(told)}." if told else f"{verdict}."


def _differences(first: Mapping[str, Factor], second: Mapping[str, Factor]) -> Iterable[str]:
    """What the first has more or less of, in the order of its factors."""
    for name, one in first.items():
        other = second.get(name, one)
        if one == other:
            continue
        plain = name.replace("_", " ")
        if isinstance(one, str) or isinstance(other, str):
            yield f"{plain} {one} and not {other}"
        else:
            yield f"{'more' if one > other else 'less'} {plain}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
