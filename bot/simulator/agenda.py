"""Everything that happens later, in one heap.

Rule: entries are done in the order of their time, then of their making; meanwhile `now()` is that time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

from bot.simulator.clock import Clock

Act = Callable[[], None]


class Agenda:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[datetime, int, Act]] = []
        self._order = count()
        self._moment: datetime | None = None

    def now(self) -> datetime:
        return self._moment or self._clock.now()

    def at(self, when: datetime, act: Act) -> None:
        heapq.heappush(self._entries, (when, next(self._order), act))

    def next_due(self) -> datetime | None:
        return self._entries[0][0] if self._entries else None

    def turn(self) -> None:
        """Does all that is due by now, and what comes due by doing it."""
        while self._entries and self._entries[0][0] <= self._clock.now():
            self._moment, _, act = heapq.heappop(self._entries)
            try:
                act()
            finally:
                self._moment = None
