"""How fast one installation is written to, and how long it is left alone after GitHub said "slow down".

Rule: a dispatch never waits behind a reaction, a reaction never behind a report, and nothing is asked while a
limit of GitHub is in force.
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import asyncio
import bisect
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import IntEnum

from bot.core.facts import Limited, OutOfTurn, Unreachable

IN_FLIGHT = 28
DRIVES_IN_FLIGHT = 4
REPORTS_IN_FLIGHT = 8
"""40 in all, since GitHub allows 100 at a time and the app may run twice. Each has its own share: slow reads
cannot keep a dispatch waiting, nor slow reports anything."""
_FIRST_BACKOFF, _LONGEST_BACKOFF = 60.0, 900.0
_LONGEST_WAIT = 7200.0  # seconds; GitHub's limits are reset every hour, so more than this is a mistake
_LEAST_SLEEP = 0.001
_TO_SPARE = 1.0
"""Seconds that a write needs from its turn until it leaves."""
_KEPT_SECONDS = 5.0
"""So long after its turn a place is kept for a write that could not wait for it."""
_THE_APP_ITSELF = 0
"""No installation has this id. GitHub limits the app's own requests (for tokens, say) apart from theirs."""

_log = logging.getLogger("bot.github")


class Rank(IntEnum):
    """What goes first when writes have to wait."""

    DRIVE = 0
    REACT = 1
    REPORT = 2


class Limiter:
    """The writes, requests in flight and rate limits of one installation. `sleep` takes seconds."""

    def __init__(
        self,
        *,
        writes_per_minute: int,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._rate = writes_per_minute / 60
        self._burst = max(1.0, writes_per_minute // 6)
        # Reports leave a part of the burst, so that a dispatch finds it even when they come in heaps.
        self._kept_from_reports = self._burst // 3
        self._level = self._burst
        self._filled_at = now()
        self._queue: list[tuple[Rank, int]] = []
        self._serial = itertools.count()
        self._moved = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._own_slots = {
            Rank.DRIVE: asyncio.Semaphore(DRIVES_IN_FLIGHT),
            Rank.REPORT: asyncio.Semaphore(REPORTS_IN_FLIGHT),
        }
        self._until: datetime | None = None
        self._strikes = 0
        self._kept: list[datetime] = []
        """When places end that are kept for dispatches: they come again, and nothing else goes before them."""

    @property
    def waiting(self) -> int:
        """Writes that wait for their turn."""
        return len(self._queue)

    @property
    def waiting_by_rank(self) -> Counter[Rank]:
        return Counter(rank for rank, _ in self._queue)

    @property
    def limited_until(self) -> datetime | None:
        """When GitHub may be asked again; None when it may be now."""
        if self._until is None:
            return None
        left = (self._until - self._now()).total_seconds()
        # More than the longest wait is left when the clock was set back: then GitHub is asked, and says so itself.
        return self._until if 0 < left <= _LONGEST_WAIT else None

    def check(self) -> None:
        """Raises Limited while a limit is in force."""
        if (until := self.limited_until) is not None:
            raise Limited(f"GitHub's rate limit is in force until {until:%H:%M:%S} UTC", until)

    def refused(self, seconds: float | None, reason: str) -> Limited:
        """Remembers a refusal. `seconds` is what GitHub asks for; None: a minute, doubled when in a row."""
        now = self._now()
        if seconds is None:
            if self.limited_until is None:  # answers to requests that were under way together count as one
                self._strikes += 1
            seconds = min(_FIRST_BACKOFF * 2 ** (max(self._strikes, 1) - 1), _LONGEST_BACKOFF)
        until = now + timedelta(seconds=min(max(seconds, 1.0), _LONGEST_WAIT))
        if self._until is None or until > self._until:
            self._until = until
            _log.warning("%s; nothing more is asked until %s UTC", reason, f"{until:%H:%M:%S}")
        self._wake()
        return Limited(f"{reason}; GitHub may be asked again at {self._until:%H:%M:%S} UTC", self._until)

    def accepted(self) -> None:
        """GitHub did what was asked: the next refusal is the first one again."""
        if self.limited_until is None:
            self._strikes = 0

    async def turn(self, rank: Rank, *, send_by: datetime | None = None) -> None:
        """Waits until one write of this rank may go. Raises Limited, OutOfTurn or Unreachable if that is too late."""
        ticket = (rank, next(self._serial))
        bisect.insort(self._queue, ticket)
        try:
            self._refuse_if_late(ticket, send_by)
            while True:
                self.check()
                if self._queue[0] != ticket:
                    await self._moved.wait()
                elif (seconds := self._seconds_until_free(rank)) > 0:
                    await self._sleep(max(seconds, _LEAST_SLEEP))
                else:
                    self._level -= 1
                    if rank is Rank.DRIVE:
                        del self._kept[:1]
                    return
        finally:
            self._queue.remove(ticket)
            self._wake()

    @asynccontextmanager
    async def slot(self, rank: Rank | None) -> AsyncIterator[None]:
        """One of the requests in flight; `rank` is None for reads. Raises Limited."""
        async with self._slots if rank is None else self._own_slots.get(rank, self._slots):
            self.check()
            yield

    def _refuse_if_late(self, ticket: tuple[Rank, int], send_by: datetime | None) -> None:
        """At once, not when the time has passed: the sender still has time to do something else."""
        if send_by is None:
            return
        ahead = self._queue.index(ticket)
        seconds = self._seconds_until_free(ticket[0], ahead)
        free_at = self._now() + timedelta(seconds=seconds)
        if not seconds and free_at > send_by:
            raise Unreachable("its time had passed before its turn", sent=False)
        if seconds and free_at + timedelta(seconds=_TO_SPARE) > send_by:
            self._kept.append(free_at + timedelta(seconds=_KEPT_SECONDS))
            raise OutOfTurn("too many writes to GitHub come before it", free_at)

    def _seconds_until_free(self, rank: Rank, ahead: int = 0) -> float:
        self._fill()
        needed = 1 + ahead + (self._kept_from_reports if rank is Rank.REPORT else 0)
        if rank is not Rank.DRIVE:
            now = self._now()
            self._kept = [end for end in self._kept if now < end]
            needed += len(self._kept)
        missing = needed - self._level
        # Sums of fractions fall short by a hair; without the margin the last wait would be for nothing.
        return missing / self._rate if missing > 1e-6 else 0.0

    def _fill(self) -> None:
        now = self._now()
        passed = max(0.0, (now - self._filled_at).total_seconds())
        self._level = min(self._burst, self._level + passed * self._rate)
        self._filled_at = now

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


class Limiters:
    """One limiter for each installation, made when it is first needed, and one for the app itself."""

    def __init__(self, make: Callable[[], Limiter]) -> None:
        self._make = make
        self._made: dict[int, Limiter] = {}

    def of(self, installation: int) -> Limiter:
        if installation not in self._made:
            self._made[installation] = self._make()
        return self._made[installation]

    @property
    def of_app(self) -> Limiter:
        return self.of(_THE_APP_ITSELF)

    def __iter__(self) -> Iterator[Limiter]:
        return iter(tuple(self._made.values()))

    @property
    def waiting(self) -> Mapping[Rank, int]:
        """Writes that wait for their turn, over all installations."""
        return sum((limiter.waiting_by_rank for limiter in self), Counter[Rank]())

    @property
    def limited_until(self) -> datetime | None:
        """The latest time until which one of them is left alone; None: none is."""
        return max((until for limiter in self if (until := limiter.limited_until)), default=None)

    def check(self) -> None:
        """For what is in no hurry: raises Limited while a limit is in force anywhere."""
        for limiter in self:
            limiter.check()
