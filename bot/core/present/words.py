"""The words and icons of states, and how times, durations and lists are written.

Rule: an icon never stands without its word, so nobody has to know colours. Times are UTC and say so.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.model import ReleaseWord
from bot.core.present.inert import code
from bot.core.states import StepWord

NOTHING = "–"

_STEP_ICONS: Mapping[StepWord, str] = {
    StepWord.WAITING: "⚪",
    StepWord.QUEUED: "🔵",
    StepWord.RUNNING: "🟡",
    StepWord.RETRYING: "🔁",
    StepWord.AWAITING_APPROVAL: "✋",
    StepWord.NEEDS_ATTENTION: "🔴",
    StepWord.PASSED: "✅",
    StepWord.SKIPPED: "⏭️",
    StepWord.CANCELLED: "⛔",
}
_RELEASE_ICONS: Mapping[ReleaseWord, str] = {
    ReleaseWord.WAITING: "⚪",
    ReleaseWord.RUNNING: "🟡",
    ReleaseWord.PAUSED: "⏸️",
    ReleaseWord.NEEDS_ATTENTION: "🔴",
    ReleaseWord.RELEASED: "✅",
    ReleaseWord.CANCELLED: "⛔",
}
_ODD_NAME = re.compile(r"(?i)gh-\d+|[0-9a-f]{7,40}|.*(?:-_|_-).*|.*_")
"""Step names that GitHub would take for a reference, a commit or emphasis."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def step_state(word: StepWord) -> str:
    """Icon and word of a step."""
    return f"{_STEP_ICONS[word]} {word}"


def step_label(name: str) -> str:
    """A step's name for a cell of a table."""
    return code(name) if _ODD_NAME.fullmatch(name) else name


def release_icon(word: ReleaseWord) -> str:
    return _RELEASE_ICONS[word]


def clock(at: datetime, *, day: datetime) -> str:
    """`14:05 UTC`, with the date when it is not on the same day as `day`."""
    here, there = at.astimezone(UTC), day.astimezone(UTC)
    time = f"{here:%H:%M} UTC"
    if here.date() == there.date():
        return time
    date = f"{here.day} {_MONTHS[here.month - 1]}"
    return f"{date} {time}" if here.year == there.year else f"{date} {here.year} {time}"


def date(at: datetime) -> str:
    """`2 Mar 2026`, the day in UTC."""
    there = at.astimezone(UTC)
    return f"{there.day} {_MONTHS[there.month - 1]} {there.year}"


def duration(span: timedelta | float) -> str:
    """`45s`, `12m`, `1h 12m`, `2d 3h`: the two largest units, rounded down. A number is seconds."""
    seconds = max(0, int(span.total_seconds() if isinstance(span, timedelta) else span))
    if seconds < 60:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        large, small = f"{days}d", f"{hours % 24}h" if hours % 24 else ""
    elif hours:
        large, small = f"{hours}h", f"{minutes % 60}m" if minutes % 60 else ""
    else:
        large, small = f"{minutes}m", ""
    return f"{large} {small}".rstrip()


def count(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def joined(parts: Sequence[str], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def names(those: Sequence[str], *, most: int = 5, last: str = "and") -> str:
    """Names as code, at most `most` of them; the rest is counted."""
    shown = [code(name) for name in those[:most]]
    rest = len(those) - len(shown)
    return joined([*shown, f"{rest} more"] if rest else shown, last=last)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said of one step and of several; `rank`: in which order."""

    rank: int
    one: str
    several: str


def said_of(those: Iterable[tuple[str, Phrase]], *, most: int = 5) -> list[str]:
    """ "`a` is running", "`b` and `c` are done": names with the same phrase together, in the order of the ranks."""
    groups: dict[Phrase, list[str]] = {}
    for name, phrase in those:
        groups.setdefault(phrase, []).append(name)
    return [
        f"{names(named, most=most)} {phrase.one if len(named) == 1 else phrase.several}"
        for phrase, named in sorted(groups.items(), key=lambda group: group[0].rank)
    ]
