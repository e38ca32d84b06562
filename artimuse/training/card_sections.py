"""The sections of a model card, each from what is on record; `model_card` puts them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from artimuse.config import Config, SourceConfig
from artimuse.models.info import ModelInfo
from artimuse.training.run import RunFolder

UNKNOWN = "unknown"
NAMES = {
    "srcc": "SRCC", "plcc": "PLCC", "mae": "MAE (points of 0-100)", "pair_accuracy": "pair accuracy",
    "pair_accuracy_close": "accuracy of the closest pairs", "choice_accuracy": "choice accuracy",
    "s_acc": "series: best image found", "s_srcc": "series: SRCC",
}  # fmt: skip
COUNTS = ("images", "series", "texts", "choices", "scores", "pairs")


def what(info: ModelInfo, family: str) -> str:
    """One sentence."""
    scores = f"scores images ({', '.join(info.aspects)}) on 0-100" if info.aspects else ""
    words = "answers questions about them" if family != "fgaesq" else ""
    does = " and ".join(filter(None, [scores, words])) or UNKNOWN
    return f"A model of the family {family} that {does}."


def title(config: Config, info: ModelInfo, family: str) -> str:
    return (
        f"# {config.run.name}\n\n{what(info, family)} It was trained with artimuse. This card was written by "
        "the training run from its own records; nobody has edited it."
    )


def use(info: ModelInfo, family: str) -> str:
    lines = ["## Intended use", ""]
    if info.aspects:
        lines.append(
            "- Research on image aesthetics: to score images, and to order the images of a series."
        )
    if family != "fgaesq":
        lines.append(
            "- To describe an image's aesthetics in words, and to answer questions about it."
        )
    lines.append(
        "- Not to decide about people, nor alone about what is shown, bought or removed: the labels are "
        "judgements of the raters of its data."
    )
    return "\n".join(lines)


def loading(info: ModelInfo) -> str:
    """Five lines of code."""
    call = (
        'model.score("photo.jpg")'
        if info.aspects
        else 'model.ask("photo.jpg", "How is the light?")'
    )
    base = (
        f"\n\nThe folder holds an adapter. Its base, `{info.base}`, has to be there too; "
        "`scripts/export.py` of artimuse merges the two."
        if info.tuning == "lora"
        else ""
    )
    return (
        "## How to load\n\n```python\n"
        "# pip install artimuse\n"
        "import artimuse\n\n"
        'model = artimuse.load("PATH_OR_NAME_OF_THIS_FOLDER")\n'
        f"print({call})\n```{base}"
    )


def base(config: Config, info: ModelInfo, run: dict[str, Any]) -> str:
    origin = info.base or config.model.base
    if origin is None:
        came = "None: random weights at the start (`model.scratch`)."
    else:
        digest = f", sha256 of its weights `{info.base_sha256}`" if info.base_sha256 else ""
        came = f"`{origin}`{digest}. Its licence and its training data are not on record here: {UNKNOWN}."
    readout = info.readout
    read = "none: the model answers in words only" if readout is None else (
        f"`{readout.kind}`" + (f", {readout.bins} bins" if readout.kind == "bins" else "")
    )  # fmt: skip
    lines = [
        "## Base model and read-out", "",
        f"- Base: {came}",
        f"- Tuning: {_tuning(info, run)}",
        f"- Read-out: {read}",
        f"- Aspects: {', '.join(info.aspects) or 'none'}",
        f"- Prompt protocol: `{info.prompt}`",
    ]  # fmt: skip
    if info.datasets:
        lines.append(f"- Score links (a scale of its own for each): {', '.join(info.datasets)}")
    if info.align is not None:
        lines.append(f"- Comparison with texts (`objective.align`): {info.align}")
    return "\n".join(lines)


def _tuning(info: ModelInfo, run: dict[str, Any]) -> str:
    parts = run.get("trained") or {}
    each = (
        f"{name}{' ' + row['tuning'] if 'tuning' in row else ''} {row['trained']:,} of {row['total']:,}"
        for name, row in parts.items()
    )
    how = f"{info.tuning}, base in 4 bits" if info.quantization != "none" else info.tuning
    return f"{how}; trained parameters: {', '.join(each) or UNKNOWN}"


def data(config: Config, run: dict[str, Any]) -> str:
    """What was trained, selected and evaluated on: sizes, licences, and what was left out."""
    settings = {s.name: s for s in (*config.data.sources, *config.evaluation.sources)}
    rows: list[list[str]] = []
    for role, key in (
        ("trained on", "sources"),
        ("validation", "validation"),
        ("evaluated on", "held_out"),
    ):
        if key == "held_out" and not config.evaluation.sources:
            continue  # the validation split, which has its rows
        for name, counts in (run.get(key) or {}).items():
            source = settings.get(name)
            rows.append([
                role, name, UNKNOWN if source is None else source.format,
                *(str(counts.get(count, UNKNOWN)) for count in COUNTS), licence(source),
            ])  # fmt: skip
    lines = ["## Data", "", *_table(["use", "source", "format", *COUNTS, "licence"], rows), ""]
    if config.data.demo is not None:
        lines.append("- The demo data of artimuse: drawn scenes, no photographs.")
    if not run.get("held_out"):
        lines.append("- Nothing was held out to evaluate on.")
    elif not config.evaluation.sources:
        lines.append(
            "- Evaluated on the validation split, which was cut from the training sources."
        )
    lines += [f"- Left out: {text}" for text in _left_out(config, run)]
    lines.append(f"- sha256 of samples and pairs: `{run.get('data_sha256', UNKNOWN)}`")
    return "\n".join(lines)


def licence(source: SourceConfig | None) -> str:
    """What the recipe says of a source's terms."""
    return "not stated" if source is None or source.licence is None else source.licence


def _left_out(config: Config, run: dict[str, Any]) -> list[str]:
    found = [
        f"{name}: {count} x {reason}"
        for name, reasons in (run.get("bad_items") or {}).items()
        for reason, count in reasons.items()
    ] or ["no broken image or row" if "bad_items" in run else f"broken images and rows: {UNKNOWN}"]
    found += [
        f"{s.name}: images that are in {', '.join(s.minus)}" for s in config.data.sources if s.minus
    ]
    return found + [
        f"nothing of {row['images']} images of {row['evaluation']} that are in {row['training']} too "
        "(accepted by the recipe): numbers on them are too good"
        for row in run.get("leakage") or []
    ]


def training(config: Config, run: dict[str, Any], row: dict[str, Any]) -> str:
    """The recipe; paths of the machine it ran on are left out."""
    whole = config.model_dump(mode="json")
    kept = {name: whole[name] for name in ("model", "objective", "train")}
    selection = run.get("selection")
    result = f"of step {selection['best_step']}, selected by the validation {selection['metric']}" \
        if selection else "of the last step"  # fmt: skip
    lines = [
        "## Training", "",
        f"- Steps: {row.get('step', UNKNOWN)}; the model is that {result}",
        f"- Images seen: {_number(row.get('images_seen'))}, tokens seen: {_number(row.get('tokens_seen'))}",
        f"- Seed: {run.get('seed', UNKNOWN)}, precision: {config.train.precision}",
        "",
        "<details><summary>Recipe: model, objective, train</summary>", "",
        "```yaml", yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).strip(), "```", "",
        "</details>",
    ]  # fmt: skip
    return "\n".join(lines)


def stages(runs: Sequence[dict[str, Any]], folders: Sequence[RunFolder]) -> str:
    """The stages before, in their order."""
    rows = []
    for number, (run, folder) in enumerate(zip(runs, folders, strict=True), start=1):
        weights, train = folder.config.objective, folder.config.train
        length = f"{train.steps} steps" if train.steps else f"{train.epochs:g} epochs"
        rows.append([
            str(number), folder.path.name, ", ".join(run.get("sources") or {UNKNOWN: None}),
            f"text {weights.text:g}, score {weights.score:g}, rank {weights.rank:g}", length,
            f"`{str(run.get('model_sha256', UNKNOWN))[:12]}`",
        ])  # fmt: skip
    names = ["", "stage", "sources", "weights", "length", "sha256 of its model"]
    return "\n".join(["## Stages before this one", "", *_table(names, rows)])


def metrics(results: dict[str, Any] | None, *, selected: bool) -> str:
    """Every metric with its interval and n, beside the baselines."""
    lines = ["## Metrics", ""]
    if results is None or not results["metrics"]:
        return "\n".join([*lines, "Not evaluated: nothing is known of how well it does."])
    baselines = results.get("baselines") or {}
    rows = [
        [_named(name), _value(found), _interval(found), str(found["n"]),
         *(_value(other.get(name)) for other in baselines.values())]
        for name, found in results["metrics"].items()
    ]  # fmt: skip
    lines += [f"On: {results['benchmark']}.", ""]
    lines += _table(["metric", "value", "95 % interval", "n", *baselines], rows)
    lines += ["", "Intervals: percentile bootstrap over images, of pairs over series."]
    if selected:
        lines.append("The model was selected on these very images: the numbers are too good.")
    return "\n".join(lines)


def limits(config: Config, info: ModelInfo, family: str, run: dict[str, Any]) -> str:
    lines = [
        "## Limits", "",
        "- A score is relative to the data: raters, subjects and scales of other data sets differ.",
        "- It was measured on the data above alone. How it does on other images is unknown.",
        "- Whom its raters were, and what they favour, is not on record: biases are unknown.",
    ]  # fmt: skip
    if config.data.demo is not None:
        lines.append("- It has seen drawings only: it says nothing about photographs.")
    if family != "fgaesq":
        lines.append("- What it writes can be wrong, and can read well all the same.")
    if info.datasets:
        lines.append(
            "- A plain score is the latent one: each data set's own scale is linked to it."
        )
    return "\n".join(lines)


def origin(run: dict[str, Any]) -> str:
    """Versions, commit, hashes."""
    versions = (
        ", ".join(f"{name} {v}" for name, v in (run.get("versions") or {}).items()) or UNKNOWN
    )
    hardware = run.get("hardware") or {}
    device = hardware.get("gpu") or (f"CPU ({hardware['machine']})" if hardware else UNKNOWN)
    return "\n".join([
        "## Where it comes from", "",
        f"- Commit of artimuse: `{run.get('commit') or UNKNOWN}`",
        f"- Versions: {versions}",
        f"- Hardware: {hardware.get('processes', UNKNOWN)} process(es), {device}",
        f"- sha256 of the configuration: `{run.get('config_sha256', UNKNOWN)}`",
        f"- sha256 of the weights: `{run.get('model_sha256', UNKNOWN)}`",
        "- Licence of the model: unknown; it depends on those of its base and its data.",
    ])  # fmt: skip


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [names, ["---"] * len(names), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _named(metric: str) -> str:
    """`srcc/dataset/aspect` with the metric's own name."""
    first, _, rest = metric.partition("/")
    return NAMES.get(first, first) + (f", {rest}" if rest else "")


def _value(found: dict[str, Any] | None) -> str:
    return "-" if found is None else f"{found['value']:.3f}"


def _interval(found: dict[str, Any]) -> str:
    ci95 = found.get("ci95")
    return UNKNOWN if ci95 is None else f"[{ci95[0]:.3f}, {ci95[1]:.3f}]"


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"
