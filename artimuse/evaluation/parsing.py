"""Which option an answer in words names.

    parse_choice("The answer is B.", {"A)": "Dim", "B)": "Bright"})        # "B)"

An answer names an option by its letter or by its words, in this order:

1. Letters with a sign, in either case: `B)`, `b)`, `(B)`, `B.`, `B:`, `**B**`, also close by the words
   (`B)High`); a capital letter alone ("The answer is B", "Option B, since ..."); and a small one where it is
   the whole answer, or follows "answer is", "answer:", "option" or "choice". A capital A before a word or
   number is taken for the article ("A dark photo", "A 3D render") but where the words are that option's, as is
   any small `a` elsewhere. A letter after "not", "neither" or "nor" is not named. Full-width forms count as the
   plain ones.
2. The words of one option, as the whole answer, in either case and without a full stop: `bright`.

Letters that no option has are not looked at. An answer that names no option, or more than one ("A) or B)"),
is no answer: None, which counts as wrong and is counted. Letter and words that contradict each other ("A)
Bright") count by the letter, which is what was asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# Between signs or at the ends, never inside a word: "B)", "(b)", "B.", "**B**" and "B:".
_SIGNED = re.compile(r"(?<![\w'\u2019])[(\[*\"']{0,3}([A-Za-z])[)\].:*\"',]+(?!\w)")
# Close by the words: "B)High", at the start also "b)high"; never "(a)symmetric".
_CLOSE = re.compile(
    r"(?<![\w'\u2019.(\[])(?:([A-Z])[)\]:]|(?<!\S)([a-z])[)\]])(?=\w)|[(\[]([A-Z])[)\]](?=[A-Z0-9])"
)
_CAPITAL = re.compile(r"(?<![\w'\u2019.])([A-Z])(?![\w'\u2019)\].:*])")
_ARTICLE = re.compile(r"\s+(?!(?i:is|as|and|or|nor|because|since)\b|[A-Z]\b)[A-Za-z0-9]")
_NOT = re.compile(
    r"(?i)(?:\b(?:not|neither|nor)|n['\u2019]t)(?:\s+(?:option|answer|choice))?[\s(\[*\"']*$"
)
_NAMED = re.compile(
    r"(?i:answer(?:\s+is)?|option|choice)\s*:?\s*(?:([A-Z])(?!\w)|([a-z])(?=\s*(?:[).:,;!]|$)))"
)


def parse_choice(response: str, options: Mapping[str, str]) -> str | None:
    """The mark of the option that a response names; None where it names none, or several.

    Args:
        options: mark (`A)`, or `A`) -> what the option says; empty where that is not known.
    """
    by_letter = {mark.lstrip("(")[:1].upper(): mark for mark in options}
    text = unicodedata.normalize("NFKC", response).strip()
    plain = text.strip(" \t\n.*\"'`()[]").casefold()
    if len(plain) == 1 and plain.upper() in by_letter:
        return by_letter[plain.upper()]
    named = {letter for letter in _letters(text, options) if letter in by_letter}
    if named:
        return by_letter[named.pop()] if len(named) == 1 else None
    said = [
        mark for mark, words in options.items() if words and words.strip(" .").casefold() == plain
    ]
    return said[0] if len(said) == 1 else None


def _letters(text: str, options: Mapping[str, str]) -> set[str]:
    """The letters that stand for options, as capitals."""
    found = [match for match in _SIGNED.finditer(text) if not _small_word(match)]
    found += [*_CLOSE.finditer(text), *_NAMED.finditer(text)]
    words = {mark.lstrip("(")[:1].upper(): said for mark, said in options.items()}
    for match in _CAPITAL.finditer(text):
        said = words.get(match[1], "").strip(" .").casefold()
        own = said and text[match.end() :].strip().casefold().startswith(said)
        if match[1] not in "AI" or own or not _ARTICLE.match(text, match.end()):
            found.append(match)
    return {
        next(filter(None, match.groups())).upper()
        for match in found
        if not _NOT.search(text[: match.start()])
    }


def _small_word(match: re.Match[str]) -> bool:
    """A small letter that only punctuation of prose follows: "plan b, or" is no mark, "b)" is."""
    if match[1].isupper():
        return False
    return not set(match[0]) & set(")]*:") and match.start() > 0
