"""Settings of the objective: what a loss works with, and the error where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from artimuse.config import READOUT_LOSSES, ConfigError, load_config

RECIPE = """
run: {name: trial}
data: {root: data, sources: [{name: a, format: artimuse10k, images: images, scores: scores.json}]}
model: {scratch: {image_size: 56}, readout: {kind: bins}}
train: {epochs: 2}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["regression", "tokens", "levels", "bins"])
def test_every_readout_takes_the_losses_that_its_output_admits(recipe: Path, kind: str) -> None:
    losses = ("l1", "huber", "mse", "plcc", "cross_entropy", "soft_label", "emd")
    for loss in losses:
        settings = [f"model.readout={{kind: {kind}}}", f"objective.score_loss={loss}"]
        if loss in READOUT_LOSSES[kind]:
            load_config(recipe, settings)
        else:
            assert "expected one of l1, huber, mse, plcc" in refused(recipe, *settings)
    assert READOUT_LOSSES[kind] == (losses[:4] if kind == "regression" else losses)


def test_a_correlation_refuses_accumulation(recipe: Path) -> None:
    settings = ["objective.score_loss=plcc", "train.accumulation=2"]
    message = refused(recipe, *settings)
    assert "objective.score_loss: 'plcc'" in message
    assert "expected train.accumulation 1, found 2" in message
    # Also where the read-out is that of a base, which is not read yet.
    assert "train.accumulation" in refused(recipe, "model={base: somewhere}", *settings)
    load_config(recipe, [*settings, "objective.score=0"])


def test_drawn_pairs(recipe: Path) -> None:
    assert load_config(recipe).objective.pairs_from_scores is None
    drawn = load_config(
        recipe, ["objective.pairs_from_scores={gap: 10}"]
    ).objective.pairs_from_scores
    assert drawn is not None
    assert (drawn.gap, drawn.images) == (10, 2)
    settings = ["objective.pairs_from_scores={gap: 10, images: 8}", "train.batch_images=4"]
    assert "objective.pairs_from_scores.images: a group" in refused(recipe, *settings)


@pytest.mark.parametrize("name", ["listnet", "bradley"])
def test_an_unknown_rank_loss_lists_what_there_is(recipe: Path, name: str) -> None:
    message = refused(recipe, f"objective.rank_loss={name}")
    assert all(
        known in message for known in ("bradley_terry", "fidelity", "margin", "listmle_scores")
    )
