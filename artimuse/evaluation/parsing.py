"""Which option an answer in words names.

    parse_choice("The answer is B.", {"A)": "Dim", "B)": "Bright"})        # "B)"

An answer names an option by its letter or by its words, in this order:

1. Letters with a sign, in either case: `B)`, `b)`, `(B)`, `B.`, `B:`, `**B**`; a capital letter alone
   ("The answer is B", "Option B, since ..."); and a small one where it is the whole answer, or follows "answer
   is", "answer:", "option" or "choice". A capital A before a small word is taken for the article ("A dark
   photo"), as is any small `a` elsewhere.
2. The words of one option, as the whole answer, in either case and without a full stop: `bright`.

Letters that no option has are not looked at. An answer that names no option, or more than one ("A) or B)"),
is no answer: None, which counts as wrong and is counted. Letter and words that contradict each other ("A)
Bright") count by the letter, which is what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Between signs or at the ends, never inside a word: "B)", "(b)", "B.", "**B**" and "B:".
_SIGNED = re.compile(r"(?<![\w'\u2019])[(\[*\"']{0,3}([A-Za-z])[)\].:*\"',]+(?!\w)")
_CAPITAL = re.compile(r"(?<![\w'\u2019.])([A-Z])(?![\w'\u2019)\].:*])")
_ARTICLE = re.compile(r"\s+(?!(?:is|as|and|or|nor|because|since)\b)[a-z]")
_NAMED = re.compile(
    r"(?i:answer(?:\s+is)?|option|choice)\s*:?\s*(?:([A-Z])(?!\w)|([a-z])(?=\s*(?:[).:,;!]|$)))"
)


def parse_choice(response: str, options: Mapping[str, str]) -> str | None:
    """The mark of the option that a response names; None where it names none, or several.

    Args:
        options: mark (`A)`, or `A`) -> what the option says; empty where that is not known.
    """
    by_letter = {mark.lstrip("(")[:1].upper(): mark for mark in options}
    text = response.strip()
    plain = text.strip(" \t\n.*\"'`()[]").casefold()
    if len(plain) == 1 and plain.upper() in by_letter:
        return by_letter[plain.upper()]
    named = {letter for letter in _letters(text) if letter in by_letter}
    if named:
        return by_letter[named.pop()] if len(named) == 1 else None
    said = [
        mark for mark, words in options.items() if words and words.strip(" .").casefold() == plain
    ]
    return said[0] if len(said) == 1 else None


def _letters(text: str) -> set[str]:
    """The letters that stand for options, as capitals."""
    found = {match[1].upper() for match in _SIGNED.finditer(text) if not _small_word(match)}
    found |= {(match[1] or match[2]).upper() for match in _NAMED.finditer(text)}
    for match in _CAPITAL.finditer(text):
        article = match[1] in "AI" and _ARTICLE.match(text, match.end())
        if not article:
            found.add(match[1])
    return found


def _small_word(match: re.Match[str]) -> bool:
    """A small letter that only punctuation of prose follows: "plan b, or" is no mark, "b)" is."""
    if match[1].isupper():
        return False
    return not set(match[0]) & set(")]*:") and match.start() > 0
