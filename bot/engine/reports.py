"""What GitHub shows of a release is made equal to what is true, in its time.

Rule: reporting converges and can never fail a release. It may be late, or impossible (a locked issue, a deleted
comment). Status comments are written in `status_reports`, check runs in `check_reports`, the list of what one command
started in `together_reports`; this file knows only when.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.core.facts import Forbidden, GitHubError, Unprocessable
from bot.core.model import Release, ReleaseWord
from bot.engine.alarm import Alarm
from bot.engine.means import Means
from bot.engine.patience import longest_pause, say_it_waits, seconds_until_again
from bot.engine.releases import Changed
from bot.store import StoreUnavailable

log = structlog.get_logger(__name__)

STATUS = ""
"""The part of a release that is its status comment; the other parts are steps."""
TOGETHER = "(together)"
"""The part that all releases of one command share: no step can have this name."""
_DATABASE_PAUSE = 5.0
_TELL_AFTER = 3
"""Failed tries of one report before the log speaks of it, once."""
_AT_ONCE = 16
"""Parts that are compared and written at the same time: reports leave room for everything else."""
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Write:
    """Something to publish. `urgent`: at once; `calm`: it may wait as long as an edit."""

    perform: Callable[[], Awaitable[None]]
    urgent: bool = False
    calm: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """Something was asked to be shown: another wish is a newer one, whether or not the release is another."""

    release: Release


class Writer(Protocol):
    """Compares what is shown with what is true."""

    async def pending(self, release: Release, part: str) -> Write | None: ...


class Reports:
    """One task per part of a release, while something of it is to be published."""

    def __init__(self, means: Means, *, status: Writer, checks: Writer, together: Writer) -> None:
        self._clock = means.clock
        self._status = status
        self._checks = checks
        self._together = together
        self._pace = timedelta(seconds=means.settings.edit_seconds)
        self._gather = timedelta(seconds=min(1.0, means.settings.edit_seconds / 10))
        self._wanted: dict[Key, _Wish] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._alarms: dict[Key, Alarm] = {}
        self._written_at: dict[Key, datetime] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    def changed(self, changed: Changed) -> None:
        self.publish(changed.release)

    def publish(self, release: Release) -> None:
        """Makes GitHub show this release as it is."""
        for part in (STATUS, *(step.name for step in release.plan.run_steps)):
            self._want((release.id, part), release)
        self._publish_together(release)

    def _publish_together(self, release: Release) -> None:
        """Whichever of them changed: there is one comment, named after the first."""
        if release.together:
            self._want((release.together[0], TOGETHER), release)

    def _want(self, key: Key, release: Release) -> None:
        self._wanted[key] = _Wish(release)
        if key in self._tasks:
            self._alarms[key].ring()
        else:
            self._alarms[key] = Alarm(self._clock)
            self._tasks[key] = asyncio.create_task(self._keep_publishing(key), name=f"report {key}")

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_publishing(self, key: Key) -> None:
        """Until what is shown is what is true; failures wait longer each time."""
        tries = 0
        try:
            first_seen = began = self._clock.now()
            while True:
                await self._gather_changes(key, first_seen)
                wish, refused = self._wanted[key], False
                try:
                    async with self._places:
                        wait = await self._publish(key, wish.release, first_seen)
                except GitHubError as error:
                    began = began if tries else self._clock.now()
                    tries, wait, refused = tries + 1, self._after(error, key, tries, began), True
                except StoreUnavailable as error:
                    say_it_waits(log, "a report waits for the database", error, release=key[0], step=key[1])
                    tries, wait = tries + 1, _DATABASE_PAUSE
                except Exception:
                    log.exception("a report failed oddly", release=key[0], step=key[1])
                    tries, wait = tries + 1, 60.0
                if wait > 0:
                    if refused:  # news make it no better: the pace of edits is kept
                        least = min(wait, self._pace.total_seconds())
                        await self._clock.sleep(least)
                        wait -= least
                    await self._alarms[key].wait(wait)
                elif self._wanted[key] is wish:
                    return
                else:
                    tries, first_seen = 0, self._clock.now()
        finally:
            self._forget(key)

    async def _gather_changes(self, key: Key, first_seen: datetime) -> None:
        """Changes of one moment are shown together, and what drives the release goes first."""
        while not _is_weighty(self._wanted[key].release):
            left = (first_seen + self._gather - self._clock.now()).total_seconds()
            if left <= 0:
                return
            await self._alarms[key].wait(left)

    async def _publish(self, key: Key, release: Release, first_seen: datetime) -> float:
        """Seconds to wait before it may be written; 0: it is published."""
        write = await self._writer(key[1]).pending(release, key[1])
        if write is None:
            return 0.0
        wait = self._too_early(key, write, first_seen)
        if wait > 0:
            return wait
        await write.perform()
        self._written_at[key] = self._clock.now()
        if key[1] == STATUS:
            self._publish_together(release)  # it links the status comments
        return 0.0

    def _writer(self, part: str) -> Writer:
        comments = {STATUS: self._status, TOGETHER: self._together}
        return comments.get(part, self._checks)

    def _too_early(self, key: Key, write: Write, first_seen: datetime) -> float:
        """Two edits keep their distance; what is urgent waits for nothing."""
        if write.urgent:
            return 0.0
        due = first_seen + (self._pace if write.calm else timedelta(0))
        last = self._written_at.get(key)
        if last is not None:
            due = max(due, last + self._pace)
        return (due - self._clock.now()).total_seconds()

    def _after(self, error: GitHubError, key: Key, tries: int, began: datetime) -> float:
        lasted = (self._clock.now() - began).total_seconds()
        pause = min(longest_pause(error, lasted=lasted), 2.0 ** min(tries, 10))
        if isinstance(error, Forbidden | Unprocessable):
            pause = max(pause, 30.0)
        wait = seconds_until_again(error, self._clock, pause)
        what = {"release": key[0], "step": key[1], "error": str(error), "again_in": round(wait, 1)}
        (log.warning if tries == _TELL_AFTER else log.debug)("a report has to wait", **what)
        return wait

    def _forget(self, key: Key) -> None:
        """What was written long ago keeps no edit waiting."""
        del self._tasks[key], self._alarms[key], self._wanted[key]
        now = self._clock.now()
        old = [other for other, at in self._written_at.items() if now - at > self._pace]
        for other in old:
            del self._written_at[other]


def _is_weighty(release: Release) -> bool:
    """The last word and a call for a person are told at once (contract, `EDIT_SECONDS`)."""
    return release.word.final or release.word is ReleaseWord.NEEDS_ATTENTION
