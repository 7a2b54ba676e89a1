"""A status comment of the bot, read back as a person reads it: first line, sentence, table.

Rule: only what the comment shows counts; nothing is asked of the bot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIRST = re.compile(r"### (?P<icon>\S+) (?P<title>\S+ \S+): (?P<state>[a-z ]+)")
_MARKER = re.compile(r"<!-- release-bot:\S+ -->")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Row:
    """One step as the table shows it; `state` with its icon, links as their text."""

    step: str
    state: str
    run: str
    attempt: str
    time: str


@dataclass(frozen=True, slots=True)
class Status:
    """`title`: pipeline and version; `sentence`: what happens next; `notes`: what is told below the table."""

    icon: str
    title: str
    state: str
    sentence: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @classmethod
    def from_body(cls, body: str) -> Status | None:
        """None for a comment that is no status comment."""
        lines = body.strip().splitlines()
        first = _FIRST.fullmatch(lines[0]) if lines else None
        if first is None or not _MARKER.fullmatch(lines[-1]):
            return None
        texts = [line for line in lines[1:] if line and not line.startswith(("|", "<"))]
        cells = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")
        ]
        rows = tuple(Row(*map(as_shown, row)) for row in cells[2:] if len(row) == 5)
        listed = [as_shown(text.removeprefix("- ")) for text in texts[1:] if text.startswith("- ")]
        notes = tuple(_BOLD.sub(r"\1", text) for text in listed)
        sentence = as_shown(texts[0]) if texts else ""
        return cls(first["icon"], first["title"], first["state"], sentence, rows, notes)


def as_shown(markdown: str) -> str:
    """Without what GitHub's page does not show: HTML comments, and addresses behind links."""
    return _LINK.sub(r"\1", re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)).strip()
