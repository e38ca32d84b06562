"""What a person should look at: sentences made of the report's numbers, the worst first.

    for finding in findings(report): print(finding["level"], finding["about"], finding["text"])

`refused`: a training run would not begin. `warning`: it would, and the result may not mean what it should.
`note`: good to know. What is as usual is not a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

Level = Literal["refused", "warning", "note"]
LEVELS: tuple[Level, ...] = ("refused", "warning", "note")
CATEGORY_FLOOR = 0.3
"""SRCC from which on categories alone are worth a warning."""
AGREE = 0.8
"""Share of pairs below which they and the scores tell different stories."""
CEILING = 0.98
"""SRCC of a quantised read-out below which its loss is worth a note."""
Report = dict[str, Any]
Found = tuple[Level, str, str]


def findings(report: Report) -> list[dict[str, str]]:
    """Level, what it is about, and a sentence; within a level in the order of the report."""
    found: list[Found] = []
    found.extend(("refused", "recipe", reason) for reason in report["refused"])
    found += _leakage(report["leakage"])
    if report["model"]["missing"]:
        found.append(("warning", "model", f"no token was counted: {report['model']['missing']}"))
    for split in report["splits"]:
        title = f"{split['source']} {split['split']}"
        for look in (_left_out, _scores, _tokens, _pairs):
            found.extend((level, title, text) for level, text in look(split, report["model"]))
    found += _duplicates(report["duplicates"])
    found.sort(key=lambda one: LEVELS.index(one[0]))
    return [{"level": level, "about": about, "text": text} for level, about, text in found]


def _leakage(leakage: Report) -> Iterator[Found]:
    for row in leakage["between"]:
        between = f"{row['training']} training and {row['evaluation']} {leakage['held_out']}"
        kinds = {kind: row[kind] for kind in ("name", "content", "appearance") if kind in row}
        listed = ", ".join(f"{number} by {kind}" for kind, number in kinds.items())
        text = f"{row['images']} held-out images are trained on too ({listed})"
        if row["allowed"]:
            yield "note", between, f"{text}; accepted by data.allow_leakage"
        elif leakage["held_out"] == "validation":
            yield "warning", between, f"{text}: the validation numbers will be too good"
        elif "appearance" in kinds:
            # What names and bytes tell is refused in a run's own words.
            yield (
                "warning", between,
                f"{kinds['appearance']} held-out images look like training images; a run does not "
                "check this: look at them below, and take them out with `minus`",
            )  # fmt: skip


def _left_out(split: Report, _: Report) -> Iterator[tuple[Level, str]]:
    if split["bad"]:
        kinds = ", ".join(f"{number} x {kind}" for kind, number in split["bad"].items())
        yield "warning", f"{sum(split['bad'].values())} items are left out: {kinds}"


def _scores(split: Report, _: Report) -> Iterator[tuple[Level, str]]:
    for scores in split["scores"]:
        aspect = scores["aspect"]
        if scores["hint"]:
            yield "warning", f"{aspect}: {scores['hint']}"
        floor = scores["category_floor"]
        if floor is not None and floor["srcc"] >= CATEGORY_FLOOR:
            yield (
                "warning",
                f"{aspect}: the mean of an image's category alone reaches SRCC {floor['srcc']:.2f}; "
                "a model has to beat that",
            )
        for name, key in (("101 tokens", "srcc_101_tokens"), ("five levels", "srcc_5_levels")):
            if scores[key] is not None and scores[key] < CEILING:
                yield (
                    "note",
                    f"{aspect}: a read-out that answers with one of {name} reaches SRCC "
                    f"{scores[key]:.3f} at best",
                )


def _tokens(split: Report, model: Report) -> Iterator[tuple[Level, str]]:
    tokens = split["tokens"]
    if tokens is None:
        return
    if tokens["too_long"]["n"]:
        number, frac = tokens["too_long"]["n"], tokens["too_long"]["frac"]
        yield (
            "warning",
            f"{number} questions ({frac:.1%}) have more tokens than the model's {model['max_positions']} "
            f"positions, the first of {tokens['too_long']['example']}",
        )
    longer = tokens["longer_than_row"]
    if longer is not None and longer["n"]:
        yield (
            "note",
            f"{longer['n']} trees ({longer['frac']:.1%}) may be longer than train.row_tokens "
            f"{model['row_tokens']}, and then have a row of their own",
        )


def _pairs(split: Report, _: Report) -> Iterator[tuple[Level, str]]:
    pairs = split["pairs"]
    if pairs is None:
        return
    if pairs["series_with_cycle"]:
        yield (
            "note",
            f"{pairs['series_with_cycle']} of {pairs['series']} series contradict themselves "
            f"({pairs['cycles_of_3']} of {pairs['triples']} triples are a cycle)",
        )
    scored = pairs["against_scores"]
    if scored is not None and scored["decided"] and scored["agree"] < AGREE * scored["decided"]:
        yield (
            "warning",
            f"only {scored['agree']} of {scored['decided']} pairs prefer the image with the higher score",
        )


def _duplicates(rows: list[Report]) -> Iterator[Found]:
    for row in rows:
        first, second = row["first"], row["second"]
        about = first if first == second else f"{first} and {second}"
        one = row["n"] == 1
        equal, alike = ("equals", "looks like") if one else ("equal", "look like")
        how = f"{equal if row['kind'] == 'bytes' else alike} another image"
        group = f"; the largest group has {row['most_alike']}" if row["most_alike"] > 2 else ""
        level: Level = "warning" if row["kind"] == "bytes" else "note"
        yield level, about, f"{row['n']} {'file' if one else 'files'} {how}{group}"
