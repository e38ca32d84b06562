"""Published rows: which stand beside a result, why the others do not, and what is said of those that do."""

from __future__ import annotations

import re
from statistics import fmean
from typing import Any

import pytest

from artimuse.evaluation.published import beside, rows
from evaluation.report.made import metric, results, scored_results

BENCHMARKS = ("ava", "para", "tad66k", "flickr-aes", "artimuse-10k", "icaa17k", "aadb", "fgaesthetics",
              "aesbench")  # fmt: skip


def found(benchmark: str, system: str, checkpoint: str = "") -> dict[str, Any]:
    (row,) = [r for r in rows(benchmark) if r.system == system and checkpoint in r.checkpoint
              and r.table != "ablation"]  # fmt: skip
    return dict(row.metrics)


def system(result: dict[str, Any], name: str, checkpoint: str = "") -> dict[str, Any]:
    (row,) = [r for r in beside(result) if r["system"] == name and checkpoint in r["checkpoint"]
              and r["table"] != "ablation"]  # fmt: skip
    return row


def test_the_two_numbers_that_are_both_called_artimuse_on_ava() -> None:
    assert found("ava", "ArtiMuse", "fine-tuned per data set") == {"srcc": 0.827, "plcc": 0.826}
    assert found("ava", "ArtiMuse", "the ArtiMuse-10K checkpoint") == {"srcc": 0.397, "plcc": 0.385}
    relations = {
        r.checkpoint: r.relation
        for r in rows("ava")
        if r.table != "ablation" and r.system == "ArtiMuse"
    }
    assert relations == {
        "one checkpoint fine-tuned per data set": "in-domain",
        "the ArtiMuse-10K checkpoint": "seen in pretraining",
    }


def test_cells_of_each_paper() -> None:
    assert found("para", "Q-Align") == {"srcc": 0.913, "plcc": 0.888}
    assert found("artimuse-10k", "UniPercept") == {"srcc": 0.746, "plcc": 0.738}
    assert found("aadb", "FGAesQ") == {"srcc": 0.562, "plcc": 0.571}
    assert found("fgaesthetics", "UNIAA (7B)")["s_srcc/aigc"] == 0.256
    assert found("aesbench", "AesExpert, LLaVA-1.5-7B") == {
        "choice_accuracy/AesP": 0.7857, "choice_accuracy/AesE": 0.8404, "choice_accuracy/AesA": 0.5325,
        "aesi_rated": 1.317,
    }  # fmt: skip


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_row_says_where_it_is_from_and_is_there_once(benchmark: str) -> None:
    listed = rows(benchmark)
    assert listed
    for row in listed:
        assert re.match(r"arXiv \d{4}\.\d{5}( and \d{4}\.\d{5})?$", row.source)
        assert all(0 <= v <= 1 for key, v in row.metrics.items() if key != "aesi_rated")
        assert set(row.items) | set(row.excluded) <= set(row.metrics)
    keys = [(r.system, r.checkpoint, r.table, r.source) for r in listed]
    assert len(set(keys)) == len(keys)


def test_pair_and_series_are_the_means_of_their_columns() -> None:
    for row in rows("fgaesthetics"):
        if row.table == "results":
            pair = [v for k, v in row.metrics.items() if k.startswith("pair_")]
            ranked = [v for k, v in row.metrics.items() if k.startswith("s_")]
            assert (len(pair), len(ranked)) == (6, 6)
            assert row.metrics["pair"] == pytest.approx(fmean(pair), abs=0.0006)
            assert row.metrics["series"] == pytest.approx(fmean(ranked), abs=0.0006)
    # Of the others, no paper gives the two.
    computed = {(r.system, r.checkpoint): r.computed for r in rows("fgaesthetics")}
    means = frozenset({"pair", "series"})
    assert computed.pop(("FGAesQ", "as released")) == frozenset()
    assert {k for k, found in computed.items() if found == means} == {
        (r.system, r.checkpoint) for r in rows("fgaesthetics")
        if r.table == "results" and r.checkpoint != "as released"
    }  # fmt: skip
    (full,) = [r for r in rows("fgaesthetics") if r.checkpoint == "full"]
    whole = found("fgaesthetics", "FGAesQ", "as released")
    assert full.metrics == {"pair": whole["pair"], "series": whole["series"]}


def test_a_benchmark_of_ones_own_has_no_published_rows() -> None:
    assert beside(scored_results(300, "custom")) == []


def test_inside_or_outside_where_the_protocol_is_the_same() -> None:
    # SRCC .592 [.552, .632], PLCC .614 [.574, .654] on 1,002 images, in-domain.
    result = scored_results(1002)
    assert system(result, "ArtiMuse")["against"] == {"srcc": "inside", "plcc": "inside"}
    assert system(result, "ArtiMuse")["same_protocol"]
    # .551 is below .552, .573 below .574.
    assert system(result, "Q-Align")["against"] == {"srcc": "outside", "plcc": "outside"}
    said = {word for row in beside(result) for word in row["against"].values()}
    assert said <= {"inside", "outside"}


def test_an_interval_is_compared_with_as_many_decimals_as_were_published() -> None:
    result = scored_results(1002)
    result["metrics"]["srcc"]["ci95"] = [0.5513, 0.62]
    assert system(result, "Q-Align")["against"]["srcc"] == "inside"
    result["metrics"]["srcc"]["ci95"] = [0.5516, 0.62]
    assert system(result, "Q-Align")["against"]["srcc"] == "outside"


def test_without_an_interval_nothing_is_said() -> None:
    result = scored_results(1002)
    result["metrics"]["srcc"]["ci95"] = None
    assert system(result, "ArtiMuse")["against"] == {"plcc": "inside"}


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        (
            {"relation": "zero-shot"},
            "trained on this data set's training images; this model: never trained",
        ),
        ({"relation": "unknown"}, "of this model that is not recorded"),
        ({"n": 900}, "published on 1,002 items; this result has 900"),
        ({"lacking": 3}, "this result lacks items"),
    ],
)
def test_another_protocol_is_marked_and_not_compared(change: dict[str, Any], mark: str) -> None:
    n = change.get("n", 1002)
    metrics = {"srcc": metric(0.6, n), "plcc": metric(0.6, n)}
    result = results(
        "artimuse-10k", metrics, n={"score": n}, relation=change.get("relation", "in-domain")
    )
    result["n_expected"]["score"] += change.get("lacking", 0)
    row = system(result, "ArtiMuse")
    assert not row["same_protocol"]
    assert row["against"] == {}
    assert any(mark in text for text in row["marks"]), row["marks"]


def test_ties_are_items_too() -> None:
    metrics = {
        "pair_accuracy/aigc": metric(0.7, 840, ties=7),
        "pair_accuracy/cropping": metric(0.77, 2088),
    }
    row = system(results("fgaesthetics", metrics, n={"pair": 3759}), "FGAesQ", "as released")
    assert row["same_protocol"], row["marks"]
    assert row["against"] == {"pair_accuracy/aigc": "inside", "pair_accuracy/cropping": "inside"}


@pytest.mark.parametrize("ours", ["pairs", "single", None])
def test_series_scored_in_pairs_are_another_protocol_than_alone(ours: str | None) -> None:
    metrics = {"pair_accuracy/aigc": metric(0.7, 847), "pair_accuracy/cropping": metric(0.77, 2088)}
    result = results("fgaesthetics", metrics, n={"pair": 3759})
    result["protocol"]["series_scores"] = ours
    whole, alone = (system(result, "FGAesQ", name) for name in ("as released", "without DiffToken"))
    assert (whole["same_protocol"], alone["same_protocol"]) == (ours == "pairs", ours == "single")
    assert bool(whole["against"]) == (ours == "pairs")
    assert bool(alone["against"]) == (ours == "single")
    if ours is None:
        assert "of this result that is not recorded" in whole["marks"][0]
    elif ours == "single":
        assert whole["marks"] == [
            "its images of a series are scored beside each other, in pairs; of this result each alone"
        ]
    # Baselines that score one image at a time; ablations of which it is not stated.
    assert system(result, "VILA")["same_protocol"] == (ours == "single")
    coarse = [r for r in beside(result) if r["checkpoint"] == "coarse then fine in sequence"]
    assert "not stated whether its images of a series are scored in pairs" in coarse[0]["marks"][0]


def test_how_series_are_scored_does_not_matter_to_scores_of_images() -> None:
    result = scored_results(1002)
    for ours in ("pairs", "single", None):
        result["protocol"]["series_scores"] = ours
        assert system(result, "ArtiMuse")["same_protocol"]


def test_para_is_not_said_to_be_zero_shot() -> None:
    """The paper says which data sets its pretraining saw; PARA is neither among them nor excluded."""
    (row,) = [r for r in rows("para") if "ArtiMuse-10K" in r.checkpoint]
    assert row.relation is None
    result = scored_results(3000, "para")
    result["protocol"]["training"]["relation"] = "zero-shot"
    shown = system(result, "ArtiMuse", "the ArtiMuse-10K checkpoint")
    assert not shown["same_protocol"]
    assert shown["marks"] == ["not stated whether its training saw this data set"]


def test_natural_series_that_the_release_lacks_are_never_compared() -> None:
    metrics = {f"{name}/natural": metric(0.7, 824) for name in ("pair_accuracy", "s_acc")}
    metrics |= {"pair": metric(0.7, 3759), "s_acc/aigc": metric(0.5, 339)}
    row = system(results("fgaesthetics", metrics, n={"pair": 3759}), "FGAesQ", "as released")
    assert set(row["against"]) == {"s_acc/aigc"}
    assert {"pair", "series", "pair_accuracy/natural"} <= set(row["excluded"])


def test_what_no_paper_says_is_not_taken_for_a_protocol() -> None:
    result = scored_results(1002)
    assert (
        "not stated whether its training saw this data set" in system(result, "UniPercept")["marks"]
    )
    ava = scored_results(19_930, "ava")
    # FGAesQ was trained on AVA, but on which test list it was measured is not said.
    assert system(ava, "FGAesQ")["marks"] == ["not known to be the same test list"]
    assert system(ava, "ArtiMuse", "fine-tuned")["same_protocol"]


def test_aesbench_test_answers_are_kept_by_its_authors() -> None:
    metrics = {"choice_accuracy/AesP": metric(0.72, 300)}
    for row in beside(results("aesbench", metrics, n={"choice": 300}, relation="zero-shot")):
        assert not row["same_protocol"]
        assert "validation set" in row["marks"][-1]
