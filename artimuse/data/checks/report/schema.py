"""What every key of `data_report.json` means; a test holds that a report has no other.

`[]` stands for the entries of a list, `*` for a name that comes from the data. `frac` is a share in 0..1.
"""

from __future__ import annotations

_SPREAD = {
    "": "distribution of whole numbers; null without any",
    ".n": "how many numbers",
    ".min": "the smallest",
    ".median": "the middle one",
    ".p95": "95th percentile",
    ".max": "the largest",
    ".histogram": "in equal bins from the smallest to the largest",
    ".histogram.low": "lower end of the first bin",
    ".histogram.high": "upper end of the last bin (one more where all numbers are equal)",
    ".histogram.counts[]": "numbers in a bin",
}
_COUNTS = {
    ".samples": "samples",
    ".images": "their images",
    ".series": "series that some of these samples belong to",
    ".texts": "text questions",
    ".choices": "choice questions",
    ".scores": "score questions with a label",
    ".pairs": "pairs; of a category, those whose first image is in it",
}
_DISTANCE = "mean difference in grey levels of the 32 x 32 views; 0 for equal bytes, null for names"


def _below(path: str, meanings: dict[str, str]) -> dict[str, str]:
    return {path + key: meaning for key, meaning in meanings.items()}


KEYS: dict[str, str] = {
    "format_version": "of this file",
    "made.at": "when, in UTC (ISO 8601)",
    "made.version": "of artimuse",
    "recipe.run": "run.name",
    "recipe.root": "data.root",
    "data_sha256": "hash of the training samples and pairs, the same as in a run's run.json",
    "refused[]": "why a training run would not begin, in its words; none where it would",
    "findings[].level": "refused, warning or note; the worst first",
    "findings[].about": "recipe, model, a split (source and split), or two sources",
    "findings[].text": "a sentence for a person",
    "model.name": "whose tokenizer and image preprocessing were used; null where none could be loaded",
    "model.max_positions": "max_position_embeddings of the language model; null where it does not say",
    "model.row_tokens": "train.row_tokens",
    "model.missing": "why no tokens were counted; null where they were",
    "images.files": "image files of all sources, each once",
    "images.bad": "those that cannot be decoded in full",
    "images.bad_examples[].file": "path (the first 20; all are in bad_items.jsonl)",
    "images.bad_examples[].item": "first sample that has it",
    "images.bad_examples[].reason": "what was expected and found",
    # A source in one role; training sources first, in the recipe's order.
    "splits[].source": "name in the recipe",
    "splits[].format": "format in the recipe",
    "splits[].split": "training, validation (cut off by data.validation_frac) or evaluation",
    "splits[].rows": "annotation rows that were read (0 for a validation split: they count as training)",
    "splits[].bad.*": "items left out, by kind of reason: bad rows, samples of bad images, their pairs",
    "splits[].notes[]": "what the loader found worth telling",
    **_below("splits[].counts", _COUNTS),
    **_below("splits[].categories.*", _COUNTS),
    "splits[].sizes": "of the images, upright; null without images",
    "splits[].sizes.files": "different image files",
    **{
        f"splits[].sizes.{side}.{key}": f"{text} {side} side in pixels"
        for side in ("shorter", "longer")
        for key, text in (("min", "least"), ("median", "median"), ("max", "greatest"))
    },
    # Score labels, an entry per aspect and stated scale; native units unless said otherwise.
    "splits[].scores[].aspect": "what is scored",
    "splits[].scores[].low": "lower end of the stated scale",
    "splits[].scores[].high": "upper end of the stated scale",
    "splits[].scores[].n": "labels",
    "splits[].scores[].mean": "their mean",
    "splits[].scores[].std": "their standard deviation (divisor n)",
    "splits[].scores[].min": "the lowest",
    "splits[].scores[].max": "the highest",
    "splits[].scores[].distinct": "different values",
    "splits[].scores[].used_frac": "share of the stated scale between the lowest and the highest",
    "splits[].scores[].histogram.low": "lower end of the stated scale",
    "splits[].scores[].histogram.high": "upper end of the stated scale",
    "splits[].scores[].histogram.counts[]": "labels in each of 20 equal bins",
    "splits[].scores[].with_std": "labels whose raters' spread is known",
    "splits[].scores[].with_raters": "labels whose number of raters is known",
    "splits[].scores[].with_histogram": "labels with votes per grade",
    "splits[].scores[].hint": "why the scale looks wrong; null where it does not, or below 10 labels",
    "splits[].scores[].srcc_101_tokens": (
        "SRCC between the labels and the labels rounded to the nearest of 0..100: the most that a read-out "
        "answering with one of 101 tokens can reach; null below 3 labels"
    ),
    "splits[].scores[].srcc_5_levels": "the same for five equal bins of the stated scale",
    "splits[].scores[].category_floor": (
        "predicting each label by the mean of its category over the other four fifths of the images; null "
        "below 2 categories or 15 labels"
    ),
    "splits[].scores[].category_floor.srcc": "SRCC of that, taken in each fifth and averaged by size",
    "splits[].scores[].category_floor.n": "labels",
    "splits[].scores[].category_floor.categories": "categories, that of images without one included",
    # Pairs; null for a split without any.
    "splits[].pairs": "consistency of the pairs; null without any",
    "splits[].pairs.n": "pairs",
    "splits[].pairs.ties": "with P = .5",
    "splits[].pairs.certain": "with P = 0 or 1",
    "splits[].pairs.series": "series with a pair",
    **_below("splits[].pairs.per_series", _SPREAD),
    "splits[].pairs.strength.low": ".5, a tie",
    "splits[].pairs.strength.high": "1, certain",
    "splits[].pairs.strength.counts[]": "pairs in ten equal bins by P of the better image",
    "splits[].pairs.strength.median": "median of P of the better image",
    "splits[].pairs.series_with_cycle": "series whose relation P > .5 has a cycle of any length",
    "splits[].pairs.cycles_of_3": "cycles of three images: a over b, b over c, c over a",
    "splits[].pairs.triples": "three images of which every two are a pair without a tie",
    "splits[].pairs.against_scores": "where both images have overall scores; null where none have",
    "splits[].pairs.against_scores.n": "such pairs",
    "splits[].pairs.against_scores.decided": "without a tie in P or in the scores",
    "splits[].pairs.against_scores.agree": "of these, P prefers the image with the higher score",
    "splits[].pairs.against_scores.srcc": "SRCC of P and the difference of the scores (first - second)",
    # Tokens of the recipe's model; null where it could not be loaded or nothing is asked.
    "splits[].tokens": "token counts; null without a tokenizer or questions",
    **_below(
        "splits[].tokens.prompt",
        {**_SPREAD, "": "per question: what is before the answer, image included"},
    ),
    **_below(
        "splits[].tokens.answer",
        {**_SPREAD, "": "per answered question, its end included; null without any"},
    ),
    **_below("splits[].tokens.tree", {**_SPREAD, "": "per sample: all its questions in one tree"}),
    **_below(
        "splits[].tokens.drawn_tree",
        {
            **_SPREAD,
            "": "the largest tree that a step can draw (a bound); null where it takes all questions",
        },
    ),
    "splits[].tokens.too_long.n": "questions that are read beyond model.max_positions",
    "splits[].tokens.too_long.frac": "their share",
    "splits[].tokens.too_long.example": "first sample with one; null without any",
    "splits[].tokens.longer_than_row": (
        "trees of a step longer than train.row_tokens; null where that is not set, and for held-out splits"
    ),
    "splits[].tokens.longer_than_row.n": "their number",
    "splits[].tokens.longer_than_row.frac": "their share",
    # Three samples of each training source, as their tree teaches them.
    "splits[].not_taught": "why no tree can be made of the samples; null where it can",
    "splits[].samples[].id": "of the sample",
    "splits[].samples[].images[]": "paths",
    "splits[].samples[].sizes[][]": "width and height of each",
    "splits[].samples[].category": "or null",
    "splits[].samples[].series": "or null",
    "splits[].samples[].pairs[].other": "id of an image that it was compared with (the first four)",
    "splits[].samples[].pairs[].probability": "P(this image better than the other)",
    "splits[].samples[].tokens": "of its tree",
    "splits[].samples[].prefix": "text that all questions share; a long run of one token as `token x n`",
    "splits[].samples[].questions[].kind": "text, choice or score",
    "splits[].samples[].questions[].aspect": "or null",
    "splits[].samples[].questions[].label": "of a score question; null without one",
    "splits[].samples[].questions[].label.mean": "the score",
    "splits[].samples[].questions[].label.low": "lower end of its scale",
    "splits[].samples[].questions[].label.high": "upper end of its scale",
    "splits[].samples[].questions[].options[]": "of a choice question",
    "splits[].samples[].questions[].text": "what follows the prefix: the rest of the prompt, then the answer",
    "splits[].samples[].questions[].supervised[][]": "start and end in `text` of each supervised token",
    "splits[].samples[].questions[].readout": "where a score is read; null for other questions",
    "splits[].samples[].questions[].readout[]": "start and end in `text` of that token (0, 0: in the prefix)",
    # One side of the fence: training with training, held out with held out.
    "duplicates[].kind": "bytes (equal) or look",
    "duplicates[].first": "split (source and split) of the image that comes first",
    "duplicates[].second": "split of the other",
    "duplicates[].n": "files that equal, or look like, an earlier one",
    "duplicates[].most_alike": "files in the largest group around one file",
    "duplicates[].examples[].first": "sample",
    "duplicates[].examples[].first_file": "path",
    "duplicates[].examples[].second": "sample",
    "duplicates[].examples[].second_file": "path",
    "duplicates[].examples[].distance": _DISTANCE,
    # Across it. All findings are in leaks.jsonl.
    "leakage.held_out": "what training is compared with: evaluation sources, or the validation cut",
    "leakage.findings": "pairs of images, by any evidence",
    "leakage.between[].training": "source",
    "leakage.between[].evaluation": "source",
    "leakage.between[].allowed": "named in data.allow_leakage",
    "leakage.between[].images": "held-out images that are trained on",
    "leakage.between[].name": "of these, by their names",
    "leakage.between[].content": "by equal bytes",
    "leakage.between[].appearance": "by their looks",
    "leakage.examples[].training": "sample",
    "leakage.examples[].training_file": "path",
    "leakage.examples[].evaluation": "sample",
    "leakage.examples[].evaluation_file": "path",
    "leakage.examples[].kind": "name, content or appearance",
    "leakage.examples[].distance": _DISTANCE,
}
