"""ArtiMuse-10K, and what all formats share: paths that escape, files that cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import ArtiMuseSource
from artimuse.data.formats import load_source
from artimuse.data.formats.artimuse10k import attribute, category
from artimuse.prompts import ATTRIBUTE_QUESTION, ATTRIBUTES
from artimuse.records import DataError, Question, ScoreLabel, Source

SCORES = [{"image": "0_263.jpg", "gt_score": 4.08}, {"image": "14_7.jpg", "gt_score": 9}]


def record(image: object, attribute: str, answer: str = "The harbour is calm.") -> dict[str, Any]:
    question = f"<image>\n{ATTRIBUTE_QUESTION.format(attribute=attribute)}"
    return {
        "id": "7",
        "image": image,
        "conversations": [
            {"from": "human", "value": question},
            {"from": "gpt", "value": answer},
        ],
    }


def load(folder: Path, scores: object = None, texts: object = None, scale=(0.0, 10.0)) -> Source:
    """Write what is given (bytes, text, or values as JSON) and read it back as records."""
    names: dict[str, Any] = {}
    if scores is not None:
        names["scores"] = "scores.json"
        write(folder / "scores.json", scores if isinstance(scores, bytes) else json.dumps(scores))
    if texts is not None:
        names["texts"] = "texts.jsonl"
        if isinstance(texts, list):
            texts = "".join(json.dumps(row) + "\n" for row in texts)
        write(folder / "texts.jsonl", texts)
    config = ArtiMuseSource(name="art", format="artimuse10k", images="images", scale=scale, **names)
    return load_source(config, folder)


def write(path: Path, data: Any) -> None:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def test_both_files_become_one_sample_per_image(tmp_path: Path) -> None:
    texts = [record("0_263.jpg", "Overall Gestalt"), record("5_1.jpg", "Theme & Communication")]
    source = load(tmp_path, SCORES, texts)
    assert [sample.id for sample in source.samples] == [
        "art/0_263.jpg", "art/14_7.jpg", "art/5_1.jpg",
    ]  # fmt: skip
    first = source.samples[0]
    assert first.images == (tmp_path / "images" / "0_263.jpg",)
    assert first.questions == (
        Question(
            kind="text",
            text="Please evaluate the aesthetic quality of this image from the aspect of "
            "Overall Gestalt.",
            answer="The harbour is calm.",
            aspect="Overall Gestalt",
        ),
        Question(kind="score", aspect="overall", label=ScoreLabel(mean=4.08, low=0, high=10)),
    )
    assert (first.dataset, first.series, first.category) == ("art", None, "AIGC")
    assert [sample.category for sample in source.samples[1:]] == ["Daily Photo", "Digital Art"]
    assert (source.items, source.bad, source.pairs) == (4, [], [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0_1.jpg", "AIGC"),
        ("a/17_3.png", "Daily Photo"),
        ("7_2.jpg", "prefix 7"),
        ("953980.jpg", None),
        ("session144/iaa_pub10022_.jpg", None),
    ],
)
def test_category_by_prefix(name: str, expected: str | None) -> None:
    assert category(name) == expected


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_is_recognised(name: str) -> None:
    assert attribute(ATTRIBUTE_QUESTION.format(attribute=name)) == name
    assert attribute(f"What of the {name.lower().replace('&', 'and')}?") == name


def test_question_without_attribute_is_kept_and_noted(tmp_path: Path) -> None:
    source = load(tmp_path, texts=[record("1_1.jpg", "taste")])
    assert source.samples[0].questions[0].aspect is None
    assert source.notes == ["texts.jsonl: 1 questions name none of the eight attributes"]


def test_repeated_rows_are_counted_and_contradicting_ones_listed(tmp_path: Path) -> None:
    text = record("0_263.jpg", "Overall Gestalt")
    other = {"image": "./0_263.jpg", "gt_score": 5}
    source = load(tmp_path, [*SCORES, SCORES[0], other], [text, text])
    assert source.notes == [
        "scores.json: 1 repeated rows dropped",
        "texts.jsonl: 1 repeated rows dropped",
    ]
    assert [(item.item, item.reason) for item in source.bad] == [
        ("record 4 (./0_263.jpg)", "second score of an image: found 5 after 4.08")
    ]
    assert source.items == 6


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image": "a.jpg"}, "missing key 'gt_score'"),
        ({"gt_score": 3}, "missing key 'image'"),
        ("a.jpg", "not a record"),
        (None, "not a record"),
        ({"image": "a.jpg", "gt_score": "4.08"}, "wrong type of 'gt_score'"),
        ({"image": "a.jpg", "gt_score": True}, "wrong type of 'gt_score'"),
        ({"image": "a.jpg", "gt_score": None}, "wrong type of 'gt_score'"),
        ({"image": "a.jpg", "gt_score": float("nan")}, "'gt_score' is not finite"),
        ({"image": "a.jpg", "gt_score": 10**400}, "'gt_score' is not finite"),
        ({"image": "a.jpg", "gt_score": 10.01}, "score off the stated scale 0..10"),
        ({"image": "a.jpg", "gt_score": -0.1}, "score off the stated scale 0..10"),
        ({"image": 7, "gt_score": 3}, "wrong type of 'image'"),
        ({"image": "", "gt_score": 3}, "image is not a file name"),
        ({"image": "a\0.jpg", "gt_score": 3}, "image is not a file name"),
        ({"image": "\ud800.jpg", "gt_score": 3}, "image is not a file name"),
        ({"image": "/etc/a.jpg", "gt_score": 3}, "image outside the image folder"),
        ({"image": "../a.jpg", "gt_score": 3}, "image outside the image folder"),
        ({"image": "b/../../a.jpg", "gt_score": 3}, "image outside the image folder"),
        ({"image": "..\\a.jpg", "gt_score": 3}, "image outside the image folder"),
        ({"image": "C:\\a.jpg", "gt_score": 3}, "image outside the image folder"),
    ],
)
def test_a_bad_score_row_is_listed_and_the_rest_read(tmp_path: Path, row: Any, reason: str) -> None:
    source = load(tmp_path, [SCORES[0], row, SCORES[1]])
    assert [sample.id for sample in source.samples] == ["art/0_263.jpg", "art/14_7.jpg"]
    assert len(source.bad) == 1
    assert source.bad[0].file == str(tmp_path / "scores.json")
    assert source.bad[0].item.startswith("record 2")
    assert source.bad[0].reason.partition(":")[0] == reason
    assert source.items == 3


def edited(**changes: Any) -> dict[str, Any]:
    return {**record("a.jpg", "Overall Gestalt"), **changes}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"image": "a.jpg", "conv', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("7", "not a record"),
        (json.dumps(edited(image=None)), "wrong type of 'image'"),
        (json.dumps(edited(conversations=[])), "conversation"),
        (json.dumps(edited(conversations="text")), "conversation"),
        (json.dumps(edited(conversations=edited()["conversations"][::-1])), "conversation"),
        (json.dumps(edited(conversations=edited()["conversations"] * 2)), "conversation"),
        (json.dumps(record("a.jpg", "Overall Gestalt", "  ")), "empty 'value'"),
        (json.dumps(record("a.jpg", "Overall Gestalt", "\udc00")), "broken text in 'value'"),
    ],
)
def test_a_bad_line_is_listed_and_the_rest_read(tmp_path: Path, line: str, reason: str) -> None:
    good = json.dumps(record("0_1.jpg", "Overall Gestalt", "one\u2028line"), ensure_ascii=False)
    source = load(tmp_path, texts=f"{good}\n\n{line}\n")
    assert len(source.samples) == 1
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("line 3")
    assert source.items == 2


def test_a_link_out_of_the_image_folder_is_refused(tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "real").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (images / "real" / "a.jpg").write_bytes(b"")
    (tmp_path / "outside" / "b.jpg").write_bytes(b"")
    (images / "inside.jpg").symlink_to(images / "real" / "a.jpg")
    (images / "out.jpg").symlink_to(tmp_path / "outside" / "b.jpg")
    (images / "folder").symlink_to(tmp_path / "outside")
    names = ["inside.jpg", "out.jpg", "folder/b.jpg", "real/a.jpg"]
    source = load(tmp_path, [{"image": name, "gt_score": 1} for name in names])
    assert [sample.id for sample in source.samples] == ["art/inside.jpg", "art/real/a.jpg"]
    assert [item.item for item in source.bad] == ["record 2 (out.jpg)", "record 3 (folder/b.jpg)"]
    assert all("link out of" in item.reason for item in source.bad)


def test_the_image_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "images").symlink_to(tmp_path / "elsewhere")
    assert load(tmp_path, SCORES).bad == []


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "not JSON"),
        (b"[{", "not JSON"),
        (b"image,score\na.jpg,1\n", "not JSON"),
        (b'{"a.jpg": 3}', "an object"),
        (b'["\xff"]', "0xff at offset 2"),
        (b"[]", "found none"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_an_unreadable_score_list_is_an_error(tmp_path: Path, data: bytes, found: str) -> None:
    with pytest.raises(DataError, match=found) as error:
        load(tmp_path, data)
    assert "expected" in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_json_list_is_no_jsonl(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"texts\.jsonl: expected JSONL.*one record a line"):
        load(tmp_path, texts=json.dumps([record("a.jpg", "Overall Gestalt")], indent=1))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    config = ArtiMuseSource(name="art", format="artimuse10k", images="i", scores="none.json")
    with pytest.raises(DataError, match=r"none\.json: expected an annotation file"):
        load_source(config, tmp_path)
    (tmp_path / "none.json").mkdir()
    with pytest.raises(DataError, match=r"none\.json: expected a readable file"):
        load_source(config, tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(VALUES | st.fixed_dictionaries({"image": VALUES, "gt_score": VALUES})))
def test_any_rows_are_samples_or_bad_items(tmp_path: Path, rows: list[Any]) -> None:
    source = load(tmp_path, [SCORES[0], *rows])
    repeated = sum(int(note.split()[1]) for note in source.notes)
    assert len(source.samples) + len(source.bad) + repeated == source.items == len(rows) + 1
    assert source.samples[0].id == "art/0_263.jpg"
    for sample in source.samples:
        assert sample.images[0].is_relative_to(tmp_path / "images")
