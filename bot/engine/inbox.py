"""Stored deliveries, read in their order: hints wake releases up, comments and clicks become commands.

Rule: a delivery is done only when what it asked for is on disk. One that keeps failing is set aside after a few tries,
and everything else goes on.
"""

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count

import structlog

from bot.core.binding import is_of
from bot.core.deliveries import (
    ButtonPressed,
    CheckRerunAsked,
    CommentCreated,
    CommentDeleted,
    Happening,
    Ignored,
    InstallationChanged,
    JobChanged,
    Ping,
    RunChanged,
    RunSeen,
)
from bot.core.events import RunLevel
from bot.core.facts import GitHubError, Limited, Unreachable
from bot.core.intake import read_delivery
from bot.core.model import Release, StepRecord
from bot.core.plan import RunStep
from bot.core.states import Expecting, Finding, NeedsPerson, run_of
from bot.engine.buttons import Buttons
from bot.engine.heard import Heard
from bot.engine.means import Means
from bot.engine.observer import Observer
from bot.engine.orders import Orders
from bot.engine.patience import pauses, say_it_waits
from bot.engine.perform import Performer
from bot.engine.reports import Reports
from bot.engine.sharing import Sharing
from bot.engine.status_reports import StatusReports
from bot.store import DeliveryRow, StoreUnavailable

log = structlog.get_logger(__name__)

_PAGE = 500
"""Stored deliveries that are held in memory at once: a backlog of any size is worked off page by page."""
MOST_TRIES = 5
"""Failures of one delivery until it is set aside."""
_AGAIN_SECONDS = 0.02
_OTHERS_SECONDS = 0.5
_QUIET_SECONDS = 60.0
"""Pauses between looks at what is stored: while there is more, while other doors store too, and otherwise."""
_BREATH = 50
"""Deliveries taken in hand without letting anything else have its turn."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A stored delivery on its way through the inbox."""

    id: str
    event: str
    payload: Mapping[str, object]
    received_at: datetime


class Inbox:
    """Works through what the door and the listener have stored."""

    def __init__(
        self,
        means: Means,
        *,
        performer: Performer,
        orders: Orders,
        buttons: Buttons,
        reports: Reports,
        status: StatusReports,
        observer: Observer,
    ) -> None:
        self._store = means.store
        self._clock = means.clock
        self._releases = means.releases
        self._performer = performer
        self._readings = Sharing[tuple[str, str], None](means.clock)
        self._orders = orders
        self._buttons = buttons
        self._audiences = means.audiences
        self._reports = reports
        self._status = status
        self._observer = observer
        self._metrics = means.metrics
        self._ttl = means.settings.command_ttl_seconds
        self._waiting: asyncio.Queue[Delivered] = asyncio.Queue()
        self._in_hand: set[str] = set()
        self._let_go: set[str] = set()
        self._more = False
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, delivery_id: str, event: str, payload: Mapping[str, object]) -> None:
        """A delivery that was stored a moment ago."""
        self._put(Delivered(delivery_id, event, payload, self._clock.now()))

    def _put(self, delivered: Delivered) -> None:
        if delivered.id not in self._in_hand:
            self._in_hand.add(delivered.id)
            self._waiting.put_nowait(delivered)

    async def run(self) -> None:
        """Until cancelled."""
        reading = asyncio.create_task(self._keep_reading(), name="stored deliveries")
        taken = count(1)
        try:
            while True:
                self._take(await self._waiting.get())
                if not self._more:
                    self._metrics.inbox_pending.set(len(self._in_hand))
                if next(taken) % _BREATH == 0:
                    await asyncio.sleep(0)  # a long queue must not keep the door waiting
        finally:
            for task in (reading, *self._tasks):
                task.cancel()
            await asyncio.gather(reading, *self._tasks, return_exceptions=True)

    # -- what is stored and in nobody's hands --------------------------------------------------------

    async def load(self) -> None:
        """Takes in hand what the last process left, before anything new comes in."""
        while True:
            try:
                return await self._take_stored()
            except StoreUnavailable as error:
                say_it_waits(log, "the inbox cannot be read", error)
                await self._clock.sleep(1.0)

    async def _keep_reading(self) -> None:
        """The rest of a long backlog, what the doors of other processes store, and what an odd failure left."""
        while True:
            idle = _OTHERS_SECONDS if self._store.shared else _QUIET_SECONDS
            await self._clock.sleep(_AGAIN_SECONDS if self._more else idle)
            if len(self._in_hand) <= _PAGE // 2:
                with contextlib.suppress(StoreUnavailable):
                    await self._take_stored()

    async def _take_stored(self) -> None:
        self._let_go.clear()
        await self._store.deliveries.flush()
        most = _PAGE + len(self._in_hand)
        rows = await self._store.deliveries.pending(most)
        self._more = len(rows) == most
        if self._more:
            self._metrics.inbox_pending.set(await self._store.deliveries.backlog())
        for number, row in enumerate(rows, 1):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            if row.id not in self._in_hand and row.id not in self._let_go:
                await self._put_row(row)

    async def _put_row(self, row: DeliveryRow) -> None:
        try:
            payload = json.loads(row.payload)
        except (ValueError, RecursionError):
            await self._set_aside(Delivered(row.id, row.event, {}, row.received_at), "not JSON", most=1)
            return
        self._put(Delivered(row.id, row.event, payload, row.received_at))

    def _done_with(self, delivery_id: str) -> None:
        self._in_hand.discard(delivery_id)
        self._let_go.add(delivery_id)  # what is being read from the database just now may still show it

    # -- one delivery --------------------------------------------------------------------------------

    def means_nothing(self, event: str, payload: Mapping[str, object]) -> str | None:
        """Why nothing has to be done about a delivery; None when something has, or when it cannot be read.

        A release that starts to wait for it a moment later looks by itself.
        """
        with contextlib.suppress(Exception):
            return self._no_concern(read_delivery(event, payload))
        return None

    def _no_concern(self, happening: Happening | Ignored) -> str | None:
        if isinstance(happening, Ignored):
            return happening.reason
        return None if self._concerns(happening) else "concerns no release"

    def _take(self, delivered: Delivered) -> None:
        """What concerns nobody is done at once; the rest is handled beside the others."""
        try:
            happening = read_delivery(delivered.event, delivered.payload)
            nothing = self._no_concern(happening)
        except Exception as error:  # one payload that cannot be read must not stop the others
            self._spawn(delivered, self._refuse(delivered, error))
            return
        if nothing is not None:
            self._store.deliveries.finish_soon(delivered.id, nothing, ignored=True)
            self._done_with(delivered.id)
            return
        assert not isinstance(happening, Ignored)
        self._spawn(delivered, self._handle(delivered, happening))

    def _spawn(self, delivered: Delivered, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"delivery {delivered.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._done_with(delivered.id))

    async def _refuse(self, delivered: Delivered, error: Exception) -> None:
        """It cannot be read, and trying again would not change that."""
        with contextlib.suppress(StoreUnavailable):
            await self._set_aside(delivered, repr(error), most=1)

    def _concerns(self, happening: Happening) -> bool:
        match happening:
            case CommentCreated():
                return self._orders.may_be_command(happening)
            case RunChanged() if self._observer.cares_about(happening):
                return True
            case RunChanged() | JobChanged():
                return bool(self._steps_in(happening.repository.full_name))
            case _:
                return True

    async def _handle(self, delivered: Delivered, happening: Happening) -> None:
        """Tried a few times; one that always fails is set aside."""
        for pause in pauses(1.0, 30.0):
            try:
                await self._act(delivered, happening)
            except Exception as error:
                if self._passes(error, happening):
                    log.warning("a delivery has to wait", delivery=delivered.id, error=str(error))
                else:
                    what = {"delivery": delivered.id, "kind": delivered.event}
                    log.warning("a delivery could not be handled", **what, exc_info=True)
                    with contextlib.suppress(StoreUnavailable):
                        if await self._set_aside(delivered, repr(error)):
                            return
            else:
                return
            await self._clock.sleep(pause)

    def _passes(self, error: Exception, happening: Happening) -> bool:
        """Whether it is not the delivery's fault. While a person waits for an answer, no refusal of GitHub is."""
        if isinstance(error, GitHubError) and isinstance(happening, CommentCreated):
            return (self._clock.now() - happening.created_at).total_seconds() < self._ttl
        return isinstance(error, StoreUnavailable | Unreachable | Limited)

    async def _set_aside(self, delivered: Delivered, error: str, *, most: int = MOST_TRIES) -> bool:
        """Counts a failure, on disk: tries of earlier processes count too. Whether it was the last one."""
        if not await self._store.deliveries.failed(delivered.id, error, most=most):
            return False
        self._metrics.quarantined.inc()
        log.error("a delivery is set aside", delivery=delivered.id, kind=delivered.event, error=error)
        return True

    async def _act(self, delivered: Delivered, happening: Happening) -> None:
        if not isinstance(happening, InstallationChanged | Ping):
            repository = happening.repository
            said_at = happening.run.updated_at if isinstance(happening, RunChanged) else None
            self._audiences.heard(repository.full_name, repository.visibility, said_at=said_at)
        match happening:
            case CommentCreated():
                await self._orders.hear(Heard(happening, delivered.id))
                return
            case ButtonPressed() | CheckRerunAsked():
                await self._buttons.press(happening, delivered.id, delivered.received_at)
                return
            case RunChanged():
                await self._run_changed(happening)
            case JobChanged():
                await self._job_changed(happening)
            case CommentDeleted():
                await self._comment_deleted(happening)
            case InstallationChanged() | Ping():
                pass
        self._store.deliveries.finish_soon(delivered.id, type(happening).__name__)

    # -- hints ---------------------------------------------------------------------------------------

    async def _run_changed(self, changed: RunChanged) -> None:
        """A bound run moved, or one appeared that somebody may be waiting for."""
        run = changed.run
        if self._observer.cares_about(changed):
            self._observer.ring()
        for release, step, record in self._steps_in(changed.repository.full_name):
            known = run_of(record.state)
            if known is not None and known.id == run.id:
                await self._bound_run_changed(release, step, run)
            elif known is None and _awaits(record) and is_of(run, step):
                await self._try_to(self._performer.seek(release, step))

    async def _bound_run_changed(self, release: Release, step: RunStep, run: RunSeen) -> None:
        """An end is read from GitHub at once; while GitHub does not show it yet, the release remembers to ask."""
        if run.status == "completed":
            with contextlib.suppress(GitHubError):
                level = await self._performer.read_run(step, run.id)
                if level is not None and level.run.status == "completed":
                    await self._releases.happen(release.id, level)
                    return
        await self._releases.happen(release.id, RunLevel(step.name, run, confirmed=False))

    async def _job_changed(self, changed: JobChanged) -> None:
        """A job that waits for an environment says so before its run does; a new attempt shows in its jobs first."""
        for release, step, record in self._steps_in(changed.repository.full_name):
            known = run_of(record.state)
            if known is None or known.id != changed.run_id:
                continue
            if changed.waiting or changed.run_attempt > known.attempt or (known.held and not known.over):
                await self._try_to(self._read_together(release, step, known.id))

    async def _read_together(self, release: Release, step: RunStep, run_id: int) -> None:
        """All jobs of a run may change within one second."""
        await self._readings.ask((release.id, step.name), lambda: self._read(release, step, run_id))

    async def _read(self, release: Release, step: RunStep, run_id: int) -> None:
        level = await self._performer.read_run(step, run_id)
        if level is not None:
            await self._releases.happen(release.id, level)

    async def _try_to(self, work: Coroutine[None, None, None]) -> None:
        """A hint that cannot be followed now costs nothing: the next look sees the same."""
        try:
            await work
        except GitHubError as error:
            log.info("a hint could not be followed", error=str(error))

    async def _comment_deleted(self, deleted: CommentDeleted) -> None:
        release_id = await self._status.comment_deleted(deleted.repository.full_name, deleted.comment_id)
        if release_id is None:
            return
        stored = await self._store.releases.get(release_id)  # a finished one is published once more, too
        if stored is not None:
            self._reports.publish(self._releases.get(release_id) or stored.release)

    def _steps_in(self, repo: str) -> list[tuple[Release, RunStep, StepRecord]]:
        return [
            (release, step, release.steps[step.name])
            for release in self._releases.open()
            for step in release.plan.run_steps
            if step.repo.lower() == repo.lower() and not release.steps[step.name].final
        ]


def _awaits(record: StepRecord) -> bool:
    state = record.state
    parked = state.parked if isinstance(state, NeedsPerson) else state
    return isinstance(parked, Finding | Expecting)
