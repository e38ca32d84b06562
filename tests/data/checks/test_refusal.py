"""What becomes of leaks: refused with counts, accepted by name, never accepted, and put on record."""

import json
from pathlib import Path

import pytest

from artimuse.data.checks.leakage import Kind, Leak
from artimuse.data.checks.refusal import count_leaks, refuse_leaks, write_leaks
from artimuse.data.formats.minus import read_names
from artimuse.records import DataError


def leak(kind: Kind, training: str, evaluation: str) -> Leak:
    return Leak(kind, training, f"i/{training}", evaluation, f"j/{evaluation}", None)


LEAKS = [
    leak("name", "ours/a 1.jpg", "bench/a.jpg"),
    leak("content", "ours/a 1.jpg", "bench/a.jpg"),
    leak("content", "ours/b/b.jpg", "bench/b.jpg"),
    leak("name", "more/c.jpg", "aes/c.jpg"),
]


def test_images_are_counted_per_pair_of_sources_and_kind() -> None:
    bench = {"training": "ours", "evaluation": "bench", "allowed": True}
    aes = {"training": "more", "evaluation": "aes", "allowed": False}
    assert count_leaks(LEAKS, ["bench"]) == [
        bench | {"images": 2, "name": 1, "content": 2},
        aes | {"images": 1, "name": 1},
    ]
    assert count_leaks([]) == []


def test_a_leak_is_refused_with_counts_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        refuse_leaks(LEAKS, allowed=[], never=["aes"], lists=tmp_path)
    text = str(error.value)
    assert "expected no image that evaluation.sources have too, found 3" in text
    assert f"their `minus`: {tmp_path}/minus-ours.json, {tmp_path}/minus-more.json" in text
    assert "data.allow_leakage: [bench]\n" in text
    assert "  ours and bench: 2 images (1 by name, 2 by content)\n" in text
    assert "  more and aes: 1 images (1 by name); its terms forbid training on them\n" in text
    assert "first 4 of 4 findings:" in text
    assert "  content: ours/b/b.jpg is bench/b.jpg: i/ours/b/b.jpg, j/bench/b.jpg" in text


def test_ten_findings_are_shown(tmp_path: Path) -> None:
    many = [leak("content", f"ours/{n}.jpg", f"bench/{n}.jpg") for n in range(30)]
    with pytest.raises(DataError, match="first 10 of 30 findings") as error:
        refuse_leaks(many, allowed=[], never=[], lists=tmp_path)
    assert "ours/9.jpg" in str(error.value)
    assert "ours/10.jpg" not in str(error.value)


def test_what_is_allowed_passes_and_the_rest_is_refused(tmp_path: Path) -> None:
    refuse_leaks(LEAKS[:3], allowed=["bench"], never=[], lists=tmp_path)
    refuse_leaks([], allowed=[], never=["aes"], lists=tmp_path)
    with pytest.raises(DataError, match="found 1;") as error:
        refuse_leaks(LEAKS, allowed=["bench"], never=["aes"], lists=tmp_path)
    assert "allow_leakage" not in str(error.value)
    with pytest.raises(DataError, match="its terms forbid"):
        refuse_leaks(LEAKS, allowed=["bench", "aes"], never=["aes"], lists=tmp_path)


def test_findings_are_written_and_lists_that_minus_reads(tmp_path: Path) -> None:
    write_leaks(tmp_path, LEAKS)
    rows = [json.loads(line) for line in (tmp_path / "leaks.jsonl").read_text().splitlines()]
    assert [Leak(**row) for row in rows] == LEAKS
    assert read_names(tmp_path / "minus-ours.json") == ["a 1.jpg", "b/b.jpg"]
    assert read_names(tmp_path / "minus-more.json") == ["c.jpg"]
    write_leaks(tmp_path, [])
    assert not (tmp_path / "leaks.jsonl").exists()
