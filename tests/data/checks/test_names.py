"""Names as evidence: the same picture under two names, and equal names of different pictures."""

import time

import pytest

from artimuse.data.checks.names import clues, telling


def same(first: str, second: str, sources: tuple[str, str] = ("mine", "theirs")) -> bool:
    one, other = (set(clues(f, [s])) for f, s in zip((first, second), sources, strict=True))
    return bool(one & other)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mmit/para_iaa_pub10022_.jpg", "PARA/imgs/session144/iaa_pub10022_.jpg"),
        ("mmit/para_iaa_pub1_.jpg", "PARA/imgs/session144/iaa_pub1_.jpg"),
        ("mmit/TAD66K_krupa15339358310.jpg", "x/krupa15339358310.JPG"),
        ("mmit/baid_95698.jpg", "bench/baid_95698.png"),
        ("mmit/baid_95698.jpg", "BAID_test/images/95698.jpg"),
        ("AVA/images/953980.jpg", "old/ava-resized/953980.jpg"),
        ("a/farm3_2064_1813221036_38c3744674.jpg", "b/farm3_2064_1813221036_38c3744674.jpg"),
        ("a/artemis_vincent-van-gogh_starry-night-1889.jpg", "vincent-van-gogh_starry-night-1889.jpg"),
        ("hall/0001.jpg", "hall/0001.jpg"),
    ],
)  # fmt: skip
def test_the_same_picture(first: str, second: str) -> None:
    assert same(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a/0001.jpg", "b/0001.jpg"),
        ("a/1.jpg", "b/1.jpg"),
        ("a/IMG_0001.jpg", "b/img_0001.jpg"),
        ("a/IMG_20190101_123456.jpg", "b/IMG_20190101_123456.jpg"),
        ("a/DSC01234.jpg", "b/DSC01234.jpg"),
        ("a/frame_000000000123.jpg", "b/frame_000000000123.jpg"),
        ("a/sunset.jpg", "b/sunset.jpg"),
        ("a/room12_003.jpg", "b/room12_003.jpg"),
        ("AVA/images/95698.jpg", "BAID/images/95698.jpg"),
        ("mmit/para_95698.jpg", "mmit/baid_95698.jpg"),
        ("mmit/para_95698.jpg", "AVA/95698.jpg"),
        ("java/95698.jpg", "ava/95698.jpg"),
        ("parade/95698.jpg", "para/95698.jpg"),
        ("fotos para treino/1.jpg", "fotos para teste/1.jpg"),
        ("para_iaa_pub10022_.jpg", "para_iaa_pub10023_.jpg"),
    ],
)
def test_equal_by_chance_or_not_at_all(first: str, second: str) -> None:
    assert not same(first, second)


def test_the_name_of_a_source_says_whose_numbers_they_are() -> None:
    assert same("one/95698.jpg", "two/95698.jpg", ("ava-train", "ava-test"))
    assert same("one/95698.jpg", "two/baid_95698.jpg", ("baid", "bench"))
    assert not same("one/95698.jpg", "two/95698.jpg", ("ava-train", "baid-test"))


@pytest.mark.parametrize("name", ["", "_", "...", "0" * 40, "2019-01-01 12.01.02", "Ä" * 3])
def test_hardly_a_name_tells_nothing(name: str) -> None:
    assert not telling(name)


def test_many_names_take_seconds() -> None:
    start = time.process_time()
    for number in range(50_000):
        list(clues(f"data/AVA/images/{number}.jpg", ["ava"]))
    # 400,000 in well under a minute, on any machine; here it is about 5 s.
    assert time.process_time() - start < 5
