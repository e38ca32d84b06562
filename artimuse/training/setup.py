"""What stands between a configuration and the loop: run folder, data, model, steps, and the banner."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from artimuse.config import (
    Config,
    ConfigError,
    ModelConfig,
    ReadoutConfig,
    TrainConfig,
    refuse_unfit,
)
from artimuse.config.sources import NEVER_TRAINED
from artimuse.data.checks.bad import drop_bad, enforce_limit, write_bad
from artimuse.data.checks.decode import check_images
from artimuse.data.checks.leakage import find_leaks_undecoded
from artimuse.data.checks.refusal import count_leaks, refuse_leaks, write_leaks
from artimuse.data.checks.report.refusals import unknown_aspects
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.recipe import RecipeData, draw_demo, load_sources, recipe_data
from artimuse.data.units import units
from artimuse.data.views import collator, no_language
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder
from artimuse.models.build import build_model
from artimuse.models.folder import is_model_folder, read_info
from artimuse.models.lora import tuning_of
from artimuse.models.parts import trained_counts
from artimuse.prompts import protocol
from artimuse.records import DataError, Source
from artimuse.training.accelerator import wait_for_all
from artimuse.training.alignment import align_with_texts, alignment
from artimuse.training.computing import set_computing
from artimuse.training.run import RunFolder, config_fingerprint, provenance


def find_base(config: Config) -> None:
    """Find the base model, or download it, before any data are read: that can take an hour.

    Raises:
        ConfigError: for a base that is neither here nor to be had, or whose read-out, which is kept, does
            not give what the score loss takes.
    """
    if config.model.base is None:
        return
    folder = base_folder(config.model.base)
    try:
        kept = read_info(folder).readout if is_model_folder(folder) else None
    except ValueError as error:
        raise ConfigError(f"model.base: {error}") from error
    try:
        readout = config.model.readout or kept or ReadoutConfig()
        refuse_unfit(config.objective, readout.kind, config.train.accumulation)
    except ValueError as error:
        found = f"that of {config.model.base} is kept" if kept else "regression is the default"
        raise ConfigError(f"{error}; model.readout is not given, and {found}") from error


def prepare_data(config: Config, accelerator: Accelerator, folder: RunFolder) -> RecipeData:
    """Draw the demo data where asked, load and check every source, and record what is left out.

    Raises:
        DataError: for data that cannot be read, when more than data.max_bad_frac of it is bad, for score
            questions about an aspect that the model does not have, and for images of an evaluation source
            among the training data (by name or equal bytes).
    """
    main = accelerator.is_main_process
    if main:
        draw_demo(config)
    wait_for_all(accelerator)
    sources = load_sources(config)
    for reason in unknown_aspects(config, sources):
        raise DataError(reason)
    bad_images: list[Any] = [[]]
    if main:
        folder.record(**provenance(config, accelerator.device, accelerator.num_processes))
        _refuse_leaks(config, sources, folder)
        if config.data.check_images:
            processes = os.cpu_count() or 1
            bad_images = [check_images(sources, processes=processes, progress=True)]
        # Listed before the limit is judged, so that a refused run shows its reasons too.
        without, _ = drop_bad(sources, bad_images[0])
        folder.record(bad_items=write_bad(folder.path / "bad_items.jsonl", without))
        enforce_limit(sources, bad_images[0], config.data.max_bad_frac)
    # One process decodes every image; the others take its word.
    wait_for_all(accelerator)
    broadcast_object_list(bad_images)
    data = recipe_data(config, sources, bad_images[0])
    if main:
        for note in (f"{source.name}: {note}" for source in sources for note in source.notes):
            print(f"data: {note}")
        folder.record(
            data_sha256=data.fingerprint(),
            sources={source.name: _counts(source) for source in data.train},
            validation={source.name: _counts(source) for source in data.validation},
            held_out={source.name: _counts(source) for source in data.held_out},
            finished=False,
        )
    return data


def prepare_model(config: Config, data: RecipeData) -> AestheticModel:
    """The model that the configuration asks for, on the CPU, ready to be trained.

    Raises:
        ConfigError: for a base, or settings of the model, that do not go together.
    """
    try:
        model = build_model(
            config.model,
            texts=data.texts(),
            datasets=data.scored_datasets(),
            seed=config.run.seed,
            dtype=base_dtype(config.model, config.train),
        )
        _refuse_questions(model, data)
        align_with_texts(model, config, data)
        set_computing(model, config.train)
        return model
    # Of a file of the base, or a setting that the family or the vocabulary does not have: the user's to
    # put right, as a ConfigError is.
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error


def base_dtype(model: ModelConfig, train: TrainConfig) -> torch.dtype:
    """What is trained needs float32 (small updates round away in bf16); a frozen base does not."""
    frozen_base = model.tuning == "lora" and train.precision == "bf16"
    return torch.bfloat16 if frozen_base else torch.float32


def trained_parts(model: AestheticModel) -> dict[str, dict[str, Any]]:
    """Per part of the model how it is trained, and how many of its parameters are; for run.json."""
    tuning = tuning_of(model.backbone, model.family)
    rows: dict[str, dict[str, Any]] = {}
    for part, (trained, total) in trained_counts(model, model.family).items():
        how = getattr(tuning, part, None)
        rows[part] = ({"tuning": how} if how else {}) | {"trained": trained, "total": total}
    if model.info.quantization != "none":
        rows["language"]["quantization"] = model.info.quantization
    return rows


def _refuse_questions(model: AestheticModel, data: RecipeData) -> None:
    """Raise ConfigError for data that a model without language cannot be asked about."""
    if model.family.language:
        return
    for source in (*data.train, *data.validation, *data.held_out):
        for sample in source.samples:
            for question in sample.questions:
                if question.kind != "score" or len(sample.images) != 1:
                    raise ConfigError(no_language(model.family.name, sample.id, question.kind))


class Place(Protocol):
    """Of how many processes this is which; an Accelerator is one."""

    @property
    def num_processes(self) -> int: ...
    @property
    def process_index(self) -> int: ...


def prepare_steps(
    config: Config, data: RecipeData, model: AestheticModel, accelerator: Place
) -> StepDataset:
    """The optimizer steps, and this process's share of each."""
    return _steps(
        config, data, training_order(config, data), model,
        accumulation=config.train.accumulation,
        processes=accelerator.num_processes,
        process=accelerator.process_index,
    )  # fmt: skip


def training_order(config: Config, data: RecipeData) -> Order:
    """Which samples make up each optimizer step."""
    settings = config.data
    return Order(
        [units(source) for source in data.train],
        weights=[source.weight for source in settings.sources],
        batch_images=[
            config.train.series_images or config.train.batch_images
            if source.pairs
            else config.train.batch_images
            for source in data.train
        ],
        seed=config.run.seed,
        mixture=settings.mixture,
        epochs=config.train.epochs,
        steps=config.train.steps,
    )


def validation_steps(config: Config, data: RecipeData, model: AestheticModel) -> list[StepDataset]:
    """Per validation source one pass over it, in batches; every step whole, on one process."""
    passes: list[StepDataset] = []
    for source in data.validation:
        every = units(source)
        # A series is never cut, so that a batch holds at least the largest one.
        largest = max(unit.images for unit in every)
        batch_images = max(largest, config.evaluation.batch_images)
        order = Order(
            [every], weights=[1], batch_images=batch_images, seed=config.run.seed, epochs=1
        )
        passes.append(_steps(config, data, order, model))
    return passes


def _steps(
    config: Config,
    data: RecipeData,
    order: Order,
    model: AestheticModel,
    *,
    accumulation: int = 1,
    processes: int = 1,
    process: int = 0,
) -> StepDataset:
    settings = config.data
    collate = collator(
        model.family,
        protocol=protocol(model.info.prompt),
        aspects=model.info.aspects,
        # Relative losses stay within a data set, with links or without.
        datasets=model.info.datasets or data.scored_datasets(),
        text_per=config.objective.text_per,
        row_tokens=config.train.row_tokens,
        layout=config.train.layout,
        texts=getattr(model, "text_tower", None) is not None,
    )
    return StepDataset(
        order,
        collate,
        seed=config.run.seed,
        questions_per_image=settings.questions_per_image,
        by_dataset={
            source.name: source.questions_per_image
            for source in settings.sources
            if source.questions_per_image is not None
        },
        pairs_from_scores=config.objective.pairs_from_scores if config.objective.rank else None,
        accumulation=accumulation,
        processes=processes,
        process=process,
    )


def fingerprint(
    config: Config,
    data: RecipeData,
    before: Sequence[dict[str, Any]] = (),
    base_sha256: str | None = None,
) -> dict[str, str]:
    """What must not change between a run and its continuation.

    Args:
        before: `stages_before`.
        base_sha256: of the base's weights, which a checkpoint has no copy of where they are frozen.
    """
    found = {"configuration": config_fingerprint(config), "data": data.fingerprint()}
    if base_sha256 is not None:
        found["base model"] = base_sha256
    if before:
        found["model of the stage before"] = before[-1]["model_sha256"]
    return found


def protocol_record(folder: RunFolder) -> dict[str, Any]:
    """What a result records of the run that it belongs to."""
    run = folder.read()
    return {
        "checkpoint": str(folder.model),
        "domain": "in-domain",
        **{key: run[key] for key in ("commit", "versions", "seed", "config_sha256", "data_sha256")},
        **{key: run[key] for key in ("selection", "stages") if run.get(key)},
    }


def banner(
    config: Config,
    data: RecipeData,
    model: AestheticModel,
    steps: StepDataset,
    folder: RunFolder,
) -> str:
    """What is about to happen: data, model, effective batch, where outputs go."""
    lines = [f"run        {folder.path}  seed={config.run.seed}"]
    parts = [("train", data.train), ("held out", data.held_out)]
    if data.validation is not data.held_out:
        unused = "" if config.train.select else " (not used: no train.select)"
        parts.insert(1, (f"validation{unused}", data.validation))
    for title, sources in parts:
        for source in sources:
            counts = " ".join(f"{key}={n}" for key, n in _counts(source).items() if n)
            lines.append(f"{title:<10} {source.name}: {counts}")
    rows = trained_parts(model)
    tuned = " ".join(f"{part}={row['tuning']}" for part, row in rows.items() if "tuning" in row)
    trained = " ".join(f"{part}={row['trained']:,}/{row['total']:,}" for part, row in rows.items())
    lines.append(f"model      {model.family.name} {tuned} trained/total {trained}")
    settings = config.train
    shares = steps.processes * settings.accumulation
    lines.append(
        f"steps      {len(steps)} of about {settings.batch_images} images, in {shares} share(s): "
        f"{steps.processes} process(es) x {settings.accumulation} micro-batch(es)"
    )
    weights = config.objective
    lines.append(f"objective  {weights.text:g} text + {weights.score:g} score ({weights.score_loss}) + "
                 f"{weights.rank:g} rank ({weights.rank_loss})")  # fmt: skip
    if weights.align:
        lines.append(f"align      {model.info.align or alignment(config, data)}")
    drawn = weights.pairs_from_scores
    if drawn is not None and weights.rank:
        lines.append(
            f"pairs      also of scores more than {drawn.gap:g} points apart, in groups of {drawn.images}"
        )
    select = settings.select
    if select is not None:
        patience = (
            ""
            if select.patience is None
            else f", stopping after {select.patience} without a better"
        )
        lines.append(
            f"select     by validation {select.metric}, every {select.every} steps{patience}"
        )
    if data.bad:
        lines.append(
            f"left out   {len(data.bad)} bad item(s), listed in {folder.path / 'bad_items.jsonl'}"
        )
    return "\n".join(lines)


def _refuse_leaks(config: Config, sources: list[Source], folder: RunFolder) -> None:
    """Put on record what training and evaluation have in common, and stop where it is not accepted."""
    number = len(config.data.sources)
    leaks = find_leaks_undecoded(sources[:number], sources[number:])
    allowed = config.data.allow_leakage
    counts = count_leaks(leaks, allowed)
    folder.record(leakage=counts)
    write_leaks(folder.path, leaks)
    never = [s.name for s in config.evaluation.sources if s.format in NEVER_TRAINED]
    refuse_leaks(leaks, allowed=allowed, never=never, lists=folder.path)
    for row in counts:
        print(f"data: {row['images']} images of {row['evaluation']} are in {row['training']} "
              "(accepted by data.allow_leakage)")  # fmt: skip


def _counts(source: Source) -> dict[str, int]:
    counts: Counter[str] = Counter()
    series: set[str | None] = set()
    for sample in source.samples:
        counts["images"] += len(sample.images)
        labels = [question.label for question in sample.questions if question.label is not None]
        counts["scores"] += len(labels)
        # What soft labels and histograms are made of; `emd` takes a label without votes as a soft label.
        counts["spreads"] += sum(label.std is not None for label in labels)
        counts["votes"] += sum(label.histogram is not None for label in labels)
        counts.update(question.kind for question in sample.questions)
        series.add(sample.series)
    return {
        "images": counts["images"],
        "series": len(series - {None}),
        "texts": counts["text"],
        "choices": counts["choice"],
        "scores": counts["scores"],
        "spreads": counts["spreads"],
        "votes": counts["votes"],
        "pairs": len(source.pairs),
    }
