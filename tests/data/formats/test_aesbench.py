"""AesBench: the authors' wording, the table with images inside, and damaged entries of every kind."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from artimuse.config.sources import AesBenchSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, Source

P = {"Question": "How is the light?", "Options": "A) Dim\nB) Bright\nC) Harsh"}
E = {"Question": "Which mood?", "Options": "A) Calm\nB) Sad"}
A = {"Question": "How is the quality?", "Options": "A) High\nB) Medium\nC) Low"}
ENTRY = {"AesP_data": P, "AesE_data": E, "AesA1_data": A, "AesI_data": {"Question": "Describe it."}}
HEADER = ["index", "image", "question", "A", "B", "C", "D", "split", "answer", "category"]


def load(folder: Path, entries: object) -> Source:
    text = entries if isinstance(entries, str) else json.dumps(entries)
    (folder / "eval.json").write_text(text, encoding="utf-8-sig")
    config = AesBenchSource(name="aes", format="aesbench", images="i", annotations="eval.json")
    return load_source(config, folder)


def picture(shade: int, kind: str = "JPEG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 9, 9)).save(data, kind)
    return data.getvalue()


def row(index: str, image: bytes | str, **more: Any) -> dict[str, Any]:
    cell = base64.b64encode(image).decode() if isinstance(image, bytes) else image
    known = {"question": "How is the light?", "A": "Dim", "B": "Bright", "C": "", "D": ""}
    known |= {"split": "val", "answer": "B", "category": "AesP"}
    return {"index": index, "image": cell, **known, **more}


def load_table(folder: Path, rows: list[dict[str, Any]], header: list[str] = HEADER) -> Source:
    with (folder / "val.tsv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    config = AesBenchSource(name="aes", format="aesbench", images="i", annotations="val.tsv")
    return load_source(config, folder)


def test_the_four_tasks_in_the_words_of_the_authors(tmp_path: Path) -> None:
    source = load(tmp_path, {"baid_1.jpg": ENTRY, "b.jpg": {"AesI_data": {"Question": "Why?"}}})
    first, second = source.samples
    assert (first.id, first.images) == ("aes/baid_1.jpg", (tmp_path / "i" / "baid_1.jpg",))
    light = (
        "How is the light? Choose one from the following options:\nA) Dim\nB) Bright\nC) Harsh\n"
        "You should output a correct option without explanation."
    )
    quality = (
        "How is the quality? Choose one from the following options:\nA) High\nB) Medium\nC) Low\n"
        "You should output a correct option."
    )
    options = ("A)", "B)", "C)")
    assert first.questions[0] == Question("choice", light, aspect="AesP", options=options)
    assert first.questions[2] == Question("choice", quality, aspect="AesA", options=options)
    assert first.questions[3] == Question("text", "Describe it.", aspect="AesI")
    assert [q.aspect for q in first.questions] == ["AesP", "AesE", "AesA", "AesI"]
    assert [q.answer for q in first.questions] == [None] * 4
    assert second.questions == (Question("text", "Why?", aspect="AesI"),)
    assert (source.items, source.bad, source.notes) == (5, [], [])


def test_keys_that_are_not_used_are_noted(tmp_path: Path) -> None:
    source = load(tmp_path, {"a.jpg": ENTRY | {"AesA2_data": A}})
    assert source.notes == ["eval.json: keys not used: AesA2_data"]


@pytest.mark.parametrize(
    ("entry", "items", "reason"),
    [
        ({"AesP_data": P, "AesE_data": {"Question": "?"}}, 2, "missing key 'Options'"),
        ({"AesP_data": P, "AesE_data": E | {"Options": "Calm"}}, 2, "options"),
        ({"AesP_data": P, "AesE_data": E | {"Question": " "}}, 2, "empty 'Question'"),
        ({"AesP_data": P, "AesI_data": []}, 2, "not a record"),
        ({"AesX_data": P}, 1, "no question"),
        ({}, 1, "no question"),
        (7, 1, "no question"),
    ],
)
def test_a_bad_question_is_listed_and_the_rest_read(
    tmp_path: Path, entry: Any, items: int, reason: str
) -> None:
    source = load(tmp_path, {"a.jpg": entry, "b.jpg": {"AesP_data": P}})
    assert [sample.id for sample in source.samples][-1] == "aes/b.jpg"
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("a.jpg")
    assert source.items == items + 1
    assert sum(len(sample.questions) for sample in source.samples) == source.items - 1


def test_an_image_is_named_once_and_inside_the_folder(tmp_path: Path) -> None:
    source = load(tmp_path, {"a.jpg": ENTRY, "./a.jpg": {"AesP_data": P}, "../a.jpg": ENTRY})
    reasons = [item.reason.partition(":")[0] for item in source.bad]
    assert reasons == ["second entry of an image"] + 4 * ["image outside the image folder"]
    assert (len(source.samples), source.items) == (1, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a.jpg": {}, "a.jpg": {}}', "found the key 'a.jpg' twice in one object"),
        ("[]", "expected a JSON object, found a list"),
        ("{", "found what is not JSON"),
        ("{}", "found none"),
    ],
)
def test_an_unusable_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, text)


def test_a_table_unpacks_its_images_once(tmp_path: Path) -> None:
    rows = [
        row("0", picture(10), C='5" lens,\n"tab\there"', answer="C"),
        row("1", picture(10), question="Which mood?", category="AesE"),
        row("2", "0", question="How is the quality?", category="AesA", answer="A"),
        row("3", picture(20, "PNG")),
    ]
    source = load_table(tmp_path, rows)
    first, second = source.samples
    assert [q.aspect for q in first.questions] == ["AesP", "AesE", "AesA"]
    assert [q.answer for q in first.questions] == ["C)", "B)", "A)"]
    assert first.questions[0].text == (
        "How is the light? Choose one from the following options:\nA) Dim\nB) Bright\n"
        'C) 5" lens,\n"tab\there"\nYou should output a correct option without explanation.'
    )
    assert first.questions[2].text.endswith("B) Bright\nYou should output a correct option.")
    assert first.images[0].read_bytes() == picture(10)
    assert (first.images[0].suffix, second.images[0].suffix) == (".jpg", ".png")
    assert first.images[0].parent == tmp_path / "i"
    assert load_table(tmp_path, rows).samples == source.samples
    assert (source.items, source.bad, source.notes) == (4, [], [])


def test_a_large_image_is_one_cell_and_the_limit_of_csv_is_put_back(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    noise = picture(1) + bytes(range(256)) * 800
    assert len(noise) > before
    assert load_table(tmp_path, [row("0", noise)]).samples[0].images[0].read_bytes() == noise
    with pytest.raises(DataError, match="found nothing there"):
        load_source(
            AesBenchSource(name="a", format="aesbench", images="i", annotations="x.tsv"), tmp_path
        )
    assert csv.field_size_limit() == before


def test_repeated_rows_and_missing_answers_are_counted(tmp_path: Path) -> None:
    source = load_table(tmp_path, [row("0", picture(1)), row("1", "0"), row("2", "0", answer="")])
    assert [q.answer for q in source.samples[0].questions] == ["B)", None]
    assert source.notes == [
        "val.tsv: 1 repeated rows dropped", "val.tsv: 1 questions without an answer",
    ]  # fmt: skip
    header = [name for name in HEADER if name not in ("answer", "C", "D")]
    assert load_table(tmp_path, [row("0", picture(1))], header).samples[0].questions[0].options == (
        "A)",
        "B)",
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("9", "not base64"), "image is not base64"),
        (row("9", f"!{base64.b64encode(picture(2)).decode()}"), "image is not base64"),
        (row("9", "9"), "image is not base64"),
        (row("9", ""), "not an image"),
        (row("9", b"no image at all, but bytes that are long enough to be one"), "not an image"),
        (row("9", picture(2), category="AesI"), "unknown 'category'"),
        (row("9", picture(2), A=""), "options"),
        (row("9", picture(2), B="", C="Dim"), "options"),
        (row("9", picture(2), B=""), "options"),
        (row("9", picture(2), answer="C"), "answer is none of its options"),
        (row("9", picture(2), answer="AB"), "answer is none of its options"),
        (row("9", picture(2), question=" "), "empty 'question'"),
    ],
)
def test_a_bad_row_is_listed_and_the_rest_read(tmp_path: Path, bad: Any, reason: str) -> None:
    source = load_table(tmp_path, [row("0", picture(1)), bad])
    assert len(source.samples) == 1
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item == "line 3 (index 9)"
    # A bad row unpacks nothing.
    assert len(list((tmp_path / "i").iterdir())) == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER[:-1], "expected the column 'category'"),
        (["Image" if name == "image" else name for name in HEADER], "did you mean 'image'"),
    ],
)
def test_missing_columns_are_an_error(tmp_path: Path, header: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_table(tmp_path, [row("0", picture(1))], header)


VALUES = st.none() | st.integers() | st.text(max_size=9) | st.sampled_from([P, E, {}, [], "A) x"])
ENTRIES = st.dictionaries(st.sampled_from([*ENTRY, "other"]), VALUES, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(entries=st.dictionaries(st.text(max_size=9), VALUES | ENTRIES, max_size=4))
def test_any_entries_are_questions_or_bad_items(tmp_path: Path, entries: dict[str, Any]) -> None:
    source = load(tmp_path, {"good.jpg": ENTRY} | entries)
    asked = sum(len(sample.questions) for sample in source.samples)
    assert asked + len(source.bad) == source.items
    for sample in source.samples:
        assert sample.images[0].is_relative_to(tmp_path / "i")


CELLS = st.fixed_dictionaries(
    {name: st.text(max_size=5) | st.sampled_from(["A", "AesP", "AesA", "0"]) for name in HEADER}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(rows=st.lists(CELLS, max_size=4), cut=st.integers(0, 40))
def test_any_table_is_samples_bad_items_or_an_error(
    tmp_path: Path, rows: list[dict[str, Any]], cut: int
) -> None:
    load_table(tmp_path, [row("0", picture(1)), *rows])
    path = tmp_path / "val.tsv"
    path.write_bytes(path.read_bytes()[: -cut or None])
    config = AesBenchSource(name="aes", format="aesbench", images="i", annotations="val.tsv")
    try:
        source = load_source(config, tmp_path)
    except DataError:
        return
    repeated = sum(int(n.split()[1]) for n in source.notes if "repeated" in n)
    asked = sum(len(sample.questions) for sample in source.samples)
    assert asked + repeated + len(source.bad) == source.items
