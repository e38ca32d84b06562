"""The page: nothing from the data becomes markup, nothing is loaded from elsewhere, and all is shown."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from data.pages.reading import EVIL, read
from hypothesis import given
from hypothesis import strategies as st

from artimuse.data.checks.report.findings import findings
from artimuse.data.checks.report.page.page import page
from artimuse.data.checks.report.terminal import summary

SPREAD = {"n": 2, "min": 0, "median": 3.0, "p95": 4.0, "max": 4,
          "histogram": {"low": 0, "high": 4, "counts": [0, 2]}}  # fmt: skip
COUNTS = {"samples": 2, "images": 2, "series": 1, "texts": 2, "choices": 0, "scores": 2, "pairs": 1}


def made_report(text: str) -> dict[str, Any]:
    """A report with every part, and `text` wherever the data can write."""
    split = {
        "source": "made", "format": "custom", "split": "training",
        "counts": COUNTS, "categories": {text: COUNTS, "other": COUNTS},
        "rows": 3, "bad": {text: 1}, "notes": [text],
        "sizes": {"files": 2, "shorter": {"min": 1, "median": 2.0, "max": 3},
                  "longer": {"min": 1, "median": 2.0, "max": 3}},
        "scores": [{
            "aspect": text, "low": 0.0, "high": 10.0, "n": 2, "mean": 0.5, "std": 0.1, "min": 0.4,
            "max": 0.6, "distinct": 2, "used_frac": 0.02, "with_std": 1, "with_raters": 0,
            "with_histogram": 0, "histogram": {"low": 0.0, "high": 10.0, "counts": [2, 0]},
            "hint": text, "srcc_101_tokens": 1.0, "srcc_5_levels": 0.5,
            "category_floor": {"srcc": 0.6, "n": 20, "categories": 2},
        }],
        "pairs": {
            "n": 1, "ties": 0, "certain": 0, "series": 1, "per_series": SPREAD,
            "strength": {"low": 0.5, "high": 1.0, "counts": [1], "median": 0.7},
            "series_with_cycle": 1, "cycles_of_3": 1, "triples": 1,
            "against_scores": {"n": 1, "decided": 1, "agree": 0, "srcc": None},
        },
        "tokens": {
            "prompt": SPREAD, "answer": None, "tree": SPREAD, "drawn_tree": SPREAD,
            "too_long": {"n": 1, "frac": 0.5, "example": text},
            "longer_than_row": {"n": 1, "frac": 0.5},
        },
        "samples": [{
            "id": text, "images": [text], "sizes": [[3, 2]], "category": text, "series": text,
            "pairs": [{"other": text, "probability": 0.7}], "tokens": 9, "prefix": text,
            "questions": [
                {"kind": "text", "aspect": text, "label": None, "options": [], "text": f"a{text}",
                 "supervised": [[1, 1 + len(text)]], "readout": None},
                {"kind": "score", "aspect": "overall", "label": {"mean": 1, "low": 0, "high": 5},
                 "options": [], "text": "rate", "supervised": [], "readout": [2, 4]},
            ],
        }],
        "not_taught": None,
    }  # fmt: skip
    leak = {"kind": "appearance", "training": text, "training_file": text, "evaluation": text,
            "evaluation_file": text, "distance": 1.0}  # fmt: skip
    report: dict[str, Any] = {
        "format_version": 1, "made": {"at": "2025-01-01T00:00:00+00:00", "version": "1"},
        "recipe": {"run": text, "root": text}, "data_sha256": "0" * 64, "refused": [text],
        "findings": [],
        "model": {"name": text, "max_positions": 4096, "row_tokens": 200, "missing": None},
        "images": {"files": 30, "bad": 25,
                   "bad_examples": [{"file": f"/x/{text}", "item": text, "reason": text}]},
        "splits": [split],
        "duplicates": [{"kind": "look", "first": text, "second": text, "n": 1, "most_alike": 2,
                        "examples": [{"first": text, "first_file": text, "second": text,
                                      "second_file": text, "distance": 1.0}]}],
        "leakage": {"held_out": "evaluation", "findings": 1, "examples": [leak],
                    "between": [{"training": text, "evaluation": text, "allowed": False, "images": 1,
                                 "appearance": 1}]},
    }  # fmt: skip
    report["findings"] = findings(report)
    return report


def picture(_: str) -> str:
    return "data:image/jpeg;base64,AAAA"


def test_what_the_data_says_is_text_and_never_markup() -> None:
    reading = read(page(made_report(EVIL), picture))
    assert "script" not in {tag for tag, _ in reading.tags}
    text = "".join(reading.text)
    # Title, findings, source names, notes, categories, samples, leaks: all of it is shown.
    assert text.count(EVIL) > 20
    plain = read(page(made_report("harmless"), picture))
    assert [tag for tag, _ in plain.tags] == [tag for tag, _ in reading.tags]


@given(st.text(alphabet=st.sampled_from("<>&\"'/ax= "), min_size=1, max_size=12))
def test_no_text_changes_the_elements(text: str) -> None:
    elements = [tag for tag, _ in read(page(made_report(text), picture)).tags]
    assert elements == [tag for tag, _ in read(page(made_report("harmless"), picture)).tags]


def test_nothing_is_loaded_from_elsewhere() -> None:
    reading = read(page(made_report("made"), picture))
    for _, attributes in reading.tags:
        assert not {"onclick", "onload", "onerror"} & attributes.keys()
        for key in ("src", "href"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:image/", "#")), value
    assert "@import" not in page(made_report("made"), picture)
    assert "url(" not in page(made_report("made"), picture)
    assert (
        "meta",
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    ) in reading.tags


def test_links_lead_to_cards() -> None:
    tags = read(page(made_report("made"), picture)).tags
    links = {a["href"] for tag, a in tags if tag == "a"}
    assert links <= {f"#{a['id']}" for _, a in tags if "id" in a}
    assert links


def test_supervised_tokens_and_the_readout_are_marked() -> None:
    html = page(made_report("made"), picture)
    assert '<span class="taught">made</span>' in html
    assert '<span class="readout">te</span>' in html


def test_a_picture_that_cannot_be_shown_has_an_empty_frame() -> None:
    html = page(made_report("made"), lambda _: None)
    assert "<img" not in html
    assert html.count('class="absent"') == 5


def test_every_picture_is_asked_for() -> None:
    report = made_report("made")
    report["splits"][0]["samples"][0]["images"] = ["sample.jpg"]
    report["duplicates"][0]["examples"][0] |= {"first_file": "1.jpg", "second_file": "2.jpg"}
    report["leakage"]["examples"][0] |= {"training_file": "3.jpg", "evaluation_file": "4.jpg"}
    asked: list[str] = []
    page(report, lambda file: asked.append(file))
    assert sorted(asked) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "sample.jpg"]


def test_verdicts() -> None:
    report = made_report("made")
    assert "would refuse this data, for 1 reason." in page(report, picture)
    assert "a training run would refuse this data (1 reason above)" in summary(report, Path("x"))
    report["refused"] = []
    report["findings"] = findings(report)
    assert "Nothing here that a training run would refuse." in page(report, picture)
    clean = copy.deepcopy(report)
    clean["findings"] = []
    assert "Nothing looks wrong." in page(clean, picture)
    assert "check: nothing that a training run would refuse" in summary(clean, Path("x"))


def test_findings_are_ordered_and_worded() -> None:
    report = made_report("made")
    found = findings(report)
    assert [one["level"] for one in found] == sorted(
        (one["level"] for one in found), key=["refused", "warning", "note"].index
    )
    texts = "\n".join(f"{one['level']} {one['about']}: {one['text']}" for one in found)
    assert "refused recipe: made" in texts
    assert (
        "warning made training and made evaluation: 1 held-out images look like training images"
        in texts
    )
    assert (
        "warning made training: 1 questions (50.0%) have more tokens than the model's 4096" in texts
    )
    assert "category alone reaches SRCC 0.60" in texts
    assert "only 0 of 1 pairs prefer the image with the higher score" in texts
    assert "note made training: 1 of 1 series contradict themselves" in texts
    assert "one of five levels reaches SRCC 0.500 at best" in texts
    assert "101 tokens" not in texts
    # What is as usual is no finding.
    split = report["splits"][0]
    split.update(bad={}, scores=[], pairs=None, tokens=None)
    quiet = report | {"refused": [], "duplicates": []}
    quiet["leakage"] = {"held_out": "evaluation", "findings": 0, "between": [], "examples": []}
    assert findings(quiet) == []


def test_accepted_leakage_is_a_note_and_validation_a_warning() -> None:
    report = made_report("made")
    (row,) = report["leakage"]["between"]
    row["allowed"] = True
    (found,) = [one for one in findings(report) if "are trained on too" in one["text"]]
    assert (found["level"], "accepted" in found["text"]) == ("note", True)
    row["allowed"] = False
    report["leakage"]["held_out"] = "validation"
    (found,) = [one for one in findings(report) if "validation numbers" in one["text"]]
    assert found["level"] == "warning"


def test_terminal_summary() -> None:
    lines = summary(made_report("made"), Path("folder/data_report.html")).splitlines()
    header, row = lines[:2]
    assert header.split()[:3] == ["source", "split", "images"]
    assert row.split() == ["made", "training", "2", "1", "2", "0", "2", "1", "1"]
    assert len(header) == len(row)
    assert lines[-1] == "report: folder/data_report.html"
    assert any(line.startswith("refused: recipe: made") for line in lines)
    assert any(re.match(r"notes: \d+, in the report", line) for line in lines)
