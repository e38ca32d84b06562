"""scripts/check_data.py on demo data with planted faults: found, shown, refused; and clean data passes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artimuse.data.checks.report.schema import KEYS
from integration.calls import QUICKSTART, SMALL, Called


@dataclass(frozen=True, slots=True)
class Checked:
    """A call of the script, and the report that it wrote."""

    called: Called
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "data_report.json").read_text(encoding="utf-8"))

    @property
    def page(self) -> str:
        return (self.folder / "data_report.html").read_text(encoding="utf-8")


@pytest.fixture
def check(tmp_path: Path, script: Callable[..., Called]) -> Callable[..., Checked]:
    def call(root: Path, *overrides: str, config: Path = QUICKSTART) -> Checked:
        runs = tmp_path / "runs"
        called = script(
            "check_data", "--config", config, f"data.root={root}", f"run.folder={runs}",
            *(SMALL if config == QUICKSTART else ()), *overrides,
        )  # fmt: skip
        return Checked(called, runs / "data_reports" / config.stem)

    return call


def images_of(root: Path, split: str) -> list[str]:
    listed = (root / "artimuse" / f"ArtiMuse-10K_{split}.json").read_text(encoding="utf-8")
    return [row["image"] for row in json.loads(listed)]


@pytest.fixture
def faulty(small_data: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Demo data with a broken image, a training image twice, and a training image that is tested on."""
    root = tmp_path / "demo"
    shutil.copytree(small_data, root)
    folder = root / "artimuse" / "images"
    first, second, broken, leaked = images_of(root, "train")[:4]
    test = images_of(root, "test")[0]
    shutil.copy(folder / first, folder / second)
    shutil.copy(folder / leaked, folder / test)
    (folder / broken).write_bytes((folder / broken).read_bytes()[:500])
    return root, {
        "first": first,
        "second": second,
        "broken": broken,
        "leaked": leaked,
        "test": test,
    }


def test_planted_faults_are_found_and_refused(
    faulty: tuple[Path, dict[str, str]], check: Callable[..., Checked]
) -> None:
    root, names = faulty
    checked = check(root, "data.max_bad_frac=0.001")
    assert checked.called.status == 1, checked.called.err
    report = checked.report

    leak, bad = report["refused"]
    assert leak.startswith(
        "data.sources: expected no image that evaluation.sources have too, found 1"
    )
    assert "expected at most 0.10% bad" in bad
    # The lists that the refusal names lie beside the report.
    assert json.loads((checked.folder / "minus-artimuse.json").read_text("utf-8")) == [
        {"image": names["leaked"]}
    ]
    (between,) = report["leakage"]["between"]
    assert (between["images"], between["content"], between["allowed"]) == (1, 1, False)
    (example,) = report["leakage"]["examples"]
    assert example["training"] == f"artimuse/{names['leaked']}"
    assert example["evaluation"] == f"artimuse/{names['test']}"

    assert report["images"]["bad"] == 1
    assert report["images"]["bad_examples"][0]["item"] == f"artimuse/{names['broken']}"
    training = report["splits"][0]
    assert training["bad"] == {"truncated or damaged": 1}
    listed = (checked.folder / "bad_items.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["item"] for line in listed] == [f"artimuse/{names['broken']}"]

    equal = [row for row in report["duplicates"] if row["kind"] == "bytes"]
    twins = {(one["first"], one["second"]) for row in equal for one in row["examples"]}
    assert (f"artimuse/{names['first']}", f"artimuse/{names['second']}") in twins

    out = checked.called.out
    assert out.index("refused: ") < out.index("warning: ")
    assert "check: a training run would refuse this data (2 reasons above)" in out
    for name in ("leaked", "test", "broken", "second"):
        assert names[name] in checked.page
    assert "data:image/jpeg;base64," in checked.page

    # What training says of the same data, when the leak is accepted and one broken image too.
    accepted = check(root, "data.allow_leakage=[artimuse]")
    assert accepted.called.status == 0
    assert accepted.report["refused"] == []


def test_clean_data_passes_with_numbers_that_are_documented(
    small_data: Path, check: Callable[..., Checked]
) -> None:
    checked = check(small_data)
    assert checked.called.status == 0, checked.called.err
    report = checked.report
    assert report["refused"] == []
    assert sorted(set(paths(report)) - KEYS.keys()) == []

    titles = [(split["source"], split["split"]) for split in report["splits"]]
    names = ["artimuse", "aesmmit", "fgaesthetics"]
    assert titles == [(n, "training") for n in names] + [(n, "evaluation") for n in names]
    artimuse, aesmmit, series = report["splits"][:3]
    assert artimuse["counts"]["texts"] == 8 * artimuse["counts"]["images"]
    assert sum(c["images"] for c in artimuse["categories"].values()) == artimuse["counts"]["images"]
    (scores,) = artimuse["scores"]
    assert sum(scores["histogram"]["counts"]) == scores["n"] == artimuse["counts"]["scores"]
    assert 0.9 < scores["srcc_5_levels"] < scores["srcc_101_tokens"] <= 1
    assert series["pairs"]["n"] == series["counts"]["pairs"]
    # What all questions share is in a tree once.
    lengths = artimuse["tokens"]
    assert lengths["tree"]["max"] < 9 * (lengths["prompt"]["max"] + lengths["answer"]["max"])
    assert artimuse["tokens"]["drawn_tree"]["max"] < artimuse["tokens"]["tree"]["max"]
    assert aesmmit["tokens"]["too_long"]["n"] == 0
    assert report["model"]["max_positions"] == 4096

    sample = artimuse["samples"][0]
    assert "<IMG_CONTEXT> x 4" in sample["prefix"]
    asked = sample["questions"][0]
    taught = "".join(asked["text"][start:end] for start, end in asked["supervised"])
    assert asked["text"].endswith(taught)
    assert taught.endswith("<|im_end|>")
    assert sample["questions"][-1]["readout"] is not None
    assert "\r" not in checked.called.out


def test_the_validation_cut_is_a_split_of_its_own(
    small_data: Path, check: Callable[..., Checked]
) -> None:
    checked = check(
        small_data, "data.validation_frac=0.25", "evaluation.sources=[]", "data.allow_leakage=[]"
    )
    assert checked.called.status == 0, checked.called.err
    splits = checked.report["splits"]
    assert [split["split"] for split in splits] == ["training"] * 3 + ["validation"] * 3
    images = [split["counts"]["images"] for split in splits]
    assert images[3] == round(0.25 * (images[0] + images[3]))
    assert checked.report["leakage"]["held_out"] == "validation"
    assert [split["samples"] for split in splits[3:]] == [[], [], []]


def test_a_wrong_scale_and_an_unknown_aspect_are_told(
    tmp_path: Path, small_data: Path, check: Callable[..., Checked]
) -> None:
    root = tmp_path / "own"
    shutil.copytree(small_data / "artimuse" / "images", root / "images")
    names = images_of(small_data, "train")[:12]
    rows = [f"{name},{n / 11:.2f},{n % 3}" for n, name in enumerate(names)]
    (root / "own.csv").write_text("\n".join(["image,score,light", *rows]), encoding="utf-8")
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        f"""
run: {{name: own}}
data:
  root: {root}
  sources:
    - name: own
      format: custom
      images: images
      table: own.csv
      scale: [0, 10]
      aspects: {{light: light}}
model: {{base: nobody/nothing}}
train: {{steps: 1}}
""",
        encoding="utf-8",
    )
    checked = check(root, config=recipe)
    assert checked.called.status == 1, checked.called.err
    assert "they look like a scale of 0 to 1: check `scale`" in checked.called.out
    (refused,) = checked.report["refused"]
    assert (
        "expected score questions about model.aspects (overall), found 12 about 'light'" in refused
    )
    # A base that cannot be reached costs the token counts, not the report.
    assert checked.report["splits"][0]["tokens"] is None
    assert checked.report["model"]["missing"].startswith("nobody/nothing: ")
    assert "run `hf download nobody/nothing`" in checked.report["model"]["missing"]
    assert "warning: model: no token was counted" in checked.called.out


def test_a_source_of_which_nothing_is_left_has_a_report_too(
    small_data: Path, tmp_path: Path, check: Callable[..., Checked]
) -> None:
    root = tmp_path / "demo"
    shutil.copytree(small_data, root)
    for image in (root / "aesmmit" / "images").iterdir():
        image.unlink()
    checked = check(root)
    assert checked.called.status == 1, checked.called.err
    assert checked.report["refused"][0].startswith("aesmmit: no usable image is left")
    assert checked.report["splits"][1]["counts"]["images"] == 0
    assert "cannot be read" in checked.page


def test_faults_of_the_recipe_are_no_report(tmp_path: Path, script: Callable[..., Called]) -> None:
    called = script("check_data", "--config", QUICKSTART, "data.rot=x", f"run.folder={tmp_path}")
    assert called.status == 2
    assert "did you mean `root`?" in called.err
    assert not list(tmp_path.iterdir())


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The keys of a report in the form of the schema, containers that hold something left out."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            known = f"{prefix}.{key}" if prefix else key
            # A name that comes from the data is a star.
            if any(re.match(re.escape(f"{prefix}.*") + r"($|[.\[])", path) for path in KEYS):
                known = f"{prefix}.*"
            yield from paths(inner, known)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{prefix}[]")
    elif value != {}:
        yield prefix


def test_an_undocumented_key_is_found() -> None:
    assert set(paths({"images": {"files": 1, "made_up": 2}})) - KEYS.keys() == {"images.made_up"}


def test_every_stage_of_a_recipe_has_a_report(
    check: Callable[..., Checked], small_data: Path
) -> None:
    stages = """stages=[{name: text, data: {sources: [{name: t, format: artimuse10k,
      images: artimuse/images, texts: artimuse/ArtiMuse-10K_text_train.jsonl}]}}, {name: score}]"""
    checked = check(small_data, stages)
    assert checked.called.status == 0, checked.called.err
    found = {}
    for name in ("01-text", "02-score"):
        path = checked.folder / name / "data_report.json"
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    trained = {
        name: [split["source"] for split in report["splits"] if split["split"] == "training"]
        for name, report in found.items()
    }
    assert trained == {"01-text": ["t"], "02-score": ["artimuse", "aesmmit", "fgaesthetics"]}
    assert all(split["tokens"] for split in found["02-score"]["splits"])


def test_a_cut_beside_evaluation_sources_is_shown_apart(
    check: Callable[..., Checked], small_data: Path
) -> None:
    checked = check(small_data, "data.validation_frac=0.25")
    assert checked.called.status == 0, checked.called.err
    kinds = [split["split"] for split in checked.report["splits"]]
    assert kinds == ["training"] * 3 + ["validation"] * 3 + ["evaluation"] * 3
    assert checked.report["leakage"]["held_out"] == "evaluation"
