"""Look at a recipe's data before training on it: what is in it, and what is wrong with it.

    python scripts/check_data.py --config configs/quickstart.yaml
    python scripts/check_data.py --config configs/quickstart.yaml --output reports/demo data.root=data/demo

Decodes every image, and writes data_report.html (to read) and data_report.json (the same numbers): counts,
scores against their stated scale, consistency of pairs, token lengths for the recipe's model, samples as they
are taught, broken and repeated images, and images that are both trained and evaluated on. No weights are
loaded, and nothing is trained.

Exit status 0 where there is nothing that a training run would refuse; 1 where there is (too many bad items,
leakage that is not allowed, and the like: the reasons are printed); 2 for a configuration or data error,
without a report.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from artimuse.config import Config, ConfigError, check_files, load_config, stages_of
from artimuse.records import DataError

if TYPE_CHECKING:
    from artimuse.data.checks.report.tokens import Reader


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        config = load_config(args.config, args.overrides)
        check_files(config)
        default = Path(config.run.folder) / "data_reports" / config.run.name
        return check_stages(config, args.output or default)
    except (ConfigError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def check_stages(recipe: Config, folder: Path) -> int:
    """A report on the data of every stage, in a folder each where there are several."""
    stages = stages_of(recipe)
    if len(stages) == 1:
        return check(stages[0].config, folder)
    status = 0
    first = stages[0].config.model
    for stage in stages:
        # A later stage reads as the model does that it will start from.
        origin = {"base": first.base, "scratch": first.scratch, "tuning": first.tuning}
        model = stage.config.model.model_copy(update=origin)
        name = f"{stage.number + 1:02d}-{stage.name}"
        print(f"stage {name}", flush=True)
        config = stage.config.model_copy(update={"model": model})
        status = max(status, check(config, folder / name))
    return status


def check(config: Config, folder: Path) -> int:
    """Everything from the data to the report."""
    # Imported here: configuration errors must not wait for torch.
    from artimuse.data.checks.report.build import HTML_FILE, data_report, write_report
    from artimuse.data.checks.report.pictures import look_at
    from artimuse.data.checks.report.splits import usable
    from artimuse.data.checks.report.terminal import summary
    from artimuse.data.recipe import draw_demo, load_sources

    draw_demo(config)
    sources = load_sources(config)
    start_s = time.monotonic()
    pictures = look_at(sources, processes=os.cpu_count() or 1, progress=True)
    print(
        f"images: {len(pictures.read):,} decoded in {time.monotonic() - start_s:.0f} s", flush=True
    )
    data, refused = usable(config, sources, pictures.bad)
    # A tokenizer of one's own is trained on the texts; a base brings one.
    reader = _reader(config, data.texts() if config.model.scratch else [])
    report = data_report(config, sources, pictures, reader, data, folder=folder, refused=refused)
    write_report(folder, report)
    print(summary(report, folder / HTML_FILE))
    return 1 if report["refused"] else 0


def _reader(config: Config, texts: Sequence[str]) -> Reader | str:
    """How the recipe's model reads: its tokenizer and image preprocessing; or why they cannot be had."""
    from artimuse.data.checks.report.tokens import Reader
    from artimuse.models.build import build_family

    name = config.model.base or "a model from scratch"
    try:
        family, max_positions = build_family(config.model, texts)
    except (OSError, ValueError) as error:  # a hub name without a network, for one
        return f"{name}: {error}"
    if not family.language:
        return f"{name}: a {family.name} model has no language, so there are no tokens of texts to count"
    decode = partial(family.tokenizer.decode, clean_up_tokenization_spaces=False)
    return Reader(name, family, decode, protocol=family.protocol, max_positions=max_positions)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config", required=True, help="a recipe, for example configs/quickstart.yaml"
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="section.key=value", help="changes to the recipe"
    )
    parser.add_argument(
        "--output", type=Path,
        help="folder of the report (default RUN_FOLDER/data_reports/RUN_NAME)",
    )  # fmt: skip
    # Overrides may stand before, between and after the options.
    return parser.parse_intermixed_args(argv)


if __name__ == "__main__":
    sys.exit(main())
