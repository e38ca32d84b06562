"""Annotation files as they are found: huge lines, mixed line endings, byte order marks, broken bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artimuse.config.sources import AesMMITSource, ArtiMuseSource, FGAestheticsSource
from artimuse.data.formats import load_source
from artimuse.data.formats.files import read_json_lines, read_json_list, read_text
from artimuse.records import DataError

MEGABYTE = 1 << 20


def record(image: str, answer: str) -> dict[str, object]:
    turns = [{"from": "human", "value": "What?\n<image>"}, {"from": "gpt", "value": answer}]
    return {"id": "1", "image": image, "conversations": turns, "type": "gpt_q1", "qtype": "vqa"}


def test_a_hundred_megabytes_on_one_line(tmp_path: Path) -> None:
    """One record of that size, and a list of small ones that is written on one line."""
    answer = "word " * (20 * MEGABYTE)
    (tmp_path / "huge.json").write_text(json.dumps([record("a.jpg", answer)]))
    config = AesMMITSource(name="a", format="aesmmit", images="i", annotations="huge.json")
    source = load_source(config, tmp_path)
    assert source.samples[0].questions[0].answer == answer.strip()
    line = json.dumps({"image": "a.jpg", "text": answer})
    (tmp_path / "huge.jsonl").write_text(f"{line}\n{line}\n")
    records, bad = read_json_lines(tmp_path / "huge.jsonl")
    assert [number for number, _ in records] == [1, 2]
    assert bad == []


def test_line_endings_may_be_mixed(tmp_path: Path) -> None:
    rows = [json.dumps({"image": f"0_{n}.jpg", "id": n, "conversations": []}) for n in range(3)]
    (tmp_path / "t.jsonl").write_bytes(f"{rows[0]}\r\n{rows[1]}\n\r\n{rows[2]}".encode())
    records, bad = read_json_lines(tmp_path / "t.jsonl")
    assert ([number for number, _ in records], bad) == ([1, 2, 4], [])
    table = b"000009 01 02 0.7 1.2 0.1\r\n000009 01 03 0.8 1.2 0.1\n\r\n"
    (tmp_path / "natural_train.txt").write_bytes(table)
    config = FGAestheticsSource(
        name="f", format="fgaesthetics", images="i", labels=["natural_train.txt"]
    )
    assert len(load_source(config, tmp_path).pairs) == 2


@pytest.mark.parametrize("name", ["s.json", "t.jsonl"])
def test_a_byte_order_mark_is_no_content(tmp_path: Path, name: str) -> None:
    row = json.dumps({"image": "ü.jpg", "gt_score": 5}, ensure_ascii=False)
    text = f"\ufeff[{row}]" if name == "s.json" else f"\ufeff{row}\n"
    (tmp_path / name).write_text(text, encoding="utf-8")
    if name == "s.json":
        assert read_json_list(tmp_path / name) == [{"image": "ü.jpg", "gt_score": 5}]
    else:
        assert read_json_lines(tmp_path / name) == ([(1, {"image": "ü.jpg", "gt_score": 5})], [])


def test_broken_bytes_are_placed(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_bytes(b'[{"image": "\xff.jpg"}]')
    with pytest.raises(
        DataError, match=r"s\.json: expected UTF-8 text, found the byte 0xff at off"
    ):
        read_text(tmp_path / "s.json")


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity", "1e400", "11", "-0.5", '"7"'])
def test_a_score_that_is_none_is_a_bad_item(tmp_path: Path, score: str) -> None:
    rows = f'[{{"image": "0_1.jpg", "gt_score": {score}}}, {{"image": "0_2.jpg", "gt_score": 7}}]'
    (tmp_path / "s.json").write_text(rows)
    config = ArtiMuseSource(name="a", format="artimuse10k", images="i", scores="s.json")
    source = load_source(config, tmp_path)
    assert [sample.id for sample in source.samples] == ["a/0_2.jpg"]
    [bad] = source.bad
    assert bad.item == "record 1 (0_1.jpg)"


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/a.jpg", "b/../../a.jpg", r"..\a.jpg", "out/a.jpg"]
)
def test_a_path_out_of_the_image_folder_is_a_bad_item(tmp_path: Path, name: str) -> None:
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / "out").symlink_to(tmp_path)
    rows = [{"image": name, "gt_score": 5}, {"image": "0_2.jpg", "gt_score": 7}]
    (tmp_path / "s.json").write_text(json.dumps(rows))
    config = ArtiMuseSource(name="a", format="artimuse10k", images="i", scores="s.json")
    source = load_source(config, tmp_path)
    assert [sample.id for sample in source.samples] == ["a/0_2.jpg"]
    assert "outside the image folder" in source.bad[0].reason
