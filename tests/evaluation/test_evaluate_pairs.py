"""scripts/evaluate.py on a tiny FGAesQ: series scored beside each other, and no words."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from artimuse.config import ImagesConfig, ModelConfig, ReadoutConfig, ScratchConfig
from artimuse.evaluation.prediction_file import read_predictions
from artimuse.inference.scorer import Scorer
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, save_model
from artimuse.records import Pair, Question, Sample
from evaluation.calling import evaluate, evaluate_on_two_processes, results, score_list, write

SCRATCH = ScratchConfig(
    family="fgaesq", image_size=56, vision_width=32, vision_layers=1, vision_heads=2, language_width=32
)  # fmt: skip


@pytest.fixture
def comparing(tmp_path: Path) -> Path:
    """The folder of a model that sees an image beside a partner."""
    images = ImagesConfig(difftoken="corrected", tokens=24, short_side=64)
    readout = ReadoutConfig(kind="bins", head="fgaesq")
    config = ModelConfig(scratch=SCRATCH, readout=readout, images=images)
    save_model(build_model(config, seed=0), tmp_path / "fgaesq")
    return tmp_path / "fgaesq"


def labels(folder: Path) -> Path:
    """Two series of three images, of which one pair each was not annotated."""
    for series, name in enumerate(("natural", "aigc")):
        lines = [f"{series} {a} {b} 0.8 {9 - a} {9 - b}\n" for a, b in ((0, 1), (1, 2))]
        write(folder / "labels" / f"{name}_test.txt", "".join(lines))
    return folder / "labels"


def test_a_series_is_scored_beside_each_other(place: Path, comparing: Path, tmp_path: Path) -> None:
    called = evaluate(
        comparing, "fgaesthetics", labels(tmp_path), tmp_path / "o", "--images", place / "fg"
    )
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["protocol"]["series_scores"] == "pairs"
    assert found["n_scored"] == {"pair": 4, "rank": 6}
    files = sorted((place / "fg").glob("*/*.jpg"))
    asked = (Question("score", aspect="overall"),)
    samples = [Sample(f.name, (f,), asked, "t", series=f.parent.name) for f in files]
    scorer = Scorer(load_model(comparing), device="cpu")
    for row in read_predictions(tmp_path / "o" / "predictions.jsonl"):
        if row["kind"] == "pair":
            first, second = (Path(name).name for name in row["id"].split("|"))
            ((a, b),) = scorer.score_pairs(samples, [Pair(first, second, 0.5)])
            assert row.get("scores") == pytest.approx([a, b], abs=1e-3)
        else:
            own = Path(row["id"]).name
            series = next(s.series for s in samples if s.id == own)
            others = [s.id for s in samples if s.series == series and s.id != own]
            beside = scorer.score_pairs(samples, [Pair(own, other, 0.5) for other in others])
            mean = sum(score for score, _ in beside) / len(others)
            assert row["prediction"] == pytest.approx(mean, abs=1e-3)


def test_scores_are_of_each_image_alone(place: Path, comparing: Path, tmp_path: Path) -> None:
    data = score_list(tmp_path)
    called = evaluate(comparing, "ava", data, tmp_path / "o", "--images", place / "images")
    assert called.status == 0, called.err
    images = [place / "images" / one["image"] for one in json.loads(data.read_text())]
    alone = Scorer(load_model(comparing), device="cpu").score_images(images)
    rows = read_predictions(tmp_path / "o" / "predictions.jsonl")
    assert [row["prediction"] for row in rows] == pytest.approx(
        [one["overall"] for one in alone], abs=1e-3
    )


def test_what_asks_for_words_is_refused(place: Path, comparing: Path, tmp_path: Path) -> None:
    entry = {"AesP_data": {"Question": "How is the light?", "Options": "A) Dim\nB) Bright"}}
    data = write(tmp_path / "e.json", {"0.jpg": entry})
    for how in ("text", "likelihood"):
        called = evaluate(
            comparing,
            "aesbench",
            data,
            tmp_path / "o",
            "--images",
            place / "images",
            "--choices",
            how,
        )
        assert called.status == 2
        assert "this model has no language" in called.err
        assert not (tmp_path / "o" / "predictions.jsonl").exists()


@pytest.mark.slow
def test_two_processes_score_pairs_as_one(place: Path, comparing: Path, tmp_path: Path) -> None:
    data, images = labels(tmp_path), ("--images", place / "fg")
    assert evaluate(comparing, "fgaesthetics", data, tmp_path / "one", *images).status == 0
    evaluate_on_two_processes(comparing, "fgaesthetics", data, tmp_path / "two", *images)
    one, two = (read_predictions(tmp_path / name / "predictions.jsonl") for name in ("one", "two"))
    assert [(row["kind"], row["id"]) for row in one] == [(row["kind"], row["id"]) for row in two]
    assert Counter(row["kind"] for row in two) == {"pair": 4, "rank": 6}
    for alone, shared in zip(one, two, strict=True):
        assert shared["prediction"] == pytest.approx(alone["prediction"], abs=1e-3)
        assert shared.get("scores") == pytest.approx(alone.get("scores"), abs=1e-3)
    metrics = [results(tmp_path / name)["metrics"] for name in ("one", "two")]
    assert metrics[0].keys() == metrics[1].keys()
    for name, metric in metrics[0].items():
        assert metrics[1][name]["value"] == pytest.approx(metric["value"]), name
