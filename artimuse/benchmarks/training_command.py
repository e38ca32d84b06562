"""`scripts/benchmark.py train`: its arguments, what it prints, and its JSON.

cpu: small models with a real one's proportions, minutes. gpu: the published models' sizes with random weights
in bf16, on one CUDA device. tiny: seconds, and the code that the others run.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from artimuse.benchmarks.job import WORKERS, Row
from artimuse.benchmarks.presets import LORA_RANK, PRESETS
from artimuse.benchmarks.sweep import plot, require_matplotlib, sweep_rows
from artimuse.benchmarks.training import training_rows
from artimuse.config import ConfigError
from artimuse.training.run import machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `train`, but for --json."""
    parser.add_argument("--preset", choices=tuple(PRESETS), default="cpu")
    parser.add_argument("--case", choices=("nine", "nineteen", "all"), default="all")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="of the preset's")
    parser.add_argument("--repeats", type=int, default=5, help="of which all variants take turns")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on the CPU")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: cuda for the preset gpu, else cpu"
    )
    parser.add_argument(
        "--sweep", type=Path, metavar="PNG",
        help="instead: a plot of the tree's cost over images and over branches; its points go into the JSON",
    )  # fmt: skip


def train(args: argparse.Namespace) -> int:
    """Measure, print and write; 0, or SystemExit with one line of what is wrong."""
    preset = PRESETS[args.preset]
    device = args.device or ("cuda" if args.preset == "gpu" else "cpu")
    try:
        shapes = preset.chosen(args.case, args.models)
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "--device cuda (the default of --preset gpu): expected a CUDA device, found none; use "
                "--preset cpu, or --preset tiny for its code on small shapes"
            )
        if args.sweep is not None:
            require_matplotlib()
    except (ConfigError, ModuleNotFoundError) as error:
        raise SystemExit(f"error: {error}") from error
    given: dict[str, Any] = {"repeats": args.repeats, "threads": args.threads, "device": device}
    rows: list[Row] = []
    if args.sweep is None:
        print(HEAD, flush=True)
        for row in training_rows(preset, case=args.case, models=args.models, **given):
            rows.append(row)
            print(line(row), flush=True)
        print("\n".join(summary(rows)))
    else:
        rows = list(sweep_rows(preset, shapes[0], **given))
        plot(rows, args.sweep)
        print(f"sweep: {len(rows)} points of {shapes[0].name}, drawn in {args.sweep}")
    if args.json is not None:
        record = machine(torch.device(device))
        record["hardware"]["threads"] = args.threads
        settings = {"lora_rank": LORA_RANK, "workers": WORKERS, "repeats": args.repeats}
        sizes = {
            "models": [_plain(asdict(s) | {"scratch": s.scratch.model_dump()}) for s in shapes]
        }
        kept = {k: v for k, v in _plain(_fields(preset)).items() if k != "models"}
        record |= {"preset": kept | sizes | settings, "rows": rows}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


HEAD = (
    f"{'case':<9}{'model':<18}{'variant':<18}{'images/s':>10}{'low-high':>16}{'tokens/s':>10}"
    f"{'peak MiB':>10}{'GFLOP/image':>13}{'of peak':>9}"
)


def line(row: Row) -> str:
    """A row of the table that a person reads."""
    start = f"{row['case']:<9}{row['model']:<18}{row['variant']:<18}"
    if "images_per_s" not in row:
        return f"{start}out of memory"
    rate, share = row["images_per_s"], row["flops_share"]
    span = f"{rate['low']:.3g}-{rate['high']:.3g}"
    of_peak = "unknown" if share is None else f"{share['median']:.1%}"
    return (
        f"{start}{rate['median']:>10.3g}{span:>16}{row['tokens_per_s']['median']:>10.0f}"
        f"{row['peak_memory_mb']:>10.0f}{row['flops_per_image'] / 1e9:>13.1f}{of_peak:>9}"
    )


def summary(rows: list[Row]) -> list[str]:
    """A line per model: the tree beside rows."""
    lines = []
    for tree in (row for row in rows if "speedup" in row):
        speed = tree["speedup"]
        rows_of = {
            r["variant"]: r
            for r in rows
            if r["model"] == tree["model"] and r["case"] == tree["case"]
        }
        lines.append(
            f"{tree['case']} {tree['model']}: {tree['variant']} {speed['median']:.2f} times rows at batch "
            f"{rows_of['rows']['batch']} ({speed['low']:.2f} to {speed['high']:.2f}), "
            f"{tree['of_predicted']:.2f} of the {tree['flops_ratio']:.2f} that FLOPs predict; memory "
            f"{tree['memory_ratio']:.2f} times; gradient difference {tree['gradient_difference']:.1e}; "
            f"waiting for data {tree['data_wait']['median']:.1%} of a step, vision "
            f"{tree['vision_time_share']['median']:.1%}; of a row's FLOPs head "
            f"{rows_of['rows']['head_flops_share']:.1%}, vision "
            f"{rows_of['rows']['vision_flops_share']:.1%}"
        )
    return lines


def _fields(preset: Any) -> dict[str, Any]:
    return {name: getattr(preset, name) for name in preset.__dataclass_fields__}


def _plain(value: Any) -> Any:
    """What JSON can hold, tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
