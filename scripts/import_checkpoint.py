"""Turn a published checkpoint into a model folder, which all other commands take.

    python scripts/import_checkpoint.py --format artimuse downloads/ArtiMuse models/artimuse
    python scripts/import_checkpoint.py --format llava --vision-tower CLIP downloads/AesExpert models/aesexpert

Formats: `artimuse` and `unipercept` (InternVLChat, with their prompts and scores), `internvl` (InternVLChat
base models such as InternVL3-8B), `llava` (the original LLaVA-1.5 layout, as AesExpert is released), `fgaesq`
(its released model.pt, a state dict with OpenAI CLIP's names; it scores by the protocol `released`). Source
and vision tower are folders or names on the hub. Memory stays near one output shard.
No code of a checkpoint is run. The folder is complete or absent, and its import.json says what was done.

Exit status 0 only when the folder is complete; 1 for a checkpoint that cannot be converted; 2 for options that
do not exist.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FORMATS = ("artimuse", "fgaesq", "internvl", "llava", "unipercept")


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    # Imported here: a wrong call must not wait for torch.
    from artimuse.models.published import import_checkpoint

    try:
        report = import_checkpoint(
            args.source,
            args.destination,
            format=args.format,
            vision_tower=args.vision_tower,
            lora=args.lora,
            allow_unexpected=args.allow_unexpected,
            shard_bytes=int(args.shard_gb * 1024**3),
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in _summary(report):
        print(line)
    return 0


def _summary(report: dict[str, Any]) -> list[str]:
    """The report in lines: names in full, as a list without end would hide what is wrong."""
    lines = [f"tensors: read {report['tensors_read']}, written {report['tensors_written']}"]
    for kind in ("missing", "unexpected", "unused"):
        names = report[kind]
        lines.append(f"{kind}: {', '.join(names) if names else 'none'}")
    lora = report["lora"]
    done = f"{lora['done']} ({lora['pairs']} pairs, rank {lora['ranks']})" if lora else "none"
    lines += [f"LoRA: {done}", f"rows added: {report['rows_added']}"]
    if "image_token" in report:
        token = report["image_token"]
        lines.append(f"image token: {token['token']} is {token['id']}, {token['how']}")
    return lines


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="the checkpoint: a folder, or its name on the hub")
    parser.add_argument("destination", type=Path, help="the model folder to write")
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument(
        "--vision-tower", metavar="FOLDER_OR_NAME",
        help="llava: the CLIP tower, where the checkpoint does not hold it",
    )  # fmt: skip
    parser.add_argument(
        "--lora", choices=("merge", "keep"), default="merge",
        help="what becomes of LoRA that the weights carry: merged (default), or kept over DESTINATION/base",
    )  # fmt: skip
    parser.add_argument(
        "--allow-unexpected", action="store_true",
        help="leave out tensors that the model has no place for, instead of stopping",
    )  # fmt: skip
    parser.add_argument(
        "--shard-gb",
        type=_positive,
        default=2.0,
        metavar="GB",
        help="size of an output shard (default 2)",
    )
    return parser.parse_args(argv)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected more than 0, found {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
