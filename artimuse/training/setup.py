"""What stands between a configuration and the loop: run folder, data, model, steps, and the banner."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from artimuse.config import Config, ConfigError, refuse_unfit
from artimuse.config.sources import NEVER_TRAINED
from artimuse.data.checks.bad import drop_bad, enforce_limit, write_bad
from artimuse.data.checks.decode import check_images
from artimuse.data.checks.leakage import find_leaks_undecoded
from artimuse.data.checks.refusal import count_leaks, refuse_leaks, write_leaks
from artimuse.data.collate import Collator
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.recipe import RecipeData, draw_demo, load_sources, recipe_data
from artimuse.data.units import units
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.lora import trained_counts
from artimuse.prompts import protocol
from artimuse.records import Source
from artimuse.training.run import RunFolder, config_fingerprint, provenance


def open_run(config: Config, accelerator: Accelerator, *, resume: bool) -> RunFolder:
    """The run folder; only the main process writes into it.

    Raises:
        ConfigError: see `RunFolder.open`.
    """
    folder = RunFolder(config)
    if accelerator.is_main_process:
        folder.open(resume=resume)
    accelerator.wait_for_everyone()
    return folder


def prepare_data(config: Config, accelerator: Accelerator, folder: RunFolder) -> RecipeData:
    """Draw the demo data where asked, load and check every source, and record what is left out.

    Raises:
        DataError: for data that cannot be read, when more than data.max_bad_frac of it is bad, and for
            images of an evaluation source among the training data (by name or equal bytes).
    """
    main = accelerator.is_main_process
    if main:
        draw_demo(config)
    accelerator.wait_for_everyone()
    sources = load_sources(config)
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
    broadcast_object_list(bad_images)
    data = recipe_data(config, sources, bad_images[0])
    if main:
        for note in (f"{source.name}: {note}" for source in sources for note in source.notes):
            print(f"data: {note}")
        folder.record(
            data_sha256=data.fingerprint(),
            sources={source.name: _counts(source) for source in data.train},
            held_out={source.name: _counts(source) for source in data.held_out},
            finished=False,
        )
    return data


def prepare_model(config: Config, data: RecipeData) -> AestheticModel:
    """The model that the configuration asks for, on the CPU, ready to be trained.

    Raises:
        ConfigError: for a base that does not fit the rest of the configuration.
    """
    frozen_base = config.model.tuning == "lora" and config.train.precision == "bf16"
    model = build_model(
        config.model,
        texts=data.texts(),
        datasets=data.scored_datasets(),
        seed=config.run.seed,
        # What is trained needs float32 (small updates round away); a frozen base does not.
        dtype=torch.bfloat16 if frozen_base else torch.float32,
    )
    if model.info.readout is not None:
        try:
            # What read-out a base has is known only now.
            refuse_unfit(config.objective, model.info.readout.kind, config.train.accumulation)
        except ValueError as error:
            raise ConfigError(str(error)) from error
    return model


def prepare_steps(
    config: Config, data: RecipeData, model: AestheticModel, accelerator: Accelerator
) -> StepDataset:
    """The optimizer steps, and this process's share of each."""
    settings = config.data
    order = Order(
        [units(source) for source in data.train],
        weights=[source.weight for source in settings.sources],
        batch_images=config.train.batch_images,
        seed=config.run.seed,
        mixture=settings.mixture,
        epochs=config.train.epochs,
        steps=config.train.steps,
    )
    collate = Collator(
        model.family,
        protocol=protocol(model.info.prompt),
        aspects=model.info.aspects,
        # Relative losses stay within a data set, with links or without.
        datasets=model.info.datasets or data.scored_datasets(),
        text_per=config.objective.text_per,
        row_tokens=config.train.row_tokens,
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
        accumulation=config.train.accumulation,
        processes=accelerator.num_processes,
        process=accelerator.process_index,
    )


def fingerprint(config: Config, data: RecipeData) -> dict[str, str]:
    """What must not change between a run and its continuation."""
    return {"configuration": config_fingerprint(config), "data": data.fingerprint()}


def protocol_record(folder: RunFolder) -> dict[str, Any]:
    """What a result records of the run that it belongs to."""
    run = folder.read()
    return {
        "checkpoint": str(folder.model),
        "domain": "in-domain",
        **{key: run[key] for key in ("commit", "versions", "seed", "config_sha256", "data_sha256")},
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
    for title, sources in (("train", data.train), ("held out", data.held_out)):
        for source in sources:
            counts = " ".join(f"{key}={n}" for key, n in _counts(source).items() if n)
            lines.append(f"{title:<10} {source.name}: {counts}")
    parts = trained_counts(model, model.family)
    trained = " ".join(f"{part}={n:,}/{total:,}" for part, (n, total) in parts.items())
    lines.append(
        f"model      {model.family.name} tuning={config.model.tuning} trained/total {trained}"
    )
    settings = config.train
    shares = steps.processes * settings.accumulation
    lines.append(
        f"steps      {len(steps)} of about {settings.batch_images} images, in {shares} share(s): "
        f"{steps.processes} process(es) x {settings.accumulation} micro-batch(es)"
    )
    weights = config.objective
    lines.append(f"objective  {weights.text:g} text + {weights.score:g} score ({weights.score_loss}) + "
                 f"{weights.rank:g} rank ({weights.rank_loss})")  # fmt: skip
    drawn = weights.pairs_from_scores
    if drawn is not None and weights.rank:
        lines.append(
            f"pairs      also of scores more than {drawn.gap:g} points apart, in groups of {drawn.images}"
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
