"""FGAesQ through the same commands as every other family: checked, trained in stages, evaluated, scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artimuse.inference.api import load
from artimuse.models.folder import read_info
from integration.calls import ROOT, SMALL, call_script

RECIPE = ROOT / "configs" / "fgaesq_demo.yaml"


@pytest.fixture(scope="module")
def recipe(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    runs = tmp_path_factory.mktemp("fgaesq") / "runs"
    own = (
        "data.demo.sizes={}",
        "model.images.tokens=24",
        "model.images.short_side=64",
        "train.batch_images=6",
    )
    return ("--config", RECIPE, *SMALL, *own, f"data.root={small_data}", f"run.folder={runs}",
            "evaluation.baselines=[]")  # fmt: skip


@pytest.fixture(scope="module")
def run(recipe: tuple[object, ...]) -> Path:
    trained = call_script("train", *recipe)
    assert trained.status == 0, trained.err
    assert "align      weight 0.1, on the" in trained.out
    return Path(str(recipe[-2]).removeprefix("run.folder=")) / "fgaesq_demo"


def test_its_data_are_checked_and_its_size_is_told(
    recipe: tuple[object, ...], tmp_path: Path
) -> None:
    checked = call_script("check_data", *recipe, "--output", tmp_path / "report")
    assert checked.status == 0, checked.err
    told = call_script("train", *recipe, "--dry-run")
    assert told.status == 0, told.err
    assert "not estimated" not in told.out.split("# stage 2 of 2")[1], told.out


def test_it_learns_from_scores_and_from_pairs_in_turn(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    rows = [row for line in lines if "loss" in (row := json.loads(line))]
    assert all(row["tokens"] > 0 for row in rows), "tokens of the image encoder"
    fine = [row["loss_rank"] > 0 for row in rows]
    assert (
        fine == [row["loss_score"] == 0 for row in rows] == [row["loss_align"] > 0 for row in rows]
    )
    assert set(fine) == {True, False}
    first = [json.loads(line) for line in
             (run / "stages" / "01-coarse" / "metrics.jsonl").read_text().splitlines()]  # fmt: skip
    assert all(row["loss_score"] > 0 for row in first if "loss" in row)
    info = read_info(run / "model")
    assert info.align is not None
    assert "training pairs with a text" in info.align
    card = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert f"(`objective.align`): {info.align}" in card
    assert "answers questions" not in card
    assert "| 1 | 01-coarse | artimuse |" in card


def test_a_pair_has_its_own_scores(run: Path) -> None:
    results = json.loads((run / "results" / "results.json").read_text())
    assert results["protocol"]["series_scores"] == "pairs"
    assert results["n_scored"] == results["n_expected"]
    assert {"s_acc", "s_srcc", "pair_accuracy", "srcc"} <= results["metrics"].keys()
    rows = [
        json.loads(line)
        for line in (run / "results" / "predictions.jsonl").read_text().splitlines()
    ]
    scores: dict[str, set[float]] = {}
    for row in rows:
        if row["kind"] == "pair":
            for name, score in zip(row["id"].split("|"), row["scores"], strict=True):
                scores.setdefault(name, set()).add(score)
    assert max(map(len, scores.values())) > 1, "no image is scored as its partner asks for"


def test_a_series_is_scored_image_by_image_where_asked(
    recipe: tuple[object, ...], run: Path
) -> None:
    del run
    called = call_script("train", *recipe, "run.name=single", "evaluation.series=single")
    assert called.status == 0, called.err
    folder = Path(str(recipe[-2]).removeprefix("run.folder=")) / "single" / "results"
    assert (
        json.loads((folder / "results.json").read_text())["protocol"]["series_scores"] == "single"
    )


def test_it_scores_ranks_and_is_exported_but_does_not_talk(
    run: Path, small_data: Path, tmp_path: Path
) -> None:
    images = sorted((small_data / "fgaesthetics" / "images").glob("*/*.jpg"))[:3]
    output = tmp_path / "scores.jsonl"
    scored = call_script("score", "--model", run / "model", *images, "--output", output)
    assert scored.status == 0, scored.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    model = load(run / "model", device="cpu")
    assert [row["score"] for row in rows] == [pytest.approx(s.value) for s in model.score(images)]
    ranked = model.rank(images)
    assert ranked.scored == "pairs"
    back = model.rank(images[::-1])
    assert [images[n] for n in ranked.order] == [images[::-1][n] for n in back.order]
    assert model.rank(images, series="single").scored == "single"
    with pytest.raises(ValueError, match="has no language"):
        model.ask(images[0], "Is it sharp?")
    exported = call_script("export", "--model", run / "model", tmp_path / "plain")
    assert exported.status == 0, exported.err
    again = load(tmp_path / "plain", device="cpu")
    assert [s.value for s in again.score(images)] == [s.value for s in model.score(images)]


def test_critiques_are_refused_before_training(recipe: tuple[object, ...]) -> None:
    called = call_script(
        "train", *recipe, "run.name=words", "stages=[]", "data.sources.fgaesthetics.comparisons=0.5"
    )
    assert called.status == 2
    assert "has no language" in called.err


def test_without_texts_the_log_says_that_align_is_off(recipe: tuple[object, ...]) -> None:
    called = call_script(
        "train",
        *recipe,
        "run.name=textless",
        "stages=[]",
        "data.sources.fgaesthetics.comparison_texts=null",
    )
    assert called.status == 0, called.err
    assert "align      off: none of" in called.out


def test_comparisons_are_written_by_templates_and_by_a_model(
    recipe: tuple[object, ...], small_data: Path, tmp_path: Path
) -> None:
    factors = tmp_path / "factors.jsonl"
    prefix = "fgaesthetics/images/"
    drawn = (small_data / "drawn.jsonl").read_text().splitlines()
    known = [row for row in map(json.loads, drawn) if row["image"].startswith(prefix)]
    factors.write_text(
        "".join(
            json.dumps({"image": r["image"].removeprefix(prefix), "factors": r["factors"]}) + "\n"
            for r in known
        )
    )
    ask = (*recipe, "--source", "fgaesthetics")
    written = tmp_path / "said.jsonl"
    called = call_script("write_comparisons", *ask, "--factors", factors, "--output", written)
    assert called.status == 0, called.err
    own = (small_data / "fgaesthetics" / "comparisons_train.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in written.read_text().splitlines()]
    assert sorted(rows, key=str) == sorted(map(json.loads, own), key=str)
    # A call that was stopped goes on where it was.
    written.write_text("\n".join(written.read_text().splitlines()[:2]) + "\n")
    called = call_script("write_comparisons", *ask, "--factors", factors, "--output", written)
    assert "already_there=2" in called.out
    assert [json.loads(line) for line in written.read_text().splitlines()] == rows

    for flag, row, told in (
        ("--factors", {"picture": "x"}, "line 1: expected"),
        ("--output", {"image": 3}, "line 1: expected a text of this script's"),
    ):
        bad = tmp_path / "bad.jsonl"
        bad.write_text(json.dumps(row) + "\n")
        others = ("--output", tmp_path / "new.jsonl") if flag == "--factors" else ()
        called = call_script("write_comparisons", *ask, flag, bad, *others)
        assert called.status == 2
        assert told in called.err

    runs = tmp_path / "runs"
    trained = call_script(
        "train", "--config", ROOT / "configs" / "quickstart.yaml", *SMALL, f"data.root={small_data}",
        f"run.folder={runs}", "evaluation.sources=[]", "evaluation.baselines=[]", "data.validation_frac=0",
    )  # fmt: skip
    assert trained.status == 0, trained.err
    told = tmp_path / "told.jsonl"
    called = call_script(
        "write_comparisons",
        *ask,
        "--model",
        runs / "quickstart" / "model",
        "--max-new-tokens",
        4,
        "--output",
        told,
    )
    assert called.status == 0, called.err
    rows = [json.loads(line) for line in told.read_text().splitlines()]
    ended = sum(row.get("cut", False) for row in rows)
    assert ended
    assert f"cut={ended}: texts that reached" in called.out
    assert len(rows) == len(own)
    assert all(row["text"] for row in rows)
    called = call_script(
        "write_comparisons", *ask, "--source", "artimuse", "--output", tmp_path / "none.jsonl"
    )
    assert called.status == 2
    assert "expected pairs to compare" in called.err
