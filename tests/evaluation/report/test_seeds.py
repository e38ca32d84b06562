"""Several results: seeds of a recipe in a row, and trained on x tested on."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation.report.made import scored_results

from artimuse.evaluation.report.seeds import groups, matrix


def run(
    name: str, seed: int, config: str, srcc: float, benchmark: str = "ava", **training: Any
) -> dict[str, Any]:
    result = scored_results(300, benchmark)
    result["metrics"]["srcc"]["value"] = srcc
    result["protocol"]["run"] = {"name": name, "seed": seed, "config_sha256": config}
    result["protocol"]["training"] |= training
    return result


def test_seeds_of_a_recipe_are_one_group_with_mean_and_spread() -> None:
    one, other = groups(
        [run("joint-seed0", 0, "a", 0.6), run("joint-seed1", 1, "a", 0.7), run("text", 0, "b", 0.5)]
    )
    assert (one.name, len(one.results), other.name) == ("joint", 2, "text")
    assert one.metrics["srcc"].mean == pytest.approx(0.65)
    assert one.metrics["srcc"].std == pytest.approx(0.0707107)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("a-s0", "a-s1"), "a"),
        (("a", "a"), "a"),
        (("run_1", "run_2"), "run"),
        (("0", "1"), "0"),
        (("x1", "y2"), "x1"),
        (("classes-0", "classes-1"), "classes"),
    ],
)
def test_a_group_is_named_by_what_its_runs_share(names: tuple[str, str], name: str) -> None:
    (group,) = groups([run(names[0], 0, "a", 0.6), run(names[1], 1, "a", 0.7)])
    assert group.name == name


def test_benchmarks_and_results_without_a_run_stay_apart() -> None:
    alone = scored_results(300, "ava")
    found = groups([run("a", 0, "x", 0.6), run("a", 0, "x", 0.6, "para"), alone, alone])
    assert [len(group.results) for group in found] == [1, 1, 1, 1]
    assert found[2].name == "made"


def test_the_same_seed_twice_or_other_items_are_no_group() -> None:
    with pytest.raises(ValueError, match=r"expected different seeds of one recipe, found \[0, 0\]"):
        groups([run("a", 0, "x", 0.6), run("a", 0, "x", 0.7)])
    other = run("a", 1, "x", 0.7)
    other["protocol"]["split"]["sha256"] = "2"
    with pytest.raises(ValueError, match="expected the same items for all seeds"):
        groups([run("a", 0, "x", 0.6), other])


def test_trained_on_times_tested_on() -> None:
    found = groups([
        run("a", 0, "x", 0.8, "ava", trained_on=["ava"]),
        run("a", 0, "x", 0.4, "para", trained_on=["ava"]),
        run("b", 0, "y", 0.9, "para", trained_on=["para", "tad66k"]),
    ])  # fmt: skip
    table = matrix(found, "srcc")
    assert {row: {k: s.mean for k, s in cells.items()} for row, cells in table.items()} == {
        "AVA": {"ava": 0.8, "para": 0.4},
        "PARA, TAD66K": {"para": 0.9},
    }
    assert matrix(found, "pair_accuracy") == {}
    clash = groups(
        [run("a", 0, "x", 0.8, trained_on=["ava"]), run("c", 0, "z", 0.7, trained_on=["ava"])]
    )
    assert list(matrix(clash, "srcc")) == ["AVA (a)", "AVA (c)"]
    with pytest.raises(
        ValueError, match="expected one recipe per place, found two that were trained on AVA"
    ):
        matrix([clash[0], clash[0]], "srcc")
