"""What is sent is there while it is used, and no longer."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import artimuse.inference.page.uploads as uploads_module
from artimuse.inference.page.uploads import NO_ROOM_S, RECEIVED_S, Uploads


@pytest.fixture
def open_uploads(tmp_path: Path) -> Iterator[Callable[..., Uploads]]:
    opened: list[Uploads] = []

    def make(**limits: float) -> Uploads:
        opened.append(Uploads(tmp_path / f"page{len(opened)}", **limits))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def send(uploads: Uploads, name: str = "a.jpg", content: bytes = b"pixels") -> Path:
    """As Gradio leaves it: below a folder named after the content."""
    path = uploads.received / hashlib.sha256(content).hexdigest() / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def left(uploads: Uploads) -> list[str]:
    return sorted(path.name for path in uploads.received.parent.rglob("*") if path.is_file())


def test_two_who_send_the_same_each_have_it(open_uploads: Callable[..., Uploads]) -> None:
    uploads = open_uploads()
    shared = send(uploads)
    first, second = uploads.take(shared), uploads.take(shared)
    assert first != second
    assert first.name == second.name == "a.jpg"
    uploads.remove([first])
    assert not first.exists()
    assert second.read_bytes() == b"pixels"


def test_what_was_received_goes_used_or_not(open_uploads: Callable[..., Uploads]) -> None:
    uploads = open_uploads(received_s=0.2)
    taken = uploads.take(send(uploads))
    send(uploads, content=b"never used")
    (uploads.received / "tmp1234").write_bytes(b"being sent")
    end = time.monotonic() + 20
    while left(uploads) != ["a.jpg", "tmp1234"]:
        assert time.monotonic() < end, left(uploads)
        time.sleep(0.05)
    assert taken.read_bytes() == b"pixels"
    uploads.remove([taken])
    assert left(uploads) == ["tmp1234"]


def test_what_is_elsewhere_is_neither_taken_nor_removed(
    open_uploads: Callable[..., Uploads], tmp_path: Path
) -> None:
    uploads = open_uploads()
    other = tmp_path / "own.jpg"
    other.touch()
    (uploads.received / "link").mkdir()
    os.symlink(other, uploads.received / "link" / "a.jpg")
    for path in (
        other,
        uploads.received / ".." / ".." / "own.jpg",
        uploads.received / "link" / "a.jpg",
    ):
        with pytest.raises(ValueError, match="expected a file that was sent"):
            uploads.take(path)
    with pytest.raises(FileNotFoundError):
        uploads.take(uploads.received / "gone" / "a.jpg")
    uploads.remove([other])
    assert other.exists()
    assert list(uploads.taken.iterdir()) == []


def test_an_owner_has_what_was_kept_last(open_uploads: Callable[..., Uploads]) -> None:
    uploads = open_uploads()
    old, new = uploads.take(send(uploads)), uploads.take(send(uploads))
    uploads.keep("me", [old])
    uploads.keep("me", [new])
    assert uploads.kept("me") == (new,)
    assert not old.exists()
    other = uploads.take(send(uploads))
    uploads.keep("me", [other])
    assert not new.exists()
    uploads.forget("me")
    assert uploads.kept("me") == ()
    assert not other.exists()
    assert uploads.kept("nobody") == ()


def test_a_series_can_be_put_in_order(open_uploads: Callable[..., Uploads]) -> None:
    uploads = open_uploads()
    pair = [uploads.take(send(uploads, name)) for name in ("a.jpg", "b.jpg")]
    uploads.keep("me", pair)
    uploads.reorder("me", pair[::-1])
    assert uploads.kept("me") == (pair[1], pair[0])
    uploads.reorder("me", pair[:1])
    uploads.reorder("nobody", pair)
    assert uploads.kept("me") == (pair[1], pair[0])


def test_nothing_is_kept_for_long(open_uploads: Callable[..., Uploads]) -> None:
    uploads = open_uploads(kept_s=0.0)
    taken = uploads.take(send(uploads))
    uploads.keep("me", [taken])
    uploads.sweep()
    assert uploads.kept("me") == ()
    assert not taken.exists()


def test_where_there_is_no_room_the_oldest_go(open_uploads: Callable[..., Uploads]) -> None:
    uploads = open_uploads(most_bytes=2000)
    assert uploads.room(2000)
    assert not uploads.room(2001)
    taken: list[Path] = []
    for number in range(3):
        taken.append(uploads.take(send(uploads, content=bytes([number]) * 450)))
        uploads.keep(f"owner {number}", taken[-1:])
    assert [path.exists() for path in taken] == [False, True, True]
    uploads.received_s = 0.0
    assert uploads.room(1100)
    assert not uploads.room(1101)


def test_what_nobody_has_called_for_waits_unless_there_is_no_room(
    open_uploads: Callable[..., Uploads], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = open_uploads(most_bytes=2000)
    sent = send(uploads, content=b"1" * 450)
    now, later = time.time(), {"s": 0.0}
    monkeypatch.setattr(uploads_module.time, "time", lambda: now + later["s"])
    later["s"] = RECEIVED_S - 5  # the others of a series are on their way
    assert uploads.room(1550)
    assert sent.exists()
    later["s"] = NO_ROOM_S - 5
    assert not uploads.room(1551)
    assert sent.exists()
    later["s"] = NO_ROOM_S + 5
    assert uploads.room(1551)
    assert not sent.exists()


def test_only_what_was_kept_under_a_number_is_forgotten(
    open_uploads: Callable[..., Uploads],
) -> None:
    uploads = open_uploads()
    first = uploads.keep("me", [uploads.take(send(uploads))])
    second = uploads.keep("me", [new := uploads.take(send(uploads))])
    uploads.forget("me", first)
    assert uploads.number("me") == second
    assert new.exists()
    uploads.forget("me", second)
    assert uploads.number("me") is None
    assert not new.exists()
