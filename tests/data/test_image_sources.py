"""PIL images and arrays are read as files are, and reading is safe in several threads at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from artimuse.data import images
from artimuse.data.images import ImageError, read_image

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def noise() -> Image.Image:
    return Image.fromarray(NOISE)


def oriented(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise().save(path, exif=exif, quality=95)
    return path


def palette(path: Path) -> Path:
    """PIL warns of such a palette when it is turned into RGB."""
    noise().quantize(8).save(path, transparency=bytes([0] * 4 + [255] * 4))
    return path


def grey16(path: Path) -> Path:
    Image.fromarray(np.arange(0, 48 * 64 * 20, 20, dtype=np.uint16).reshape(48, 64)).save(path)
    return path


def of_mode(mode: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        noise().convert(mode).save(path)
        return path

    return write


FILES = {
    "exif.jpg": oriented, "palette.png": palette, "deep.png": grey16, "cmyk.jpg": of_mode("CMYK"),
    "grey.jpg": of_mode("L"), "alpha.png": of_mode("LA"), "rgba.png": of_mode("RGBA"),
    "bits.png": of_mode("1"), "plain.png": of_mode("RGB"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_pil_image_is_read_as_its_file(tmp_path: Path, name: str) -> None:
    path = FILES[name](tmp_path / name)
    expected = np.asarray(read_image(path))
    with Image.open(path) as opened:
        before = (opened.mode, opened.size, dict(opened.info))
        found = read_image(opened)  # nothing of it has been decoded yet
        assert (opened.mode, opened.size, dict(opened.info)) == before
        again = read_image(opened)
    assert (found.mode, found.info) == ("RGB", {})
    assert np.array_equal(np.asarray(found), expected)
    assert np.array_equal(np.asarray(again), expected)
    assert np.array_equal(np.asarray(read_image(found)), expected)


def test_an_array_is_read_as_its_file(tmp_path: Path) -> None:
    alpha = np.dstack([NOISE, NOISE[:, :, 0]])
    for array in (NOISE, NOISE[:, :, 1], alpha, NOISE[::-1, ::2], np.asfortranarray(NOISE)):
        Image.fromarray(np.ascontiguousarray(array)).save(tmp_path / "a.png")
        found = read_image(array)
        assert np.array_equal(np.asarray(found), np.asarray(read_image(tmp_path / "a.png")))
    mine = NOISE.copy()
    read = read_image(mine)
    mine[:] = 0
    assert np.array_equal(np.asarray(read), NOISE)


@pytest.mark.parametrize(
    "array",
    [
        NOISE / 255, NOISE.astype(np.int64), NOISE[None], NOISE.transpose(2, 0, 1)[:2], NOISE[:, :, :2],
        NOISE[0, :, 0], NOISE[:0], NOISE > 9,
    ],
    ids=["floats", "wide", "several", "channels first", "two channels", "a row", "nothing", "mask"],
)  # fmt: skip
def test_another_array_is_an_error(array: Any) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 of shape \(H, W, 3\)") as error:
        read_image(array)
    assert f"array of {array.dtype} {array.shape}" in str(error.value)


def test_a_pil_image_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise().save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-500])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    opened = Image.open(tmp_path / "a.jpg")
    with opened, pytest.raises(ImageError, match=r"PIL image \(RGB, 64 x 48\): truncated"):
        read_image(opened)
    with pytest.raises(ImageError, match="pixel format"):
        read_image(noise().convert("F"))
    with pytest.raises(ImageError, match="empty image"):
        read_image(Image.new("RGB", (0, 4)))
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 48 - 1)
    for source in (noise(), NOISE):
        with pytest.raises(ImageError, match="too large"):
            read_image(source)


def test_what_is_no_image_at_all_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        read_image(7)  # type: ignore[arg-type]


# Several threads at once


def read_in_threads(paths: list[Path], threads: int = 8) -> list[np.ndarray | str]:
    def read(path: Path) -> np.ndarray | str:
        try:
            return np.asarray(read_image(path))
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(read, paths))


def test_threads_read_what_one_reads_and_leave_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Truncation is found though another library would fill it up, and no filter is lost or left."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    paths = [write(tmp_path / name) for name, write in FILES.items()]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(oriented(broken).read_bytes()[:-700])
    paths = [*paths, broken] * 30
    alone: list[np.ndarray | str] = []
    for path in paths[: len(FILES) + 1]:
        alone += read_in_threads([path], threads=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_image(paths[0])
        before = list(warnings.filters)
        together = read_in_threads(paths)
        assert list(warnings.filters) == before
    assert caught == []
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    for found, expected in zip(together, alone * 30, strict=True):
        assert np.array_equal(found, expected)  # type: ignore[arg-type]
    assert "truncated" in str(alone[-1])


def test_the_threads_that_do_not_read_are_still_warned(tmp_path: Path) -> None:
    path = palette(tmp_path / "a.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_image(path)
        assert caught == []
        with Image.open(path) as image:
            image.convert("RGB")
    assert [str(one.message)[:14] for one in caught] == ["Palette images"]


def test_another_threads_filters_do_not_stop_a_read(tmp_path: Path) -> None:
    """`catch_warnings` elsewhere swaps the filters while this thread reads."""
    path = palette(tmp_path / "a.png")

    def swap(_: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")

    read_image(path)  # the filter is there from the first read on
    with ThreadPoolExecutor(1) as other:
        pending = [other.submit(swap, n) for n in range(200)]
        found = [np.asarray(read_image(path)) for _ in range(200)]
        for one in pending:
            one.result()
    assert all(np.array_equal(one, found[0]) for one in found)
