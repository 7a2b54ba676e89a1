"""How long it is worth asking again: GitHub with pauses that grow, and an end; the database until it answers."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from bot.core.facts import GitHubError, Limited, Unauthorized, Unreachable
from bot.engine.ports import Clock
from bot.store import LeaseLost, StoreUnavailable

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

ANSWER_WITHIN = 20.0
"""Seconds after which a question about a person's role counts as answered with no (contract section 4)."""
SOON = 45.0
"""Longest pause, in seconds, between two tries of anything that may be put right at any moment: what GitHub shows is
true again within a minute of its return."""
LEFT_ALONE = 15.0
"""Longest pause, in seconds, where nothing was asked: as long as GitHub is left alone between two probes."""
WHEN_REFUSED = 900.0
"""Longest pause after an answer that more tries will hardly change: a locked issue, a missing permission."""
_HARDLY_AFTER = 1800.0
"""Seconds after which a refusal counts as such: until then somebody may be about to mend what they broke."""

CARRIED_OUT_WITHIN = timedelta(seconds=3)
"""What a process that is gone had asked GitHub for can be seen by then: as good as nothing takes longer, and what takes
ten seconds is ended. https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts"""


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
            # While GitHub is left alone, whoever is in a hurry asks for leave again and again: it may be back by then.
            wait = pause if isinstance(error, Unreachable) else seconds_until_again(error, clock, pause)
            if spent + wait >= seconds:
                raise
            await clock.sleep(wait)
    raise AssertionError  # pauses never end


def say_it_waits(log: FilteringBoundLogger, event: str, error: StoreUnavailable, **where: object) -> None:
    """An outage is an error. That another process is at work by now is none, and `Duty` says it once for all parts."""
    (log.debug if isinstance(error, LeaseLost) else log.error)(event, error=str(error), **where)


async def until_stored(clock: Clock, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Does it once a second until the database has answered: what it may have done must not be decided anew.

    `work` changes nothing when it is done again.
    """
    while True:
        try:
            return await work()
        except StoreUnavailable as error:
            log.warning("the database does not answer; trying again", error=str(error))
            await clock.sleep(1.0)


async def carried_out_since(clock: Clock, sent_at: object) -> bool:
    """Waits until a request of a process that is gone has shown what came of it; False: it had, or there was none.

    `sent_at`: an ISO time, or anything else where nothing is known.
    """
    if not isinstance(sent_at, str):
        return False
    left = datetime.fromisoformat(sent_at) + CARRIED_OUT_WITHIN - clock.now()
    if left <= timedelta(0):
        return False
    await clock.sleep(min(left, CARRIED_OUT_WITHIN).total_seconds())
    return True


def seconds_until_again(error: GitHubError, clock: Clock, otherwise: float) -> float:
    """How long to wait after this error: as long as nothing may be asked, else `otherwise`.

    What was not asked at all, since GitHub is left alone, has not failed once more: it is asked again when GitHub is.
    """
    if not isinstance(error, Limited | Unreachable) or error.until is None:
        return otherwise
    least = min(otherwise, LEFT_ALONE) if isinstance(error, Unreachable) else otherwise
    return max(least, (error.until - clock.now()).total_seconds())


def longest_pause(error: GitHubError, *, lasted: float) -> float:
    """To where the growing pauses of a report may grow that has failed for `lasted` seconds, in seconds."""
    passes = isinstance(error, Unreachable | Unauthorized) or lasted < _HARDLY_AFTER
    return SOON if passes else WHEN_REFUSED
