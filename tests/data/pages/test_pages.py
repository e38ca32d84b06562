"""What pages share: text that stays text, bars, numbers, small pictures, and the page around them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artimuse.data.pages.charts import bars, number
from artimuse.data.pages.html import Html, join, tag
from artimuse.data.pages.shell import card, document, fact_list, picture
from artimuse.data.pages.thumbnails import thumbnail


def test_elements() -> None:
    assert tag("p", "a < b", class_="x", data_label='"', hidden=True, id=None) == (
        '<p class="x" data-label="&quot;" hidden>a &lt; b</p>'
    )
    assert tag("b", Html("<i>x</i>"), " & y") == "<b><i>x</i> &amp; y</b>"
    assert join(["<", Html("<")]) == "&lt;<"
    assert tag("img", src="x") == '<img src="x">'
    assert tag("line", x1=1) == '<line x1="1"/>'


def test_bars() -> None:
    html = bars({"low": 0, "high": 10, "counts": [0, 1, 1000]}, what="scores", mark=5)
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', html)]
    # One among a thousand can still be seen; an empty bin has no bar.
    assert heights == [1.5, 100]
    assert "3.33 to 6.67: 1 scores" in html
    assert 'x1="15.0"' in html
    empty = bars({"low": 0, "high": 1, "counts": [0, 0]}, what="scores")
    assert "<rect" not in empty


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (3.0, "3"),
        (12345.0, "12,345"),
        (0.12345, "0.123"),
        (1234.5, "1,234"),
        (-2, "-2"),
    ],
)
def test_numbers_to_read(value: float | None, text: str) -> None:
    assert number(value) == text


def test_thumbnails_are_small(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    pixels = np.random.default_rng(0).integers(0, 256, (600, 900, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    uri = thumbnail(path)
    assert uri is not None
    assert uri.startswith("data:image/jpeg;base64,")
    assert len(uri) < 40_000
    assert thumbnail(tmp_path / "missing.png") is None


def test_a_document_holds_its_title_its_cards_and_its_style() -> None:
    html = document("<a>", card("b & c", fact_list({"<n>": "1"}), id_="x"), style=".more {}")
    assert html.startswith('<!doctype html>\n<html lang="en">')
    assert "<title>&lt;a&gt;</title>" in html
    assert '<section class="card" id="x"><h2>b &amp; c</h2>' in html
    assert "<dt>&lt;n&gt;</dt><dd>1</dd>" in html
    assert html.index(":root") < html.index(".more {}")


def test_a_picture_or_an_empty_frame() -> None:
    assert 'alt="&lt;i&gt;"' in picture("a.jpg", "<i>", lambda _: "data:image/jpeg;base64,AA")
    assert 'class="absent"' in picture("a.jpg", "a", lambda _: None)
