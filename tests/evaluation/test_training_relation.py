"""What a model was trained on, read from the run folder around it, against what it is evaluated on."""

from pathlib import Path

import pytest
from integration.calls import QUICKSTART

from artimuse.config import load_config, to_yaml
from artimuse.data.formats import load_source
from artimuse.evaluation.benchmarks.known import BENCHMARKS
from artimuse.evaluation.protocol import run_of
from artimuse.evaluation.training_relation import Relation, relation_of
from artimuse.records import Source

NOTHING = Source("ava", [])


def run(folder: Path, *overrides: str) -> Path:
    """A run folder with the quickstart recipe, changed; returns its (empty) model folder."""
    changes = [f"data.root={folder / 'nowhere'}", f"run.name={folder.name}", *overrides]
    (folder / "model").mkdir(parents=True)
    text = to_yaml(load_config(QUICKSTART, changes))
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return folder / "model"


def relation(model: Path, benchmark: str, source: Source = NOTHING) -> Relation:
    return relation_of(model, BENCHMARKS[benchmark], source)


def test_a_data_set_trained_for_what_is_asked_is_in_domain(tmp_path: Path) -> None:
    model = run(tmp_path / "a")
    for benchmark in ("artimuse-10k", "artimuse-10k-text", "fgaesthetics"):
        assert relation(model, benchmark).relation == "in-domain"
    found = relation(model, "ava")
    assert set(found.trained_on) == {"artimuse-10k", "fgaesthetics", "aesmmit"}
    assert found.as_json()["trained_on"] == list(found.trained_on)
    assert found.relation == "zero-shot"
    assert "artimuse" in found.evidence
    assert "not there" in found.evidence  # its files, so names of images were not compared


def test_a_data_set_trained_in_another_way_is_seen_in_pretraining(tmp_path: Path) -> None:
    model = run(tmp_path / "a", "objective.score=0")
    assert relation(model, "artimuse-10k").relation == "seen in pretraining"
    assert relation(model, "artimuse-10k-text").relation == "in-domain"


def test_an_earlier_stage_is_pretraining(tmp_path: Path) -> None:
    stages = (
        "stages=[{name: one, objective: {rank: 0}}, {name: two, objective: {score: 0, text: 0}}]"
    )
    model = run(tmp_path / "a", stages)
    assert relation(model, "artimuse-10k").relation == "seen in pretraining"
    assert relation(model, "fgaesthetics").relation == "in-domain"


def test_a_base_of_a_run_is_pretraining_and_one_of_nobody_is_said(tmp_path: Path) -> None:
    base = run(tmp_path / "base")
    sources = "data.sources=[{name: own, format: custom, images: i, table: t.csv, scale: [0, 10]}]"
    changed = (
        "model.scratch=null",
        sources,
        "data.demo=null",
        "evaluation.sources=[]",
        "data.validation_frac=0.1",
    )
    model = run(tmp_path / "a", f"model.base={base}", *changed)
    assert relation(model, "artimuse-10k").relation == "seen in pretraining"
    other = run(tmp_path / "b", "model.base=owner/name", *changed)
    found = relation(other, "artimuse-10k")
    assert found.relation == "zero-shot"
    assert "owner/name" in found.evidence


def test_nothing_is_known_of_a_model_without_its_run(tmp_path: Path) -> None:
    assert relation(tmp_path, "ava").relation == "unknown"
    assert relation(tmp_path, "ava").trained_on == ()
    assert run_of(tmp_path) is None


def test_images_of_the_benchmark_that_were_trained_on_are_counted(tmp_path: Path) -> None:
    table = tmp_path / "data" / "t.csv"
    table.parent.mkdir()
    table.write_text("image,score\nfarm1_27_96361207_c200595017.jpg,5\nother.jpg,6\n")
    sources = "data.sources=[{name: own, format: custom, images: i, table: t.csv, scale: [0, 10]}]"
    model = run(
        tmp_path / "a", sources, "data.demo=null", "evaluation.sources=[]",
        "data.validation_frac=0.1", f"data.root={table.parent}",
    )  # fmt: skip
    listed = tmp_path / "list.json"
    listed.write_text('[{"image": "farm1_27_96361207_c200595017.jpg", "gt_score": 0.6}]')
    benchmark = BENCHMARKS["flickr-aes"]
    config = benchmark.source(listed, tmp_path / "images", output=tmp_path, scale=None)
    found = relation(model, "flickr-aes", load_source(config, Path()))
    assert (found.relation, found.leaked) == ("seen in pretraining", 1)
    assert "1 images of the benchmark itself were trained on" in found.evidence


@pytest.mark.parametrize("seeds", [(0, 0), (0, 7)])
def test_seeds_of_one_recipe_are_told(tmp_path: Path, seeds: tuple[int, int]) -> None:
    found = []
    for number, seed in enumerate(seeds):
        model = run(tmp_path / f"s{number}", f"run.seed={seed}")
        (model.parent / "run.json").write_text(f'{{"seed": {seed}, "commit": "c"}}')
        record = run_of(model)
        assert record is not None
        # Where the data lie is another folder in each of these runs.
        found.append((record["seed"], record["name"]))
    assert found == [(seeds[0], "s0"), (seeds[1], "s1")]
