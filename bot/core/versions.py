"""Versions: their form, their parts, their order.

Rule: the text is kept as it was typed, since it becomes tags and inputs; the `packaging` library is asked for
the order only (it rewrites `-rc1` and accepts `v1.0`).
"""

import re
from dataclasses import dataclass
from functools import total_ordering

from packaging.version import InvalidVersion
from packaging.version import Version as PackagingVersion

from bot.core.suggest import echoed, quoted

_LONGEST = 64
_NUMBER = r"(?:0|[1-9][0-9]*)"
_FORM = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([A-Za-z0-9.]+))?")

SHAPE = "`MAJOR.MINOR.PATCH`, optionally `-SUFFIX`, for example `1.0.3` or `1.0.3-rc.1`"


class BadVersion(ValueError):
    """The text is no version. The message is one sentence, fit for a comment."""


_Order = tuple[int, int, int, int, "PackagingVersion | tuple[tuple[int, int, str], ...]", str]


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A well-formed version; `text` is as typed, `suffix` is empty or what follows the hyphen."""

    text: str
    major: int
    minor: int
    patch: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Raises BadVersion with a sentence that says what is wrong and what to write instead."""
        form = _FORM.fullmatch(text)
        if form is None or len(text) > _LONGEST:
            raise BadVersion(_complaint(text))
        major, minor, patch, suffix = form.groups()
        return cls(text, int(major), int(minor), int(patch), suffix or "")

    @property
    def series(self) -> str:
        """`1.0` for `1.0.3`: the line of maintenance a version belongs to."""
        return f"{self.major}.{self.minor}"

    def variables(self) -> dict[str, str]:
        """What templates of a pipeline file can use."""
        return {
            "version": self.text,
            "major": str(self.major),
            "minor": str(self.minor),
            "patch": str(self.patch),
            "series": self.series,
        }

    def __lt__(self, other: object) -> bool:
        """Within one MAJOR.MINOR.PATCH: unknown suffixes (`-SNAPSHOT`) first, then as Python orders packages.

        The text decides last, so two versions are equal only when they are written alike.
        """
        if not isinstance(other, Version):
            return NotImplemented
        return self._order() < other._order()

    def _order(self) -> _Order:
        parts = (self.major, self.minor, self.patch)
        try:
            return (*parts, 1, PackagingVersion(self.text), self.text)
        except InvalidVersion:
            return (*parts, 0, _counting(self.suffix), self.text)


def _counting(suffix: str) -> tuple[tuple[int, int, str], ...]:
    """A key under which `build9` comes before `build10`: numbers by value and before words."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", suffix)
    return tuple((0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces)


def _complaint(text: str) -> str:
    return f"{echoed(text)} is not a version: {_what_is_wrong(text)}."


def _what_is_wrong(text: str) -> str:
    """The first mistake a person would want to hear of, with its remedy."""
    if not text.isascii():
        return "it has characters that are not plain ASCII; type the digits, letters, dots and hyphens again"
    if len(text) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if re.match(r"[vV]\.?[0-9]", text):
        return f"leave out the leading {quoted(text[0])}"
    if "+" in text:
        return "it must not have a `+` part; leave that out"
    if text.endswith((",", ";")):
        return f"leave out the {quoted(text[-1])}; several versions are separated by spaces alone"
    return _what_is_wrong_with_parts(*text.partition("-"))


def _what_is_wrong_with_parts(numbers: str, hyphen: str, suffix: str) -> str:
    parts = numbers.split(".")
    if not all(re.fullmatch(r"[0-9]+", part) for part in parts):
        return f"write {SHAPE}"
    if len(parts) != 3:
        few = "few" if len(parts) < 3 else "many"
        return f"it has too {few} numbers; write {SHAPE}"
    if hyphen and not re.fullmatch(r"[A-Za-z0-9.]+", suffix):
        return "after the hyphen comes a suffix of letters, digits and dots"
    return "its numbers must not have leading zeros"
