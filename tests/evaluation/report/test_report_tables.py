"""Tables for a README and a paper: published rows beside ours, footnotes, and text that stays text."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation.report.made import metric, results, scored_results

from artimuse.evaluation.report import (
    compare_page,
    latex_table,
    markdown_comparison,
    markdown_overview,
    markdown_report,
)
from artimuse.evaluation.report.page.page import page
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.seeds import groups
from artimuse.evaluation.report.tables import benchmark_table, escaped


def seeds(number: int, benchmark: str = "artimuse-10k", **training: Any) -> list[dict[str, Any]]:
    found = []
    for seed in range(number):
        one = scored_results(1002, benchmark)
        one["metrics"]["srcc"]["value"] = 0.6 + 0.01 * seed
        one["protocol"]["run"] = {"name": f"joint-{seed}", "seed": seed, "config_sha256": "a"}
        one["protocol"]["training"] |= training
        found.append(one)
    return found


def test_seeds_are_one_row_before_the_published_ones() -> None:
    lines = markdown_overview(groups(seeds(3))).splitlines()
    assert lines[2] == "| system | protocol | SRCC | PLCC |"
    assert lines[4] == (
        "| **joint (3 seeds, mean ± std)** | in-domain | 0.610 ± 0.010 | 0.614 ± 0.000 |"
    )
    published = (
        "| ArtiMuse (one checkpoint fine-tuned per data set, arXiv 2507.14533) | in-domain |"
    )
    assert lines[5].startswith(published)
    unipercept = next(line for line in lines if "UniPercept" in line)
    assert " [1] | not stated | 0.746 | 0.738 |" in unipercept
    assert "[1] not comparable: not known to be the same test list" in lines


def test_one_result_has_its_intervals_all_metrics_and_its_protocol() -> None:
    result = scored_results(1002)
    result["n_expected"]["score"] = 1005
    text = markdown_report(result)
    assert "## ArtiMuse-10K: made" in text
    assert "**Incomplete: 3 of 1,005 (score) are missing from every number.**" in text
    assert "| **made** | in-domain | 0.592 [0.552, 0.632] | 0.614 [0.574, 0.654] |" in text
    assert "| RMSE | 9.70 | [9.10, 10.30] | 1,002 |" in text
    assert (
        "- In-domain: trained on this data set's training images. Evidence: The run's sources name it."
        in text
    )
    assert "- Scored: 1,002 of 1,005 images with a score." in text


def test_a_matrix_of_what_was_trained_and_tested() -> None:
    found = [*seeds(2, trained_on=["artimuse-10k"]), *seeds(2, "ava", trained_on=["artimuse-10k"])]
    text = markdown_overview(groups(found))
    assert "## Trained on (rows), tested on (columns): SRCC" in text
    assert (
        "|  | ArtiMuse-10K | AVA |\n|---|---|---|\n| ArtiMuse-10K | 0.605 ± 0.007 | 0.605 ± 0.007 |"
        in text
    )
    # One benchmark alone is no matrix.
    assert "Trained on" not in markdown_overview(groups(found[:2]))


def test_latex_has_published_rows_first_and_no_bold_number() -> None:
    text = latex_table(seeds(3))
    lines = text.splitlines()
    assert lines[0] == r"\begin{tabular}{llcc}"
    assert lines[1:4] == [r"\toprule", r"ArtiMuse-10K & protocol & SRCC & PLCC \\", r"\midrule"]
    own = next(k for k, line in enumerate(lines) if line.startswith("joint"))
    assert lines[own - 1] == r"\midrule"
    assert lines[own].endswith(r"& in-domain & 0.610 $\pm$ 0.010 & 0.614 $\pm$ 0.000 \\")
    assert r"{\footnotesize $^{1}$ not comparable: not known to be the same test list} \\" in text
    assert "textbf" not in text
    assert text.count("{") == text.count("}")


def test_names_are_text_in_both() -> None:
    evil = r"50%_of & $x^2$ {#1} \input{a} ~|`<b>" + "\nline"
    one = scored_results(1002)
    one["protocol"]["run"] = {"name": evil, "seed": 0, "config_sha256": "a"}
    tex = latex_table([one])
    row = next(line for line in tex.splitlines() if line.startswith("50"))
    assert row.startswith(
        r"50\%\_of \& \$x\textasciicircum{}2\$ \{\#1\} \textbackslash{}input\{a\} \textasciitilde{}|`<b> line"
    )
    table = [line for line in markdown_report(one).splitlines() if line.startswith("| **50")]
    assert len(table) == 1
    assert table[0].replace("\\|", "").count("|") == 5
    assert escaped("a|b\n[x](y) <i>") == r"a\|b \[x\](y) \<i\>"


def test_a_benchmark_without_published_rows_and_without_usual_metrics() -> None:
    own = results("custom", {"odd_metric": metric(0.5, 10)}, n={"score": 10})
    assert benchmark_table(groups([own])).columns == ("odd_metric",)
    assert "| **made** | in-domain | 0.500 [0.460, 0.540] |" in markdown_report(own)
    with pytest.raises(ValueError, match=r"results of one benchmark, found \['ava', 'para'\]"):
        benchmark_table(groups([scored_results(9, "ava"), scored_results(9, "para")]))


def comparison(**verdicts: str) -> dict[str, Any]:
    return {
        "a": "runs/<a>", "b": "runs/b|c", "benchmark": "ava",
        "metrics": {
            key: {"a": 0.5, "b": 0.6, "difference": 0.1, "ci95": [0.02, 0.18], "n": 300, "verdict": verdict}
            for key, verdict in verdicts.items()
        },
    }  # fmt: skip


def test_a_comparison_says_better_worse_or_not_separable() -> None:
    made = comparison(srcc="better", rmse="worse", plcc="not separable")
    text = markdown_comparison(made)
    assert r"A: runs/\<a\>; B: runs/b\|c" in text
    assert "| SRCC | 0.500 | 0.600 | +0.100 [0.020, 0.180] | 300 | better |" in text
    assert "| RMSE | 0.50 | 0.60 | +0.10 [0.02, 0.18] | 300 | worse |" in text
    html = compare_page(made)
    assert "B is better in SRCC; worse in RMSE; not separable in PLCC" in html
    assert "runs/&lt;a&gt;" in html
    assert "Points or bits, lower is better: B - A" in html
    assert "B is not separable in SRCC" in compare_page(comparison(srcc="not separable"))
    made["benchmark"] = None
    assert markdown_comparison(made).startswith("## predictions\n")
    assert "<h1>predictions: A against B</h1>" in compare_page(made)


def test_a_number_that_no_paper_says_is_marked_as_computed() -> None:
    result = results("fgaesthetics", {"pair": metric(0.7, 3759), "series": metric(0.5, 900)},
                     n={"pair": 3759})  # fmt: skip
    lines = markdown_overview(groups([result])).splitlines()
    (theirs,) = [line for line in lines if "Q-Align" in line]
    assert "| 0.699 (computed) | 0.474 (computed) |" in theirs
    (released,) = [line for line in lines if "as released" in line]
    assert "| 0.753 | 0.600 |" in released
    assert any("Pair and Series are not published" in line for line in lines)
    shown = page(result, [], Pictures(None, lambda _: None))
    assert "0.699 (computed)" in shown
    assert "0.753 (computed)" not in shown
