"""From a published checkpoint's tensors to those of a transformers model, one at a time.

What is missing or unexpected is known from the names alone, before the first tensor is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText
from transformers.core_model_loading import revert_weight_conversion

from artimuse.models.published.lora import AdapterWriter, LoraPair, check_shapes, merged
from artimuse.models.published.shards import ShardWriter
from artimuse.models.published.source import WeightFiles


@dataclass(frozen=True, slots=True)
class Part:
    """Tensors of one folder, and what becomes of them.

    Attributes:
        weights: names without LoRA's additions -> names in `files`.
        rename: such a name -> names on disk; several for equal parts of the first axis, none for a name
            that the format does not have.
        unused: whether a name is known to play no role (a buffer that is computed, another model's half).
        pairs: LoRA of a weight, by its name in `weights`.
    """

    files: WeightFiles
    weights: Mapping[str, str]
    rename: Callable[[str], tuple[str, ...]]
    unused: Callable[[str], bool]
    pairs: Mapping[str, LoraPair] = field(default_factory=dict)


class Expected:
    """What transformers expects on disk of a model: shapes, and names in memory. No weights are made.

    Tied weights are expected once, as transformers ties them again at load.
    """

    def __init__(self, config: Any) -> None:
        with torch.device("meta"):
            model: Any = AutoModelForImageTextToText.from_config(config)
        state = dict(model.state_dict())
        self.tied: set[str] = set()
        if config.tie_word_embeddings:
            head = state.pop("lm_head.weight")
            self.tied = set(revert_weight_conversion(model, {"lm_head.weight": head}))
        on_disk = revert_weight_conversion(model, dict(state))
        self.shapes = {name: tuple(tensor.shape) for name, tensor in on_disk.items()}
        in_memory = {id(tensor): name for name, tensor in state.items()}
        self.in_memory = {
            name: in_memory[id(tensor)]
            for name, tensor in on_disk.items()
            if id(tensor) in in_memory
        }
        disk = {memory: name for name, memory in self.in_memory.items()}
        self.embeddings = disk["model.language_model.embed_tokens.weight"]
        self.head = disk.get("lm_head.weight", self.embeddings)
        self.linears = [name for name, m in model.named_modules() if isinstance(m, nn.Linear)]
        self.architecture = type(model).__name__


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor of the checkpoint and its names on disk."""

    part: Part
    source: str
    targets: tuple[str, ...]
    pair: LoraPair | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every step, and names: nothing for a tensor that the model needs, no use for one that is there."""

    steps: Sequence[Step]
    missing: Sequence[str]
    unexpected: Sequence[str]
    unused: Sequence[str]


def plan(parts: Sequence[Part], expected: Expected) -> Plan:
    """Match the tensors of a checkpoint with those of the model, by name."""
    steps: list[Step] = []
    unexpected: list[str] = []
    unused: list[str] = []
    filled: set[str] = set()
    for part in parts:
        for plain, source in part.weights.items():
            targets = part.rename(plain)
            if part.unused(plain) or expected.tied & set(targets):
                unused.append(source)
            elif not targets or not expected.shapes.keys() >= set(targets) or filled & set(targets):
                unexpected.append(source)
            else:
                steps.append(Step(part, source, targets, part.pairs.get(plain)))
                filled |= set(targets)
    missing = [name for name in expected.shapes if name not in filled]
    return Plan(steps, missing, unexpected, unused)


def check_tied(parts: Sequence[Part], expected: Expected) -> None:
    """Raise ValueError where a head that the configuration ties to the embeddings has weights of its own."""
    part = parts[0]
    source = {target: name for plain, name in part.weights.items() for target in part.rename(plain)}
    for head in expected.tied & source.keys():
        if expected.embeddings not in source:
            continue  # reported as missing
        embeddings = part.files.tensor(source[expected.embeddings])
        if not torch.equal(part.files.tensor(source[head]), embeddings):
            raise ValueError(
                f"{part.files.folder}: config.json says tie_word_embeddings, but {source[head]} differs from "
                f"{source[expected.embeddings]}: expected equal weights, or tie_word_embeddings false"
            )


def write_weights(
    steps: Sequence[Step],
    expected: Expected,
    writer: ShardWriter,
    *,
    rows: int,
    adapter: AdapterWriter | None,
    seen: Callable[[str, Tensor], None],
    progress: Callable[[int, int], None],
) -> None:
    """Read, convert and write every tensor.

    Args:
        rows: rows of zeros that are added to the embeddings and the language model's head.
        adapter: takes LoRA pairs; without one they are merged.
        seen: is shown every tensor under its name on disk, as it is written.
        progress: is told how many tensors of how many are done.

    Raises:
        ValueError: for a tensor of another shape than the configuration says.
    """
    for number, step in enumerate(steps):
        tensor = step.part.files.tensor(step.source)
        if step.pair is not None:
            tensor = _with_lora(step, tensor, expected, adapter)
        if rows and step.targets[0] in (expected.embeddings, expected.head):
            tensor = torch.cat([tensor, tensor.new_zeros(rows, tensor.shape[1])])
        for target, piece in zip(step.targets, _pieces(step, tensor, expected), strict=True):
            seen(target, piece)
            writer.add(target, piece)
        progress(number + 1, len(steps))


def _pieces(step: Step, tensor: Tensor, expected: Expected) -> Sequence[Tensor]:
    """Equal parts of the first axis, in the shapes that the model has."""
    shapes = [expected.shapes[target] for target in step.targets]
    whole = (sum(shape[0] for shape in shapes), *shapes[0][1:]) if shapes[0] else ()
    if tuple(tensor.shape) != whole:
        raise ValueError(
            f"{step.part.files.folder}: {step.source}: expected shape {list(whole)}, as config.json says, "
            f"found {list(tensor.shape)}"
        )
    return tensor.chunk(len(shapes)) if len(shapes) > 1 else [tensor]


def _with_lora(
    step: Step, weight: Tensor, expected: Expected, adapter: AdapterWriter | None
) -> Tensor:
    """The merged weight, or the weight as it is, its pair handed to the adapter."""
    assert step.pair is not None
    files = step.part.files
    a, b = files.tensor(step.pair.a), files.tensor(step.pair.b)
    check_shapes(step.pair, a, b, tuple(weight.shape))
    if adapter is None:
        return merged(weight, a, b)
    # A fused layer becomes several: each has its rows of B, and all of A.
    for target, rows in zip(step.targets, b.chunk(len(step.targets)), strict=True):
        adapter.add(expected.in_memory[target].removesuffix(".weight"), a, rows)
    return weight
