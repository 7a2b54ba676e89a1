"""The simulator's time: whoever runs a world decides how it passes.

Rule: nothing in this package sleeps or reads the machine's clock except `SystemClock`.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, for the demo."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until told, for tests."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        """Moves forward (or back, with negative numbers: clocks do jump)."""
        self._now += timedelta(seconds=seconds, minutes=minutes, hours=hours)

    def move_to(self, when: datetime) -> None:
        self._now = when


def stamp(when: datetime) -> str:
    """GitHub's way to write a time: whole seconds, `Z`."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_or_none(when: datetime | None) -> str | None:
    return None if when is None else stamp(when)
