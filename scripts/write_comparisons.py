"""Write texts that compare the images of pairs, which an FGAesQ model learns from (`objective.align`).

    python scripts/write_comparisons.py --config configs/fgaesq_demo.yaml --source fgaesthetics --output a.jsonl
    python scripts/write_comparisons.py --config C --source S --model runs/quickstart/model --output b.jsonl

From templates: which is better and how clearly, and with --factors FILE in what the two differ; FILE has a JSON
object a line, {"image": "000009/000009-01.jpg", "factors": {"blur": 0.1, "light": "soft"}}. With --model a
model folder is asked about the two images, and told which is better. The recipe takes the file as the source's
`comparison_texts`. Rows are appended pair by pair: a stopped call goes on where it was.
A text that was cut off at --max-new-tokens has `"cut": true`, and how many there are is printed.

Exit status 0 only when every pair has a text; 2 for a configuration or data error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from artimuse.config import Config, ConfigError, load_config
from artimuse.data.comparison_templates import Factor, compare_in_words
from artimuse.data.formats import load_source
from artimuse.data.formats.fields import BadRow, field, found, text_field
from artimuse.data.formats.files import read_json_lines
from artimuse.records import DataError, Pair, Source

Writer = Callable[[Pair], tuple[str, bool]]
"""The text of a pair, and whether it was cut off."""


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        config = load_config(args.config, args.overrides)
        source = _source(config, args.source)
        writer = _asking(args, source) if args.model else _templates(args.factors, source)
        done, ended = _written(args.output), 0
        with args.output.open("a", encoding="utf-8") as file:
            for number, pair in enumerate(source.pairs):
                first, second = (_name(source, end) for end in (pair.first, pair.second))
                if (first, second) not in done:
                    text, cut = writer(pair)
                    row = {
                        "first": first,
                        "second": second,
                        "text": text,
                        **({"cut": True} if cut else {}),
                    }
                    ended += cut
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    file.flush()
                if (number + 1) % 1000 == 0:
                    print(f"comparisons={number + 1}/{len(source.pairs)}", flush=True)
    except (ConfigError, DataError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"comparisons={len(source.pairs)} already_there={len(done)} file={args.output}")
    if ended:
        print(
            f"cut={ended}: texts that reached --max-new-tokens {args.max_new_tokens} and end there"
        )
    return 0


def _source(config: Config, name: str) -> Source:
    """The source of that name, without the texts that its recipe names."""
    for source in (*config.data.sources, *config.evaluation.sources):
        if source.name == name:
            without = {"comparison_texts": None} if hasattr(source, "comparison_texts") else {}
            loaded = load_source(source.model_copy(update=without), Path(config.data.root))
            if not loaded.pairs:
                raise DataError(f"source {name!r}: expected pairs to compare, found none")
            return loaded
    names = ", ".join(source.name for source in config.data.sources)
    raise ConfigError(f"--source {name}: expected the name of a source of the recipe: {names}")


def _name(source: Source, sample: str) -> str:
    return sample.removeprefix(f"{source.name}/")


def _written(path: Path) -> set[tuple[str, str]]:
    """The pairs that a file has texts for already."""
    if not path.is_file() or not path.stat().st_size:
        return set()
    done: set[tuple[str, str]] = set()
    for line, row in _rows(path):
        try:
            done.add((text_field(row, "first"), text_field(row, "second")))
        except BadRow as error:
            raise DataError(
                f"{path}: line {line}: expected a text of this script's, found: {error}; take the line out, or "
                "name another --output"
            ) from error
    return done


def _rows(path: Path) -> list[tuple[int, Any]]:
    rows, bad = read_json_lines(path)
    if bad:
        raise DataError(f"{bad[0]}; correct the line, or take it out")
    return rows


def _templates(factors: Path | None, source: Source) -> Writer:
    known: dict[str, dict[str, Factor]] = {}
    if factors is not None:
        known = _known(factors)
        lacking = [
            n for p in source.pairs for n in (p.first, p.second) if _name(source, n) not in known
        ]
        if lacking:
            raise DataError(
                f"{factors}: expected the factors of every image of a pair, found none of "
                f"{_name(source, lacking[0])!r} ({len(set(lacking))} images in all)"
            )

    def write(pair: Pair) -> tuple[str, bool]:
        ends = (known.get(_name(source, end)) for end in (pair.first, pair.second))
        return compare_in_words(pair.probability, *ends), False

    return write


def _known(path: Path) -> dict[str, dict[str, Factor]]:
    """Factors by image: names -> numbers or words."""
    known: dict[str, dict[str, Factor]] = {}
    for line, row in _rows(path):
        try:
            factors = field(row, "factors")
            if not isinstance(factors, dict) or not all(
                isinstance(value, str | int | float) for value in factors.values()
            ):
                raise BadRow(f"factors: expected numbers or words by name, found {found(factors)}")
            known[text_field(row, "image")] = factors
        except BadRow as error:
            raise DataError(
                f'{path}: line {line}: expected {{"image": ..., "factors": {{...}}}}, found: {error}'
            ) from error
    return known


def _asking(args: argparse.Namespace, source: Source) -> Writer:
    # Imported here: templates need no torch.
    from artimuse.inference.compare import written_comparison
    from artimuse.inference.critic import Critic
    from artimuse.models.folder import load_model

    critic = Critic(load_model(args.model), device=args.device)
    ends = {name for pair in source.pairs for name in (pair.first, pair.second)}
    images: dict[str, Any] = {s.id: s.images[0] for s in source.samples if s.id in ends}

    def write(pair: Pair) -> tuple[str, bool]:
        both = images[pair.first], images[pair.second]
        answer = written_comparison(
            critic, both, pair.probability, max_new_tokens=args.max_new_tokens
        )
        return answer.text, answer.cut

    return write


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="the recipe that names the source")
    parser.add_argument("--source", required=True, help="its name in the recipe")
    parser.add_argument("--output", required=True, type=Path, help="the JSONL file to write")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--factors", type=Path, help="what is known of every image, as JSONL")
    how.add_argument("--model", help="a model folder that writes the texts")
    parser.add_argument("--device", help="of the model (default: CUDA where there is one)")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="of a text (default: 64)")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    return parser.parse_intermixed_args(argv)


if __name__ == "__main__":
    sys.exit(main())
