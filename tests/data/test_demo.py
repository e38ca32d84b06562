"""The demo data: repeatable, disjoint, readable in the official formats, and neither trivial nor confounded."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artimuse.data.demo import DemoSizes, write_demo_data
from artimuse.data.demo.paint import paint
from artimuse.data.demo.quality import calibrated, quality, rated
from artimuse.data.demo.scene import draw_crops, draw_scene, draw_variations
from artimuse.data.demo.words import critiques, questions
from artimuse.records import DataError

SMALL = DemoSizes(
    artimuse_train=6,
    artimuse_val=3,
    artimuse_test=4,
    aesmmit_train=5,
    aesmmit_val=2,
    aesmmit_test=3,
    series_train=5,
    series_val=3,
    series_test=3,
)
ATTRIBUTES = (
    "Composition & Design",
    "Visual Elements & Structure",
    "Technical Execution",
    "Originality & Creativity",
    "Theme & Communication",
    "Emotion & Viewer Response",
    "Overall Gestalt",
    "Comprehensive Evaluation",
)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _scenes(count: int, seed: int = 0) -> list:
    return [draw_scene(np.random.default_rng([seed, index])) for index in range(count)]


def _ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def _srcc(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    write_demo_data(folder, sizes=SMALL, processes=1)
    return folder


def test_the_result_does_not_depend_on_the_number_of_processes(demo: Path, tmp_path: Path) -> None:
    write_demo_data(tmp_path / "two", sizes=SMALL, processes=2)
    assert _hashes(tmp_path / "two") == _hashes(demo)


def test_a_split_does_not_depend_on_the_size_of_another(demo: Path, tmp_path: Path) -> None:
    write_demo_data(tmp_path / "more", sizes=replace(SMALL, artimuse_train=8), processes=1)
    more, before = _hashes(tmp_path / "more"), _hashes(demo)
    changed = {name for name in before if more[name] != before[name]}
    train = {"artimuse/ArtiMuse-10K_train.json", "artimuse/ArtiMuse-10K_text_train.jsonl"}
    assert changed == {"demo.json", "drawn.jsonl"} | train


def test_no_image_scene_or_series_is_in_two_splits(demo: Path) -> None:
    hashes, seen = _hashes(demo), defaultdict(set)
    rows = [json.loads(line) for line in (demo / "drawn.jsonl").read_text().splitlines()]
    for row in rows:
        for identity in (hashes[row["image"]], row["scene"], row["image"]):
            seen[identity].add(row["split"])
    assert {len(splits) for splits in seen.values()} == {1}
    assert {row["image"] for row in rows} == {name for name in hashes if name.endswith(".jpg")}


def test_artimuse_files_have_the_official_form(demo: Path) -> None:
    folder = demo / "artimuse"
    truth = {
        row["image"]: row["quality"]
        for row in map(json.loads, (demo / "drawn.jsonl").read_text().splitlines())
    }
    for split in ("train", "val", "test"):
        scores = json.loads((folder / f"ArtiMuse-10K_{split}.json").read_text())
        texts = (folder / f"ArtiMuse-10K_text_{split}.jsonl").read_text().splitlines()
        assert len(texts) == 8 * len(scores) == 8 * SMALL.count("artimuse", split)
        for row in scores:
            assert list(row) == ["image", "gt_score"]
            assert row["gt_score"] == round(row["gt_score"], 2)
            # Five standard deviations of the raters' noise.
            assert 10 * row["gt_score"] == pytest.approx(
                truth[f"artimuse/images/{row['image']}"], abs=17.5
            )
        for place, record in enumerate(map(json.loads, texts)):
            asked, said = record["conversations"]
            assert asked["value"] == (
                "<image>\nPlease evaluate the aesthetic quality of this image from the aspect of "
                f"{ATTRIBUTES[place % 8]}."
            )
            assert (asked["from"], said["from"]) == ("human", "gpt")
            assert record["image"] == scores[place // 8]["image"]


def test_aesmmit_records_have_the_official_form(demo: Path) -> None:
    records = json.loads((demo / "aesmmit/AesMMIT_labels_train.json").read_text())
    per_image = Counter(record["image"] for record in records)
    assert len(per_image) == SMALL.aesmmit_train
    assert all(12 <= count <= 19 for count in per_image.values())
    for record in records:
        assert list(record) == ["id", "image", "conversations", "type", "qtype"]
        question, answer = (turn["value"] for turn in record["conversations"])
        assert question.endswith("\n<image>")
        if record["qtype"] == "mcq":
            letters = [line[0] for line in question.splitlines()[1:-1]]
            assert letters == list("ABCD"[: len(letters)])
            assert 2 <= len(letters) <= 4
            assert answer[0] in letters
            assert answer[1:] == ")"


def test_series_rows_have_six_numbers_that_agree_in_direction(demo: Path) -> None:
    for path in (demo / "fgaesthetics").glob("*.txt"):
        values: dict[tuple[str, str], float] = {}
        for line in path.read_text().splitlines():
            series, first, second, probability, better, worse = line.split()
            difference = float(better) - float(worse)
            assert 0 <= float(probability) <= 1
            assert np.sign(float(probability) - 0.5) == np.sign(difference)
            for place, value in ((first, better), (second, worse)):
                assert values.setdefault((series, place), float(value)) == float(value)
                folder = path.parent / "images" / series
                Image.open(folder / f"{series}-{int(place):02d}.jpg").load()


def test_a_complete_folder_is_reused_and_an_interrupted_one_is_drawn_again(tmp_path: Path) -> None:
    folder, sizes = tmp_path / "data", replace(SMALL, series_train=1, aesmmit_train=1)
    write_demo_data(folder, sizes=sizes, processes=1)
    before = _hashes(folder)
    (folder / "artimuse/images").joinpath("note.txt").write_text("untouched")
    write_demo_data(folder, sizes=sizes, processes=1)
    (folder / "artimuse/images/note.txt").unlink()
    assert _hashes(folder) == before
    # Interrupted: the mark is absent, what was begun is on record.
    (folder / "demo.json").rename(folder / "demo.unfinished.json")
    next((folder / "artimuse/images").glob("*.jpg")).unlink()
    write_demo_data(folder, sizes=sizes, processes=1)
    assert _hashes(folder) == before


def test_other_demo_data_and_foreign_files_are_refused(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="seed 0, wanted 1"):
        write_demo_data(demo, seed=1, sizes=SMALL)
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"holiday\.jpg"):
        write_demo_data(tmp_path, sizes=SMALL)
    with pytest.raises(DataError, match="found a file"):
        write_demo_data(tmp_path / "holiday.jpg", sizes=SMALL)
    with pytest.raises(ValueError, match="artimuse_val must be at least 1"):
        DemoSizes(artimuse_val=0)


def test_a_series_may_differ_by_one_factor_alone() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shots = [scene.factors() for scene in draw_variations(rng, 4, most_factors=1)]
        assert len([name for name in shots[0] if len({shot[name] for shot in shots}) > 1]) <= 1


def test_sizes_of_ones_own_take_the_place_of_the_scaled_ones(tmp_path: Path) -> None:
    sizes = DemoSizes().scaled(0.1).with_sizes({"series_test": 900, "factors_per_series": 1})
    assert sizes == replace(DemoSizes().scaled(0.1), series_test=900, factors_per_series=1)
    with pytest.raises(ValueError, match="no size of the demo data is called 'series_tests'"):
        DemoSizes().with_sizes({"series_tests": 900})
    with pytest.raises(ValueError, match="factors_per_series must be 1 to 5, found 6"):
        DemoSizes().with_sizes({"factors_per_series": 6})
    with pytest.raises(ValueError, match="series_test must be at least 1, found 0"):
        DemoSizes().with_sizes({"series_test": 0})


def test_critiques_are_short_and_cover_the_eight_attributes() -> None:
    for scene in _scenes(200):
        said = critiques(scene)
        assert tuple(said) == ATTRIBUTES
        assert all(8 <= len(text.split()) <= 18 for text in said.values())


def test_every_letter_is_equally_often_right() -> None:
    right: dict[int, Counter[str]] = defaultdict(Counter)
    mcq_per_image = []
    for index, scene in enumerate(_scenes(600)):
        choices = [
            asked
            for asked in questions(scene, np.random.default_rng(index))
            if asked.qtype == "mcq"
        ]
        mcq_per_image.append(len(choices))
        for asked in choices:
            right[asked.question.count("\n")][asked.answer[0]] += 1
    assert np.mean(mcq_per_image) == pytest.approx(6, abs=0.2)
    for options, counts in right.items():
        total = sum(counts.values())
        share = np.array([counts[letter] for letter in "ABCD"[:options]]) / total
        # Four standard errors of a fair draw.
        assert np.abs(share - 1 / options).max() < 4 * np.sqrt(0.25 / total)


def test_quality_is_a_known_function_and_labels_follow_it_closely() -> None:
    scenes, rng = _scenes(800), np.random.default_rng(0)
    truth = np.array([quality(scene) for scene in scenes])
    noisy = np.array([rated(value, rng) for value in truth])
    assert 0.97 < _srcc(truth, noisy) < 0.995
    assert 15 < truth.std() < 25
    best = replace(scenes[0], exposure=0.0, blur=0.0, vividness=0.0, pieces=(), subject_at=1 / 3)
    assert quality(best) > 90
    for worse in ({"exposure": 0.6}, {"exposure": -0.6}, {"blur": 0.5}, {"subject_at": 0.9}):
        assert quality(replace(best, **worse)) < quality(best)


def test_quality_is_unrelated_to_exposure_saturation_and_content() -> None:
    scenes = _scenes(1500)
    truth = np.array([quality(scene) for scene in scenes])
    for name in ("exposure", "vividness", "subject_at"):
        assert abs(_srcc(np.array([getattr(scene, name) for scene in scenes]), truth)) < 0.08
    for name in ("subject", "setting", "sky"):
        kinds = np.array([getattr(scene, name) for scene in scenes])
        means = [truth[kinds == kind].mean() for kind in set(kinds)]
        assert max(means) - min(means) < 6


def test_a_linear_fit_on_three_statistics_stays_below_srcc_60() -> None:
    """Luminance, contrast and Laplacian variance must not give the quality away."""

    def statistics(image: Image.Image) -> list[float]:
        grey = np.asarray(image.convert("L"), dtype=float)
        inner = grey[1:-1, 1:-1]
        laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
        return [1.0, grey.mean(), grey.std(), laplacian.var()]

    scenes = _scenes(600, seed=1)
    features = np.array([statistics(paint(scene)) for scene in scenes])
    truth = np.array([quality(scene) for scene in scenes])
    weights = np.linalg.lstsq(features[:400], truth[:400], rcond=None)[0]
    assert 0.2 < _srcc(features[400:] @ weights, truth[400:]) < 0.6


def test_images_of_a_series_differ_subtly_and_votes_follow_quality() -> None:
    gaps, agree = [], []
    for index in range(300):
        rng = np.random.default_rng([2, index])
        shots = (draw_variations, draw_crops)[index % 2](rng, 3)
        assert len({shot.details for shot in shots}) == 1
        truth = [quality(shot) for shot in shots]
        scores = calibrated(truth, rng)
        for first, second in ((0, 1), (0, 2), (1, 2)):
            gaps.append(abs(truth[first] - truth[second]))
            if scores[first] != scores[second]:
                right = (scores[first] > scores[second]) == (truth[first] > truth[second])
                agree.append(right)
    assert 2 < np.median(gaps) < 12
    assert np.mean(agree) > 0.87
