"""The cache of parsed sources: equal to parsing, and never stale."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from artimuse.config.sources import ArtiMuseSource
from artimuse.data import cache
from artimuse.data.cache import cache_folder, cached_source
from artimuse.data.formats import load_source
from artimuse.records import DataError, Source

ROWS = [{"image": f"0_{n}.jpg", "gt_score": n / 2} for n in range(9)]


def config(**settings: object) -> ArtiMuseSource:
    given = {"name": "a", "format": "artimuse10k", "images": "images", "scores": "scores.json"}
    return ArtiMuseSource.model_validate(given | settings)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scores.json").write_text(json.dumps([*ROWS, {"image": 7}]))
    return tmp_path / "data"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sources that were parsed, and not taken from the cache."""
    names: list[str] = []

    def load(config: ArtiMuseSource, root: Path) -> Source:
        names.append(config.name)
        return load_source(config, root)

    monkeypatch.setattr(cache, "load_source", load)
    return names


def test_a_cached_source_equals_a_parsed_one(root: Path, tmp_path: Path, parsed: list[str]) -> None:
    plain = load_source(config(), root)
    for _ in range(2):
        found = cached_source(config(), root, tmp_path / "cache")
        assert list(found.samples) == list(plain.samples)
        assert (found.bad, found.items, found.notes) == (plain.bad, plain.items, plain.notes)
    assert parsed == ["a"]


def test_what_decides_the_records_decides_the_entry(
    root: Path, tmp_path: Path, parsed: list[str]
) -> None:
    keep = tmp_path / "cache"
    cached_source(config(), root, keep)
    cached_source(config(weight=3.0, questions_per_image=2), root, keep)
    assert len(parsed) == 1
    cached_source(config(scale=(0.0, 20.0)), root, keep)
    cached_source(config(name="b"), root, keep)
    assert len(parsed) == 3
    time = (root / "scores.json").stat().st_mtime_ns
    (root / "scores.json").write_text(json.dumps([*ROWS[:-1], {"image": "0_8.jpg", "gt_score": 5}]))
    os.utime(root / "scores.json", ns=(time, time))
    assert cached_source(config(), root, keep).samples[-1].questions[0].label.mean == 5  # type: ignore[union-attr]
    assert len(parsed) == 4


def test_a_new_loader_parses_anew(
    root: Path, tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_source(config(), root, tmp_path / "cache")
    monkeypatch.setattr(cache, "_code", lambda: "another version")
    cached_source(config(), root, tmp_path / "cache")
    assert len(parsed) == 2


def test_a_missing_list_is_the_loader_s_error(root: Path, tmp_path: Path) -> None:
    (root / "scores.json").unlink()
    with pytest.raises(DataError, match="found nothing there"):
        cached_source(config(), root, tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match=r"cache: expected a folder .* as data\.cache"):
        cached_source(config(), root, tmp_path / "cache")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/kept")
    assert cache_folder() == Path("/kept/artimuse/sources")
    assert cache_folder("here") == Path("here")


def test_a_damaged_entry_is_named(root: Path, tmp_path: Path) -> None:
    cached_source(config(), root, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / "samples.arrow").write_bytes(b"ARROW1")
    with pytest.raises(DataError, match=f"{entry.name}: expected a parsed source .* delete this"):
        cached_source(config(), root, tmp_path / "cache")
