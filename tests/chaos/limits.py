"""How long a story's faults may be felt after they have ended, because GitHub said so.

Rule: who was told to wait waits, although GitHub would answer again; nothing else is forgiven here.
"""

from collections.abc import Iterator

from tests.chaos.story import Mishap, Story

PRIMARY = (30, 300)
"""Least and greatest part of the time to a reset, in seconds."""
_SECONDARY = 60.0
"""Without a word of GitHub it is a minute, too."""


def reset_in(mishap: Mishap) -> int:
    """Seconds until the reset that a primary limit tells."""
    return PRIMARY[0] + mishap.luck % PRIMARY[1]


def told_to_wait(story: Story) -> float:
    """Seconds after the calm until which GitHub may have told the bot to leave it alone, or its clock is wrong."""
    return max(_waits(story), default=0.0) + _ahead(story)


def _waits(story: Story) -> Iterator[float]:
    for mishap in story.mishaps:
        if mishap.kind == "F49 primary limit":
            yield reset_in(mishap)
        elif mishap.kind.startswith("F49"):
            yield _SECONDARY


def _ahead(story: Story) -> float:
    """Times that were written before the bot's clock went back lie that far in its future afterwards."""
    off = most = 0.0
    for mishap in story.mishaps:
        if mishap.kind.startswith("F71"):
            off += mishap.m
            most = max(most, off)
    return max(most, most - off)
