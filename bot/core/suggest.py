"""Words that people typed, and what the bot may say about them: the nearest known word, and a harmless echo.

Rule: text from outside reaches a message through `quoted` alone, and what a person typed in a comment through `echoed`.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_NEAR = 0.75
"""Similarity from which a word is a slip of the fingers: `retyr` is `retry`, `lgtm` is nothing of ours."""

_LONGEST_ECHO = 60

_INERT = str.maketrans({"`": "'", "@": "(at)", "<": "‹", ">": "›", "|": "¦"})
"""Inside a code span only the backtick matters; the others do to mails, tables and our marker."""

_ADDRESS = re.compile(r"https?://\S+|(?<![\w.-])[0-9]{9,}", re.IGNORECASE)
"""A link, or a number as long as those of workflow runs that is no part of a version."""


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The one choice that `word` was most likely meant to be, in its own spelling, whatever the case."""
    spellings = {choice.lower(): choice for choice in choices}
    # What is far longer than any choice is no slip of the fingers, and difflib's time grows with the length.
    hits = get_close_matches(word[:_LONGEST_ECHO].lower(), spellings, n=1, cutoff=_NEAR)
    return spellings[hits[0]] if hits else None


def quoted(text: str) -> str:
    """A one-line code span of at most 60 characters that can mention, link, open or close nothing."""
    line = " ".join(text.split()).translate(_INERT)
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
    if len(plain) > _LONGEST_ECHO:
        plain = plain[: _LONGEST_ECHO - 1].rstrip() + "…"
    return f"`{plain or '(nothing)'}`"


def echoed(text: str) -> str:
    """A word of a comment, quoted. Its author can take a slip back, the bot's answer would keep it."""
    return quoted(unaddressed(text))


def unaddressed(text: str) -> str:
    """The text without links and ids: they may be of something that is private where the text is read."""
    return _ADDRESS.sub("…", text)
