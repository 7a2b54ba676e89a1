"""When something else is right than on other days, because people have taken something away.

Rule: only what the people did, and how long the bot may need to learn of it, is excused; nothing before, nothing after.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.chaos.house import House
from tests.chaos.mishaps_places import RENAMED, SHOWN

Span = tuple[datetime, datetime]
_SILENCE = ("F58 a repository", "F58 a permission", "F72", RENAMED)
_HEARD_LATE = timedelta(minutes=5)
"""A command whose delivery was lost may be heard that much later, when it cannot be answered any more."""
_LEARNED = timedelta(minutes=1)
_VISIBILITY_KNOWN = timedelta(minutes=5, seconds=30)
"""For so long the bot writes by the visibility that it has read last."""


def quiet_times(house: House) -> Iterator[Span]:
    """Commands of these times need no answer."""
    for begin, end in _times(house, *_SILENCE):
        yield begin - _HEARD_LATE, end + _LEARNED


def open_times(house: House) -> Iterator[Span]:
    """In these times the private repository was public, or the public one was not."""
    for begin, end in _times(house, SHOWN):
        yield begin, end + _VISIBILITY_KNOWN


def _times(house: House, *kinds: str) -> Iterator[Span]:
    calm = max(house.story.calm, *(mishap.at for mishap in house.story.mishaps), 0.0)
    for mishap in house.story.mishaps:
        if mishap.kind.startswith(kinds):
            end = max(mishap.at, min(mishap.at + mishap.m, calm))
            yield house.began + timedelta(seconds=mishap.at), house.began + timedelta(seconds=end)
