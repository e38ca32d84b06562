"""serving.json as a client reads it: all there, and of this version.

record = load_record(Path("exported/serving.json"))
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artimuse.inference.serving import FORMAT_VERSION

_NEEDED = {
    "": ("scale", "prompts", "chat_template", "answer", "request", "images"),
    "answer": ("words", "values", "token_ids", "tokens", "texts", "shared_texts"),
    "request": ("top_logprobs",),
}
_OF_A_PROMPT = ("messages", "token_ids")


def load_record(path: Path) -> dict[str, Any]:
    """serving.json as export.py writes it.

    Raises:
        ValueError: for a file that is absent, damaged or of another version, or lacks a key.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"--serving {path}: expected the serving.json of an exported folder (export.py --score-rows), "
            f"found: {error!r}"
        ) from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f"--serving {path}: format version {version}; this version of artimuse reads {FORMAT_VERSION}: "
            "export the model again"
        )
    for missing in _missing(record):
        raise ValueError(
            f"--serving {path}: expected the key {missing}, found none: the file was changed; export the "
            "model again"
        )
    return record


def _missing(record: dict[str, Any]) -> Iterator[str]:
    for within, keys in _NEEDED.items():
        found = record[within] if within else record
        yield from (f"{within}.{key}".lstrip(".") for key in keys if not _has(found, key))
    for aspect, prompt in record["prompts"].items():
        yield from (f"prompts.{aspect}.{key}" for key in _OF_A_PROMPT if not _has(prompt, key))


def _has(found: object, key: str) -> bool:
    return isinstance(found, dict) and key in found
