"""Evaluate a model on a benchmark, compare two results, or take in predictions made elsewhere.

    python scripts/evaluate.py --model runs/quickstart/model --benchmark ava --data AVA_test.json --output O
    python scripts/evaluate.py --model M --benchmark fgaesthetics --data FGAesthetics --images I --output O
    python scripts/evaluate.py --model M --benchmark all --data benchmarks.yaml --output O
    python scripts/evaluate.py --predictions scores.json --benchmark para --data PARA_test.json --output O
    python scripts/evaluate.py --compare results/a results/b --output O
    python scripts/evaluate.py --judged O/judge/pairs.jsonl --output O

OUTPUT holds predictions.jsonl (rows, written as they come), results.json (every metric with n and a 95 %
interval, and the protocol), report.html, .md and .tex (the same beside published numbers), export/ (AesBench's
submission files; scores as the ArtiMuse repository writes them) and judge/ (critiques and open answers for a
judge). The same command goes on where it was stopped, with any number of processes (torchrun).

`all` reads a YAML list of {benchmark, data, images, name}, paths relative to the file; each entry has a folder
of its name in OUTPUT, and overview.html puts them together. --predictions takes prediction rows (then without a
benchmark), `[{"image", "score"}]`, score files, and AesBench submissions. --compare takes results folders or
predictions files, and writes comparison.html.

Exit status 0 only where every item was scored (or --allow-missing is given, which says what was not); 1 where
some were not; 2 for a wrong call; 130 when interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artimuse.evaluation.benchmarks.known import BENCHMARKS

if TYPE_CHECKING:
    from artimuse.evaluation.evaluate import Settings

INCOMPLETE, WRONG_CALL, INTERRUPTED = 1, 2, 130
CHOICES = ("text", "likelihood")
RELATIONS = ("in-domain", "seen in pretraining", "zero-shot", "unknown")


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    # Imported here: --help and a wrong call must not wait for torch.
    from artimuse.evaluation.evaluate import Incomplete

    try:
        if args.compare:
            return compare(args)
        if args.judged:
            return judged(args)
        return evaluate(args)
    except Incomplete as error:
        print(f"error: {error}", file=sys.stderr)
        return INCOMPLETE
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return INTERRUPTED


def evaluate(args: argparse.Namespace) -> int:
    """One benchmark, or each of a list: a wrong or incomplete one does not keep the others from being done."""
    from artimuse.evaluation.evaluate import Incomplete
    from artimuse.evaluation.listed import listed
    from artimuse.evaluation.report import write_overview
    from artimuse.evaluation.sharing import launched

    with launched() as sharing:
        settings = _settings(args, sharing)
        if args.benchmark != "all":
            _one(args, args.benchmark, args.data, args.images, args.output, settings)
            return 0
        status, done = 0, list[Path]()
        for entry in listed(args.data):
            try:
                _one(
                    args,
                    entry.benchmark,
                    entry.data,
                    entry.images,
                    args.output / entry.name,
                    settings,
                )
            except (ValueError, OSError) as error:
                print(f"error: {entry.name}: {error}", file=sys.stderr)
                status = max(status, INCOMPLETE if isinstance(error, Incomplete) else WRONG_CALL)
            else:
                done.append(args.output / entry.name)
        if done and sharing.process == 0:
            print(f"overview: {write_overview(done, args.output)}")
    return status


def compare(args: argparse.Namespace) -> int:
    """Two results on the same items, paired."""
    from artimuse.evaluation.compare_results import compare_results
    from artimuse.evaluation.report import write_comparison

    a, b = args.compare
    found = compare_results(a, b, args.output)
    print(f"b against a, n items, b - a with its 95 % interval: a={found['a']} b={found['b']}")
    for name, one in found["metrics"].items():
        low, high = one["ci95"]
        print(
            f"{name}: {one['a']:.4f} -> {one['b']:.4f}  {one['difference']:+.4f} [{low:+.4f}, {high:+.4f}]  "
            f"n={one['n']}  {one['verdict']}"
        )
    print(f"report: {write_comparison(args.output)}")
    return 0


def judged(args: argparse.Namespace) -> int:
    """The metrics of a file that a judge filled in."""
    from artimuse.evaluation.judging import write_judged

    _show("judged", write_judged(args.judged, args.output))
    return 0


def _one(
    args: argparse.Namespace, name: str, data: Path | None, images: Path | None, output: Path,
    settings: Settings,
) -> None:  # fmt: skip
    """One results folder."""
    from artimuse.evaluation.evaluate import evaluate, evaluate_given, evaluate_rows
    from artimuse.evaluation.given import is_rows

    if args.predictions and is_rows(args.predictions):
        results = evaluate_rows(args.predictions, output, settings)
    elif data is None or name not in BENCHMARKS:
        raise ValueError(
            f"expected --benchmark (one of {', '.join(BENCHMARKS)}) and --data, found {name} and {data}"
        )
    elif args.predictions:
        results = evaluate_given(
            args.predictions, BENCHMARKS[name], data, output, images=images, settings=settings
        )
    else:
        results = evaluate(
            args.model, BENCHMARKS[name], data, output, images=images, settings=settings
        )
    if results:  # of the first process
        _report(results, output)


def _report(results: Mapping[str, Any], output: Path) -> None:
    protocol = results["protocol"]
    relation = protocol["training"]
    print(f"{results['benchmark']}: {relation['relation']} ({relation['evidence']})")
    for kind, n in results["n_scored"].items():
        print(f"n {kind}: {n} of {results['n_expected'][kind]}")
    for note in results["notes"]:
        print(f"note: {note}")
    for missing in protocol["missing"]:
        print(f"not scored: {missing}")
    _show(results["benchmark"], results["metrics"])
    print(f"results: {output / 'results.json'}")
    print(f"report: {output / 'report.html'}")


def _show(title: str, metrics: Mapping[str, Mapping[str, Any]]) -> None:
    for name, metric in metrics.items():
        interval = metric["ci95"]
        text = "" if interval is None else f" [{interval[0]:.4f}, {interval[1]:.4f}]"
        counts = {key: n for key, n in metric.items() if key not in ("value", "ci95", "n")}
        extra = "".join(f" {key}={n}" for key, n in counts.items())
        print(f"{title} {name}: {metric['value']:.4f}{text} n={metric['n']}{extra}")


def _settings(args: argparse.Namespace, sharing: Any) -> Settings:
    from artimuse.evaluation.asking import Asking
    from artimuse.evaluation.evaluate import Settings
    from artimuse.evaluation.sharing import local_device

    return Settings(
        asking=Asking(args.choices, args.max_new_tokens, args.batch_images),
        scale=None if args.scale is None else (args.scale[0], args.scale[1]),
        predictions_scale=(args.predictions_scale[0], args.predictions_scale[1]),
        training=args.training,
        allow_missing=args.allow_missing,
        device=local_device(args.device),
        dtype=args.dtype,
        sharing=sharing,
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="a model folder, or a hub id of one")
    what.add_argument("--predictions", type=Path, metavar="FILE", help="predictions made elsewhere")
    what.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="two results, paired"
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
    add("--output", type=Path, required=True, help="the results folder, new or to go on with")
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
    add("--predictions-scale", type=float, nargs=2, default=(0.0, 100.0), metavar=("LOW", "HIGH"),
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
    if args.benchmark == "all" and args.data is None:
        parser.error("--benchmark all needs --data, a YAML list")
    return args


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
