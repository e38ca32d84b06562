"""What a recipe takes before it is run: tokens of its trees, and memory of a GPU that trains it.

    trees = sampled_trees(steps)                      # some 200 of the run's own, laid out as in training
    tree = decisive_tree(trees, packed=False)
    memory = memory_of(model, steps, tree, train=config.train, text=True)
    memory.micro_batch(80)                            # images that fit 80 GiB at once

`model` is a skeleton (artimuse/models/skeleton.py): its forward pass is the real one, on an image of the
recipe's own, and every tensor that autograd saves is counted, so that family, adapters, trained or frozen
towers, read-outs and precision need no formulas. Types are those of autocast on the CPU, which differ from
CUDA's in operations of little weight (layer norms); attention is the fused kernel, without T x T matrices but
for the mask of each layer. RESERVE is for what is not counted: CUDA's context and workspaces, temporaries of
the backward pass, fragmentation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from artimuse.config import TrainConfig
from artimuse.data.collate import Item
from artimuse.data.images import image_size
from artimuse.data.loader import StepDataset
from artimuse.data.tree import build_tree
from artimuse.data.views import ViewCollator
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.parts import part_of
from artimuse.objectives.text import text_loss
from artimuse.training.saved_tensors import SavedTensors

GIB = 2**30
TREES = 200
RESERVE = 0.1
"""Share of a GPU's memory that is left for what is not counted."""
NF4_BYTES = 4.127 / 8
"""Of a 4-bit weight, its share of the scales included (QLoRA, arXiv 2305.14314, section 3)."""


@dataclass(frozen=True, slots=True)
class SampledTree:
    """One image (or the images of one comparison) with its questions, as training would lay it out.

    prefix, image, supervised: tokens; image tokens are part of the prefix, and targets are counted where they
    are predicted. branches: questions, read-outs among them.
    """

    item: Item
    tokens: int
    prefix: int
    image: int
    supervised: int
    branches: int

    @property
    def images(self) -> int:
        return len(self.item.sample.images)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one GPU under data parallel training.

    weights: all of them, trained or not. gradients, moments: of what is trained, and AdamW's two of each.
    constant: what a forward pass holds whatever the number of images, such as bf16 copies of trained weights.
    per_image: activations of an image, its logits' softmax included. update: what AdamW's step takes for a
    moment, when the activations are gone.
    """

    weights: int
    gradients: int
    moments: int
    constant: int
    per_image: int
    update: int

    def held(self, processes: int = 1) -> int:
        """What is held between two steps; DDP has a second copy of the gradients, in its buckets."""
        return self.weights + self.gradients * (2 if processes > 1 else 1) + self.moments

    def micro_batch(self, gib: float, processes: int = 1) -> int:
        """Images that a GPU of so many GiB trains on at once, less RESERVE; 0 where not one fits."""
        free = int(gib * GIB * (1 - RESERVE)) - self.held(processes)
        if free < self.update:
            return 0
        return max(0, (free - self.constant) // max(1, self.per_image))


def accumulation(batch_images: int, micro_batch: int, processes: int) -> int | None:
    """The `train.accumulation` with which no process has more than `micro_batch` images at once.

    None where not one image fits.
    """
    if not micro_batch:
        return None
    return math.ceil(math.ceil(batch_images / processes) / micro_batch)


def sampled_trees(steps: StepDataset, wanted: int = TREES) -> list[SampledTree]:
    """Trees of the run itself, from steps and places drawn by its seed; none twice.

    Raises:
        ImageError: for an image that is not there.
    """
    random = np.random.default_rng([steps.seed, len(steps)])
    chosen: dict[tuple[int, int], Item] = {}
    for step in random.integers(len(steps), size=wanted).tolist():
        samples = [sample for unit in steps.order.step(step) for sample in unit.samples]
        place = int(random.integers(len(samples)))
        sample = samples[place]
        chosen[step, place] = Item(sample, steps.draw(sample, step))
    return [_sampled(steps, item) for item in chosen.values()]


def _sampled(steps: StepDataset, item: Item) -> SampledTree:
    family = steps.collate.family
    if isinstance(steps.collate, ViewCollator):
        # An image alone; in a pair it is read once for every partner.
        tokens = family.image_tokens((0, 0))
        asked = len(item.questions)
        return SampledTree(item, tokens, prefix=tokens, image=tokens, supervised=0, branches=asked)
    sizes = [image_size(path) for path in item.sample.images]
    image_tokens = [family.image_tokens(size) for size in sizes]
    asked = [steps.collate.conversation(question, image_tokens) for question in item.questions]
    tree = build_tree(asked, family, sizes)
    return SampledTree(
        item,
        tokens=len(tree),
        prefix=int((tree.branch == 0).sum()),
        image=sum(image_tokens),
        supervised=len(tree.supervised),
        branches=len(asked),
    )


def decisive_tree(trees: Sequence[SampledTree], *, packed: bool) -> SampledTree:
    """The tree whose length decides what an image costs.

    One tree a row: the 95th percentile, as rows are padded to the longest of a micro-batch. Packed: the one
    nearest to the mean, as rows are filled.
    """
    ordered = sorted(trees, key=lambda tree: tree.tokens)
    if packed:
        mean = sum(tree.tokens for tree in trees) / len(trees)
        return min(ordered, key=lambda tree: abs(tree.tokens - mean))
    return ordered[math.ceil(0.95 * (len(ordered) - 1))]


def memory_of(
    model: AestheticModel, steps: StepDataset, tree: SampledTree, *, train: TrainConfig, text: bool
) -> Memory:
    """Memory of training a model on images like this one.

    Args:
        model: a skeleton.
        text: whether the text loss is computed (objective.text is not 0).

    Raises:
        ImageError: for an image that cannot be read.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    gradients = sum(p.numel() * p.element_size() for p in trained)
    # Rows are packed as in training; the difference of two batches is what an image adds.
    few = max(1, (train.row_tokens or 0) // tree.tokens)
    bf16 = train.precision == "bf16"
    one, two = (
        activation_bytes(model, steps, [tree.item] * number, bf16=bf16, text=text)
        for number in (few, 2 * few)
    )
    per_image = (two - one) / (few * tree.images) * views_per_image(steps)
    return Memory(
        weights=weight_bytes(model),
        gradients=gradients,
        moments=2 * gradients,
        constant=max(0, 2 * one - two),
        per_image=math.ceil(per_image),
        # torch's AdamW handles all weights of a group at once, and takes the square root of the moments.
        update=gradients,
    )


def views_per_image(steps: StepDataset, wanted: int = 20) -> float:
    """How often an image is read in the step of the run's own, of so many drawn ones, where it is read most.

    1 for a model with language; without, an image of a pair is read once for every partner.
    """
    if not isinstance(steps.collate, ViewCollator):
        return 1.0
    random = np.random.default_rng([steps.seed, len(steps), 1])
    found = 1.0
    for step in random.integers(len(steps), size=wanted).tolist():
        units = steps.units(step)
        views = sum(steps.collate.views(len(unit.samples), unit.pairs) for unit in units)
        found = max(found, views / sum(len(unit.samples) for unit in units))
    return found


def activation_bytes(
    model: AestheticModel, steps: StepDataset, items: Sequence[Item], *, bf16: bool, text: bool
) -> int:
    """What a micro-batch holds when its losses have been computed, beside the model itself."""
    batch = steps.collate(items)
    with SavedTensors([*model.parameters(), *model.buffers()]) as saved:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            outputs = model(batch)
        loss = text_loss(outputs, batch)[0] if text else 0
        loss = loss + outputs.linked.sum()
    # For a moment there are the logits and their float32 copy; in the backward pass their gradient in both
    # types takes the same place. The log-softmax is saved, but where few logits are there at once.
    logits, each = outputs.text_logits.numel(), 6 if bf16 else 4
    if outputs.text_losses is not None and model.text_chunk is not None:
        vocabulary = model.transformers_model.lm_head.weight.shape[0]
        logits, each = min(model.text_chunk, len(batch.targets)) * vocabulary, each + 4
    return saved.bytes + each * logits * text


def weight_bytes(model: AestheticModel) -> int:
    """Of all parameters and buffers, as the GPU holds them: linear layers of a 4-bit base in 4 bits."""
    four_bit: set[int] = set()
    if model.info.quantization == "4bit":
        four_bit = {
            id(module.weight)
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear)
            and not module.weight.requires_grad
            and part_of(name, model.family) == "language"
        }
    held = (*model.parameters(), *model.buffers())
    return math.ceil(
        sum(t.numel() * (NF4_BYTES if id(t) in four_bit else t.element_size()) for t in held)
    )
