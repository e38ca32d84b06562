"""What the page's numbers mean, at its end."""

from __future__ import annotations

from artimuse.data.pages.html import Html, tag

MEANINGS = {
    "SRCC": "Spearman's rank correlation, from -1 to 1: how well the order of one list is that of another.",
    "share of the scale": "The share of the stated scale that lies between the lowest and the highest score.",
    "SRCC of 101 tokens, five levels": (
        "What a read-out reaches that knows every score, but answers with one of 101 numbers, or of five "
        "levels (equal parts of the stated scale). The order inside one of them is lost; expectations over "
        "them are not bound by it."
    ),
    "SRCC of the means of categories": (
        "What predicting each image by the mean score of its category reaches, with no look at the image. The "
        "means come from the other four fifths of the images. Below this, a model has learnt categories."
    ),
    "series that contradict themselves": (
        "a is preferred to b, b to c, and c to a: no score per image orders all three. A triple is three "
        "images that were all compared."
    ),
    "tokens": (
        "A question is prompt (image included) and answer. A tree is all questions about one image, which "
        "is encoded once; the largest tree of a step has as many questions as the recipe draws. A question "
        "of more tokens than the model has positions is read past what the model was made for."
    ),
    "left out": "Rows and images that cannot be used: never replaced, listed in bad_items.jsonl with reasons.",
    "look alike": (
        "Small grey versions of two images hardly differ: a copy at another size or quality. Images of one "
        "series are not compared with each other. Look at a finding before you act on it."
    ),
}


def glossary() -> Html:
    """The meanings, folded away."""
    listed = [
        part
        for word, text in MEANINGS.items()
        for part in (tag("dt", tag("b", word)), tag("dd", text))
    ]
    return tag(
        "details", tag("summary", "What the numbers mean"), tag("dl", *listed), class_="card"
    )
