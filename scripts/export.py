"""Merge a trained model into a plain transformers folder.

    python scripts/export.py --model runs/custom_finetune/model exported/
    python scripts/export.py --model runs/custom_finetune/model exported/ --dtype bfloat16
    python scripts/export.py --model models/artimuse served/ --score-rows
    python scripts/export.py --model runs/custom_finetune/model exported/ --push-to-hub me/photo-judge

LoRA adapters and parts that were trained fully become the weights themselves: the folder loads with
transformers' AutoModelForImageTextToText, and remains a model folder that score.py and train.py take. With
--score-rows the score of a `tokens` or `levels` read-out can be read off plain transformers' logits, and
serving.json says how another engine's server (vLLM, SGLang, llama.cpp) gives it: prompt, tokens, arithmetic.

--push-to-hub also sends the exported folder to the hub, into a private repository, and needs a token
(`hf auth login`, or HF_TOKEN). Without it nothing leaves the machine.

Exit status 0 only when the folder is complete (and pushed, where asked for); 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from artimuse.inference.serving import SERVING_FILE

if TYPE_CHECKING:
    from artimuse.inference.export import Exported

DTYPES = ("float32", "bfloat16", "float16")


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    # Imported here: --help must not wait for torch.
    import torch

    from artimuse.inference.export import export_model
    from artimuse.inference.hub import prepare_repo, push_folder
    from artimuse.training.model_card import CARD, exported_card

    dtype = getattr(torch, args.dtype) if args.dtype else None
    try:
        if args.push_to_hub:
            print(f"hub: {prepare_repo(args.push_to_hub)}", flush=True)
        done = export_model(args.model, args.destination, dtype=dtype, score_rows=args.score_rows)
        written = str(done.dtype).removeprefix("torch.")
        card = exported_card(args.model, args.destination, dtype=written, merged=done.merged)
        (args.destination / CARD).write_text(card, encoding="utf-8")
        if args.push_to_hub:
            print(f"pushed: {push_folder(args.destination, args.push_to_hub)}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(_report(done, args))
    return 0


def _report(done: Exported, args: argparse.Namespace) -> str:
    from artimuse.inference.serving.record import own_server

    lines = [
        f"exported={args.destination} family={done.family} parameters={done.parameters:,} "
        f"dtype={str(done.dtype).removeprefix('torch.')} merged={'adapter' if done.merged else 'nothing'}"
    ]
    served = args.destination / SERVING_FILE
    if done.not_servable is None:
        lines.append(
            f"serving: {served} says how an OpenAI-compatible server (vLLM, SGLang, llama.cpp) gives the "
            f"score; python scripts/score.py --server URL --serving {served} asks it"
        )
    else:
        lines.append(
            f"serving: {done.not_servable}. This project serves it, as a page and over HTTP: "
            f"{own_server(args.destination)}"
        )
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
    parser.add_argument(
        "--score-rows", action="store_true",
        help="put the trained rows of a tokens or levels read-out into lm_head; texts may change a little",
    )  # fmt: skip
    parser.add_argument(
        "--push-to-hub", metavar="OWNER/NAME",
        help="send the folder to the hub, private unless the repository is there already",
    )  # fmt: skip
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
