"""Evaluate a model on a benchmark, compare two results, or take in predictions made elsewhere.

    python scripts/evaluate.py --model runs/quickstart/model --benchmark ava --data AVA_test.json --output O
    python scripts/evaluate.py --model M --benchmark fgaesthetics --data FGAesthetics --images I --output O
    python scripts/evaluate.py --model M --benchmark all --data benchmarks.yaml --output O
    python scripts/evaluate.py --predictions scores.json --benchmark para --data PARA_test.json --output O
    python scripts/evaluate.py --compare results/a results/b [--output O]
    python scripts/evaluate.py --results results/a results/b results/c --output O
    python scripts/evaluate.py --judged O/judge/pairs.jsonl --output O

OUTPUT holds predictions.jsonl (rows, written as they come), results.json (every metric with n and a 95 %
interval, and the protocol), report.html, .md and .tex (the same beside published numbers), export/ (AesBench's
submission files; scores as the ArtiMuse repository writes them) and judge/ (critiques and open answers for a
judge). The same command goes on where it was stopped, with any number of processes (torchrun).

`all` reads a YAML list of {benchmark, data, images, name, scale}, paths relative to the file; each entry has a
folder of its name in OUTPUT, and overview.html puts them together. --results does that with finished results:
seeds of one recipe become one row, and models on several benchmarks a matrix of trained on x tested on.
--predictions takes prediction rows (with a benchmark held against it, without one taken as they are),
`[{"image", "score"}]`, score files, and AesBench submissions. --compare takes results folders or predictions
files, and writes comparison.html where there is an --output.

Exit status 0 only where every item was scored (or --allow-missing is given, which says what was not); 1 where
some were not; 2 for a wrong call; 130 when interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artimuse.evaluation.arguments import arguments
from artimuse.evaluation.benchmarks.known import BENCHMARKS

if TYPE_CHECKING:
    from artimuse.evaluation.evaluate import Settings

INCOMPLETE, WRONG_CALL, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv, __doc__)
    # Imported here: --help and a wrong call must not wait for torch.
    from artimuse.evaluation.evaluate import Incomplete

    try:
        if args.compare:
            return compare(args)
        if args.judged:
            return judged(args)
        if args.results:
            return overview(args)
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
        if args.scale or args.images:
            raise ValueError(
                "--scale and --images: expected them in the entries of the list, not here"
            )
        status, done = 0, list[Path]()
        for entry in listed(args.data):
            try:
                own = replace(settings, scale=entry.scale)
                _one(args, entry.benchmark, entry.data, entry.images, args.output / entry.name, own)
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
    for path, told in found["lacking"].items():
        print(f"{path} lacks items: {told}")
    print(f"b against a, n items, b - a with its 95 % interval: a={found['a']} b={found['b']}")
    for name, one in found["metrics"].items():
        low, high = one["ci95"]
        print(
            f"{name}: {one['a']:.4f} -> {one['b']:.4f}  {one['difference']:+.4f} [{low:+.4f}, {high:+.4f}]  "
            f"n={one['n']}  {one['verdict']}"
        )
    if args.output:
        print(f"report: {write_comparison(args.output)}")
    return 0


def judged(args: argparse.Namespace) -> int:
    """The metrics of a file that a judge filled in."""
    from artimuse.evaluation.judging import write_judged

    found = write_judged(args.judged, args.output)
    if "a" in found:
        print(f"judge {found['judge']}: a={found['a']} b={found['b']}; win_rate is a's")
    _show("judged", found["metrics"])
    return 0


def overview(args: argparse.Namespace) -> int:
    """Finished results side by side: seeds of a recipe in one row, trained on x tested on."""
    from artimuse.evaluation.report import write_overview

    print(f"overview: {write_overview(args.results, args.output)}")
    return 0


def _one(
    args: argparse.Namespace, name: str | None, data: Path | None, images: Path | None, output: Path,
    settings: Settings,
) -> None:  # fmt: skip
    """One results folder."""
    from artimuse.evaluation.evaluate import evaluate
    from artimuse.evaluation.evaluate_given import evaluate_given, evaluate_rows
    from artimuse.evaluation.given import is_rows

    if args.predictions and name is None and is_rows(args.predictions):
        if data or images:
            raise ValueError("--data and --images: expected them with --benchmark, found none")
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
    from artimuse.evaluation.report.words import UNKNOWN_NUMBER, overall_in_words

    protocol = results["protocol"]
    relation = protocol["training"]
    print(f"{results['benchmark']}: {relation['relation']} ({relation['evidence']})")
    for kind, n in results["n_scored"].items():
        expected = results["n_expected"].get(kind)
        print(f"n {kind}: {n}" + (f" of {expected}" if expected else f", {UNKNOWN_NUMBER}"))
    for note in results["notes"]:
        print(f"note: {note}")
    for missing in protocol["missing"]:
        print(f"not scored: {missing}")
    _show(results["benchmark"], results["metrics"])
    if said := overall_in_words(results):
        print(said)
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
        predictions_scale=args.predictions_scale
        and (args.predictions_scale[0], args.predictions_scale[1]),
        training=args.training,
        allow_missing=args.allow_missing,
        device=local_device(args.device),
        dtype=args.dtype,
        sharing=sharing,
    )


if __name__ == "__main__":
    sys.exit(main())
