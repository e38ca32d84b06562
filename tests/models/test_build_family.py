"""The family of a recipe's model without its weights: what it says is what the built model says."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import InternVLForConditionalGeneration

from artimuse.config import ConfigError, ModelConfig
from artimuse.models import build
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import save_model
from conftest import TINY


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("weights were made")


@pytest.fixture
def without_weights(tiny_model: AestheticModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on; the model to compare with is made before."""
    del tiny_model
    monkeypatch.setattr(InternVLForConditionalGeneration, "_from_config", refuse)
    monkeypatch.setattr(build, "load_backbone", refuse)


@pytest.mark.usefixtures("without_weights")
def test_from_scratch(tiny_model: AestheticModel, texts: list[str]) -> None:
    family, positions = build.build_family(ModelConfig(scratch=TINY), texts)
    assert positions == 4096
    built = tiny_model.family
    for text in texts:
        assert family.prompt_ids(text, [4]) == built.prompt_ids(text, [4])
        assert family.answer_ids(text) == built.answer_ids(text)
    assert family.preprocessing() == built.preprocessing()


@pytest.mark.usefixtures("without_weights")
def test_from_a_base(tiny_model: AestheticModel, texts: list[str], tmp_path: Path) -> None:
    save_model(tiny_model, tmp_path / "model")
    family, positions = build.build_family(ModelConfig(base=str(tmp_path / "model")))
    assert positions == 4096
    assert family.prompt_ids(texts[0], [4]) == tiny_model.family.prompt_ids(texts[0], [4])
    assert family.image_tokens((9, 9)) == tiny_model.family.image_tokens((9, 9))


def test_a_base_that_is_not_there() -> None:
    with pytest.raises(
        ConfigError, match="'nobody/nothing' is neither a folder here nor in the hub's"
    ):
        build.build_family(ModelConfig(base="nobody/nothing"))
