"""AesBench's overall: what is there of it, and that a judge is needed, in the result, on the page, in words."""

from __future__ import annotations

from typing import Any

import pytest

from artimuse.evaluation.benchmarks.overall import overall
from artimuse.evaluation.report.markdown import markdown_report
from artimuse.evaluation.report.page.page import page
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.results import compute_metrics
from evaluation.making import choice
from evaluation.report import made

OPTIONS = {"options": ["A)", "B)"], "texts": ["High", "Low"], "dataset": "aesbench"}


def rows() -> list[Any]:
    """AesP with answers, three of four right; AesE, whose answers are kept; one text to be judged."""
    known = [
        choice(f"{n}#0", "A)", "A)" if n else "B)", aspect="AesP", **OPTIONS) for n in range(4)
    ]
    kept = [choice("0#1", None, "A)", aspect="AesE", **OPTIONS)]
    text = {"kind": "text", "id": "0#2", "label": None, "prediction": "Soft.", "aspect": "AesI"}
    return [*known, *kept, text]


def found(listed: list[Any]) -> dict[str, Any]:
    metrics = {name: one.as_json() for name, one in compute_metrics(listed).items()}
    whole = overall("aesbench", metrics, listed)
    assert whole is not None
    n = {"choice": 5, "text": 1}
    return made.results("aesbench", metrics, n=n, overall=whole)


def test_the_parts_that_are_there_and_why_the_others_are_not() -> None:
    whole = found(rows())["overall"]
    assert whole["value"] is None
    assert whole["parts"] == {"AesP": pytest.approx(75)}
    assert whole["lacking"] == {
        "AesE": "the authors keep the answers",
        "AesA": "not asked in this file",
        "AesI": "to be judged, 0 to 2 points: 1 texts in judge/answers.jsonl, scored by --judged",
    }
    assert "not asked" in found(rows()[:-1])["overall"]["lacking"]["AesI"]


def test_the_reports_say_so() -> None:
    result = found(rows())
    html = page(result, rows(), Pictures(None, lambda *_: None))
    for text in (html, markdown_report(result).replace("\\", "")):
        assert (
            "No overall: it is the mean of AesP, AesE and AesA in per cent and of 100 x AesI"
            in text
        )
        assert "There are: AesP 75.00 %" in text
        assert "AesI (to be judged" in text


def test_other_benchmarks_say_it_by_their_metrics() -> None:
    assert overall("unipercept-vqa", {}, rows()) is None
    assert "No overall" not in markdown_report(made.scored_results())
