"""The engine: everything that works while the process lives, put together and kept going.

Rule: each part works for itself and talks to the others through the open releases; a part that stops oddly makes the
process unready, it is never silently missing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta

import structlog

from bot.core.events import BotStarted, RepositoryBarred, RepositoryOpen
from bot.core.model import Release
from bot.core.plan import ApprovalStep
from bot.core.trouble import Trouble
from bot.core.wants import wanted, watched
from bot.engine.alarm import Alarm
from bot.engine.audiences import Audiences
from bot.engine.brake import Brake
from bot.engine.buttons import Buttons
from bot.engine.census import take_census
from bot.engine.check_reports import CheckReports
from bot.engine.diagnosis import Diagnosis
from bot.engine.inbox import Inbox
from bot.engine.listen import Listener
from bot.engine.look import Looker
from bot.engine.means import Means
from bot.engine.observer import Observer
from bot.engine.orders import Orders
from bot.engine.patience import pauses, say_it_waits
from bot.engine.perform import Performer
from bot.engine.ports import Clock, GitHub
from bot.engine.posts import Poster
from bot.engine.recovery import Recovery
from bot.engine.releases import Changed, Releases
from bot.engine.reports import Reports
from bot.engine.retries import Retries
from bot.engine.sendcheck import SendCheck
from bot.engine.sights import Sights
from bot.engine.status_reports import StatusReports
from bot.engine.together_reports import TogetherReports
from bot.engine.turns import Turns
from bot.metrics import Metrics
from bot.settings import Settings
from bot.store import Store, StoreUnavailable

log = structlog.get_logger(__name__)

_KEEP_DELIVERIES = timedelta(days=7)
_KEEP_OUTCOMES = timedelta(days=90)
_GRACE_SECONDS = 6.0
_WORKS_AGAIN = timedelta(minutes=5)
"""A part that has worked for so long stops for another reason than the last time."""
Part = Callable[[], Coroutine[None, None, None]]


class Engine:
    """Start it, put in what the door has stored, close it. One engine serves one term (`bot.engine.duty`)."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        github: GitHub,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store, self._clock, self._metrics = store, clock, metrics
        self.releases = Releases(store, clock)
        means = Means(
            settings, store, github, clock, metrics, self.releases, audiences=Audiences(github, clock)
        )
        diagnosis = Diagnosis(github, store, clock)
        self._sights = Sights(store, clock, look_seconds=settings.look_seconds, on_barred=self._barred)
        self._performer = Performer(
            means,
            sights=self._sights,
            checks=SendCheck(github, store, clock),
            retries=Retries(means, diagnosis=diagnosis),
        )
        self._looker = Looker(means, sights=self._sights, performer=self._performer)
        self._brake = Brake(means)
        self._turns = Turns(means, sights=self._sights)
        status = StatusReports(means)
        checks, together = CheckReports(means), TogetherReports(means)
        self._reports = Reports(means, status=status, checks=checks, together=together)
        self._poster = Poster(means)
        self._observer = Observer(means, diagnosis=diagnosis)
        self.inbox = Inbox(
            means,
            performer=self._performer,
            orders=Orders(means, poster=self._poster),
            buttons=Buttons(means),
            reports=self._reports,
            status=status,
            observer=self._observer,
        )
        self._listener = Listener(means, inbox=self.inbox)
        self._recovery = Recovery(means, inbox=self.inbox)
        self._timer = Alarm(clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped: set[str] = set()
        for listener in (self._reports.changed, self._poster.changed, self._timer_changed):
            self.releases.on_change(listener)

    def means_nothing(self, event: str, payload: Mapping[str, object]) -> str | None:
        """Why nothing has to be done about a delivery that is about to be stored."""
        return self.inbox.means_nothing(event, payload)

    def put(self, delivery_id: str, event: str, payload: Mapping[str, object]) -> None:
        """A delivery that was stored a moment ago."""
        self.inbox.put(delivery_id, event, payload)

    async def start(self) -> None:
        """Takes in hand what the last process left, then goes to work."""
        await self.releases.load()
        await self._sights.load()
        await self.inbox.load()
        for release in self.releases.open():
            await self.releases.tell(release.id, BotStarted())
        for release in self.releases.open():
            self._take_up(release)
        for release in await self._store.releases.unreported():
            self._reports.publish(release)
        parts: dict[str, Part] = {
            "inbox": self.inbox.run,
            "timer": self._keep_time,
            "poster": self._poster.run,
            "turns": self._turns.run,
            "outage brake": self._brake.run,
            "observer": self._observer.run,
            "listener": self._listener.run,
            "delivery log": self._recovery.run,
            "housekeeping": self._keep_house,
        }
        self._tasks = [asyncio.create_task(self._keep(name, part), name=name) for name, part in parts.items()]
        log.info("the engine runs", releases=len(self.releases.open()))

    def _take_up(self, release: Release) -> None:
        try:
            self._performer.want(release.id, wanted(release, self._clock.now()))
        except Exception:
            log.exception("a release cannot go on; the others do", release=release.id)
        self._looker.watch(watched(release))
        self._reports.publish(release)

    async def close(self) -> None:
        """Stops taking work, lets sends come to their end, drops the rest: it is all on disk.

        What a release hears until `releases` is closed may set looks and reports going: those end after it.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._performer.close(_GRACE_SECONDS)
        self.releases.close()
        await self._looker.close()
        await self._reports.close()
        await self._sights.close()
        take_census(self._metrics, (), self._sights, self._clock.now())  # whoever is at work next counts them
        await self._store.deliveries.flush()

    def problems(self) -> tuple[str, ...]:
        """What keeps the engine from working, for `/readyz`."""
        if not self._tasks:
            return ("the engine has not started",)
        return tuple(f"the {name} has stopped and is started again" for name in sorted(self._stopped))

    async def _keep(self, name: str, part: Part) -> None:
        """A part that stops oddly is started again; until then the process is not ready."""
        growing = pauses(1.0, 30.0)
        while True:
            self._stopped.discard(name)
            began = self._clock.now()
            try:
                await part()
            except StoreUnavailable as error:
                say_it_waits(log, "a part of the engine waits for the database", error, part=name)
            except Exception:
                log.exception("a part of the engine has stopped", part=name)
            self._stopped.add(name)
            if self._clock.now() - began > _WORKS_AGAIN:
                growing = pauses(1.0, 30.0)
            await self._clock.sleep(next(growing))

    # -- time ----------------------------------------------------------------------------------------

    def _timer_changed(self, changed: Changed) -> None:
        del changed
        self._timer.ring()

    async def _keep_time(self) -> None:
        """Wakes each release when its time has come: deadlines are data, never sleeping tasks."""
        for release in self.releases.open():
            await self.releases.tick(release.id)
        while True:
            times = self.releases.wake_times()
            now = self._clock.now()
            nearest = min(times.values(), default=None)
            await self._timer.wait(None if nearest is None else (nearest - now).total_seconds())
            now = self._clock.now()
            for release_id, at in times.items():
                if at <= now:
                    await self.releases.tick(release_id)

    async def _keep_house(self) -> None:
        """Old deliveries go; numbers for the metrics are brought up to date."""
        rounds = 0
        while True:
            take_census(self._metrics, self.releases.open(), self._sights, self._clock.now())
            await self._store.deliveries.flush()
            if rounds % 60 == 0:
                with contextlib.suppress(StoreUnavailable):
                    await self._store.deliveries.prune(self._clock.now() - _KEEP_DELIVERIES)
                    await self._store.ledger.prune(self._clock.now() - _KEEP_OUTCOMES)
            rounds += 1
            await self._clock.sleep(60.0)

    # -- repositories that refuse the bot --------------------------------------------------------------

    async def _barred(self, repo: str, trouble: Trouble | None) -> None:
        event = RepositoryOpen(repo) if trouble is None else RepositoryBarred(repo, trouble)
        for release in self.releases.open():
            if any(not isinstance(s, ApprovalStep) and s.repo.lower() == repo.lower() for s in release.plan):
                await self.releases.tell(release.id, event)
