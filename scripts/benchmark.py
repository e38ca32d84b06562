"""Measurements, side by side in one run.

    python scripts/benchmark.py ablate                       # each loss taken away, three seeds
    python scripts/benchmark.py ablate --json ablate.json train.steps=100
    python scripts/benchmark.py ablate --jobs 2 train.threads=1   # two runs at a time, one core each
    python scripts/benchmark.py ablate --study all --tables runs/ablate --jobs 2 train.threads=1 train.steps=100
    python scripts/benchmark.py ablate --study fgaesq --config configs/fgaesq_demo.yaml --jobs 2 train.threads=1
    python scripts/benchmark.py train --preset cpu --json train.json      # the tree beside separate rows
    python scripts/benchmark.py train --sweep sweep.png      # cost over images and branches
    python scripts/benchmark.py score --preset cpu --json score.json      # beside one image at a time
    python scripts/benchmark.py load                         # annotations, memory, pixels
    python scripts/benchmark.py difftoken --json difftoken.json   # SSIM of all patches against a loop

`ablate` trains variants of the quickstart recipe: with each of the three weights at 0, with every read-out and
its losses, in stages or jointly, with all questions of an image or one (artimuse/evaluation/studies.py). Every
run is a run folder below runs/ablate/, so an interrupted ablation goes on where it was. `train` takes training
steps of one model three ways (artimuse/benchmarks/training.py): as a tree, as a row per question through
transformers' own Trainer, and as one conversation an image; with gradients, FLOPs and memory. `score` scores
images, and writes their eight critiques, as score.py does and as one image at a time through transformers alone
(artimuse/benchmarks/scoring): speed, memory, stages, and how far the answers are apart. `load` makes up
annotations of the size of AesMMIT and AVA, and times loading them (parsed, then from the cache), the memory of
a loader process against the size of the data, and image preprocessing beside transformers' own. `difftoken`
compares the patches of a pair of 1024 x 768 by SSIM, all at once and by scikit-image's function in a loop (from
the extra `dev`). The JSON holds `hardware`, `versions` and a list `rows`.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from artimuse.benchmarks.difftoken import difftoken_times
from artimuse.benchmarks.load import annotation_times, worker_memory
from artimuse.benchmarks.pixels import pixel_rates
from artimuse.benchmarks.scoring import command as scoring
from artimuse.benchmarks.training_command import add_arguments, train
from artimuse.config import load_config
from artimuse.data.recipe import draw_demo
from artimuse.evaluation.ablation import (
    SECONDS,
    Spread,
    csv_header,
    csv_rows,
    latex,
    markdown,
    read_metrics,
    spreads,
    training_seconds,
)
from artimuse.evaluation.studies import OF_A_RECIPE, studies
from artimuse.training.heap import start_with_whole_heap
from artimuse.training.run import machine

METRICS = (
    "mae",
    "srcc",
    "pair_accuracy",
    "pair_accuracy_close",
    "choice_accuracy",
    "s_acc",
    "s_srcc",
    SECONDS,
)


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    kinds = {
        "ablate": ablate,
        "train": train,
        "score": scoring.score,
        "load": load,
        "difftoken": difftoken,
    }
    return kinds[args.kind](args)


def load(args: argparse.Namespace) -> int:
    """Rows of `artimuse.benchmarks`, each printed as it is measured."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for row in (
            *annotation_times(place / "annotations", scale=args.scale, repeats=args.repeats),
            *worker_memory(place / "memory", scales=(args.scale / 10, args.scale)),
            *pixel_rates(images=args.images, repeats=args.repeats),
        ):
            rows.append(row)
            print(json.dumps(row), flush=True)
    if args.json is not None:
        settings = {"scale": args.scale, "repeats": args.repeats, "images": args.images}
        _write_json(args.json, {**machine(torch.device("cpu")), **settings, "rows": rows})
    return 0


def difftoken(args: argparse.Namespace) -> int:
    """Rows of `artimuse.benchmarks.difftoken`, and the speed-up in words."""
    rows: list[dict[str, Any]] = []
    try:
        for row in difftoken_times(repeats=args.repeats, threads=args.threads):
            rows.append(row)
            print(json.dumps(row), flush=True)
    except ModuleNotFoundError as error:
        raise SystemExit(f"error: {error}") from error
    speedup = rows[0]["speedup"]
    print(
        f"difftoken: {speedup['median']:.1f} times as fast as the loop over the patches "
        f"({speedup['low']:.1f} to {speedup['high']:.1f} in {args.repeats} repeats, "
        f"{args.threads} thread(s))"
    )
    if args.json is not None:
        found = machine(torch.device("cpu"))
        found["versions"]["scikit-image"] = version("scikit-image")
        found["hardware"]["threads"] = args.threads
        _write_json(args.json, {**found, "repeats": args.repeats, "rows": rows})
    return 0


def ablate(args: argparse.Namespace) -> int:
    """The variants of one study, or of all, over several seeds."""
    folder = Path(args.folder)
    recipe = load_config(args.config, args.overrides)
    if recipe.train.steps is None:
        raise SystemExit("error: an ablation compares equal numbers of steps; give train.steps=N")
    every = studies(recipe.train.steps)
    chosen = {args.study: every[args.study]}
    if args.study == "all":
        chosen = {name: study for name, study in every.items() if name not in OF_A_RECIPE}
    # Once, before several runs look for it.
    draw_demo(recipe)
    changes = {name: overrides for study in chosen.values() for name, overrides in study.items()}

    def train(run: tuple[str, int]) -> Path:
        name, seed = run
        return _train(args.config, folder, name, seed, (*args.overrides, *changes[name]))

    found: dict[str, dict[str, Spread]] = {}
    with ThreadPoolExecutor(max_workers=args.jobs) as pool:
        finished = pool.map(train, [(name, seed) for name in changes for seed in range(args.seeds)])
        for name in changes:
            found[name] = spreads([_measured(next(finished)) for _ in range(args.seeds)])
            print(markdown(found, METRICS), flush=True)
    tables = {study: {name: found[name] for name in names} for study, names in chosen.items()}
    if args.tables is not None:
        _write_tables(args.tables, tables)
    if args.json is not None:
        _write(args.json, folder, tables, args)
    return 0


def _measured(run: Path) -> dict[str, float]:
    found = read_metrics(run / "results" / "results.json")
    return {**found, SECONDS: training_seconds(run)}


def _write_tables(folder: Path, tables: dict[str, dict[str, dict[str, Spread]]]) -> None:
    """ablation.md, .csv and .tex: a table a study."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"### {study}\n\n{markdown(found, METRICS)}" for study, found in tables.items()]
    (folder / "ablation.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    texts = [latex(study, found, METRICS) for study, found in tables.items()]
    (folder / "ablation.tex").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    with (folder / "ablation.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(csv_header(METRICS))
        for study, found in tables.items():
            writer.writerows(csv_rows(study, found, METRICS))


def _train(config: str, folder: Path, variant: str, seed: int, changes: Sequence[str]) -> Path:
    """One run in a process of its own, continued where it was stopped; returns its folder."""
    name = f"{variant.replace(',', '').replace(' ', '-')}-seed{seed}"
    script = Path(__file__).parent / "train.py"
    settings = [f"run.folder={folder}", f"run.name={name}", f"run.seed={seed}"]
    command = [sys.executable, str(script), "--config", config, "--resume", *settings, *changes]
    began = time.monotonic()
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise SystemExit(f"error: {folder / name} did not finish; its message is above")
    print(f"ablate: {name} {time.monotonic() - began:.0f} s", flush=True)
    return folder / name


def _write(
    path: Path,
    folder: Path,
    tables: dict[str, dict[str, dict[str, Spread]]],
    args: argparse.Namespace,
) -> None:
    """Hardware and versions are those that the runs recorded."""
    first = json.loads(next(iter(sorted(folder.glob("*/run.json")))).read_text(encoding="utf-8"))
    rows = [
        {"case": "ablate", "study": study, "variant": variant}
        | {name: {"mean": s.mean, "std": s.std, "values": s.values} for name, s in metrics.items()}
        for study, found in tables.items()
        for variant, metrics in found.items()
    ]
    recipe = {"config": args.config, "overrides": args.overrides, "seeds": args.seeds}
    record = {"hardware": first["hardware"], "versions": first["versions"], **recipe, "rows": rows}
    _write_json(path, record)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    ablate = kinds.add_parser("ablate", help="variants of a recipe, over several seeds")
    ablate.add_argument("overrides", nargs="*", metavar="section.key=value")
    ablate.add_argument("--config", default="configs/quickstart.yaml", help="the recipe")
    ablate.add_argument("--folder", default="runs/ablate", help="where the runs are kept")
    ablate.add_argument("--study", choices=(*studies(2), "all"), default="losses")
    ablate.add_argument("--seeds", type=int, default=3)
    ablate.add_argument("--tables", type=Path, help="folder for Markdown, CSV and LaTeX")
    ablate.add_argument("--jobs", type=int, default=1, help="runs side by side")
    training = kinds.add_parser("train", help="a step as a tree, as rows, and as a conversation")
    add_arguments(training)
    score = kinds.add_parser("score", help="images a second, beside one image at a time")
    scoring.add_arguments(score)
    load = kinds.add_parser("load", help="annotations, memory of a loader process, pixels")
    load.add_argument("--scale", type=float, default=1.0, help="1: AesMMIT and AVA as they are")
    load.add_argument(
        "--repeats", type=int, default=3, help="of which median, low and high are given"
    )
    load.add_argument("--images", type=int, default=24, help="photographs a repeat")
    difftoken = kinds.add_parser("difftoken", help="SSIM of all patches against a loop over them")
    difftoken.add_argument("--repeats", type=int, default=7, help="of which both take turns")
    difftoken.add_argument("--threads", type=int, default=1, help="of torch; the loop has one")
    for kind in (ablate, training, score, load, difftoken):
        kind.add_argument("--json", type=Path, help="write the rows here too")
    return parser.parse_args(argv)


if __name__ == "__main__":
    # As scripts/train.py does; processes of every variant have the same heap then.
    if sys.argv[1:2] == ["train"]:
        start_with_whole_heap(__file__)
    sys.exit(main())
