"""The page as a person uses it: a real Chromium, images dropped on it, as wide as a phone and as a desk."""

from __future__ import annotations

import base64
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from inference.page.leftovers import collect_leftovers
from PIL import Image

import artimuse
from artimuse.inference.page.server import Page, open_page
from artimuse.prompts import ATTRIBUTES
from integration.calls import SmallRun

gradio = pytest.importorskip("gradio", reason="needs the extra `demo`")
playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"
    ),
]
PHONE, DESK = 390, 1440
TIMEOUT_MS = 60_000
BOX = "#drop button"
Open = Callable[[int], Any]


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_over() -> Iterator[None]:
    yield
    collect_leftovers()


@pytest.fixture(scope="module")
def model(small_run: SmallRun) -> artimuse.Model:
    assert small_run.called.status == 0, small_run.called.err
    return artimuse.load(small_run.folder / "model", device="cpu", batch_images=1)


@pytest.fixture(scope="module")
def page(model: artimuse.Model, small_run: SmallRun) -> Iterator[Page]:
    with open_page(model, small_run.folder / "model", port=None) as opened:
        opened.judge.max_new_tokens = 16  # a model of two steps never ends
        yield opened


@pytest.fixture(scope="module")
def images(small_run: SmallRun, small_data: Path) -> list[Path]:
    """Three shots of one series."""
    del small_run
    series = sorted((small_data / "fgaesthetics" / "images").iterdir())
    return next(found for one in series if len(found := sorted(one.iterdir())) >= 3)[:3]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


@pytest.fixture
def open_at(browser: Any, page: Page) -> Iterator[Open]:
    """open_at(390): the page at that width. What it asked for elsewhere, or an error in it, is a failure."""
    contexts: list[Any] = []
    elsewhere: list[str] = []
    errors: list[str] = []

    def open_(width: int) -> Any:
        contexts.append(browser.new_context(
            viewport={"width": width, "height": 900}, is_mobile=width == PHONE, has_touch=width == PHONE,
        ))  # fmt: skip
        tab = contexts[-1].new_page()
        tab.set_default_timeout(TIMEOUT_MS)
        own = (page.url, "data:", "blob:")
        tab.on(
            "request", lambda one: None if one.url.startswith(own) else elsewhere.append(one.url)
        )
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.url)
        tab.wait_for_selector(BOX)
        tab.locator("#examples button").nth(5).wait_for()
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert errors == []


MIDDLE = """() => {
    window.scrollTo(0, 0);
    const box = document.querySelector("#drop").getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
}"""
"""What lies over the middle of the box."""


def drop(tab: Any, *paths: Path) -> None:
    """Files let go over the middle of the box, as from a folder beside the browser."""
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    # Were it covered, the browser would open them in the page's place.
    tab.wait_for_function(f"({MIDDLE})()?.closest('#drop button')?.ariaLabel?.includes('drop')")
    tab.evaluate(
        f"""files => {{
            const carried = new DataTransfer();
            for (const [name, content] of files) {{
                const bytes = Uint8Array.from(atob(content), one => one.charCodeAt(0));
                carried.items.add(new File([bytes], name, {{type: "image/jpeg"}}));
            }}
            const event = {{bubbles: true, cancelable: true, dataTransfer: carried}};
            ({MIDDLE})().dispatchEvent(new DragEvent("drop", event));
        }}""",
        files,
    )


def expect_score(tab: Any, path: Path, model: artimuse.Model) -> None:
    """The score of that image, and then all critiques, written to their end."""
    tab.locator("#look figcaption", has_text=path.name).wait_for()
    assert tab.locator("#look .number").inner_text().startswith(f"{model.score(path).value:.1f} ± ")
    tab.wait_for_function(
        "n => document.querySelectorAll('#words .critique').length == n"
        " && !document.querySelector('#words .writing')",
        arg=len(ATTRIBUTES),
    )
    assert tab.locator("#words h3").all_inner_texts() == list(ATTRIBUTES)


def wide(tab: Any) -> int:
    return tab.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_an_image_is_dropped_and_its_score_and_critiques_appear(
    open_at: Open, page: Page, model: artimuse.Model, images: list[Path], width: int
) -> None:
    tab = open_at(width)
    assert "How good is this photograph?" in tab.inner_text("h1")
    drop(tab, images[0])
    expect_score(tab, images[0], model)
    assert wide(tab) == width
    tab.fill("#question textarea", "Is the light soft?")
    tab.press("#question textarea", "Enter")  # by the keyboard
    tab.locator("#answer h3", has_text="Is the light soft?").wait_for()
    assert len(list(page.uploads.taken.iterdir())) == 1
    drop(tab, images[1])  # the box took the first one, and takes the next
    expect_score(tab, images[1], model)
    assert len(list(page.uploads.taken.iterdir())) == 1


def test_an_image_that_is_dropped_while_another_is_written_of_takes_its_place(
    open_at: Open, page: Page, model: artimuse.Model, images: list[Path]
) -> None:
    """The sweeper goes by while the first is under way: what waited for its end would be gone."""
    tab, begun, go = open_at(DESK), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(120)

    before = page.uploads.received_s
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(page.judge.turns.run, hold)
        try:
            assert begun.wait(60)
            drop(tab, images[0])
            expect_kept(page, images[0])
            drop(tab, images[1])
            expect_kept(page, images[1])
            page.uploads.received_s = 0.0
            page.uploads.sweep()
        finally:
            page.uploads.received_s = before
            go.set()
        held.result()
    expect_score(tab, images[1], model)
    assert len(list(page.uploads.taken.iterdir())) == 1


def expect_kept(page: Page, image: Path) -> None:
    end = time.monotonic() + 60
    while [path.name for path in page.uploads.taken.glob("*/*")] != [image.name]:
        assert time.monotonic() < end, f"{image.name} was not taken"
        time.sleep(0.05)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_three_images_are_dropped_and_their_ranking_appears(
    open_at: Open, model: artimuse.Model, images: list[Path], width: int
) -> None:
    tab, ranking = open_at(width), model.rank(images)
    drop(tab, *images)
    tab.wait_for_function("document.querySelectorAll('#look .shot').length == 3")
    names = tab.locator("#look figcaption").all_inner_texts()
    assert names == [images[number].name for number in ranking.order]
    assert "Best shot" in tab.locator("#look .shot").first.inner_text()
    odds = tab.locator("#look .between").all_inner_texts()
    assert [f"P(better) {ahead:.2f}" in one for ahead, one in zip(ranking.ahead, odds, strict=True)] == [
        True, True,
    ]  # fmt: skip
    assert wide(tab) == width


def test_an_example_is_chosen_with_the_keyboard(open_at: Open) -> None:
    tab = open_at(DESK)
    tab.locator("#examples button").first.focus()
    tab.keyboard.press("Enter")
    tab.locator("#look .number").wait_for()
    tab.locator("#examples button").last.press("Enter")
    tab.locator("#look .best").wait_for()


def test_a_question_without_an_image_says_what_to_do(open_at: Open) -> None:
    tab = open_at(PHONE)
    tab.fill("#question textarea", "Why?")
    tab.click("#ask")
    tab.locator("#answer [role=alert]", has_text="drop one first").wait_for()


def test_bad_uploads_get_a_message_and_the_page_goes_on(
    open_at: Open, page: Page, model: artimuse.Model, images: list[Path], tmp_path: Path
) -> None:
    tab = open_at(PHONE)
    text, large, huge = (tmp_path / name for name in ("text.jpg", "large.png", "huge.jpg"))
    text.write_text("no image", encoding="utf-8")
    Image.new("1", (10000, 10000)).save(large)
    with huge.open("wb") as file:
        file.truncate(50 * 2**20)
    for path, message in ((text, "text.jpg: not an image"), (large, "large.png: too large")):
        drop(tab, path)
        tab.locator("#look [role=alert]", has_text=message).wait_for()
        assert wide(tab) == PHONE
        drop(tab, images[0])
        expect_score(tab, images[0], model)
    tab.set_input_files("#drop input[type=file]", huge)
    tab.get_by_text("exceed the maximum allowed size").first.wait_for()
    drop(tab, images[1])
    expect_score(tab, images[1], model)
    tab.context.close()
    assert not any(path.stat().st_size > 40 * 2**20 for path in page.folder.rglob("*"))


def test_what_was_sent_goes_when_the_page_is_closed(
    open_at: Open, page: Page, model: artimuse.Model, images: list[Path]
) -> None:
    tab = open_at(PHONE)
    drop(tab, images[2])
    expect_score(tab, images[2], model)
    assert any(path.name == images[2].name for path in page.uploads.taken.rglob("*"))
    tab.close()
    end = time.monotonic() + 60
    while any(path.name == images[2].name for path in page.uploads.taken.rglob("*")):
        assert time.monotonic() < end, "the image is still there"
        time.sleep(0.1)
