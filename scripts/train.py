"""Train a recipe, save the model, evaluate it on held-out data.

    python scripts/train.py --config configs/quickstart.yaml
    python scripts/train.py --config configs/quickstart.yaml train.steps=50 run.name=short
    python scripts/train.py --config configs/quickstart.yaml --dry-run        # what would run
    python scripts/train.py --config configs/quickstart.yaml --resume         # continue a stopped run
    torchrun --nproc-per-node 2 scripts/train.py --config configs/quickstart.yaml
    accelerate launch --config_file configs/accelerate/zero2.yaml scripts/train.py --config CONFIG    # ZeRO
    python scripts/train.py --config configs/quickstart.yaml --push-to-hub me/quickstart

--dry-run prints the resolved configuration as YAML, and below it, as comments, the steps, images and tokens
of the run, the memory of a GPU, and the train.accumulation that follows for GPUs of --gpu-gb (80) GiB. It
needs neither a GPU nor the base's weights. What cannot be estimated is said there; a file that the
configuration names and that is missing is an error, as in a run.

--push-to-hub sends the finished model folder to the hub, into a private repository, and needs a token
(`hf auth login`, or HF_TOKEN), which is asked for before training. Without it nothing leaves the machine.

Exit status 0 only when the run is finished (or the dry run printed); 2 for a configuration or data error, and a
damaged checkpoint; 1 for a fault on the way, and for a model that is finished and could not be pushed; 75 when
SIGTERM or SIGINT stopped it after a step, which is saved: the same call with --resume goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from artimuse.config import (
    Config,
    ConfigError,
    Stage,
    check_files,
    load_config,
    stages_of,
    to_yaml,
)
from artimuse.records import DataError
from artimuse.training.faults import RESUME_STATUS, CheckpointError, RunError, explained
from artimuse.training.heap import start_with_whole_heap

if TYPE_CHECKING:
    from accelerate import Accelerator

    from artimuse.data.recipe import RecipeData
    from artimuse.evaluation.validation import Validation
    from artimuse.models.aesthetic import AestheticModel
    from artimuse.training.run import RunFolder


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        config = load_config(args.config, args.overrides)
        if args.dry_run:
            return dry_run(config, gpu_gib=args.gpu_gb)
        check_files(config)
        if args.push_to_hub:
            _prepare_hub(args.push_to_hub)
        with explained():
            status = run(config, resume=args.resume)
        return status or _push(config, args.push_to_hub)
    except (ConfigError, DataError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (RunError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def dry_run(recipe: Config, *, gpu_gib: float) -> int:
    """Print the configuration, then what it would take, as comments of the same YAML."""
    from artimuse.training.dry_run import summary

    print(_resolved(recipe), end="", flush=True)
    check_files(recipe)
    for line in summary(recipe, gpu_gib=gpu_gib):
        print(line, flush=True)
    return 0


def _resolved(recipe: Config) -> str:
    """The configuration of every stage as a YAML document; of a recipe without stages its own."""
    stages = stages_of(recipe)
    if len(stages) == 1:
        return to_yaml(stages[0].config)
    heads = [f"# stage {stage.number + 1} of {len(stages)}: {stage.name}\n" for stage in stages]
    texts = [to_yaml(stage.config) for stage in stages]
    return "".join(f"---\n{head}{text}" for head, text in zip(heads, texts, strict=True))


def _prepare_hub(repo: str) -> None:
    """Ask for what a push needs before hours are spent; every process, as all have to stop."""
    from artimuse.inference.hub import prepare_repo, require_token

    require_token(repo)
    if _first_process():
        print(f"hub        {prepare_repo(repo)}", flush=True)


def _push(config: Config, repo: str | None) -> int:
    if repo is None or not _first_process():
        return 0
    from artimuse.inference.hub import push_folder

    try:
        print(f"pushed     {push_folder(config.run_folder / 'model', repo)}")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _first_process() -> bool:
    """Before there is an accelerator; also once it has ended."""
    return os.environ.get("RANK", "0") == "0"


def run(recipe: Config, *, resume: bool) -> int:
    """Every stage of a recipe that is not finished yet; most recipes have one."""
    # Imported here: --dry-run and configuration errors must not wait for torch.
    from artimuse.training.accelerator import build_accelerator
    from artimuse.training.lock import locked

    accelerator = build_accelerator(stages_of(recipe)[0].config.train)
    with locked(recipe.run_folder) if accelerator.is_main_process else nullcontext():
        status = run_stages(recipe, accelerator, resume=resume)
    accelerator.end_training()
    return status


def run_stages(recipe: Config, accelerator: Accelerator, *, resume: bool) -> int:
    """The exit status: 0, or RESUME_STATUS where a signal stopped a stage."""
    from artimuse.training.accelerator import prepare_stage
    from artimuse.training.stages import open_runs
    from artimuse.training.trackers import require_trackers
    from artimuse.training.zero import refuse_unfit

    require_trackers(recipe.run)
    stages = stages_of(recipe)
    for stage in stages:
        refuse_unfit(stage.config, accelerator)
    folders = open_runs(recipe, accelerator, resume=resume)
    for stage, folder in zip(stages, folders, strict=True):
        if folder.finished:
            if accelerator.is_main_process:
                print(f"{folder.path}: this run is finished; nothing to do")
            continue
        prepare_stage(accelerator, stage.config.train)
        if not run_stage(stage, folder, accelerator, before=folders[: stage.number]):
            return RESUME_STATUS
    return 0


def run_stage(
    stage: Stage, folder: RunFolder, accelerator: Accelerator, *, before: Sequence[RunFolder]
) -> bool:
    """From the data to the table; False where a signal stopped it on the way.

    before: the folders of the finished stages that it goes on from.
    """
    from artimuse.evaluation.recipe import RecipeEvaluation
    from artimuse.models.folder import save_model
    from artimuse.models.training_record import write_training
    from artimuse.models.words import take_words_from_head, words_are_the_heads
    from artimuse.training import setup
    from artimuse.training.accelerator import wait_for_all
    from artimuse.training.log import log_results
    from artimuse.training.loop import train
    from artimuse.training.model_card import write_card
    from artimuse.training.stages import result, seen_before, stages_before

    config = stage.config
    setup.find_base(config)
    data = setup.prepare_data(config, accelerator, folder)
    model = setup.prepare_model(config, data)
    steps = setup.prepare_steps(config, data, model, accelerator)
    validation = _validation(config, data, model, accelerator)
    start = f"after {before[-1].path.name}" if before else "untrained"
    evaluation = RecipeEvaluation(config, data, folder.results, accelerator.device, start)
    earlier = stages_before(before)
    text_alone = not (stage.last or config.objective.score or config.objective.rank)
    follow_head = text_alone and words_are_the_heads(model)
    if accelerator.is_main_process:
        print(setup.banner(config, data, model, steps, folder), flush=True)
        folder.record(trained=setup.trained_parts(model), stages=earlier)
        if validation is not None and (seen := seen_before(data, before)):
            print(f"data: {seen} images of the validation split were trained on in a stage before")
            folder.record(validation_seen_before=seen)
        evaluation.before_training(model)
    wait_for_all(accelerator)
    complete = train(
        model, steps, config, accelerator,
        folder=folder.path, fingerprint=setup.fingerprint(config, data, earlier, model.info.base_sha256),
        evaluate=validation,
    )  # fmt: skip
    if not complete:
        return False
    if follow_head:
        take_words_from_head(model)
    if accelerator.is_main_process:
        save_model(model, folder.model)
        write_training(folder.model, folder.recipe, folder.read())
        folder.record(**result(folder))
        write_card(folder, before)
        print(evaluation.after_training(model, setup.protocol_record(folder)))
        log_results(folder.path, config.run)
        write_card(folder, before)
        folder.finish()
    wait_for_all(accelerator)
    return True


def _validation(
    config: Config, data: RecipeData, model: AestheticModel, accelerator: Accelerator
) -> Validation | None:
    """What the loop selects by, where the recipe asks for it."""
    from accelerate.utils import gather_object

    from artimuse.evaluation.sharing import Sharing
    from artimuse.evaluation.validation import Validation
    from artimuse.training.setup import validation_steps

    select = config.train.select
    if select is None:
        return None
    return Validation(
        config, data.validation,
        device=accelerator.device,
        sharing=Sharing(accelerator.process_index, accelerator.num_processes, gather_object),
        losses=validation_steps(config, data, model) if select.metric == "loss" else (),
    )  # fmt: skip


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config", required=True, help="a recipe, for example configs/quickstart.yaml"
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="section.key=value", help="changes to the recipe"
    )
    parser.add_argument(
        "--resume", action="store_true", help="start, continue, or leave a finished run"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the resolved configuration, and what it takes: steps, tokens, memory",
    )
    parser.add_argument(
        "--push-to-hub", metavar="OWNER/NAME",
        help="send the finished model folder to the hub, private unless the repository is there already",
    )  # fmt: skip
    parser.add_argument(
        "--gpu-gb", type=float, default=80.0, metavar="GIB",
        help="memory of a GPU that --dry-run looks for a micro-batch for (default: 80)",
    )  # fmt: skip
    # Overrides may stand before, between and after the options.
    return parser.parse_intermixed_args(argv)


if __name__ == "__main__":
    start_with_whole_heap(__file__)
    sys.exit(main())
