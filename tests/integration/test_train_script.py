"""One small quickstart run, end to end: what it leaves behind, and what the other scripts make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from artimuse.config import load_config
from artimuse.evaluation.prediction_file import read_predictions
from artimuse.evaluation.results import recompute
from artimuse.prompts import ATTRIBUTES
from integration.calls import QUICKSTART, SIZES, SMALL, Called, SmallRun, run_python

METRICS = {"srcc", "plcc", "pair_accuracy", "choice_accuracy"}


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_run_finishes_and_prints_the_table_and_a_critique(small_run: SmallRun) -> None:
    assert small_run.called.status == 0, small_run.called.err
    out = small_run.called.out
    for row in ("chance", "untrained", "pixel statistics", "trained"):
        assert f"\n{row} " in out
    for column in ("SRCC", "PLCC", "pair accuracy", "choice accuracy"):
        assert column in out
    assert "A held-out image" in out
    assert ATTRIBUTES[0] in out


def test_run_folder_holds_what_the_design_says(small_run: SmallRun) -> None:
    folder = small_run.folder
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml", "run.json", "metrics.jsonl", "bad_items.jsonl",
        "checkpoints", "model", "results",
    }  # fmt: skip
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "step-000001",
        "step-000002",
    ]
    model = {path.name for path in (folder / "model").iterdir()}
    assert {
        "config.json", "model.safetensors", "readout.safetensors", "artimuse.json",
        "training.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json",
    } <= model  # fmt: skip
    pickles = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
    assert not [path for path in folder.rglob("*") if path.suffix in pickles]


def test_run_json_says_where_the_numbers_come_from(small_run: SmallRun) -> None:
    run = read_json(small_run.folder / "run.json")
    assert run["finished"] is True
    assert {"commit", "versions", "config_sha256", "data_sha256", "seed", "hardware"} <= run.keys()
    assert run["sources"]["artimuse"]["scores"] == SIZES.artimuse_train
    assert run["held_out"]["artimuse"]["scores"] == SIZES.artimuse_test
    assert run["bad_items"] == {}
    parts = run["trained"]
    assert list(parts) == ["vision", "projector", "language", "head", "read-out"]
    assert all(part["trained"] == part["total"] > 0 for part in parts.values())
    assert {name: part.get("tuning") for name, part in parts.items() if "tuning" in part} == {
        "vision": "full", "projector": "full", "language": "full",
    }  # fmt: skip
    assert f"vision={parts['vision']['trained']:,}/" in small_run.called.out
    config = yaml.safe_load((small_run.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["train"]["steps"] == 2


def test_metrics_have_a_row_a_step(small_run: SmallRun) -> None:
    rows = read_lines(small_run.folder / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 2]
    *rows, result = rows
    metrics = read_json(small_run.folder / "results" / "results.json")["metrics"]
    assert result == {"step": 2} | {f"evaluation_{k}": m["value"] for k, m in metrics.items()}
    keys = {
        "loss_text", "loss_score", "loss_rank", "lr", "grad_norm", "images_per_s",
        "data_wait", "memory_mb", "images_seen", "tokens_seen",
    }  # fmt: skip
    assert all(keys <= row.keys() for row in rows)
    assert all(
        row["loss_text"] > 0 and row["loss_score"] > 0 and row["loss_rank"] > 0 for row in rows
    )


def test_the_model_has_a_card_with_its_metrics(small_run: SmallRun) -> None:
    text = (small_run.folder / "model" / "README.md").read_text(encoding="utf-8")
    results = read_json(small_run.folder / "results" / "results.json")
    for found in results["metrics"].values():
        low, high = found["ci95"]
        assert f"| {found['value']:.3f} | [{low:.3f}, {high:.3f}] | {found['n']} |" in text
    run = read_json(small_run.folder / "run.json")
    for value in (run["model_sha256"], run["data_sha256"], str(run["commit"])):
        assert f"`{value}`" in text
    assert (
        f"| trained on | artimuse | artimuse10k | {run['sources']['artimuse']['images']} |" in text
    )
    assert "not stated" in text
    assert "It has seen drawings only" in text


def test_results_have_the_designs_form(small_run: SmallRun) -> None:
    results = read_json(small_run.folder / "results" / "results.json")
    assert {
        "benchmark",
        "protocol",
        "n_expected",
        "n_scored",
        "metrics",
        "published",
    } <= results.keys()
    assert results["n_scored"] == results["n_expected"]
    assert set(results["n_expected"]) == {"score", "pair", "choice"}
    assert results["metrics"].keys() >= METRICS
    for name in METRICS:
        metric = results["metrics"][name]
        assert {"value", "ci95", "n"} <= metric.keys()
        assert metric["n"] > 0
    assert results["protocol"]["checkpoint"] == str(small_run.folder / "model")
    assert set(results["baselines"]) == {"untrained", "pixel statistics"}


def test_metrics_follow_from_the_predictions_alone(small_run: SmallRun) -> None:
    folder = small_run.folder / "results"
    saved = read_json(folder / "results.json")["metrics"]
    again = {name: metric.as_json() for name, metric in recompute(folder).items()}
    assert again == saved


def test_predictions_name_held_out_items_only(small_run: SmallRun, small_data: Path) -> None:
    rows = read_predictions(small_run.folder / "results" / "predictions.jsonl")
    train = {
        f"artimuse/{row['image']}"
        for row in read_json(small_data / "artimuse" / "ArtiMuse-10K_train.json")
    }
    assert rows
    assert not train & {row["id"].partition("#")[0] for row in rows}


def test_a_second_call_is_refused_with_advice(
    small_run: SmallRun, script: Callable[..., Called]
) -> None:
    before = (small_run.folder / "metrics.jsonl").read_bytes()
    called = script("train", *small_run.arguments)
    assert called.status == 2
    assert "--resume" in called.err
    assert "run.name=" in called.err
    assert (small_run.folder / "metrics.jsonl").read_bytes() == before


def test_resuming_a_finished_run_does_nothing(
    small_run: SmallRun, script: Callable[..., Called]
) -> None:
    before = (small_run.folder / "model" / "model.safetensors").stat().st_mtime_ns
    called = script("train", *small_run.arguments, "--resume")
    assert called.status == 0
    assert "finished" in called.out
    assert (small_run.folder / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_resuming_with_another_configuration_is_refused(
    small_run: SmallRun, script: Callable[..., Called]
) -> None:
    called = script("train", *small_run.arguments, "train.lr=0.5", "--resume")
    assert called.status == 2
    assert "train.lr" in called.err


AGAIN = """
import json, sys
from pathlib import Path
import torch
from artimuse.config import load_config
from artimuse.data.recipe import load_sources, recipe_data
from artimuse.evaluation.held_out import predict
from artimuse.inference.scorer import Scorer
from artimuse.models.folder import load_model

run, image, output = map(Path, sys.argv[1:])
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
config = load_config(run / "config.yaml")
scorer = Scorer(load_model(run / "model"), batch_images=config.evaluation.batch_images)
rows = predict(scorer, recipe_data(config, load_sources(config)).held_out, tau=config.objective.tau)
scores = scorer.score_images(sorted(image.iterdir()))
output.write_text(json.dumps({"rows": rows, "scores": scores}), encoding="utf-8")
"""


@pytest.fixture(scope="module")
def test_images(small_data: Path) -> list[Path]:
    """The held-out images with a score."""
    listed = read_json(small_data / "artimuse" / "ArtiMuse-10K_test.json")
    return [small_data / "artimuse" / "images" / row["image"] for row in listed]


@pytest.fixture
def photos(test_images: list[Path], tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for image in test_images:
        (folder / image.name).write_bytes(image.read_bytes())
    return folder


def test_scores_are_equal_to_the_bit_in_a_new_process(
    small_run: SmallRun, photos: Path, tmp_path: Path, script: Callable[..., Called]
) -> None:
    """The model in memory, the model folder in a new process, and score.py agree."""
    done = run_python(
        ["-c", AGAIN, small_run.folder, photos, tmp_path / "again.json"], timeout_s=120
    )
    assert done.returncode == 0, done.stderr
    again = read_json(tmp_path / "again.json")
    rows = read_lines(small_run.folder / "results" / "predictions.jsonl")
    assert again["rows"] == rows

    output = tmp_path / "scores.jsonl"
    size = load_config(small_run.folder / "config.yaml").evaluation.batch_images
    given = ("--model", small_run.folder / "model", photos, "--output", output)
    called = script("score", *given, "--batch-images", size)
    assert called.status == 0, called.err
    written = read_lines(output)
    assert [row["scores"] for row in written] == again["scores"]
    # The evaluation asks its images more questions, in other batches: equal but for rounding.
    evaluated = {row["id"].partition("/")[2]: row["prediction"] for row in rows}
    for row in written:
        assert row["score"] == row["scores"]["overall"]
        assert row["score"] == pytest.approx(evaluated[Path(row["image"]).name], abs=1e-3)


def test_score_lists_a_broken_image_and_scores_the_others(
    small_run: SmallRun, photos: Path, tmp_path: Path, script: Callable[..., Called]
) -> None:
    whole = sorted(photos.iterdir())
    broken = photos / "broken.jpg"
    broken.write_bytes(whole[0].read_bytes()[:400])
    output = tmp_path / "scores.jsonl"
    called = script("score", "--model", small_run.folder / "model", photos, "--output", output)
    assert called.status == 1
    assert f"not scored: {broken}" in called.err
    assert f"scored={len(whole)} not_scored=1" in called.out
    assert [Path(row["image"]) for row in read_lines(output)] == whole


def test_score_describes_and_answers(
    small_run: SmallRun, photos: Path, tmp_path: Path, script: Callable[..., Called]
) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text("What is the light like?\n", encoding="utf-8")
    output = tmp_path / "described.jsonl"
    called = script(
        "score", "--model", small_run.folder / "model", next(iter(sorted(photos.iterdir()))),
        "--output", output, "--describe", "--questions", questions, "--max-new-tokens", 8,
    )  # fmt: skip
    assert called.status == 0, called.err
    (row,) = read_lines(output)
    assert list(row["critiques"]) == list(ATTRIBUTES)
    assert all(isinstance(text, str) for text in row["critiques"].values())
    assert list(row["answers"]) == ["What is the light like?"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.jpg", "--output", "s.jsonl"], "no such image or folder"),
        ([".", "--output", "s.txt"], ".jsonl or .csv"),
    ],
)
def test_score_refuses_a_wrong_call(
    small_run: SmallRun,
    photos: Path,
    arguments: list[str],
    said: str,
    script: Callable[..., Called],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos)
    called = script("score", "--model", small_run.folder / "model", *arguments)
    assert called.status == 2
    assert said in called.err


def test_an_absent_base_says_what_to_download(
    small_data: Path, tmp_path: Path, script: Callable[..., Called]
) -> None:
    """Before any data are read."""
    called = script(
        "train", "--config", QUICKSTART, f"data.root={small_data}", f"run.folder={tmp_path}",
        *SMALL, "model.scratch=null", "model.base=OpenGVLab/InternVL3-8B-hf",
    )  # fmt: skip
    assert called.status == 2
    assert "model.base: 'OpenGVLab/InternVL3-8B-hf' is neither a folder here nor in" in called.err
    assert "hf download OpenGVLab/InternVL3-8B-hf --local-dir models/InternVL3-8B" in called.err
    assert not (tmp_path / "quickstart" / "run.json").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.images={fit: keep}", "model.images.fit: 'keep': internvl takes squash, pad"),
        ("model.aspects=[light]", "expected score questions about model.aspects (light)"),
    ],
)
def test_a_model_that_does_not_fit_is_one_line_and_no_traceback(
    setting: str, said: str, small_data: Path, tmp_path: Path, script: Callable[..., Called]
) -> None:
    called = script(
        "train", "--config", QUICKSTART, f"data.root={small_data}", f"run.folder={tmp_path}",
        *SMALL, setting,
    )  # fmt: skip
    assert called.status == 2
    assert said in called.err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["objective.score_loss=cross_entropy"], "is kept"),
        (
            ["model.readout={kind: levels, words: [awful, splendid]}"],
            "expected one token of the vocab",
        ),
        (["model.tuning=lora", "model.lora={target: '(('}"], "expected a regular expression"),
    ],
)
def test_a_base_that_does_not_fit_is_one_line_and_no_traceback(
    settings: list[str],
    said: str,
    small_run: SmallRun,
    small_data: Path,
    tmp_path: Path,
    script: Callable[..., Called],
) -> None:
    base = ["model.scratch=null", "model.readout=null", f"model.base={small_run.folder / 'model'}"]
    called = script(
        "train", "--config", QUICKSTART, f"data.root={small_data}", f"run.folder={tmp_path}",
        *SMALL[:2], *SMALL[-3:], *base, *settings,
    )  # fmt: skip
    assert called.status == 2
    assert said in called.err
