"""Draw the demo data: images of known quality with scores, critiques, questions and series.

python scripts/make_demo_data.py data/demo
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from artimuse.data.demo import DemoSizes, write_demo_data


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 when the folder is complete, 1 with a message on standard error otherwise."""
    options = _parser().parse_args(arguments)
    start_s = time.monotonic()
    try:
        sizes = DemoSizes().scaled(options.scale).with_sizes(dict(options.sizes))
        made = write_demo_data(
            options.destination, seed=options.seed, sizes=sizes, processes=options.processes
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    counts = " ".join(f"{name}={count}" for name, count in made["sizes"].items())
    print(
        f"demo_data={options.destination} seed={made['seed']} {counts} seconds={time.monotonic() - start_s:.1f}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Draw the demo data; a complete folder of the same seed and scale is left as it is.",
        epilog="example: python scripts/make_demo_data.py data/demo --seed 0 --scale 1",
    )
    parser.add_argument(
        "destination",
        nargs="?",
        type=Path,
        default=Path("data/demo"),
        help="folder (default: data/demo)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="every image follows from it (default: 0)"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="times the usual number of images (default: 1)"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_size,
        default=[],
        metavar="NAME=NUMBER",
        help="numbers of its own in place of the scaled ones, e.g. series_test=900",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=2,
        help="processes that draw (default: 2); the result is the same",
    )
    return parser


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        raise argparse.ArgumentTypeError(f"expected NAME=NUMBER, found {text!r}")
    return name, int(number)


if __name__ == "__main__":
    sys.exit(main())
