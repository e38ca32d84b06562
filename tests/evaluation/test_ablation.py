"""Spreads over seeds, pooled standard deviations, and the table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from artimuse.evaluation.ablation import (
    Spread,
    csv_header,
    csv_rows,
    latex,
    markdown,
    read_metrics,
    spreads,
    training_seconds,
    worse_by,
)


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


def test_seconds_of_training_are_those_of_all_stages(tmp_path: Path) -> None:
    def write(folder: Path, rows: list[dict[str, float]]) -> None:
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    write(tmp_path / "run", [
        {"step": 1, "images_seen": 10, "images_per_s": 5.0},
        {"step": 1, "validation_srcc": 0.5},
        {"step": 3, "images_seen": 40, "images_per_s": 10.0},
    ])  # fmt: skip
    write(tmp_path / "run" / "stages" / "01-text", [{"images_seen": 8, "images_per_s": 4.0}])
    assert training_seconds(tmp_path / "run") == pytest.approx(2 + 3 + 2)
    fast, slow = Spread((1.0, 2.0)), Spread((5.0, 6.0))
    assert worse_by(fast, slow, "train_s") > 0, "less time is better"


def test_csv_and_latex() -> None:
    variants = {
        "full": {"srcc": Spread((0.5, 0.7)), "mae": Spread((9.0, 11.0))},
        "no rank": {"srcc": Spread((0.1, 0.3))},
    }
    metrics = ["srcc", "mae"]
    assert csv_header(metrics) == [
        "study",
        "variant",
        "srcc_mean",
        "srcc_std",
        "mae_mean",
        "mae_std",
    ]
    assert csv_rows("losses", variants, metrics) == [
        ["losses", "full", "0.6000", "0.1414", "10.0000", "1.4142"],
        ["losses", "no rank", "0.2000", "0.1414", "", ""],
    ]
    lines = latex("losses", variants, metrics).splitlines()
    assert lines[2] == r"losses & srcc & mae \\"
    assert lines[4] == r"full & $\mathbf{0.600} \pm 0.141$ & $\mathbf{10.000} \pm 1.414$ \\"
    assert lines[5] == r"no rank & $0.200 \pm 0.141$ & -- \\"


def test_a_single_seed_has_no_spread() -> None:
    variants = {"full": {"srcc": Spread((0.5,))}, "no rank": {"srcc": Spread((0.1,))}}
    assert markdown(variants, ["srcc"]).splitlines()[2:] == [
        "| full | 0.500 |",
        "| no rank | 0.100 |",
    ]
