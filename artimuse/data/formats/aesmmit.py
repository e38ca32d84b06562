"""AesMMIT (arXiv 2404.09624): about 19 questions per image, as one list of LLaVA-style records.

    [{"id": "0033", "image": "baid_95698.jpg", "type": "gpt_q2", "qtype": "vqa", "conversations": [
        {"from": "human", "value": "What is the visibility condition of the image?\\n<image>"},
        {"from": "gpt", "value": "dim"}]}, ...]

`id` is not unique (a record's, not an image's), so samples are made by image. `qtype` "mcq" asks
for one of the options in its own text (`A) dark`, `B) bright`), answered by `A)`; `vqa` is open. `type`
(`human_q1`, `gpt_q2`, ...) is kept as the question's origin.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.config.sources import AesMMITSource
from artimuse.data.formats.choices import lettered
from artimuse.data.formats.fields import BadRow, bad_item, conversation, field, found, text_field
from artimuse.data.formats.files import read_json_list
from artimuse.data.formats.folder import ImageFolder
from artimuse.records import Question, Sample, Source


def load(config: AesMMITSource, root: Path) -> Source:
    """Images in the order of their first record, each with its questions in the file's order."""
    path = root / config.annotations
    rows = read_json_list(path)
    source = Source(config.name, [], items=len(rows))
    folder = ImageFolder(root / config.images)
    images: dict[str, tuple[Path, list[Question]]] = {}
    sharing = _Sharing()
    for place, row in enumerate(rows, start=1):
        try:
            name, image_path = folder.locate(field(row, "image"))
            question = _question(row, sharing)
        except BadRow as error:
            source.bad.append(bad_item(path, f"record {place}", row, error))
            continue
        images.setdefault(name, (image_path, []))[1].append(question)
    source.samples = [
        Sample(
            id=f"{config.name}/{name}",
            images=(image_path,),
            questions=tuple(questions),
            dataset=config.name,
        )
        for name, (image_path, questions) in images.items()
    ]
    return source


class _Sharing:
    """One object for equal strings and options: most of the 409,000 questions and answers recur."""

    def __init__(self) -> None:
        self.strings: dict[str, str] = {}
        self.options: dict[tuple[str, ...], tuple[str, ...]] = {}


def _question(row: object, sharing: _Sharing) -> Question:
    text, answer = conversation(row)
    qtype = field(row, "qtype")
    text = sharing.strings.setdefault(text, text)
    answer = sharing.strings.setdefault(answer, answer)
    origin = _origin(row, sharing)
    if qtype == "vqa":
        return Question(kind="text", text=text, answer=answer, origin=origin)
    if qtype == "mcq":
        options = options_of(text, answer)
        options = sharing.options.setdefault(options, options)
        return Question(kind="choice", text=text, answer=answer, options=options, origin=origin)
    raise BadRow(f"unknown 'qtype': expected 'vqa' or 'mcq', found {found(qtype)}")


def _origin(row: object, sharing: _Sharing) -> str | None:
    """`type`, which says who wrote a question; lists of one's own may go without."""
    assert isinstance(row, dict)
    if "type" not in row:
        return None
    origin = text_field(row, "type")
    return sharing.strings.setdefault(origin, origin)


def options_of(text: str, answer: str) -> tuple[str, ...]:
    """The options that a question lists, written as its answer is: `A)`, `A`, or `A) dark`.

    Raises:
        BadRow: where the text lists fewer than two options, or the answer is none of them.
    """
    matches = lettered(text, ")")
    marked = tuple(f"{match[1]})" for match in matches)
    if answer in marked:
        return marked
    ends = [*(match.start() for match in matches[1:]), len(text)]
    whole = tuple(text[m.start() : end].strip() for m, end in zip(matches, ends, strict=True))
    for options in (tuple(match[1] for match in matches), whole):
        if answer in options:
            return options
    raise BadRow(
        f"answer is none of its options: expected one of {', '.join(marked)}, found {found(answer)}"
    )
