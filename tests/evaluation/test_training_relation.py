"""What a model was trained on, as its folder carries it, against what it is evaluated on."""

import json
import shutil
from pathlib import Path

import pytest
from integration.calls import QUICKSTART

from artimuse.config import ConfigError, load_config, to_yaml
from artimuse.data.formats import load_source
from artimuse.evaluation.benchmarks.known import BENCHMARKS
from artimuse.evaluation.protocol import run_of
from artimuse.evaluation.training_relation import Relation, relation_of
from artimuse.models.training_record import TRAINING_FILE, write_training
from artimuse.records import Source

NOTHING = Source("ava", [])
SHARED = "farm1_27_96361207_c200595017.jpg"
OWN = (
    "data.sources=[{name: own, format: custom, images: i, table: t.csv, scale: [0, 10]}]",
    "data.demo=null",
    "evaluation.sources=[]",
    "data.validation_frac=0.1",
)
"""Trained on a table of one's own, instead of the quickstart's data."""


def run(folder: Path, *overrides: str, carried: bool = True) -> Path:
    """A run folder with the quickstart recipe, changed; returns its (empty) model folder.

    carried: the model has its record, as training writes it.
    """
    changes = [f"data.root={folder / 'nowhere'}", f"run.name={folder.name}", *overrides]
    (folder / "model").mkdir(parents=True)
    recipe = load_config(QUICKSTART, changes)
    (folder / "config.yaml").write_text(to_yaml(recipe), encoding="utf-8")
    if carried:
        write_training(folder / "model", recipe, {"seed": recipe.run.seed, "commit": "c"})
    return folder / "model"


def table(folder: Path, *images: str) -> Path:
    """The table of one's own, with these images; returns its folder."""
    folder.mkdir(parents=True)
    lines = "".join(f"{image},5\n" for image in (*images, "other.jpg"))
    (folder / "t.csv").write_text(f"image,score\n{lines}", encoding="utf-8")
    return folder


def shared_list(folder: Path) -> Source:
    """FLICKR-AES with one image."""
    listed = folder / "list.json"
    listed.write_text(json.dumps([{"image": SHARED, "gt_score": 0.6}]), encoding="utf-8")
    config = BENCHMARKS["flickr-aes"].source(listed, folder / "i", output=folder, scale=None)
    return load_source(config, Path())


def relation(model: Path, benchmark: str, source: Source = NOTHING) -> Relation:
    return relation_of(model, BENCHMARKS[benchmark], source)


def test_a_data_set_trained_for_what_is_asked_is_in_domain(tmp_path: Path) -> None:
    model = run(tmp_path / "a")
    for benchmark in ("artimuse-10k", "artimuse-10k-text", "fgaesthetics"):
        assert relation(model, benchmark).relation == "in-domain"
    found = relation(model, "ava")
    assert set(found.trained_on) == {"artimuse-10k", "fgaesthetics", "aesmmit"}
    assert found.as_json()["trained_on"] == list(found.trained_on)
    # AVA's images may be among those that it was trained on.
    assert found.relation == "unknown"
    assert "the files of artimuse are not there" in found.evidence


def test_nothing_in_common_is_zero_shot(tmp_path: Path) -> None:
    model = run(tmp_path / "a", *OWN, f"data.root={table(tmp_path / 'data')}")
    found = relation(model, "flickr-aes", shared_list(tmp_path))
    assert (found.relation, found.leaked, found.trained_on) == ("zero-shot", 0, ("own",))


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
    base, changed = run(tmp_path / "base"), ("model.scratch=null", *OWN)
    root = f"data.root={table(tmp_path / 'data')}"
    model = run(tmp_path / "a", f"model.base={base}", root, *changed)
    assert relation(model, "artimuse-10k").relation == "seen in pretraining"
    other = run(tmp_path / "b", "model.base=owner/name", root, *changed)
    found = relation(other, "artimuse-10k")
    assert found.relation == "zero-shot"
    assert "what owner/name saw" in found.evidence


def test_a_base_whose_training_nobody_knows_leaves_it_open(tmp_path: Path) -> None:
    """An imported model; a base that was gone when the run ended; and one of a run without a record."""
    imported, root = tmp_path / "imported", f"data.root={table(tmp_path / 'data')}"
    imported.mkdir()
    (imported / "artimuse.json").write_text("{}")
    for name, base in (("a", imported), ("b", tmp_path / "gone")):
        model = run(tmp_path / name, f"model.base={base}", "model.scratch=null", root, *OWN)
        found = relation(model, "artimuse-10k")
        assert found.relation == "unknown"
        assert f"what {base} was trained on before is not known" in found.evidence
    changed = ("model.base=models/one", "model.scratch=null", root, *OWN)
    assert relation(run(tmp_path / "c", *changed, carried=False), "ava").relation == "unknown"


def test_nothing_is_known_of_a_model_without_its_run(tmp_path: Path) -> None:
    assert relation(tmp_path, "ava").relation == "unknown"
    assert relation(tmp_path, "ava").trained_on == ()
    assert run_of(tmp_path) is None


def test_images_of_the_benchmark_that_were_trained_on_are_counted(tmp_path: Path) -> None:
    model = run(tmp_path / "a", *OWN, f"data.root={table(tmp_path / 'data', SHARED)}")
    found = relation(model, "flickr-aes", shared_list(tmp_path))
    assert (found.relation, found.leaked) == ("seen in pretraining", 1)
    assert "1 images of the benchmark itself were trained on" in found.evidence


def test_sources_of_one_name_are_all_compared(tmp_path: Path) -> None:
    """The base's "own" has the image, that of the run itself has not."""
    base = run(tmp_path / "base", *OWN, f"data.root={table(tmp_path / 'first', SHARED)}")
    root = f"data.root={table(tmp_path / 'second')}"
    model = run(tmp_path / "a", f"model.base={base}", "model.scratch=null", root, *OWN)
    assert relation(model, "flickr-aes", shared_list(tmp_path)).leaked == 1


def test_the_data_are_those_of_where_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is evaluated there is a data folder too, of other images."""
    there = table(tmp_path / "there" / "data", SHARED).parent
    here = table(tmp_path / "here" / "data").parent
    monkeypatch.chdir(there)
    model = run(tmp_path / "a", *OWN, "data.root=data")
    base = run(there / "base", *OWN, "data.root=data")
    tuned = run(
        tmp_path / "b", "model.base=base/model", "model.scratch=null", *OWN, "data.root=data"
    )
    bare = run(tmp_path / "c", *OWN, "data.root=data", carried=False)
    monkeypatch.chdir(here)
    found = [relation(one, "flickr-aes", shared_list(tmp_path)) for one in (model, base, tuned)]
    assert [one.relation for one in found] == ["seen in pretraining"] * 3
    assert [one.leaked for one in found] == [1, 1, 1]
    # Of a run without the record nobody knows where it was started.
    found = relation(bare, "flickr-aes", shared_list(tmp_path))
    assert (found.relation, found.leaked) == ("unknown", 0)


def test_a_model_folder_that_is_moved_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    base = run(tmp_path / "base")
    root = f"data.root={table(tmp_path / 'data')}"
    model = run(tmp_path / "a", f"model.base={base}", "model.scratch=null", root, *OWN)
    before = relation(model, "artimuse-10k"), run_of(model)
    shutil.move(model, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "base")
    moved = tmp_path / "elsewhere"
    assert (relation(moved, "artimuse-10k"), run_of(moved)) == before
    assert before[0].relation == "seen in pretraining"
    # A stranger's run folder around it says nothing of it.
    other = run(tmp_path / "stranger", carried=False)
    other.rmdir()
    shutil.move(moved, other)
    assert (relation(other, "artimuse-10k"), run_of(other)) == before


@pytest.mark.parametrize("text", ["{", "[]", '{"format_version": 9}', '{"format_version": 1}'])
def test_a_damaged_record_is_an_error(tmp_path: Path, text: str) -> None:
    model = run(tmp_path / "a")
    (model / TRAINING_FILE).write_text(text)
    with pytest.raises(ConfigError, match=r"training\.json: damaged, or of another version"):
        relation(model, "ava")


@pytest.mark.parametrize("seeds", [(0, 0), (0, 7)])
def test_seeds_of_one_recipe_are_told(tmp_path: Path, seeds: tuple[int, int]) -> None:
    found = []
    for number, seed in enumerate(seeds):
        model = run(tmp_path / f"s{number}", f"run.seed={seed}")
        record = run_of(model)
        assert record is not None
        # Where the data lie is another folder in each of these runs.
        found.append((record["seed"], record["name"]))
    assert found == [(seeds[0], "s0"), (seeds[1], "s1")]
