"""How numbers, metrics and protocols read: one wording for the page, the README and the paper.

metric_name("s_srcc/natural")      # s-SRCC, natural
written({"value": .7714, "ci95": [.702, .826], "n": 200}, "srcc")   # .771 [.702, .826]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

from artimuse.evaluation.published import IN_WORDS, UNKNOWN, relation_of

NAMES = {
    "srcc": "SRCC",
    "plcc": "PLCC",
    "plcc_logistic": "PLCC (fitted)",
    "krcc": "KRCC",
    "rmse": "RMSE",
    "rmse_logistic": "RMSE (fitted)",
    "rmse_native": "RMSE (native scale)",
    "mae": "MAE",
    "srcc_within_categories": "SRCC within categories",
    "srcc_category_floor": "SRCC of category means",
    "srcc_noise_ceiling": "best SRCC that rater noise allows",
    "pair_accuracy": "pair accuracy",
    "pair_accuracy_close": "pair accuracy (close pairs)",
    "pair_f1": "pair F1",
    "s_acc": "s-Acc",
    "s_srcc": "s-SRCC",
    "pair": "Pair",
    "series": "Series",
    "choice_accuracy": "choice accuracy",
    "critique_bits": "bits per character of the own critique",
    "critique_told": "own critique told from another image's",
    "critique_told_by_image": "own image told from another",
    "sentiment_srcc": "SRCC of score and sentiment of the critique",
    "aesi_rated": "AesI (as rated)",
}
POINTS = ("rmse", "rmse_logistic", "rmse_native", "mae")
BITS = ("critique_bits",)
LOWER_IS_BETTER = (*POINTS, *BITS)
BENCHMARKS = {
    "ava": "AVA",
    "para": "PARA",
    "tad66k": "TAD66K",
    "flickr-aes": "FLICKR-AES",
    "artimuse-10k": "ArtiMuse-10K",
    "artimuse-10k-text": "ArtiMuse-10K, critiques",
    "icaa17k": "ICAA17K",
    "aadb": "AADB",
    "fgaesthetics": "FGAesthetics",
    "aesbench": "AesBench",
    "unipercept-vqa": "UniPercept-Bench VQA",
}
UNKNOWN_NUMBER = "of how many is not known"
COUNTED = {
    "score": "images with a score",
    "pair": "pairs",
    "rank": "images of series",
    "choice": "choice questions",
    "text": "open questions",
    "critique": "critiques",
    "sentiment": "critiques of its own",
}


def metric_name(key: str) -> str:
    """A metric's name to read, with what it was taken over."""
    base, *of = key.split("/")
    if base == "choice_accuracy" and of:
        return f"{', '.join(of)} accuracy"
    return ", ".join([NAMES.get(base, base.replace("_", " ")), *of])


def benchmark_name(benchmark: str | None) -> str:
    """A benchmark's own spelling; two predictions files that are compared may be of none."""
    return "predictions" if benchmark is None else BENCHMARKS.get(benchmark, benchmark)


def decimals(key: str) -> int:
    """Decimals worth showing: 3 of a correlation or share, 2 of points and bits."""
    return 2 if key.split("/")[0] in (*POINTS, *BITS) else 3


def value(number: float | None, key: str) -> str:
    """`0.771`, `-0.020`, `7.03`; a dash for None."""
    if number is None:
        return "-"
    digits = decimals(key)
    return f"{round(number, digits) + 0.0:.{digits}f}"  # + 0.0: no "-0.000"


def published_value(number: float | None, key: str, computed: Collection[str]) -> str:
    """`0.753`; `0.699 (computed)` where no paper has it."""
    return value(number, key) + (" (computed)" if key in computed and number is not None else "")


def interval(metric: Mapping[str, Any], key: str) -> str:
    """`[0.702, 0.826]`; empty without an interval."""
    ends = metric.get("ci95")
    return "" if ends is None else f"[{value(ends[0], key)}, {value(ends[1], key)}]"


def written(metric: Mapping[str, Any] | None, key: str) -> str:
    """A value with its interval; a dash for None."""
    if metric is None:
        return "-"
    return " ".join(filter(None, (value(metric["value"], key), interval(metric, key))))


def model_name(results: Mapping[str, Any]) -> str:
    """The run's name, else the checkpoint folder's (`runs/a/model` is `a`), else what the result is of."""
    protocol = results.get("protocol", {})
    run = protocol.get("run")
    if isinstance(run, Mapping) and run.get("name"):
        return str(run["name"])
    if isinstance(run, str):
        return run
    checkpoint = protocol.get("checkpoint")
    path = checkpoint.get("path") if isinstance(checkpoint, Mapping) else checkpoint
    if not path:
        return "this model"
    pure = PurePath(str(path))
    if pure.name in ("model", "predictions.jsonl") and pure.parent.name:
        return pure.parent.name
    return pure.name or str(path)


def relation_in_words(results: Mapping[str, Any]) -> str:
    """How the model stands to the benchmark's data, with the evidence."""
    training = results.get("protocol", {}).get("training") or {}
    relation = relation_of(results)
    if relation == UNKNOWN:
        told = "Whether it was trained on this data set is not recorded."
    else:
        known = IN_WORDS.get(relation)
        told = f"{str(relation).capitalize()}: {known}." if known else f"{relation}."
    evidence = training.get("evidence")
    return f"{told} Evidence: {str(evidence).rstrip('.')}." if evidence else told


def overall_in_words(results: Mapping[str, Any]) -> str:
    """Of a benchmark whose overall takes a judge: what it is, the parts that are there, and those that lack."""
    whole = results.get("overall")
    if not whole:
        return ""
    parts = ", ".join(f"{name} {part:.2f} %" for name, part in whole["parts"].items()) or "none"
    lacking = "; ".join(f"{name} ({why})" for name, why in whole["lacking"].items())
    return f"No overall: it is {whole['is']}. There are: {parts}. Lacking: {lacking}."


def protocol_in_words(results: Mapping[str, Any]) -> list[str]:
    """What defines the numbers, a sentence a line: the model, the data, how it was asked and read."""
    protocol = results.get("protocol", {})
    sentences = [relation_in_words(results)]
    split = protocol.get("split") or {}
    if isinstance(split, Mapping) and split.get("n") is not None:
        text = f"The list has {split['n']:,} items"
        official = split.get("official_n")
        if official is not None:
            alike = "as many as" if official == split["n"] else f"not the {official:,} of"
            text += f", {alike} the official test list"
        sentences.append(text + ".")
    sentences += _reading(protocol, results["n_scored"])
    sentences.append(f"Scored: {counts_in_words(results)}.")
    overall = overall_in_words(results)
    return [*sentences, *([overall] if overall else []), *map(str, results.get("notes") or ())]


def counts_in_words(results: Mapping[str, Any]) -> str:
    """n scored of n expected, by kind; of rows that came without a benchmark that is not known."""
    if not results["n_expected"]:
        counted = [f"{n:,} {COUNTED.get(kind, kind)}" for kind, n in results["n_scored"].items()]
        return f"{', '.join(counted)}, {UNKNOWN_NUMBER}" if counted else "nothing"
    return ", ".join(
        f"{results['n_scored'].get(kind, 0):,} of {n:,} {COUNTED.get(kind, kind)}"
        for kind, n in results["n_expected"].items()
    )


def _reading(protocol: Mapping[str, Any], kinds: Mapping[str, int]) -> list[str]:
    found = []
    read_out = protocol.get("read_out")
    kind = read_out.get("kind") if isinstance(read_out, Mapping) else read_out
    prompt = protocol.get("prompt")
    wording = prompt.get("name") if isinstance(prompt, Mapping) else prompt
    if kind and {"score", "pair", "rank", "sentiment"} & set(kinds):
        found.append(f"Scores are read by the {kind} read-out.")
    if wording:
        found.append(f"Questions are worded as in the prompt protocol {wording}.")
    if protocol.get("choices_read_by") and "choice" in kinds:
        way = "the likeliest option" if protocol["choices_read_by"] == "likelihood" else "its text"
        found.append(f"A choice is read from {way}.")
    if protocol.get("max_new_tokens") and {"choice", "text"} & set(kinds):
        found.append(f"Answers have at most {protocol['max_new_tokens']:,} tokens.")
    return found
