"""Reading images: every pixel format to upright RGB, damaged files of every kind to an error."""

import io
import os
import pickle
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps
from PIL import __version__ as pillow_version

from artimuse.data import images
from artimuse.data.images import ImageError, image_size, read_image

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8)
MODES = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB")


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def noise() -> Image.Image:
    return Image.fromarray(NOISE)


def pixels(path: Path) -> np.ndarray:
    image = read_image(path)
    assert (image.mode, image.info) == ("RGB", {})
    return np.asarray(image)


def test_lossless_pixels_are_unchanged(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "a.tiff", "a.ppm"):
        assert (pixels(save(tmp_path / name, noise())) == NOISE).all()
    assert (pixels(save(tmp_path / "a.webp", noise(), lossless=True)) == NOISE).all()


# Before Pillow 13 an uncompressed YCbCr is not read: see below.
@pytest.mark.parametrize(
    ("mode", "compression"),
    [(mode, way) for mode in MODES for way in (None, "tiff_lzw") if (mode, way) != ("YCbCr", None)],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, compression: str | None) -> None:
    source = Image.new("RGB", (8, 6), (200, 40, 90))
    # PIL converts from LAB and not to it.
    image = Image.new(mode, (8, 6)) if mode == "LAB" else source.convert(mode)
    result = pixels(save(tmp_path / "a.tiff", image, compression=compression))
    assert result.shape == (6, 8, 3)
    if mode in ("RGB", "CMYK", "YCbCr"):
        assert np.abs(result.astype(int) - [200, 40, 90]).max() <= 3


def test_an_uncompressed_ycbcr_tiff_is_read_or_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tiff", Image.new("RGB", (8, 6), (200, 40, 90)).convert("YCbCr"))
    # Bytes after the strips, which a decoder that takes four bytes a pixel would read as pixels.
    path.write_bytes(path.read_bytes() + bytes(1000))
    with Image.open(path) as opened:
        for source, name in ((path, "a.tiff"), (opened, "PIL image")):
            if int(pillow_version.split(".")[0]) < 13:
                refused = f"{name}.*: uncompressed YCbCr TIFF.*pillow>=13"
                with pytest.raises(ImageError, match=refused):
                    read_image(source)
            else:
                found = np.asarray(read_image(source)).astype(int)
                assert np.abs(found - [200, 40, 90]).max() <= 3


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (250, 10, 10)).convert("CMYK")
    red, green, blue = pixels(save(tmp_path / "a.jpg", image, quality=95)).reshape(-1, 3).mean(0)
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_exif_orientation_is_applied_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"jpg": {"quality": 95}, "webp": {"lossless": True}}.get(suffix, {})
    path = save(tmp_path / f"a.{suffix}", noise(), exif=exif, **options)
    with Image.open(path) as image:
        expected = ImageOps.exif_transpose(image).convert("RGB")
    upright = read_image(path)
    assert np.array_equal(np.asarray(upright), np.asarray(expected))
    assert upright.size == ((48, 64) if orientation >= 5 else (64, 48))
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(upright)), np.asarray(upright))
    assert image_size(path) == upright.size


def test_the_size_of_what_is_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ImageError, match="not an image"):
        image_size(tmp_path / "text.jpg")
    with pytest.raises(ImageError, match="missing file"):
        image_size(tmp_path / "absent.jpg")


def test_damaged_exif_leaves_the_pixels_as_stored(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", noise(), exif=b"Exif\x00\x00nonsense that is no TIFF header")
    assert pixels(path).shape == (48, 64, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_composited_over_white(tmp_path: Path, mode: str) -> None:
    rgba = Image.new("RGBA", (3, 1), (0, 0, 0, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 0))
    rgba.putpixel((2, 0), (0, 0, 0, 128))
    if mode == "PA":
        # PIL writes no PA; a palette with a transparent entry stands for it.
        image = Image.new("P", (2, 1))
        image.putpalette([0, 0, 0, 9, 9, 9])
        image.putpixel((1, 0), 1)
        path = save(tmp_path / "a.png", image, transparency=bytes([255, 0]))
        assert pixels(path)[0, :, 0].tolist() == [0, 255]
        return
    path = save(tmp_path / "a.png", rgba.convert(mode))
    assert pixels(path)[0, :, 0].tolist() == [0, 255, 127]


def test_transparent_colour_of_rgb_and_grey(tmp_path: Path) -> None:
    for mode, colour in (("RGB", (5, 6, 7)), ("L", 5)):
        path = save(tmp_path / "a.png", Image.new(mode, (2, 2), colour), transparency=colour)
        assert (pixels(path) == 255).all()


def test_16_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 128 * 257, 255 * 257, 300]], dtype=np.uint16)
    for name in ("a.png", "a.tiff"):
        path = save(tmp_path / name, Image.fromarray(values))
        assert pixels(path)[0, :, 0].tolist() == [0, 1, 128, 255, 1]


def test_16_bit_transparent_grey(tmp_path: Path) -> None:
    rows = struct.pack(">xHH", 1000, 65535)
    path = tmp_path / "a.png"
    path.write_bytes(png(2, 1, rows, depth=16, colour=0, extra=chunk(b"tRNS", b"\x03\xe8")))
    assert pixels(path)[0, :, 0].tolist() == [255, 255]


def test_values_without_a_range_are_an_error(tmp_path: Path) -> None:
    floats = save(tmp_path / "f.tiff", Image.fromarray(np.ones((2, 2), dtype=np.float32)))
    wide = save(tmp_path / "i.tiff", Image.fromarray(np.full((2, 2), 70_000, dtype=np.int32)))
    for path in (floats, wide):
        with pytest.raises(ImageError, match="pixel format"):
            read_image(path)


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for name in ("a.gif", "a.webp", "a.png", "a.tiff"):
        more: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
        path = save(tmp_path / name, frames[0], **more)
        red, green, _ = pixels(path)[0, 0]
        assert (red > 240, green < 16) == (True, True), name


def chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(width: int, height: int, rows: bytes, *, depth=8, colour=2, extra=b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    noise().save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_truncated_files_are_errors(tmp_path: Path, kind: str, share: float) -> None:
    data = encoded(kind)
    path = tmp_path / "a.img"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError) as error:
        read_image(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM"])
def test_cut_anywhere_it_is_an_error_or_the_same_pixels(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.img"
    data = encoded(kind)
    path.write_bytes(data)
    whole = pixels(path)
    # Every fiftieth length, and all near the end, where only what follows the pixels is missing.
    for length in [*range(0, len(data), 50), *range(len(data) - 20, len(data))]:
        path.write_bytes(data[:length])
        try:
            assert (pixels(path) == whole).all(), length
        except ImageError:
            continue
        # What may be missing: the end mark of a GIF, the checksum of the end mark of a PNG.
        assert length >= len(data) - {"GIF": 2, "PNG": 4}.get(kind, 0), length


def test_a_multi_picture_jpeg_is_its_first_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mpo", noise(), save_all=True, append_images=[noise().rotate(90)])
    alone = save(tmp_path / "b.jpg", noise())
    assert (pixels(path) == pixels(alone)).all()


def test_truncation_is_found_whatever_another_library_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG")[:-200])
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_image(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file: expected an image, found 0 bytes"),
        (b"<html>404</html>", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image|truncated"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (png(2, 2, b"\0" * 14)[:-12], "truncated or damaged"),
        (png(2, 2, b"\0" * 14).replace(b"IDATx", b"IDATy"), "truncated or damaged"),
        (png(4, 4, b"\0" * 10), "truncated or damaged"),
    ],
)
def test_other_bytes_are_errors(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=reason) as error:
        read_image(path)
    assert "expected" in str(error.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.jpg: missing file: expected an image"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="not a file"):
        read_image(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", noise())
    path.chmod(0)
    with pytest.raises(ImageError, match="no permission"):
        read_image(path)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_an_error_and_no_warning(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side, b"\0"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match="too large"):
            read_image(path)
    assert caught == []


def test_the_pixel_limit_is_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 48)
    path = save(tmp_path / "a.png", noise())
    read_image(path)
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(ImageError, match="expected at most 3071 pixels, found 64 x 48"):
        read_image(path)


def test_warnings_about_metadata_are_silent(tmp_path: Path) -> None:
    # filterwarnings=error would raise: PIL warns of such palettes when they are turned into RGB.
    image = noise().quantize(8)
    path = save(tmp_path / "a.png", image, transparency=bytes([0] * 4 + [255] * 4))
    assert pixels(path).shape == (48, 64, 3)


def test_the_error_travels_between_processes(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as error:
        read_image(tmp_path / "none.jpg")
    again = pickle.loads(pickle.dumps(error.value))
    assert (type(again), str(again)) == (ImageError, str(error.value))


@pytest.mark.parametrize("name", ["A.JPG", "b.Jpeg", "c.PNG", "no ending", "d.png.jpg"])
def test_the_bytes_decide_and_not_the_name(tmp_path: Path, name: str) -> None:
    kind = "PNG" if "png" in name.lower() else "JPEG"
    Image.new("RGB", (9, 7), (200, 30, 40)).save(tmp_path / name, kind)
    assert read_image(tmp_path / name).size == (9, 7)
