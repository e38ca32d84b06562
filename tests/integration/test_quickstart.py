"""What the README claims of quickstart, on the recipe as it is (minutes; `-m slow -rA` prints figures).

Three seeds are trained once and shared with the other slow tests; nothing here measures time.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from artimuse.config import load_config
from artimuse.data.recipe import load_sources, recipe_data
from artimuse.evaluation.held_out import predict
from artimuse.evaluation.results import chance_levels, compute_metrics, recompute
from artimuse.inference.scorer import Scorer
from artimuse.models.build import build_model
from artimuse.training.metric_rows import TIMED
from integration.calls import QUICKSTART, ROOT, run_python

pytestmark = pytest.mark.slow

MEDIANS = {"srcc": 0.75, "pair_accuracy": 0.75, "choice_accuracy": 0.65}


def train_quickstart(data: Path, runs: Path, *changes: str) -> Path:
    """Run the script as a person would; returns the run folder."""
    done = run_python(
        [ROOT / "scripts" / "train.py", "--config", QUICKSTART,
         f"data.root={data}", f"run.folder={runs}", *changes],
        timeout_s=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return runs / "quickstart"


@pytest.fixture(scope="module")
def three_seeds(trained_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    data = trained_model.parents[1] / "demo"
    runs = [tmp_path_factory.mktemp(f"seed{seed}") for seed in (1, 2)]
    more = [train_quickstart(data, r, f"run.seed={s}") for s, r in enumerate(runs, start=1)]
    return [trained_model, *more]


def metrics_of(run: Path) -> dict[str, float]:
    record = json.loads((run / "results" / "results.json").read_text(encoding="utf-8"))
    return {name: metric["value"] for name, metric in record["metrics"].items()}


def test_medians_over_three_seeds(three_seeds: list[Path]) -> None:
    found = [metrics_of(run) for run in three_seeds]
    for name, least in MEDIANS.items():
        values = [metrics[name] for metrics in found]
        print(f"{name}: {[round(v, 3) for v in values]} median {statistics.median(values):.3f}")
        assert statistics.median(values) >= least


def test_the_drawing_is_not_trivial(trained_model: Path) -> None:
    pixels = recompute(trained_model / "results" / "pixel_statistics")
    print(f"linear fit on pixel statistics: SRCC {pixels['srcc'].value:.3f}")
    assert pixels["srcc"].value < 0.60


def test_results_follow_from_the_predictions(three_seeds: list[Path]) -> None:
    for run in three_seeds:
        again = {name: metric.value for name, metric in recompute(run / "results").items()}
        assert again == metrics_of(run)


def test_untrained_models_know_nothing(trained_model: Path) -> None:
    """The mean of ten seeds; a single untrained scorer can correlate with anything."""
    data = trained_model.parents[1] / "demo"
    config = load_config(QUICKSTART, [f"data.root={data}", "data.check_images=false"])
    recipe = recipe_data(config, load_sources(config))
    found: list[dict[str, float]] = []
    chance = 0.0
    for seed in range(10):
        model = build_model(config.model, texts=recipe.texts(), seed=seed)
        rows = predict(Scorer(model), recipe.held_out, tau=config.objective.tau)
        chance = chance_levels(rows)["choice_accuracy"]
        found.append({name: metric.value for name, metric in compute_metrics(rows).items()})
    mean = {name: float(np.mean([f[name] for f in found])) for name in found[0]}
    absolute = float(np.mean([abs(f["srcc"]) for f in found]))
    print(
        {name: round(value, 3) for name, value in mean.items()}, "mean |SRCC|", round(absolute, 3)
    )
    assert abs(mean["srcc"]) < 0.15
    assert abs(mean["pair_accuracy"] - 0.5) <= 0.07
    assert abs(mean["choice_accuracy"] - chance) <= 0.07


def test_same_seed_same_weights_and_killed_and_resumed_too(
    trained_model: Path, tmp_path: Path
) -> None:
    """Two runs through are equal to the bit; so is one that was killed after a checkpoint and resumed."""
    data = trained_model.parents[1] / "demo"
    changes = ("train.steps=40", "train.checkpoint_every=10")
    one, two = (train_quickstart(data, tmp_path / name, *changes) for name in ("one", "two"))
    assert_same_weights(one, two)
    killed = tmp_path / "killed"
    command = [
        sys.executable, str(ROOT / "scripts" / "train.py"), "--config", str(QUICKSTART),
        f"data.root={data}", f"run.folder={killed}", *changes, "--resume",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ)
    while not (killed / "quickstart" / "checkpoints" / "step-000010").exists():
        assert process.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "quickstart" / "model").exists()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=1800)
    assert_same_weights(one, killed / "quickstart")
    rows = [
        (run / "metrics.jsonl").read_text().splitlines() for run in (one, killed / "quickstart")
    ]
    timeless = [
        [{k: v for k, v in json.loads(row).items() if k not in TIMED} for row in run]
        for run in rows
    ]
    assert timeless[0] == timeless[1]


def assert_same_weights(one: Path, two: Path) -> None:
    for name in ("model.safetensors", "readout.safetensors"):
        first, second = load_file(one / "model" / name), load_file(two / "model" / name)
        assert first.keys() == second.keys()
        assert all(first[key].equal(second[key]) for key in first)


def test_a_critique_is_told_from_that_of_another_image(trained_model: Path, tmp_path: Path) -> None:
    """By likelihood, on held-out images; chance is one half."""
    demo = trained_model.parents[1] / "demo" / "artimuse"
    rows = (demo / "ArtiMuse-10K_text_test.jsonl").read_text(encoding="utf-8").splitlines(True)
    data = tmp_path / "critiques.jsonl"
    data.write_text("".join(rows[: 60 * 8]), encoding="utf-8")
    done = run_python(
        [ROOT / "scripts" / "evaluate.py", "--model", trained_model / "model",
         "--benchmark", "artimuse-10k-text", "--data", data, "--images", demo / "images",
         "--output", tmp_path / "result", "--device", "cpu", "--max-new-tokens", "48"],
        timeout_s=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "result" / "results.json").read_text())["metrics"]
    told = metrics["critique_told"]
    print(f"critiques told apart: {told['value']:.3f} {told['ci95']} n={told['n']}")
    assert told["n"] > 300
    assert told["value"] >= 0.65
    assert told["ci95"][0] > 0.6
