"""What a run would refuse is told in its own words; what it would not see is a finding, no refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from artimuse.config import Config
from artimuse.data.checks.leakage import Kind, Leak
from artimuse.data.checks.report.overlap import SHOWN, overlap
from artimuse.data.checks.report.refusals import refusals
from artimuse.data.checks.report.splits import splits, usable
from artimuse.records import BadItem, Pair, Question, Sample, ScoreLabel, Source

ENTRY = {"name": "made", "format": "custom", "images": "images", "table": "made.csv"}
HELD_OUT = ENTRY | {"name": "test"}


def config_of(**data: Any) -> Config:
    evaluation = {"sources": [] if "validation_frac" in data else [HELD_OUT]}
    return Config.model_validate(
        {
            "run": {"name": "made"},
            "data": {"root": ".", "sources": [ENTRY], **data},
            "model": {"base": "nobody/nothing"},
            "train": {"steps": 1},
            "evaluation": evaluation,
        }
    )


def source_of(name: str, images: int = 4, **changes: Any) -> Source:
    question = Question("score", aspect="overall", label=ScoreLabel(5, 0, 10))
    samples = [
        Sample(f"{name}/{n}", (Path(f"{name}{n}.jpg"),), (question,), name) for n in range(images)
    ]
    return Source(name, samples, items=images, **changes)


def leak(kind: Kind, number: int = 0) -> Leak:
    return Leak(kind, f"made/{number}", f"{number}.jpg", f"test/{number}", f"t{number}.jpg", 0.0)


def told(config: Config, **changes: Any) -> list[str]:
    given: dict[str, Any] = {
        "sources": [source_of("made"), source_of("test")], "bad_images": [], "leaks": [],
    }  # fmt: skip
    return refusals(config, **(given | changes), lists=Path("lists"))


BAD = [BadItem("made0.jpg", "made/0", "missing file: expected an image, found nothing there")]


def test_nothing_is_refused_without_a_reason() -> None:
    assert told(config_of()) == []


@pytest.mark.parametrize("kind", ["name", "content"])
def test_leakage_by_name_and_bytes_is_refused(kind: Kind) -> None:
    (reason,) = told(config_of(), leaks=[leak(kind), leak("appearance", 1)])
    assert "expected no image that evaluation.sources have too, found 1" in reason
    assert "minus-made.json" in reason
    assert told(config_of(allow_leakage=["test"]), leaks=[leak(kind)]) == []


def test_leakage_by_looks_is_not_what_a_run_checks() -> None:
    assert told(config_of(), leaks=[leak("appearance")]) == []


def test_too_many_bad_images_are_refused() -> None:
    (reason,) = told(config_of(), bad_images=BAD)
    assert "expected at most 1.00% bad, found 0 of 8 annotation rows and 1 of 8 images" in reason
    assert told(config_of(max_bad_frac=0.2), bad_images=BAD) == []


def test_bad_images_that_a_run_would_not_look_for() -> None:
    (reason,) = told(config_of(max_bad_frac=0.2, check_images=False), bad_images=BAD)
    assert "data.check_images is off" in reason


def test_pairs_across_series_are_refused() -> None:
    apart = source_of("made", pairs=[Pair("made/0", "made/1", 0.7)])
    (reason,) = told(config_of(), sources=[apart, source_of("test")])
    assert reason.startswith("made: pair made/0 | made/1: expected two images of one series")


def test_aspects_that_the_model_does_not_have_are_refused_also_where_they_are_held_out() -> None:
    other = Question("score", aspect="light", label=ScoreLabel(5, 0, 10))
    odd = Source("odd", [Sample("odd/0", (Path("o.jpg"),), (other, other), "odd")], items=1)
    for sources in ([source_of("made"), odd], [odd, source_of("test")]):
        (reason,) = told(config_of(), sources=sources)
        assert (
            "odd: expected score questions about model.aspects (overall), found 2 about 'light'"
            in reason
        )


def test_overlap_shows_the_first_of_each_kind() -> None:
    leaks = [leak("content", n) for n in range(SHOWN + 3)] + [leak("appearance", 1)]
    found = overlap(leaks, ["test"])
    assert found["findings"] == SHOWN + 4
    assert [one["kind"] for one in found["examples"]] == ["content"] * SHOWN + ["appearance"]
    (row,) = found["between"]
    assert (row["images"], row["content"], row["appearance"]) == (SHOWN + 3, SHOWN + 3, 1)
    assert row["allowed"]


def test_splits_of_a_recipe() -> None:
    sources = [source_of("made"), source_of("test")]
    config = config_of(questions_per_image=3)
    data, refused = usable(config, sources, [])
    assert refused == []
    found = splits(config, data)
    assert [split.title for split in found] == ["made training", "test evaluation"]
    assert [split.questions_per_image for split in found] == [3, "all"]

    cut = config_of(validation_frac=0.5)
    data, _ = usable(cut, sources[:1], [])
    found = splits(cut, data)
    assert [split.title for split in found] == ["made training", "made validation"]
    assert [len(split.source.samples) for split in found] == [2, 2]


def test_a_source_of_which_nothing_is_left() -> None:
    bad = [BadItem(f"test{n}.jpg", f"test/{n}", "missing file: ...") for n in range(4)]
    config = config_of()
    data, refused = usable(config, [source_of("made"), source_of("test")], bad)
    assert refused[0].startswith("test: no usable image is left")
    assert [len(split.source.samples) for split in splits(config, data)] == [4, 0]
    # Before the cut, where there would have been one.
    cut = config_of(validation_frac=0.5)
    all_bad = [BadItem(f"made{n}.jpg", f"made/{n}", "missing file: ...") for n in range(4)]
    data, refused = usable(cut, [source_of("made")], all_bad)
    assert len(refused) == 1
    assert [split.title for split in splits(cut, data)] == ["made training"]
