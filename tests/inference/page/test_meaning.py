"""What is said of a model's numbers is on record in its folder, or said to be unknown."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from artimuse.config import Config, ReadoutConfig, load_config
from artimuse.inference.page.meaning import FEWEST, Meaning, read_meaning
from artimuse.models.info import ModelInfo
from artimuse.models.training_record import Training, write_record

CONFIGS = Path(__file__).parents[3] / "configs"
INFO = ModelInfo(
    base=None, base_sha256=None, tuning="full", readout=ReadoutConfig(), aspects=("overall",),
    datasets=(), prompt="plain",
)  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "model"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def quickstart() -> Config:
    return load_config(CONFIGS / "quickstart.yaml")


def record(model: Path, recipe: Config, **changes: object) -> None:
    training = Training(recipe, {}, None, "random weights")
    write_record(model, replace(training, **changes))


def test_what_is_not_on_record_is_not_made_up(model: Path) -> None:
    found = read_meaning(INFO, model)
    assert found.ends == (
        "0 is the lowest score that this model can give and 100 the highest; which marks it was trained on is "
        "not on record in its folder."
    )
    assert (
        found.critiques
        == "Whether this model was trained on critiques is not on record in its folder."
    )
    assert (found.held_out, found.marks, found.above(50.0), found.words) == ((), (), None, ())
    assert found.compares


def test_a_record_that_cannot_be_read_is_told(model: Path) -> None:
    (model / "training.json").write_text("{}", encoding="utf-8")
    found = read_meaning(INFO, model)
    assert "on cannot be read from its record: " in found.ends
    assert str(model / "training.json") in found.ends


def test_the_recipe_says_scales_and_critiques(model: Path, quickstart: Config) -> None:
    record(model, quickstart)
    found = read_meaning(INFO, model)
    assert found.ends == (
        "0 and 100 are the ends of the scales on which its training images were marked (artimuse: 0 to 10)."
    )
    assert found.critiques is None
    assert not found.compares  # it began from random weights, and its texts are of one image each


def test_a_model_without_critiques_says_so(model: Path, quickstart: Config) -> None:
    silent = quickstart.model_copy(
        update={"objective": quickstart.objective.model_copy(update={"text": 0.0})}
    )
    told = (
        "This model was not trained on critiques: what it writes here is not what it was made for."
    )
    record(model, silent, base="plain")
    assert read_meaning(INFO, model).critiques == told
    assert read_meaning(INFO, model).compares
    record(model, silent, base="unknown")
    assert "not on record" in str(read_meaning(INFO, model).critiques)
    before = Training(quickstart, {}, None, "random weights")
    record(model, silent, base="trained here", before=before)
    assert read_meaning(INFO, model).critiques is None
    assert not read_meaning(INFO, model).compares


def test_held_out_scores_are_those_of_its_run(model: Path) -> None:
    rows = [{"kind": "score", "prediction": float(n), "aspect": "overall"} for n in range(100)]
    rows += [{"kind": "score", "prediction": 99.0, "aspect": "light"}, {"kind": "choice"}]
    results = model.parent / "results" / "predictions.jsonl"
    results.parent.mkdir()
    results.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_meaning(INFO, model).held_out == ()  # it is no run folder
    (model.parent / "run.json").write_text("{}", encoding="utf-8")
    found = read_meaning(INFO, model)
    assert found.held_out == tuple(map(float, range(100)))
    assert found.marks == pytest.approx((9.9, 49.5, 89.1))
    assert found.above(0.0) == 0.0
    assert found.above(50.0) == 0.5
    assert found.above(100.0) == 1.0
    results.write_text("\n".join(map(json.dumps, rows[: FEWEST - 1])), encoding="utf-8")
    assert read_meaning(INFO, model).held_out == ()


@pytest.mark.parametrize(
    "damage",
    ['{"kind": "sco', '{"prediction": 1.0}', '{"kind": "score"}', "[1]", "7", "\ud800",
     '{"kind": "score", "prediction": null}', '{"kind": "score", "prediction": "high"}'],
)  # fmt: skip
def test_damaged_results_are_told_once_and_left_out(
    model: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = json.dumps({"kind": "score", "prediction": 50.0})
    results = write_results(model, [row] * FEWEST + [damage])
    assert read_meaning(INFO, model).held_out == ()
    (told,) = caplog.records
    assert str(results) in told.getMessage()
    assert "evaluate the run again" in told.getMessage()


def test_what_is_no_number_has_no_place_among_scores(model: Path) -> None:
    found = [math.nan, *map(float, range(FEWEST)), math.inf, -math.inf]
    write_results(model, [json.dumps({"kind": "score", "prediction": one}) for one in found])
    assert read_meaning(INFO, model).held_out == tuple(map(float, range(FEWEST)))


def write_results(model: Path, lines: list[str]) -> Path:
    results = model.parent / "results" / "predictions.jsonl"
    results.parent.mkdir()
    results.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    (model.parent / "run.json").write_text("{}", encoding="utf-8")
    return results


@pytest.mark.parametrize(
    ("kind", "spread", "words"),
    [
        ("regression", "has learned to expect", 0),
        ("bins", "one standard deviation", 0),
        ("tokens", "one standard deviation", 0),
        ("levels", "one standard deviation", 5),
    ],
)
def test_each_read_out_has_its_spread(model: Path, kind: str, spread: str, words: int) -> None:
    readout = ReadoutConfig.model_validate({"kind": kind})
    found = read_meaning(replace(INFO, readout=readout), model)
    assert spread in found.spread
    assert len(found.words) == words


def test_a_model_without_scores(model: Path) -> None:
    assert isinstance(read_meaning(replace(INFO, readout=None, aspects=()), model), Meaning)
