"""Train a recipe, save the model, evaluate it on held-out data.

    python scripts/train.py --config configs/quickstart.yaml
    python scripts/train.py --config configs/quickstart.yaml train.steps=50 run.name=short
    python scripts/train.py --config configs/quickstart.yaml --dry-run        # what would run
    python scripts/train.py --config configs/quickstart.yaml --resume         # continue a stopped run
    torchrun --nproc-per-node 2 scripts/train.py --config configs/quickstart.yaml

Exit status 0 only when the run is finished; 2 for a configuration or data error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from artimuse.config import Config, ConfigError, check_files, load_config, to_yaml
from artimuse.records import DataError


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        config = load_config(args.config, args.overrides)
        check_files(config)
        if args.dry_run:
            print(to_yaml(config), end="")
            return 0
        return run(config, resume=args.resume)
    except (ConfigError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(config: Config, *, resume: bool) -> int:
    """Everything a recipe asks for, from the data to the table."""
    # Imported here: --dry-run and configuration errors must not wait for torch.
    from artimuse.evaluation.recipe import RecipeEvaluation
    from artimuse.models.folder import save_model
    from artimuse.training import setup
    from artimuse.training.accelerator import build_accelerator
    from artimuse.training.loop import train

    accelerator = build_accelerator(config.train)
    folder = setup.open_run(config, accelerator, resume=resume)
    if folder.finished:
        if accelerator.is_main_process:
            print(f"{folder.path}: this run is finished; nothing to do")
        return 0
    setup.find_base(config)
    data = setup.prepare_data(config, accelerator, folder)
    model = setup.prepare_model(config, data)
    steps = setup.prepare_steps(config, data, model, accelerator)
    evaluation = RecipeEvaluation(config, data, folder.results, accelerator.device)
    if accelerator.is_main_process:
        print(setup.banner(config, data, model, steps, folder), flush=True)
        folder.record(trained=setup.trained_parts(model))
        evaluation.before_training(model)
    accelerator.wait_for_everyone()
    train(
        model, steps, config, accelerator,
        folder=folder.path, fingerprint=setup.fingerprint(config, data),
    )  # fmt: skip
    if accelerator.is_main_process:
        save_model(model, folder.model)
        print(evaluation.after_training(model, setup.protocol_record(folder)))
        folder.record(finished=True)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return 0


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
    parser.add_argument("--dry-run", action="store_true", help="print the resolved configuration")
    # Overrides may stand before, between and after the options.
    return parser.parse_intermixed_args(argv)


if __name__ == "__main__":
    sys.exit(main())
