"""The papers' numbers, as their tables have them: facts, with where each stands.

Systems are rows as in the papers; a cell is (SRCC, PLCC), or the four metrics of FGAesthetics. What a row
was trained on is said where the paper says it: `None` is "not stated". `published` reads these tables.
"""

from __future__ import annotations

from typing import Literal

Relation = Literal["in-domain", "seen in pretraining", "zero-shot"]
Cells = tuple[tuple[float, float] | None, ...]

ARTIMUSE = "arXiv 2507.14533"
UNIPERCEPT = "arXiv 2512.21675"
FGAESQ = "arXiv 2603.03907"
AESEXPERT = "arXiv 2404.09624"
AESBENCH = "arXiv 2401.08276"

# Images of the test lists as released; FGAesthetics: annotated pairs.
TEST_ITEMS = {
    "ava": 19_930,
    "para": 3_000,
    "tad66k": 14_079,
    "flickr-aes": 4_737,
    "artimuse-10k": 1_002,
}
PAIRS = {"natural": 824, "aigc": 847, "cropping": 2_088}

BENCHMARKS = ("ava", "para", "tad66k", "flickr-aes", "artimuse-10k")
FINE_TUNED = "one checkpoint fine-tuned per data set"
SCORES: tuple[tuple[str, str, str, str, Relation | None, Cells], ...] = (
    ("ArtiMuse", FINE_TUNED, ARTIMUSE, "results", "in-domain",
     ((0.827, 0.826), (0.936, 0.958), (0.510, 0.543), (0.814, 0.837), (0.614, 0.627))),
    ("Q-Align", FINE_TUNED, ARTIMUSE, "results", "in-domain",
     ((0.822, 0.817), (0.913, 0.888), (0.501, 0.531), (0.798, 0.818), (0.551, 0.573))),
    ("VILA", FINE_TUNED, ARTIMUSE, "results", "in-domain",
     ((0.776, 0.775), (0.651, 0.658), (0.418, 0.444), (0.616, 0.645), (0.273, 0.268))),
    ("GPT-4o", "as released", ARTIMUSE, "results", "zero-shot",
     ((0.509, 0.485), (0.697, 0.744), (0.278, 0.282), (0.605, 0.597), (0.333, 0.276))),
    ("Qwen2.5-VL-7B", "as released", ARTIMUSE, "results", "zero-shot",
     ((0.391, 0.371), (0.721, 0.743), (0.240, 0.242), (0.621, 0.578), (0.256, 0.179))),
    # Its pretraining on texts saw images of these three. Of PARA neither that nor the contrary is stated.
    ("ArtiMuse", "the ArtiMuse-10K checkpoint", ARTIMUSE, "other data sets", "seen in pretraining",
     ((0.397, 0.385), None, (0.230, 0.232), (0.349, 0.334), None)),
    ("ArtiMuse", "the ArtiMuse-10K checkpoint", ARTIMUSE, "other data sets", None,
     (None, (0.446, 0.461), None, None, None)),
    ("UniPercept", "one checkpoint for all", UNIPERCEPT, "results", None,
     ((0.589, 0.577), None, (0.336, 0.346), (0.688, 0.681), (0.746, 0.738))),
)  # fmt: skip

AVA_ABLATION = (
    ("LoRA on the language model (full)", 0.827, 0.826),
    ("language model fully tuned", 0.816, 0.814),
    ("joint in one stage", 0.821, 0.820),
    ("score as text", 0.820, 0.819),
    ("five levels", 0.820, 0.818),
)
"""ArtiMuse on AVA, fine-tuned there (arXiv 2507.14533)."""

FGAESQ_SCORES: tuple[tuple[str, Relation | None, float, float], ...] = (
    ("ava", "in-domain", 0.770, 0.781),
    ("icaa17k", None, 0.653, 0.674),
    ("aadb", None, 0.562, 0.571),
    ("tad66k", None, 0.423, 0.455),
)
"""FGAesQ (arXiv 2603.03907); it is trained on AVA and FGAesthetics, the others are not said."""

SERIES_METRICS = ("pair_accuracy", "pair_f1", "s_acc", "s_srcc")
Four = tuple[float, float, float, float]
SERIES: tuple[tuple[str, str, Relation | None, Four, Four, Four], ...] = (
    ("FGAesQ", "as released", "in-domain",
     (0.779, 0.779, 0.753, 0.729), (0.709, 0.707, 0.561, 0.482), (0.774, 0.773, 0.488, 0.590)),
    ("FGAesQ", "without DiffToken at test", "in-domain",
     (0.773, 0.773, 0.720, 0.664), (0.688, 0.686, 0.517, 0.442), (0.764, 0.763, 0.483, 0.537)),
    ("Q-Align (8.2B)", "", None,
     (0.711, 0.711, 0.676, 0.496), (0.646, 0.646, 0.462, 0.310), (0.738, 0.739, 0.413, 0.487)),
    ("UNIAA (7B)", "", None,
     (0.709, 0.708, 0.656, 0.486), (0.640, 0.639, 0.486, 0.256), (0.675, 0.670, 0.300, 0.386)),
    ("VILA", "fine-tuned", "in-domain",
     (0.693, 0.692, 0.643, 0.430), (0.650, 0.647, 0.504, 0.291), (0.714, 0.710, 0.373, 0.439)),
)  # fmt: skip
"""Acc, F1, s-Acc and s-SRCC in Natural, AIGC and Cropping (arXiv 2603.03907)."""
SERIES_MEANS = {("FGAesQ", "as released"): (0.753, 0.600)}
"""Pair and Series where the paper has them."""
COMPUTED = "Pair and Series are not published: computed here, the means of the published columns"
NATURAL_LACKS = (
    "the release lacks 150 Natural series (636 pairs of LSVQ), which the published number may have"
)

FGAESQ_ABLATION = (
    ("full", 0.770, 0.753, 0.600),
    ("no DiffToken", 0.751, 0.666, 0.423),
    ("no RankReg", 0.769, 0.742, 0.571),
    ("no CTAlign", 0.770, 0.747, 0.581),
    ("coarse only", 0.713, 0.578, 0.364),
    ("fine only", 0.031, 0.565, 0.299),
    ("coarse then fine in sequence", 0.200, 0.637, 0.380),
)
"""FGAesQ: SRCC on AVA, then Pair and Series on FGAesthetics (arXiv 2603.03907)."""
BY_PAIRS = {
    ("FGAesQ", "as released"): "pairs",
    ("FGAesQ", "without DiffToken at test"): "single",
    # They score one image at a time.
    ("Q-Align (8.2B)", ""): "single",
    ("UNIAA (7B)", ""): "single",
    ("VILA", "fine-tuned"): "single",
    ("FGAesQ", "full"): "pairs",
    ("FGAesQ", "no DiffToken"): "single",
    ("FGAesQ", "no RankReg"): "pairs",
    ("FGAesQ", "no CTAlign"): "pairs",
}
"""How the images of a series were scored: beside each other, by DiffToken, or each alone. Of ablations that
leave out whole data sets it is not stated."""
UNTRAINED = {"coarse only": "fgaesthetics", "fine only": "ava"}
"""The ablations that were not trained on one of the two."""

AESBENCH_ROWS: tuple[tuple[str, Relation | None, float, float, float, float], ...] = (
    ("AesExpert, LLaVA-1.5-13B", None, 79.54, 84.89, 59.57, 1.340),
    ("AesExpert, LLaVA-1.5-7B", None, 78.57, 84.04, 53.25, 1.317),
    ("GPT-4V", None, 72.08, 70.16, 50.86, 1.301),
    ("LLaVA-1.5-7B", None, 66.32, 68.32, 45.46, 1.157),
)
"""AesP, AesE and AesA in per cent, AesI as rated, 0-2 (arXiv 2404.09624 and 2401.08276)."""
ANSWERS_KEPT = (
    "published on the test set, whose answers the authors keep; scores measured here are on the "
    "validation set"
)
