"""scripts/evaluate.py called again on an output, in another way: rows of two kinds never come together."""

from __future__ import annotations

import shutil
from pathlib import Path

from evaluation.calling import evaluate, score_list


def test_another_scale_or_folder_is_another_result(
    place: Path, model: Path, tmp_path: Path
) -> None:
    output, images = tmp_path / "o", tmp_path / "photos"
    shutil.copytree(place / "images", images)
    data = score_list(tmp_path)

    def call(folder: Path, *scale: float):
        return evaluate(model, "custom", data, output, "--images", folder, "--scale", *scale)

    assert call(images, 0, 10).status == 0
    rows = (output / "predictions.jsonl").read_bytes()
    other = call(images, 0, 20)
    assert other.status == 2
    assert "source.scale: [0.0, 10.0] there, [0.0, 20.0] now" in other.err
    other = call(place / "images", 0, 10)
    assert other.status == 2
    assert "\n  images: " in other.err
    assert (output / "predictions.jsonl").read_bytes() == rows
    # An image that is put right is no other folder; until then nothing says that all is there.
    (images / "3.jpg").rename(tmp_path / "3.jpg")
    lines = rows.splitlines(keepends=True)
    (output / "predictions.jsonl").write_bytes(b"".join(lines[:3] + lines[4:]))
    (output / "export" / "notes.txt").write_text("mine")
    assert call(images, 0, 10).status == 1
    assert {path.name for path in output.iterdir()} == {
        "predictions.jsonl", "predictions.jsonl.meta.json", "not_scored.jsonl", "export",
    }  # fmt: skip
    assert [path.name for path in (output / "export").iterdir()] == ["notes.txt"]
    (tmp_path / "3.jpg").rename(images / "3.jpg")
    assert call(images, 0, 10).status == 0
    assert (output / "report.html").is_file()
    # Two scores have no correlation, and that is known before they are asked for.
    few = evaluate(
        model, "ava", score_list(tmp_path / "few", 2), tmp_path / "f", "--images", images
    )
    assert few.status == 2
    assert "expected at least 3 images with a score" in few.err
    assert not (tmp_path / "f" / "predictions.jsonl").exists()
