"""Spreads over seeds, pooled standard deviations, and the table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from artimuse.evaluation.ablation import Spread, markdown, read_metrics, spreads, worse_by


def test_pooled_standard_deviations_by_hand() -> None:
    base, other = Spread((0.8, 0.9, 1.0)), Spread((0.4, 0.6, 0.8))  # sd .1 and .2
    assert worse_by(base, other, "srcc") == pytest.approx(0.3 / math.sqrt((0.01 + 0.04) / 2))
    assert worse_by(other, base, "srcc") == pytest.approx(-0.3 / math.sqrt((0.01 + 0.04) / 2))
    assert worse_by(base, other, "mae") < 0, "a smaller error is better"


def test_no_variation() -> None:
    assert worse_by(Spread((1.0, 1.0)), Spread((0.5, 0.5)), "srcc") == math.inf
    assert worse_by(Spread((1.0, 1.0)), Spread((1.0, 1.0)), "srcc") == 0.0


def test_only_shared_metrics_are_compared() -> None:
    found = spreads([{"srcc": 0.1, "mae": 1.0}, {"srcc": 0.3}])
    assert list(found) == ["srcc"]
    assert found["srcc"].mean == pytest.approx(0.2)


def test_table_and_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"metrics": {"srcc": {"value": 0.5, "n": 3}}}))
    assert read_metrics(path) == {"srcc": 0.5}
    variants = {"full": {"srcc": Spread((0.5, 0.7))}, "no rank": {"srcc": Spread((0.1, 0.3))}}
    lines = markdown(variants, ["srcc", "mae"]).splitlines()
    assert lines[2] == "| full | 0.600 ± 0.141 | - |"
    assert lines[3] == "| no rank | 0.200 ± 0.141 (+2.8 sd) | - |"
