"""The options that a multiple-choice question lists in its own text: `A) dark`, `B) bright`, ...

[mark[0] for mark in lettered(text, ")")]            # ["A)", "B)", "C)"]
"""

from __future__ import annotations

import re

from artimuse.data.formats.fields import BadRow, found


def lettered(text: str, signs: str) -> list[re.Match[str]]:
    """Where the options' marks stand, `A)` first; group 1 is the letter.

    Options stand on lines of their own or all on one. They are lettered from A on: any other letter
    before a sign is prose.

    Args:
        signs: what may follow the letter, such as ")" or ".)".

    Raises:
        BadRow: where the text lists fewer than two options.
    """
    marks: list[re.Match[str]] = []
    for match in re.finditer(rf"(?:^|(?<=\s))([A-Z])[{re.escape(signs)}](?=\s|$)", text):
        if match[1] == chr(ord("A") + len(marks)):
            marks.append(match)
    if len(marks) < 2:
        sign = signs[0]
        raise BadRow(
            f"options: expected lines such as 'A{sign} dark' and 'B{sign} bright' in {found(text)}"
        )
    return marks
