import numpy as np
import pytest
from PIL import Image

from artimuse.evaluation.pixels import PixelBaseline, image_statistics, pixel_statistics


@pytest.fixture
def images(tmp_path):
    """Twelve images of different light, contrast and grain."""
    random = np.random.default_rng(0)
    paths = []
    for k in range(12):
        grain = random.normal(size=(20, 30, 1)) * random.uniform(1, 40)
        ramp = np.linspace(-1, 1, 30)[None, :, None] * random.uniform(0, 60)
        pixels = np.clip(random.uniform(60, 200) + grain + ramp, 0, 255).astype(np.uint8)
        paths.append(tmp_path / f"{k}.png")
        Image.fromarray(pixels.repeat(3, axis=2)).save(paths[-1])
    return paths


def test_statistics_are_those_of_a_plain_loop(images):
    for path in images[:3]:
        image = Image.open(path)
        grey = np.asarray(image.convert("L"), np.float64) / 255
        height, width = grey.shape
        laplacian = [
            grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
            for y in range(1, height - 1)
            for x in range(1, width - 1)
        ]
        expected = (grey.mean(), grey.std(), np.var(laplacian))
        assert image_statistics(image) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (5, 2)])
def test_images_without_an_inside_have_no_sharpness(size):
    assert image_statistics(Image.new("RGB", size, "white")) == (1.0, 0.0, 0.0)


def test_a_linear_function_of_the_statistics_is_found(images):
    labels = 20 + pixel_statistics(images) @ [30.0, -40.0, 100.0]
    baseline = PixelBaseline.fit(images[:9], labels[:9])
    assert baseline.predict(images[9:]) == pytest.approx(labels[9:], abs=1e-6)
    assert baseline.predict([]).shape == (0,)


def test_processes_read_the_same(images, monkeypatch):
    monkeypatch.setattr("artimuse.evaluation.pixels.POOL_LEAST", 1)
    assert (pixel_statistics(images, workers=2) == pixel_statistics(images)).all()


def test_few_or_equal_images_are_no_error(images):
    for paths in (images[:1], [images[0]] * 5):
        baseline = PixelBaseline.fit(paths, [40.0] * len(paths))
        assert baseline.predict(images) == pytest.approx([40.0] * 12)


def test_bad_labels_are_errors(images):
    with pytest.raises(ValueError, match="found 12 images and labels of shape"):
        PixelBaseline.fit(images, [1.0])
    with pytest.raises(ValueError, match="at least 1"):
        PixelBaseline.fit([], [])
    with pytest.raises(ValueError, match=r"found nan for .*1\.png"):
        PixelBaseline.fit(images[:2], [1.0, np.nan])
