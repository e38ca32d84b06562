"""What every file of the repository keeps to: its length, its names, and no unfinished or private words."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 400
TOP = {"artimuse", "configs", "scripts", "tests", "data", "pyproject.toml", "README.md", "LICENSE"}
# Written so that this file does not hold what it looks for.
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "H" + "ACK")))
PRIVATE = re.compile("|".join(("/" + "work" + "/", "/" + "home" + "/", "/" + "root" + "/")))


def tracked() -> list[Path]:
    """Files that belong to the repository; what else lies in a clone (an environment) is not its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Text files by name, but for the licence."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in tracked()
        if path.suffix in {".py", ".yaml", ".toml", ".md", ""} and path.name != "LICENSE"
    }


def test_no_file_is_too_long(texts: dict[str, str]) -> None:
    long = {name: text.count("\n") for name, text in texts.items() if text.count("\n") > LONGEST}
    assert not long


@pytest.mark.parametrize("pattern", [UNFINISHED, PRIVATE], ids=["unfinished", "private paths"])
def test_no_such_words(texts: dict[str, str], pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found


def test_top_level_holds_what_the_design_says() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP


def test_no_module_is_a_drawer_for_anything() -> None:
    names = {part for path in tracked() for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not names & {"utils", "util", "common", "helpers", "manager", "misc"}


def test_licence_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_test_folder_mirrors_a_part_or_is_a_kind_of_test() -> None:
    kinds = {"repository", "integration", "parity", "gpu"}
    parts = {path.stem for path in (ROOT / "artimuse").iterdir()} | {"scripts"}
    folders = {
        path.relative_to(ROOT).parts[1] for path in tracked() if path.is_relative_to(ROOT / "tests")
    }
    assert {name for name in folders if not name.endswith(".py")} <= kinds | parts
