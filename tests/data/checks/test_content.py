"""Equal files: found whatever they are called, with little reading."""

from pathlib import Path

import pytest

from artimuse.data.checks import content
from artimuse.data.checks.content import digest, equal_files


def write(folder: Path, **files: bytes) -> list[str]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in files]


def test_equal_bytes_in_the_order_of_the_first(tmp_path: Path) -> None:
    same = bytes(range(256)) * 90
    one = write(tmp_path, a=b"x" * 9, b=same, c=b"y" * 9, d=same)
    other = write(tmp_path, e=same, f=b"x" * 9, g=b"z" * 9, h=b"short")
    a, b, _, d = one
    e, f, _, _ = other
    assert equal_files(one, other) == [(a, f), (b, e), (d, e)]
    assert equal_files([*one, *one], [*other, f]) == [(a, f), (b, e), (d, e)]


@pytest.mark.parametrize("place", [0, 10_000, 20_000])
def test_one_byte_tells_files_apart(tmp_path: Path, place: int) -> None:
    first, second = bytearray(20_001), bytearray(20_001)
    second[place] = 1
    one, other = write(tmp_path, a=bytes(first), b=bytes(second))
    assert equal_files([one], [other]) == []


def test_empty_missing_and_unreadable_files_equal_nothing(tmp_path: Path) -> None:
    one = [*write(tmp_path, a=b""), str(tmp_path / "gone"), str(tmp_path), "x\0y"]
    other = [*write(tmp_path, b=b""), str(tmp_path / "gone"), str(tmp_path), "x\0y"]
    assert equal_files(one, other) == []
    assert [digest(file) for file in other] == [None] * 4
    assert equal_files([], other) == []


def test_only_what_may_be_equal_is_read_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(tmp_path, a=b"1" * 9000, b=b"2" * 8000)
    other = write(tmp_path, c=b"3" * 9000, d=b"4" * 7000)
    monkeypatch.setattr(content, "digest", lambda file: pytest.fail(f"read {file}"))
    assert equal_files(one, other) == []
