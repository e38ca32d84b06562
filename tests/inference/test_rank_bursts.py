"""Rows of series say what `Model.rank` says, for models that compare and for those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inference.bursts import write_bursts

from artimuse.config import ImagesConfig, ModelConfig, ReadoutConfig, ScratchConfig
from artimuse.inference.api import Model
from artimuse.inference.assess import Assessed
from artimuse.inference.bursts import by_folder, by_time
from artimuse.inference.rank_bursts import burst_fields, check_ranks, describe_ranking, rank_bursts
from artimuse.inference.ranking import placed
from artimuse.inference.score_file import flatten
from artimuse.inference.stream import Broken
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from conftest import build_tiny


def build_comparing() -> AestheticModel:
    """A tiny FGAesQ."""
    scratch = ScratchConfig(
        family="fgaesq", image_size=56, vision_width=32, vision_layers=1, vision_heads=2,
        language_width=32,
    )  # fmt: skip
    images = ImagesConfig(difftoken="corrected", tokens=24, short_side=64)
    readout = ReadoutConfig(kind="bins", head="fgaesq")
    return build_model(ModelConfig(scratch=scratch, readout=readout, images=images), seed=0).eval()


@pytest.fixture(params=["single", "pairs"])
def ranking_model(request: pytest.FixtureRequest, texts: list[str]) -> AestheticModel:
    return build_comparing() if request.param == "pairs" else build_tiny(texts)


def rows_of(model: AestheticModel, bursts: Any, **options: Any) -> list[Any]:
    found = list(rank_bursts(model, bursts, by="time", device="cpu", **options))
    return [one.row if isinstance(one, Assessed) else one for one in found]


def test_the_order_is_that_of_the_interface(ranking_model: AestheticModel, tmp_path: Path) -> None:
    written = write_bursts(tmp_path, [3, 1, 2])
    grouped = by_time([path for burst in written for path in burst])
    rows = rows_of(ranking_model, grouped.bursts)
    assert len(rows) == 6
    interface = Model(ranking_model, device="cpu")
    for burst in written:
        own = [row for row in rows if Path(row["image"]) in burst]
        ranking = interface.rank(burst)
        assert [Path(row["image"]) for row in own] == [burst[place] for place in ranking.order]
        assert [row["place"] for row in own] == list(range(1, len(burst) + 1))
        assert [row["score"] for row in own] == pytest.approx(
            [score.value for score in ranking.scores], abs=1e-3
        )
        assert [row["p_over_next"] for row in own[:-1]] == pytest.approx(ranking.ahead, abs=1e-4)
        assert own[-1]["p_over_next"] is own[0]["p_over_best"] is None
        assert {row["scored"] for row in own} == {ranking.scored}
        if len(own) > 1:
            # Seen from the other side; of neighbours that is all there is.
            assert own[1]["p_over_best"] == pytest.approx(1 - own[0]["p_over_next"], abs=1e-6)
    for row in rows:
        assert list(dict(flatten(row))) == burst_fields(ranking_model.info, "time")


def test_the_batch_size_changes_nothing(ranking_model: AestheticModel, tmp_path: Path) -> None:
    written = write_bursts(tmp_path, [4, 3])
    bursts = by_time([path for burst in written for path in burst]).bursts
    one, other = (rows_of(ranking_model, bursts, batch_images=size) for size in (1, 32))
    for a, b in zip(one, other, strict=True):
        assert (a["image"], a["place"]) == (b["image"], b["place"])
        assert a["score"] == pytest.approx(b["score"], abs=1e-3)


def test_a_broken_image_is_told_and_the_others_are_ranked_without_it(
    ranking_model: AestheticModel, tmp_path: Path
) -> None:
    written = write_bursts(tmp_path, [3, 2])
    bursts = by_time([path for burst in written for path in burst]).bursts
    for burst in written:
        burst[1].write_bytes(burst[1].read_bytes()[:3000])
    found = rows_of(ranking_model, bursts)
    broken = [one for one in found if isinstance(one, Broken)]
    assert [one.image for one in broken] == [burst[1] for burst in written]
    assert all(one.reason.startswith(f"{one.image}: truncated") for one in broken)
    rows = [one for one in found if not isinstance(one, Broken)]
    assert [(row["place"], row["shots"]) for row in rows] == [(1, 2), (2, 2), (1, 1)]
    alone = Model(ranking_model, device="cpu").score(written[1][0]).value
    assert rows[2]["score"] == pytest.approx(alone, abs=1e-3)
    assert rows[2]["scored"] == "single"
    whole = Model(ranking_model, device="cpu").rank([written[0][0], written[0][2]])
    assert rows[0]["p_over_next"] == pytest.approx(whole.ahead[0], abs=1e-4)


def test_places_are_those_of_the_scores() -> None:
    order = placed([40.0, 60.0, 60.0])
    assert [one.index for one in order] == [1, 2, 0]
    assert order[0].over_next == 0.5
    assert order[2].over_best == pytest.approx(1 / (1 + 2.718281828**1.8), abs=1e-6)
    # Of a model that compares, an image may beat the one that is best on average.
    upset = placed([40.0, 60.0], lambda a, b: 20.0 if a == 0 else -20.0)
    assert upset[1].over_best is not None
    assert upset[1].over_best > 0.5
    assert placed([]) == []


def test_what_decides_the_order_is_recorded(ranking_model: AestheticModel) -> None:
    found = describe_ranking(ranking_model, "time", 2.0)
    scored = "pairs" if not ranking_model.family.language else "single"
    assert found == {"by": "time", "gap_s": 2.0, "scored": scored, "tau": 100 / 9}


def test_a_model_without_scores_cannot_rank(tiny_model: AestheticModel) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="no score read-out, so it cannot rank"):
        check_ranks(replace(tiny_model.info, readout=None, aspects=()))
    assert by_folder([]).bursts == ()
    assert list(rank_bursts(tiny_model, [], by="folder", device="cpu")) == []
