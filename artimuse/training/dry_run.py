"""What `--dry-run` says beside the configuration: steps, images, tokens, memory, and the micro-batch that fits.

    for line in summary(recipe, gpu_gib=80):
        print(line)             # "# steps   800 of about 45 images: 36,000 in all"

Every line is a comment of YAML. What cannot be estimated has a line that says why; torch is imported only
where there is something to estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artimuse.config import Config, ConfigError, ModelConfig, Stage, check_data, stages_of
from artimuse.records import DataError

if TYPE_CHECKING:
    from artimuse.data.order import Order
    from artimuse.models.aesthetic import AestheticModel
    from artimuse.training.estimate import Memory, SampledTree

PROCESSES = (1, 4, 16)


class Alone:
    """The place of a process that has no others beside it."""

    num_processes = 1
    process_index = 0


def summary(recipe: Config, *, gpu_gib: float) -> Iterator[str]:
    """Lines about every stage of a recipe, each a comment."""
    stages = stages_of(recipe)
    for stage in stages:
        if len(stages) > 1:
            yield f"# stage {stage.number + 1} of {len(stages)}: {stage.name}"
        for line in _of_stage(stages, stage, gpu_gib):
            yield from (f"# {part}" for part in line.splitlines())


def _of_stage(stages: Sequence[Stage], stage: Stage, gpu_gib: float) -> Iterator[str]:
    config = stage.config
    what = "steps, tokens and memory"
    try:
        _require_data(config)
        from artimuse.data.recipe import load_sources, recipe_data
        from artimuse.models.skeleton import skeleton
        from artimuse.training import estimate, setup

        data = recipe_data(config, load_sources(config))
        order = setup.training_order(config, data)
        yield from _steps(config, order)
        what = "parameters, tokens and memory"
        model = skeleton(
            origin(stages, stage.number),
            texts=data.texts(),
            datasets=data.scored_datasets(),
            dtype=setup.base_dtype(config.model, config.train),
        )
        model.text_chunk = config.train.text_chunk
        yield _parameters(model)
        what = "tokens and memory"
        steps = setup.prepare_steps(config, data, model, Alone())
        trees = estimate.sampled_trees(steps)
        images = sum(order.images(number)[0] for number in range(len(order.sources)))
        yield from _tokens(trees, images)
        packed = config.train.row_tokens is not None
        tree = estimate.decisive_tree(trees, packed=packed)
        memory = estimate.memory_of(
            model, steps, tree, train=config.train, text=config.objective.text > 0
        )
        yield from _memory(memory, tree)
        if config.train.activation_checkpointing:
            yield "  with train.activation_checkpointing they take less, which is not estimated"
        yield from _micro_batch(config, order, memory, gpu_gib)
    except (ConfigError, DataError) as error:
        yield f"not estimated: {what}: {error}"


def _require_data(config: Config) -> None:
    """Raise ConfigError where data are missing, demo data that the run would draw among them."""
    try:
        check_data(config)
    except ConfigError as error:
        if config.data.demo is None:
            raise
        raise ConfigError(f"{error}; the run itself draws the demo data") from error


def origin(stages: Sequence[Stage], number: int) -> ModelConfig:
    """The model settings of a stage with an origin that is there before the stages before it have run.

    What a model folder would bring along (read-out, prompt, adapter) is taken from their settings.
    """
    model = stages[number].config.model
    if not number or (model.base is not None and Path(model.base).is_dir()):
        return model
    before = origin(stages, number - 1)
    inherited = ["readout", "prompt"]
    if model.tuning == before.tuning == "lora":
        inherited += ["lora", "vision", "projector"]
    changes: dict[str, Any] = {
        key: getattr(before, key) for key in inherited if getattr(model, key) is None
    }
    return model.model_copy(update={"base": before.base, "scratch": before.scratch} | changes)


def _steps(config: Config, order: Order) -> Iterator[str]:
    used = [order.images(number) for number in range(len(order.sources))]
    every = sum(images for images, _ in used)
    yield (
        f"steps        {len(order):,} of about {config.train.batch_images} images: {every:,} images in all"
    )
    for source, (images, passes) in zip(config.data.sources, used, strict=True):
        yield (
            f"  {source.name}: {images:,} images, {images / every:.1%}, {passes:.2f} passes over it"
        )


def _parameters(model: AestheticModel) -> str:
    from artimuse.models.parts import trained_counts

    counts = trained_counts(model, model.family)
    parts = ", ".join(f"{part} {trained:,}/{total:,}" for part, (trained, total) in counts.items())
    trained, total = (sum(numbers) for numbers in zip(*counts.values(), strict=True))
    return f"parameters   {trained:,} trained of {total:,}: {parts}"


def _tokens(trees: Sequence[SampledTree], images: int) -> Iterator[str]:
    import numpy as np

    def spread(key: str) -> str:
        numbers = [getattr(tree, key) for tree in trees]
        return f"{np.mean(numbers):.4g} (p95 {np.percentile(numbers, 95):.0f})"

    shown = sum(tree.images for tree in trees)
    yield (
        f"tokens       of a tree, mean (and 95th percentile) of {len(trees)}: {spread('tokens')}, of which "
        f"prefix {spread('prefix')} with image {spread('image')}; supervised {spread('supervised')}; "
        f"branches {spread('branches')}"
    )
    total, supervised = (
        sum(getattr(tree, key) for tree in trees) / shown * images
        for key in ("tokens", "supervised")
    )
    yield f"  of the whole run: about {_short(total)}, {_short(supervised)} of them supervised"


def _memory(memory: Memory, tree: SampledTree) -> Iterator[str]:
    yield (
        f"memory       of a GPU: weights {_gib(memory.weights)}, gradients and optimizer "
        f"{_gib(memory.gradients + memory.moments)}, activations {_gib(memory.per_image)} an image of "
        f"{tree.tokens} tokens"
    )
    if memory.constant > memory.per_image / 100:
        yield f"  and {_gib(memory.constant)} a step, such as bf16 copies of trained weights"


def _micro_batch(config: Config, order: Order, memory: Memory, gpu_gib: float) -> Iterator[str]:
    from artimuse.training.estimate import RESERVE, accumulation

    yield f"on GPUs of {gpu_gib:g} GiB, {RESERVE:.0%} of it left free:"
    batch_images = config.train.batch_images
    drawn = config.objective.pairs_from_scores
    largest, unit = max(
        (order.largest_unit(), "a series"), (drawn.images if drawn else 0, "a drawn group")
    )
    for processes in PROCESSES:
        number = memory.micro_batch(gpu_gib, processes)
        parts = accumulation(batch_images, number, processes)
        head = f"  {processes} process(es): "
        if parts is None:
            needed = memory.held(processes) + max(memory.constant + memory.per_image, memory.update)
            yield f"{head}does not fit: one image at a time takes {_gib(needed)}"
            continue
        yield (
            f"{head}micro-batches of up to {number:,} images: train.accumulation={parts} for "
            f"train.batch_images={batch_images}"
        )
        if number < largest:
            yield f"    but {unit} is never cut, and the largest has {largest} images"
        if parts > 1 and config.objective.score and config.objective.score_loss == "plcc":
            yield "    but score_loss plcc takes no accumulation: use more processes"


def _gib(number: float) -> str:
    size = number / 2**30
    return f"{size:.1f} GiB" if size >= 1 else f"{size * 1024:.3g} MiB"


def _short(number: float) -> str:
    for name, size in (("billion", 1e9), ("million", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:,.0f}"
