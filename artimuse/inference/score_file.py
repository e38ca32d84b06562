"""Score files: a row per image, written as it is done, JSONL or CSV by the file's name; continued where left.

    {"image": "a.jpg", "score": 61.3, "spread": 4.0, "scores": {"overall": 61.3}, "spreads": {...},
     "critiques": {"Theme ...": "..."}}

`score` is the first aspect's, on 0-100 (null for a model without scores), `spread` its standard deviation;
`critiques` and `answers` are there when they were asked for. In a CSV the nested values are columns named
`scores.overall`, `critiques.Theme & Communication`.

Beside OUTPUT stand `OUTPUT.meta.json`, which says how the rows were made, and, where images could not be
read, `OUTPUT.not_scored.jsonl` with the reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from artimuse.inference.score_rows import CsvRows, JsonRows

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
FORMATS = {".jsonl": JsonRows, ".csv": CsvRows}


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


def meta_path(output: Path) -> Path:
    """Where it is said how the rows of a score file were made."""
    return output.with_name(output.name + ".meta.json")


def not_scored_path(output: Path) -> Path:
    """Where the images without a row are listed, with reasons."""
    return output.with_name(output.name + ".not_scored.jsonl")


def check_output(path: Path) -> None:
    """Raise ValueError for a name that is neither JSONL nor CSV, or a file that is no score file."""
    if path.suffix not in FORMATS:
        raise ValueError(f"--output {path}: expected a name that ends in .jsonl or .csv")
    if path.is_dir() or (path.exists() and path.stat().st_size and not meta_path(path).is_file()):
        raise ValueError(
            f"--output {path}: is there already, without {meta_path(path).name}, which says how its rows "
            f"were made: {_anew(path)}"
        )


class ScoreFile:
    """Starts a score file, or goes on with one: what it has already is kept, a half-written last row cut off.

    Args:
        path: its suffix decides: .jsonl or .csv.
        fields: every field of a row, nested ones as `scores.overall`, in order.
        meta: how the rows are made, as `describe_run` has it.

    Attributes:
        done: images that have a row.
        notes: for a person: a half-written last row that was cut off, other versions than at the start.

    Raises:
        ValueError: for a file whose rows were made in another way or lack a field, or another suffix.
    """

    def __init__(self, path: Path, fields: Sequence[str], meta: Mapping[str, Any]) -> None:
        check_output(path)
        self.path = path
        self.notes: list[str] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = path.exists() and path.stat().st_size > 0
        if begun:
            self._check_same(meta)
        self._rows = FORMATS[path.suffix](path, fields)
        try:
            self.done, cut_bytes = self._rows.open()
        except ValueError as error:
            raise ValueError(f"--output {path}: {error}: {_anew(path)}") from error
        if cut_bytes:
            self.notes.append(f"a half-written last row ({cut_bytes} bytes) was cut off")
        if not begun:  # before the first row, so that no row is ever without it
            _write_whole(meta_path(path), json.dumps(meta, indent=2, ensure_ascii=False) + "\n")
        # Of this run: what could not be read is tried again.
        not_scored_path(path).unlink(missing_ok=True)

    def write(self, row: dict[str, Any]) -> None:
        """Write one row, and hand it to the operating system."""
        self._rows.write(dict(flatten(row)), row)

    def not_scored(self, image: str, reason: str) -> None:
        """List an image that has no row."""
        with not_scored_path(self.path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"image": image, "reason": reason}) + "\n")

    def close(self) -> None:
        self._rows.close()

    def _check_same(self, meta: Mapping[str, Any]) -> None:
        place = meta_path(self.path)
        try:
            old = json.loads(place.read_text(encoding="utf-8"))
            before, other = old["same"], differences(old["versions"], meta["versions"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{place}: damaged ({error!r}): {_anew(self.path)}") from error
        self.notes += [f"begun with another version: {one}" for one in other]
        differing = differences(before, meta["same"])
        if differing:
            listed = "\n  ".join(differing)
            raise ValueError(
                f"--output {self.path}: its rows were made in another way ({place.name} says how):\n"
                f"  {listed}\ncall it as before to go on with it, or {_anew(self.path)}"
            )


def flatten(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a row with nested ones as `scores.overall`."""
    for key, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", v) for inner, v in value.items())
        else:
            yield key, value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Where two records differ: `asked.describe: False there, True now`."""
    before, now = dict(_leaves(old)), dict(_leaves(new))
    keys = dict.fromkeys([*before, *now])
    return [
        f"{key}: {_shown(before.get(key))} there, {_shown(now.get(key))} now"
        for key in keys
        if before.get(key) != now.get(key)
    ]


def _leaves(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _anew(path: Path) -> str:
    return f"choose another --output, or remove {path.name} to start anew"


def _write_whole(path: Path, text: str) -> None:
    """A file that is there is complete."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
