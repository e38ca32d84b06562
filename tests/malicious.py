"""Files as an attacker would write them: each leaves a mark where the code in it was run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any


class Evil:
    """Runs a program when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def evil_pickle(mark: Path) -> bytes:
    return pickle.dumps(Evil(mark))


def evil_module(mark: Path) -> str:
    """Source of a Python file that acts when it is imported."""
    return f"""import pathlib
pathlib.Path({str(mark)!r}).touch()
class Evil:
    @classmethod
    def from_pretrained(cls, *arguments, **named):
        return cls()
"""
