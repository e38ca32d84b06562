"""Score files: a row per image, written as it is done, JSONL or CSV by the file's name.

    {"image": "a.jpg", "score": 61.3, "scores": {"overall": 61.3}, "critiques": {"Theme ...": "..."}}

`score` is the first aspect's, on 0-100; `critiques` and `answers` are there when they were asked for. In a
CSV the nested values are columns named `scores.overall`, `critiques.Theme & Communication`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}


def find_images(paths: Sequence[Path]) -> list[Path]:
    """Image files among paths and, recursively and sorted, in folders.

    Raises:
        ValueError: for a path that is not there, or nothing found at all.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in sorted(path.rglob("*")) if p.suffix.lower() in IMAGE_SUFFIXES)
            found += [p for p in inside if p.is_file()]
        elif path.exists():
            found.append(path)
        else:
            raise ValueError(f"{path}: no such image or folder")
    if not found:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        raise ValueError(f"{', '.join(map(str, paths))}: expected images ({suffixes}), found none")
    return list(dict.fromkeys(found))


class ScoreFile:
    """Writes rows to a JSONL or CSV file, which must not be there yet.

    Args:
        path: its suffix decides: .jsonl or .csv.

    Raises:
        ValueError: for another suffix, or a file that is there already.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in (".jsonl", ".csv"):
            raise ValueError(f"--output {path}: expected a name that ends in .jsonl or .csv")
        if path.exists():
            raise ValueError(f"--output {path}: is there already; remove it or choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", newline="" if path.suffix == ".csv" else None)
        self._csv = path.suffix == ".csv"
        self._writer: Any = None

    def write(self, row: dict[str, Any]) -> None:
        """Write one row, and hand it to the operating system."""
        if self._csv:
            flat = dict(_flat(row))
            if self._writer is None:
                self._writer = csv.DictWriter(self._file, fieldnames=list(flat))
                self._writer.writeheader()
            self._writer.writerow(flat)
        else:
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _flat(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", v) for inner, v in value.items())
        else:
            yield key, value
