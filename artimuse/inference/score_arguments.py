"""The command line of scripts/score.py, and which of its options go together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from artimuse.inference.asked import MAX_NEW_TOKENS
from artimuse.inference.bursts import GAP_S


def score_arguments(argv: Sequence[str] | None, *, description: str) -> argparse.Namespace:
    """The arguments of a call; argparse ends the program for one that cannot be."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE_OR_FOLDER")
    parser.add_argument(
        "--model", required=True,
        help="a model folder, or a hub id of one; with --server the name that the server has for it",
    )  # fmt: skip
    parser.add_argument(
        "--output", required=True, type=Path, help="a .jsonl or .csv file, new or to go on with"
    )
    parser.add_argument(
        "--series",
        choices=["folder", "time"],
        help="rank the shots of each folder, or of each burst",
    )
    parser.add_argument(
        "--gap", type=_seconds, metavar="SECONDS",
        help=f"with --series time: a longer pause begins a new series (default {GAP_S:g})",
    )  # fmt: skip
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="with --series: a page with the pictures (.html)"
    )
    parser.add_argument(
        "--server", metavar="URL", help="ask an OpenAI-compatible server for scores"
    )
    parser.add_argument(
        "--serving",
        type=Path,
        metavar="FILE",
        help="with --server: serving.json of the exported folder",
    )
    parser.add_argument(
        "--top-logprobs", type=_positive, metavar="K",
        help="with --server: tokens that it returns (default: as serving.json says)",
    )  # fmt: skip
    parser.add_argument(
        "--max-width", type=_points, metavar="POINTS",
        help="with --server: how far off a score may be for tokens that were left out (default 1)",
    )  # fmt: skip
    parser.add_argument("--describe", action="store_true", help="write the eight critiques too")
    parser.add_argument("--questions", type=Path, metavar="FILE", help="a question a line")
    parser.add_argument(
        "--max-new-tokens", type=_positive, default=MAX_NEW_TOKENS, metavar="N",
        help=f"of a text; longer ones are cut off and counted (default {MAX_NEW_TOKENS})",
    )  # fmt: skip
    parser.add_argument(
        "--batch-images", type=_positive, metavar="N",
        help="images in one forward pass (default 32 on a GPU, 4 on a CPU, with texts as many as 64 texts are "
        "of), or that a server is asked about at a time (default 8)",
    )  # fmt: skip
    parser.add_argument("--device", help="cpu, cuda:0, ... (default: CUDA where there is one)")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], default="float32",
        help="of the base's weights (default float32)",
    )  # fmt: skip
    # Images may stand before, between and after the options.
    args = parser.parse_intermixed_args(argv)
    if args.series and (args.describe or args.questions):
        parser.error("--series: rows of series have no texts; call it without --series for them")
    if (args.server is None) != (args.serving is None):
        parser.error("--server and --serving: expected both or none")
    if args.server and (args.series or args.describe or args.questions):
        parser.error(
            "--server: of a server scores are asked, no texts and no series: leave the others out"
        )
    if not args.server and (args.top_logprobs or args.max_width is not None):
        parser.error(
            "--top-logprobs and --max-width: of a server's answers: expected --server with them"
        )
    if args.sheet and not args.series:
        parser.error("--sheet: a page of ranked series: say how they are made, with --series")
    if args.gap is not None and args.series != "time":
        parser.error("--gap: of capture times: expected --series time with it")
    args.gap = GAP_S if args.gap is None else args.gap
    return args


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {number}")
    return number


def _seconds(text: str) -> float:
    return _at_least_0(text, "seconds")


def _points(text: str) -> float:
    return _at_least_0(text, "points")


def _at_least_0(text: str, unit: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected at least 0 {unit}, found {text}")
    return number
