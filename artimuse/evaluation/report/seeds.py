"""Several results: seeds of one recipe as one row, and what was trained on A and tested on B.

groups(results)                    # one per recipe and benchmark
matrix(groups(results), "srcc")    # trained on x tested on -> Spread
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artimuse.evaluation.ablation import Spread, spreads
from artimuse.evaluation.report.words import benchmark_name, model_name


@dataclass(frozen=True, slots=True)
class Group:
    """The results of one recipe on one benchmark, one per seed.

    name: of the recipe: what the names of its runs begin with. metrics: those that all of them have.
    """

    name: str
    results: tuple[Mapping[str, Any], ...]
    metrics: Mapping[str, Spread]

    @property
    def benchmark(self) -> str:
        """What it was tested on: the benchmark, or one of several lists of it (`listed_as`)."""
        return tested_on(self.results[0])

    @property
    def published_as(self) -> str:
        """The benchmark's name without that of the list."""
        return str(self.results[0]["benchmark"])

    @property
    def trained_on(self) -> str:
        """The data sets that it was trained on where that is recorded, else its name."""
        training = self.results[0].get("protocol", {}).get("training") or {}
        named = training.get("trained_on") or ()
        return ", ".join(map(benchmark_name, named)) or self.name

    @property
    def n(self) -> dict[str, int]:
        """What each metric was taken over in the first result; the seeds have the same items."""
        return {key: found["n"] for key, found in self.results[0]["metrics"].items()}


def groups(results: Sequence[Mapping[str, Any]]) -> list[Group]:
    """Results of one benchmark whose configurations are equal but for the seed, in the order of the first.

    A result without a run (a checkpoint from elsewhere) stands alone.

    Raises:
        ValueError: Two results of one recipe and benchmark have the same seed, or other items.
    """
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for number, result in enumerate(results):
        recipe = _recipe(result)
        key = (tested_on(result), recipe if recipe is not None else number, recipe is None)
        found.setdefault(key, []).append(result)
    return [_group(tuple(members)) for members in found.values()]


def matrix(found: Sequence[Group], metric: str) -> dict[str, dict[str, Spread]]:
    """Trained on -> tested on -> the metric's spread over seeds; groups without the metric are left out.

    Recipes that were trained on the same data have a row each, "AVA (lora)", where they share a place.

    Raises:
        ValueError: Two recipes of one name have the same place.
    """
    asked = [group for group in found if metric in group.metrics]
    places = Counter((group.trained_on, group.benchmark) for group in asked)
    shared = {trained_on for (trained_on, _), n in places.items() if n > 1}
    rows: dict[str, dict[str, Spread]] = {}
    for group in asked:
        several = group.trained_on in shared and group.name != group.trained_on
        row = rows.setdefault(
            f"{group.trained_on} ({group.name})" if several else group.trained_on, {}
        )
        if group.benchmark in row:
            raise ValueError(
                f"matrix: expected one recipe per place, found two that were trained on {group.trained_on} "
                f"and tested on {group.benchmark}; make a matrix of each"
            )
        row[group.benchmark] = group.metrics[metric]
    return rows


def tested_on(result: Mapping[str, Any]) -> str:
    """The benchmark, as an overview calls it that has several lists of it."""
    return str(result.get("listed_as") or result["benchmark"])


def _recipe(result: Mapping[str, Any]) -> str | None:
    run = result.get("protocol", {}).get("run")
    return run.get("config_sha256") if isinstance(run, Mapping) else None


def _group(members: tuple[Mapping[str, Any], ...]) -> Group:
    if len(members) > 1:
        seeds = [member["protocol"]["run"].get("seed") for member in members]
        if len(set(seeds)) < len(seeds):
            raise ValueError(
                f"{tested_on(members[0])}: expected different seeds of one recipe, found {seeds}; is a "
                "result given twice?"
            )
        splits = {str(_split(member)) for member in members}
        if len(splits) > 1:
            raise ValueError(
                f"{tested_on(members[0])}: expected the same items for all seeds of a recipe, found the "
                f"lists {sorted(splits)}"
            )
    metrics = spreads([{k: m["value"] for k, m in one["metrics"].items()} for one in members])
    return Group(_name([model_name(member) for member in members]), members, metrics)


def _split(result: Mapping[str, Any]) -> Any:
    return (result["protocol"].get("split") or {}).get("sha256")


def _name(names: Sequence[str]) -> str:
    """`base-seed0`, `base-seed1`: `base`."""
    if len(set(names)) == 1:
        return names[0]
    bare = {re.sub(r"([-_. ]+(seed|s))?[-_. ]*\d+$", "", name) for name in names}
    return bare.pop() if len(bare) == 1 and "" not in bare else names[0]
