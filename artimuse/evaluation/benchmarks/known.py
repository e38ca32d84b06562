"""The benchmarks that `scripts/evaluate.py` knows by name.

The sizes are those of the published test lists: a file of another size is another split, and its numbers
stand beside no published row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artimuse.config import SCALES
from artimuse.evaluation.benchmarks.spec import FOLDER, Benchmark, Reader

_TABLES = (".csv", ".tsv", ".jsonl")


def _scores(name: str, official_n: int | None, expects: str = "", **readers: Reader) -> Benchmark:
    """A score benchmark: its list, a table of image and score, or its own annotation files (by ending)."""
    known: dict[str, Reader] = {".json": Reader("scores", "scores", {"dataset": name})}
    table: Mapping[str, Any] = {"scale": list(SCALES[name])}
    known |= {ending: Reader("custom", "table", table) for ending in _TABLES}
    known |= {FOLDER if key == "folder" else f".{key}": reader for key, reader in readers.items()}
    what = "a score list (.json), a table with the columns image and score (.csv)"
    return Benchmark(
        name, "scores", f"{what}{expects}", known, counts="score", official_n=official_n
    )


BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        _scores("ava", 19930, ", or AVA.txt (.txt)", txt=Reader("ava", "votes")),
        _scores("para", 3000, "; a .csv is PARA-GiaaTest.csv", csv=Reader("para", "annotations")),
        _scores("tad66k", 14079),
        _scores("flickr-aes", 4737),
        _scores("artimuse-10k", 1002),
        _scores(
            "icaa17k", None, "; a .csv has the columns ID and MOS", csv=Reader("icaa17k", "annotations")
        ),
        _scores(
            "aadb", 1000, ", or the folder of its lists (the test lists are read)",
            folder=Reader("aadb", "lists", {"split": "TestNew"}),
        ),
        Benchmark(
            "artimuse-10k-text", "critiques",
            "ArtiMuse-10K's critiques: LLaVA-style records, one a line (.jsonl)",
            {".jsonl": Reader("artimuse10k", "texts")}, counts="text",
        ),
        Benchmark(
            "fgaesthetics", "series",
            "the folder of the label files *_test.txt, or one label file (.txt)",
            {
                FOLDER: Reader("fgaesthetics", "labels", pattern="*_test.txt"),
                ".txt": Reader("fgaesthetics", "labels", pattern="*_test.txt"),
            },
            counts="pair", official_n=824 + 847 + 2088,
        ),
        Benchmark(
            "aesbench", "choices",
            "AesBench_evaluation.json, or the validation set with answers and images (.tsv)",
            {
                ".json": Reader("aesbench", "annotations"),
                ".tsv": Reader("aesbench", "annotations", unpacks=True),
            },
            counts="choice",
        ),
        Benchmark(
            "unipercept-vqa", "choices",
            "a list of UniPercept-Bench-VQA (.json)",
            {".json": Reader("unipercept_bench", "annotations")}, counts="choice",
        ),
        Benchmark(
            "custom", "custom",
            "your own table (.csv, .tsv, .jsonl), score list (.json), a folder of "
            "series (best image first), or a source as a recipe has it (.yaml)",
            {
                **{ending: Reader("custom", "table") for ending in _TABLES},
                ".json": Reader("scores", "scores"),
                FOLDER: Reader("series_folder", "images", {"order": "best_first"}),
            },
            counts="score",
        ),
    )
}  # fmt: skip
