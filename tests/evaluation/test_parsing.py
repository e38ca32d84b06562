import pytest

from artimuse.evaluation.parsing import parse_choice

OPTIONS = {"A)": "High", "B)": "Medium", "C)": "Low"}


@pytest.mark.parametrize(
    ("response", "mark"),
    [
        ("A)", "A)"),
        ("a", "A)"),
        ("b)", "B)"),
        ("(c)", "C)"),
        ("B.", "B)"),
        ("B) Medium", "B)"),
        ("**C**", "C)"),
        ("The answer is B", "B)"),
        ("the answer is b.", "B)"),
        ("Answer: c", "C)"),
        ("Option B, since the light is soft.", "B)"),
        ("A is the best option", "A)"),
        ("I would say B", "B)"),
        ("  medium. ", "B)"),
        ("Low", "C)"),
        # By the letter, which is what was asked for.
        ("A) Low", "A)"),
        # A letter that no option has is prose.
        ("Plan D) aside, B)", "B)"),
        ("B)High", "B)"),
        ("b)medium", "B)"),
        ("(B)Medium", "B)"),
        ("A: High", "A)"),
        ("A High", "A)"),
        ("\uff22", "B)"),
        ("B\uff09Medium", "B)"),
        ("It is not A but B", "B)"),
        ("", None),
        ("  \n", None),
        ("A Chinese painting", None),
        ("A 3D render of a cup", None),
        ("(A)symmetric and calm", None),
        ("It is not B", None),
        ("It isn't option B", None),
        ("A B", None),
        ("A) or B)", None),
        ("A and B", None),
        ("Both A and C are right", None),
        ("Neither A nor B", None),
        ("E)", None),
        ("A dark photo of a tree", None),
        ("the tree is a nice one", None),
        ("The answer is a dark one", None),
        ("It is medium to low", None),
        ("Because it's bad", None),
    ],
)
def test_an_answer_is_read_as_documented(response: str, mark: str | None) -> None:
    assert parse_choice(response, OPTIONS) == mark


def test_options_without_a_sign_and_without_words() -> None:
    """UniPercept's options are bare letters."""
    options: dict[str, str] = dict.fromkeys("ABCD", "")
    assert parse_choice("B", options) == "B"
    assert parse_choice("b. Soft", options) == "B"
    assert parse_choice("soft", options) is None


def test_words_that_two_options_share_are_no_answer() -> None:
    assert parse_choice("soft", {"A)": "soft", "B)": "Soft"}) is None
