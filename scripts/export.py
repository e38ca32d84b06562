"""Merge a trained model into a plain transformers folder.

    python scripts/export.py --model runs/custom_finetune/model exported/
    python scripts/export.py --model runs/custom_finetune/model exported/ --dtype bfloat16

LoRA adapters and parts that were trained fully become the weights themselves: the folder loads with
transformers' AutoModelForImageTextToText, and remains a model folder that score.py and train.py take.

Exit status 0 only when the folder is complete; 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artimuse.inference.export import Exported

DTYPES = ("float32", "bfloat16", "float16")


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    # Imported here: --help must not wait for torch.
    import torch

    from artimuse.inference.export import export_model

    dtype = getattr(torch, args.dtype) if args.dtype else None
    try:
        done = export_model(args.model, args.destination, dtype=dtype)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(_report(done, args))
    return 0


def _report(done: Exported, args: argparse.Namespace) -> str:
    lines = [
        f"exported={args.destination} family={done.family} parameters={done.parameters:,} "
        f"dtype={str(done.dtype).removeprefix('torch.')} merged={'adapter' if done.merged else 'nothing'}"
    ]
    if done.score_words:
        first, *_, last = done.score_words
        lines.append(
            f"score: the softmax of the next-token logits over {len(done.score_words)} words ({first} ... "
            f"{last}), their values spread evenly over 0-100"
        )
    if done.head_beside:
        lines.append(
            "score: the score head is no part of a plain transformers model, and stays beside it in "
            f"readout.safetensors; python scripts/score.py --model {args.destination} uses it"
        )
    return "\n".join(lines)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("destination", type=Path, metavar="DESTINATION", help="a new folder")
    parser.add_argument("--model", required=True, type=Path, help="a model folder")
    parser.add_argument("--dtype", choices=DTYPES, help="of the weights (default: the base's own)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
