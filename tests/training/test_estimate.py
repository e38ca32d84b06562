"""Estimates against what real models hold: saved tensors of a real forward pass, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models.trained import ADAPTED, lora_config, save_base

from artimuse.batch import Batch
from artimuse.config import ModelConfig, ObjectiveConfig, ReadoutConfig, TrainConfig
from artimuse.data.collate import Collator
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.parts import part_of
from artimuse.models.skeleton import fuse_dropout, skeleton
from artimuse.objectives.joint import Objective
from artimuse.records import Sample
from artimuse.training.estimate import (
    GIB,
    NF4_BYTES,
    RESERVE,
    Memory,
    SampledTree,
    accumulation,
    decisive_tree,
    memory_of,
    sampled_trees,
    weight_bytes,
)
from artimuse.training.saved_tensors import SavedTensors
from conftest import FAMILIES, TINY_FAMILY, make_collator

TOLERANCE = 0.01
"""Of the measured bytes: beside what is counted an objective saves some numbers per read-out."""

MakeSample = Callable[..., Sample]


def steps_of(model: AestheticModel, units: list[Unit], **settings: Any) -> StepDataset:
    order = Order([units], weights=[1], batch_images=4, seed=0, steps=10)
    collate = make_collator(model, row_tokens=settings.pop("row_tokens", None))
    return StepDataset(order, collate, seed=0, **settings)


def measured(model: AestheticModel, batch: Batch, steps: StepDataset, bf16: bool) -> int:
    """Bytes that a real forward pass and its losses save for the backward pass."""
    counts = steps.counts(steps.shares(0))
    objective = Objective(ObjectiveConfig(rank=0))
    with SavedTensors([*model.parameters(), *model.buffers()]) as saved:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            outputs = model(batch)
        losses = objective(outputs, batch, counts, scale=1.0)
    assert losses.total.requires_grad
    return saved.bytes


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("kind", "bf16"),
    [("full", False), ("full", True), ("vision frozen", True), ("lora", True),
     ("lora with all of vision", True)],
)  # fmt: skip
def test_activations_are_those_that_a_real_pass_saves(
    family: str, kind: str, bf16: bool, texts: list[str], make_sample: MakeSample, tmp_path: Path
) -> None:
    if kind.startswith("lora"):
        config = lora_config(save_base(tmp_path / "base", texts, family), **ADAPTED[kind])
    else:
        scratch = TINY_FAMILY.model_copy(update={"family": family})
        frozen: Any = {"vision": "frozen"} if kind == "vision frozen" else {}
        config = ModelConfig(scratch=scratch, readout=ReadoutConfig(hidden=16), **frozen)
    dtype = torch.bfloat16 if kind.startswith("lora") else torch.float32
    real = build_model(config, texts=texts, seed=0, dtype=dtype)
    fuse_dropout(real)
    # As a GPU does.
    real.tree_attention = False
    units = [Unit((make_sample("a"),))]
    steps = steps_of(real, units)
    tree = sampled_trees(steps, 5)[0]
    train = TrainConfig(steps=1, precision="bf16" if bf16 else "fp32")
    empty = skeleton(config, texts=texts, dtype=dtype)
    memory = memory_of(empty, steps, tree, train=train, text=True)
    logits = tree.supervised * real.transformers_model.lm_head.weight.shape[0]
    for images in (1, 3):
        expected = memory.constant + images * (memory.per_image - logits * (6 if bf16 else 4))
        found = measured(real, steps.collate([tree.item] * images), steps, bf16)
        assert expected == pytest.approx(found, rel=TOLERANCE)


def test_few_logits_at_once_take_no_memory_of_every_image(
    texts: list[str], make_sample: MakeSample, tmp_path: Path
) -> None:
    config = lora_config(save_base(tmp_path / "base", texts))
    real = build_model(config, texts=texts, seed=0)
    fuse_dropout(real)
    real.tree_attention = False
    steps = steps_of(real, [Unit((make_sample("a"),))])
    tree = sampled_trees(steps, 5)[0]
    found = {}
    for chunk in (None, 8):
        real.text_chunk = chunk
        empty = skeleton(config, texts=texts)
        empty.text_chunk = chunk
        memory = memory_of(empty, steps, tree, train=TrainConfig(steps=1), text=True)
        vocabulary = real.transformers_model.lm_head.weight.shape[0]
        passing = 4 * tree.supervised * vocabulary if chunk is None else 0
        found[chunk] = memory.per_image - passing
        saved = measured(real, steps.collate([tree.item] * 3), steps, bf16=False)
        assert memory.constant + 3 * found[chunk] == pytest.approx(
            saved + (8 * 8 * vocabulary if chunk else 0), rel=TOLERANCE
        )
    assert found[None] - found[8] > 3 * tree.supervised * vocabulary


def test_a_frozen_tower_takes_less_and_the_masks_of_packed_rows_more(
    texts: list[str], make_sample: MakeSample
) -> None:
    def per_image(row_tokens: int | None = None, **changes: Any) -> int:
        config = ModelConfig(scratch=TINY_FAMILY, readout=ReadoutConfig(hidden=16), **changes)
        model = skeleton(config, texts=texts)
        units = [Unit((make_sample("short", texts=1),)), Unit((make_sample("long"),))]
        steps = steps_of(model, units, row_tokens=row_tokens)
        tree = min(sampled_trees(steps, 30), key=lambda tree: tree.tokens)
        train = TrainConfig(steps=1, row_tokens=row_tokens)
        return memory_of(model, steps, tree, train=train, text=True).per_image

    assert per_image(vision="frozen", projector="frozen") < per_image(vision="frozen")
    assert per_image(vision="frozen") < 0.9 * per_image()
    # Every layer has a mask of T x T numbers, and a row of so many tokens has room for several trees.
    assert per_image(row_tokens=500) > per_image()
    assert per_image(row_tokens=500) == pytest.approx(per_image(), rel=0.5)


def test_weights_gradients_and_moments_are_those_of_the_real_model(
    texts: list[str], make_sample: MakeSample, tmp_path: Path
) -> None:
    config = lora_config(save_base(tmp_path, texts), vision="full")
    real = build_model(config, seed=0, dtype=torch.bfloat16)
    empty = skeleton(config, dtype=torch.bfloat16)
    assert weight_bytes(empty) == sum(
        t.numel() * t.element_size() for t in (*real.parameters(), *real.buffers())
    )
    steps = steps_of(real, [Unit((make_sample("a"),))])
    tree = sampled_trees(steps, 5)[0]
    memory = memory_of(empty, steps, tree, train=TrainConfig(steps=1), text=True)
    trained = sum(p.numel() for p in real.parameters() if p.requires_grad)
    assert (memory.gradients, memory.moments) == (4 * trained, 8 * trained)
    assert memory.held(2) - memory.held(1) == 4 * trained  # DDP's buckets


def test_a_4_bit_base_is_the_language_models_linear_layers(
    texts: list[str], tmp_path: Path
) -> None:
    config = lora_config(save_base(tmp_path, texts))
    plain = skeleton(config, dtype=torch.bfloat16)
    four = skeleton(config.model_copy(update={"quantization": "4bit"}), dtype=torch.bfloat16)
    linear = sum(
        p.numel()
        for name, p in plain.named_parameters()
        if name.endswith("_proj.base_layer.weight") and part_of(name, plain.family) == "language"
    )
    assert linear
    saved = weight_bytes(plain) - weight_bytes(four)
    assert saved == pytest.approx(linear * (2 - NF4_BYTES), abs=1)


def test_trees_are_the_runs_own(
    tiny_model: AestheticModel, collator: Collator, make_sample: MakeSample
) -> None:
    units = [Unit((make_sample(name, texts=n),)) for n, name in enumerate("abc", start=1)]
    steps = steps_of(tiny_model, units, questions_per_image=1)
    trees = sampled_trees(steps, 50)
    assert trees == sampled_trees(steps, 50)
    assert len(trees) > 20
    for tree in trees:
        batch = collator([tree.item])
        assert tree.branches == 2
        assert tree.tokens == batch.input_ids.shape[1]
        assert tree.supervised == len(batch.supervised)
        assert tree.prefix == int((batch.branch == 0).sum())
        assert tree.image == tiny_model.family.tokens_per_image


def tree(tokens: int) -> SampledTree:
    return SampledTree(None, tokens, 0, 0, 0, 1)  # type: ignore[arg-type]


def test_the_decisive_tree() -> None:
    trees = [tree(n) for n in range(1, 101)]
    assert decisive_tree(trees, packed=False).tokens == 96
    assert decisive_tree([*trees, tree(4000)], packed=True).tokens == 90  # the mean is 89.6
    assert decisive_tree(trees[:1], packed=False).tokens == 1


def test_micro_batch_arithmetic() -> None:
    def memory(**changes: int) -> Memory:
        sizes = {"weights": 10, "gradients": 2, "moments": 4, "constant": 1, "per_image": 3}
        return Memory(**{k: v * GIB for k, v in ({"update": 0} | sizes | changes).items()})

    assert RESERVE == 0.1
    # 36 of 40 GiB: 16 are held, 1 is constant, 6 images of 3 fit into 19.
    assert memory().micro_batch(40) == 6
    assert memory().micro_batch(40, processes=2) == 5
    assert memory().micro_batch(20) == 0
    assert memory(weights=100).micro_batch(40) == 0
    assert memory(update=21).micro_batch(40) == 0
    assert accumulation(45, 6, 1) == 8
    assert accumulation(45, 6, 4) == 2
    assert accumulation(45, 6, 16) == 1
    assert accumulation(45, 0, 1) is None
