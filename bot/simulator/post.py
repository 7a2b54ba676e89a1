"""What the post does to deliveries: loses, doubles, delays or shuffles them.

Rule: seeded, so the same world has the same bad luck.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

Plan = Callable[["list[Copy]"], "list[Copy]"]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of an announcement on its way; `same_guid` is false for a second subscription's copy."""

    late: timedelta = timedelta(0)
    same_guid: bool = True


@dataclass(slots=True, eq=False)
class Mishap:
    event: str
    action: str | None
    plan: Plan
    times: int | None
    skip: int

    def takes(self, event: str, action: str | None) -> bool:
        if self.times == 0 or self.event not in ("*", event) or self.action not in (None, action):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Post:
    """Stage mishaps for events (`"*"`: all) and actions (None: all); several may hit one delivery."""

    def __init__(self, luck: random.Random) -> None:
        self._luck = luck
        self._mishaps: list[Mishap] = []

    def plan(self, event: str, action: str | None) -> list[Copy]:
        copies = [Copy()]
        for mishap in self._mishaps:
            if mishap.takes(event, action):
                copies = mishap.plan(copies)
        return copies

    def is_fine(self) -> None:
        self._mishaps.clear()

    def loses(
        self,
        event: str = "*",
        action: str | None = None,
        *,
        chance: float = 1.0,
        times: int | None = None,
        skip: int = 0,
    ) -> None:
        """Never sent, and in no log."""
        self._add(event, action, lambda c: [] if self._luck.random() < chance else c, times, skip)

    def doubles(
        self,
        event: str = "*",
        action: str | None = None,
        *,
        chance: float = 1.0,
        same_guid: bool = True,
        late: timedelta = timedelta(0),
        times: int | None = None,
    ) -> None:
        """A second copy, `late` after the first, under the same guid or another."""

        def plan(copies: list[Copy]) -> list[Copy]:
            if self._luck.random() >= chance:
                return copies
            return [*copies, *(Copy(copy.late + late, same_guid) for copy in copies)]

        self._add(event, action, plan, times, 0)

    def delays(
        self,
        event: str = "*",
        action: str | None = None,
        *,
        by: timedelta,
        times: int | None = None,
        skip: int = 0,
    ) -> None:
        self._add(event, action, lambda c: [Copy(x.late + by, x.same_guid) for x in c], times, skip)

    def shuffles(self, event: str = "*", *, within: timedelta) -> None:
        """Every copy is late by some random part of `within`, so the order is lost."""

        def plan(copies: list[Copy]) -> list[Copy]:
            return [Copy(copy.late + within * self._luck.random(), copy.same_guid) for copy in copies]

        self._add(event, None, plan, None, 0)

    def _add(self, event: str, action: str | None, plan: Plan, times: int | None, skip: int) -> None:
        self._mishaps.append(Mishap(event, action, plan, times, skip))
