"""Days of releases: the releases of one home whose commands were written on one date, UTC.

Rule: when all of them are over and there are two or more, the one that ended last speaks for the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.model import Release


@dataclass(frozen=True, slots=True)
class Ended:
    """A release that is over, when it ended, and the id of its status comment if that is known."""

    release: Release
    at: datetime
    status: int | None


def ended(release: Release, status: int | None = None) -> Ended | None:
    """None while it is open."""
    at = release.ended_at
    return Ended(release, at, status) if at is not None and release.word.final else None


def is_last(release: Release, of_the_day: Sequence[Release]) -> bool:
    """Whether it ended as the last one of its day, and not alone; the greatest id decides a tie."""
    over = [one for release in of_the_day if (one := ended(release)) is not None]
    if len(over) < max(2, len(of_the_day)):
        return False
    return max(over, key=lambda one: (one.at, one.release.id)).release.id == release.id
