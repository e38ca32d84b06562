"""The command line of scripts/evaluate.py: what may be asked, and what does not go together."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from artimuse.evaluation.benchmarks.known import BENCHMARKS

CHOICES = ("text", "likelihood")
RELATIONS = ("in-domain", "seen in pretraining", "zero-shot", "unknown")


def arguments(argv: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """The arguments of a call; a wrong one ends the process with status 2.

    Args:
        description: of --help.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="a model folder, or a hub id of one")
    what.add_argument("--predictions", type=Path, metavar="FILE", help="predictions made elsewhere")
    what.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="two results, paired"
    )
    what.add_argument(
        "--results", type=Path, nargs="+", metavar="R", help="results folders, into an overview"
    )
    what.add_argument("--judged", type=Path, metavar="FILE", help="a judge's file, filled in")
    names = ", ".join(BENCHMARKS)
    add("--benchmark", choices=[*BENCHMARKS, "all"], metavar="B", help=f"{names}, or all")
    add("--data", type=Path, help="the benchmark's annotation file or folder; of all, a YAML list")
    add(
        "--images",
        type=Path,
        help="the image folder (default: images/ beside the data, or its folder)",
    )
    add(
        "--output",
        type=Path,
        help="the results folder, new or to go on with; of --compare not needed",
    )
    add("--choices", choices=CHOICES, default="text", help="read choices from the text that is written "
        "(default), or take the likeliest option")  # fmt: skip
    add(
        "--max-new-tokens", type=_positive, default=256, metavar="N", help="of a text (default 256)"
    )
    add("--batch-images", type=_positive, default=32, metavar="N",
        help="images in one forward pass (default 32); the numbers do not depend on it")  # fmt: skip
    add(
        "--scale",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="ends of a custom list's scores",
    )
    add("--predictions-scale", type=float, nargs=2, metavar=("LOW", "HIGH"),
        help="ends of the scores in --predictions (default 0 100)")  # fmt: skip
    add("--training", choices=RELATIONS, help="how the model's training relates to the benchmark, where the "
        "run folder does not say it")  # fmt: skip
    add(
        "--allow-missing",
        action="store_true",
        help="accept items that cannot be scored, and list them",
    )
    add("--device", help="cpu, cuda:0, ... (default: CUDA where there is one)")
    add("--dtype", choices=["float32", "bfloat16", "float16"], default="float32",
        help="of the base's weights (default float32)")  # fmt: skip
    args = parser.parse_args(argv)
    if args.model and (args.benchmark is None or args.data is None):
        parser.error("--model needs --benchmark and --data")
    if args.output is None and not args.compare:
        parser.error("expected --output, a folder")
    for option in ("scale", "predictions_scale"):
        ends = getattr(args, option)
        if ends and not (ends[0] < ends[1] and all(map(math.isfinite, ends))):
            parser.error(f"--{option.replace('_', '-')}: expected LOW < HIGH, found {ends}")
    if args.benchmark == "all" and args.data is None:
        parser.error("--benchmark all needs --data, a YAML list")
    return args


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {number}")
    return number
