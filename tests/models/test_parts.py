"""The parts of a model are told apart, also where one lies inside another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from trained import lora_config, save_base

from artimuse.config import LoraConfig, ModelConfig, ReadoutConfig
from artimuse.models.build import build_model
from artimuse.models.lora import tuning_of
from artimuse.models.parts import Tuning, part_modules, part_of, trained_counts
from conftest import TINY


class Nested:
    """Names as Qwen3-VL has them: the projector is inside the vision module, in two places."""

    vision = "visual"
    projector = ("visual.merger", "visual.deepstack_merger_list")


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Linear(2, 2)
        self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.merger = nn.Sequential(nn.Linear(2, 3))
        self.deepstack_merger_list = nn.ModuleList([nn.Linear(2, 3)])


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visual = Tower()
        self.language_model = nn.Linear(3, 3)
        self.lm_head = nn.Linear(3, 5)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("visual.patch_embed.weight", "vision"),
        ("model.visual.blocks.1.weight", "vision"),
        ("model.visual.merger.0.weight", "projector"),
        ("base_model.model.model.visual.deepstack_merger_list.0.weight", "projector"),
        ("model.visual.modules_to_save.default.merger.0.weight", "projector"),
        ("model.visual.merger.modules_to_save.default.0.weight", "projector"),
        ("model.visual.original_module.blocks.0.weight", "vision"),
        ("model.language_model.layers.0.q_proj.lora_A.default.weight", "language"),
        ("lm_head.weight", "head"),
        ("readout.mlp.0.weight", "read-out"),
        ("links.scale", "links"),
        ("model.merger.weight", "other"),
        ("my_visual.weight", "other"),
    ],
)
def test_the_longest_name_wins(name: str, part: str) -> None:
    assert part_of(name, Nested) == part


def test_the_largest_modules_of_a_part() -> None:
    model = Model()
    assert list(part_modules(model, Nested, {"vision", "projector"})) == ["visual"]
    # Members instead of lists: PEFT cannot wrap those, and they have no forward.
    blocks = ["visual.patch_embed", "visual.blocks.0", "visual.blocks.1"]
    assert list(part_modules(model, Nested, {"vision"})) == blocks
    mergers = ["visual.merger", "visual.deepstack_merger_list.0"]
    assert list(part_modules(model, Nested, {"projector"})) == mergers
    assert part_modules(model, Nested, set()) == {}
    assert list(part_modules(model, Nested, {"language", "head"})) == ["language_model", "lm_head"]


def test_a_parameter_between_parts_is_an_error() -> None:
    model = Model()
    model.visual.register_parameter("place", nn.Parameter(torch.zeros(2)))
    with pytest.raises(
        ValueError, match=r"visual\.place: expected it inside a module of \['vision'\]"
    ):
        part_modules(model, Nested, {"vision"})


def test_counts_add_up(tmp_path: Path, texts: list[str]) -> None:
    base = save_base(tmp_path / "base", texts)
    plain = build_model(ModelConfig(base=str(base)), datasets=["a", "b"], seed=0)
    whole = trained_counts(plain, plain.family)
    assert list(whole) == ["vision", "projector", "language", "head", "read-out", "links"]
    assert all(trained == total for trained, total in whole.values())
    assert sum(total for _, total in whole.values()) == sum(p.numel() for p in plain.parameters())
    config = lora_config(base, vision="full", projector="lora", lora=LoraConfig(rank=4))
    model = build_model(config, datasets=["a", "b"], seed=0)
    counts = trained_counts(model, model.family)
    # A fully trained part is counted once, though PEFT keeps what it was before too.
    assert counts["vision"] == whole["vision"]
    assert counts["head"] == (0, whole["head"][1])
    for part in ("projector", "language"):
        trained, total = counts[part]
        assert 0 < trained == total - whole[part][1]
    trained = sum(n for n, _ in counts.values())
    assert trained == sum(p.numel() for p in model.trainable().values())
    assert "other" not in counts


def test_artimuse_s_recipe(tmp_path: Path, texts: list[str]) -> None:
    """LoRA of rank 128 on the language model's seven linears; vision tower and projector fully."""
    base = save_base(tmp_path / "base", texts)
    lora = LoraConfig(rank=128, alpha=256, dropout=0.05)
    config = lora_config(base, vision="full", projector="full", lora=lora)
    model = build_model(config, seed=0)
    assert tuning_of(model.backbone, model.family) == Tuning("lora", "full", "full")
    adapted = {name.split(".lora_")[0] for name in model.trainable() if ".lora_" in name}
    linears = {name.split(".")[-1] for name in adapted}
    assert linears == {f"{x}_proj" for x in ("q", "k", "v", "o", "gate", "up", "down")}
    assert all(".language_model.layers." in name for name in adapted)
    counts = trained_counts(model, model.family)
    for part in ("vision", "projector", "read-out"):
        assert counts[part][0] == counts[part][1] > 0


@pytest.mark.parametrize(("vision", "projector"), [("frozen", None), (None, "frozen")])
def test_full_tuning_with_a_frozen_part(
    vision: str | None, projector: str | None, texts: list[str]
) -> None:
    settings = {"vision": vision, "projector": projector, "readout": ReadoutConfig(hidden=16)}
    model = build_model(ModelConfig(scratch=TINY, **settings), texts=texts, seed=0)  # type: ignore[arg-type]
    frozen = "vision" if vision else "projector"
    counts = trained_counts(model, model.family)
    assert counts[frozen][0] == 0
    assert all(n == total for part, (n, total) in counts.items() if part != frozen)
    found = tuning_of(model.backbone, model.family)
    assert found == Tuning("full", vision or "full", projector or "full")  # type: ignore[arg-type]
