"""How long it is worth asking GitHub again: pauses that grow, and an end."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from bot.core.facts import GitHubError, Limited, Unauthorized, Unreachable
from bot.engine.ports import Clock

Answer = TypeVar("Answer")

ANSWER_WITHIN = 20.0
"""Seconds after which a question about a person's role counts as answered with no (contract section 4)."""


def pauses(first: float = 0.25, most: float = 5.0) -> Iterator[float]:
    """Seconds between tries: doubling up to `most`, without an end."""
    for power in itertools.count():
        yield min(most, first * 2 ** min(power, 20))


async def patiently(
    clock: Clock, ask: Callable[[], Awaitable[Answer]], *, seconds: float = ANSWER_WITHIN
) -> Answer:
    """Asks until there is an answer or `seconds` are over; only what may pass by itself is asked again."""
    began = clock.now()
    for pause in pauses():
        try:
            return await ask()
        except (Unreachable, Limited, Unauthorized) as error:
            spent = (clock.now() - began).total_seconds()
            wait = seconds_until_again(error, clock, pause)
            if spent + wait >= seconds:
                raise
            await clock.sleep(wait)
    raise AssertionError  # pauses never end


def seconds_until_again(error: GitHubError, clock: Clock, otherwise: float) -> float:
    """How long to wait after this error: what a rate limit says, else `otherwise`."""
    if isinstance(error, Limited):
        return max(otherwise, (error.until - clock.now()).total_seconds())
    return otherwise
