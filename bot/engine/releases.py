"""The open releases, and the only way to change one: `happen`.

Rule: load, decide, commit, and only then act. One release is changed by one event at a time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.decide import decide
from bot.core.draft import Decision
from bot.core.events import AdoptAsked, Event, SendDone, SendHeldBack, SendUnknown, Tick
from bot.core.model import Release
from bot.core.plan import DispatchStep, Step
from bot.core.steering import plain_ref
from bot.core.wants import wake_at
from bot.engine.patience import say_it_waits, until_stored
from bot.engine.ports import Clock
from bot.store import Outdated, PostToMake, RunTaken, SendToOpen, SlotTaken, Store, Stored, StoreUnavailable

log = structlog.get_logger(__name__)

Choice = Callable[[Release], Event | None]
_AFTER_A_BREAK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Changed:
    """What `happen` made of a release, and what it was before."""

    before: Release
    release: Release
    decision: Decision


class Releases:
    """Open releases by id. Listeners are told after every commit."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._live: dict[str, Stored] = {}
        self._wake_at: dict[str, datetime] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._listeners: list[Callable[[Changed], None]] = []

    def on_change(self, listener: Callable[[Changed], None]) -> None:
        self._listeners.append(listener)

    async def load(self) -> None:
        """Takes the open releases of the last process in hand."""
        self._live = {stored.release.id: stored for stored in await self._store.releases.live()}

    def close(self) -> None:
        """Nothing happens to a release here any more, and nobody is told: another engine may have it in hand."""
        self._live = {}
        self._listeners = []

    def adopt(self, started: Iterable[Stored]) -> None:
        for stored in started:
            if not stored.release.word.final:
                self._live.setdefault(stored.release.id, stored)

    def open(self) -> tuple[Release, ...]:
        """Every open release, oldest first."""
        return tuple(s.release for s in sorted(self._live.values(), key=lambda stored: stored.seq))

    def get(self, release_id: str) -> Release | None:
        stored = self._live.get(release_id)
        return stored.release if stored else None

    def at_home(self, home: str, pipeline: str | None = None) -> tuple[Release, ...]:
        """Open releases that were started in this repository."""
        return tuple(
            release
            for release in self.open()
            if release.plan.home.lower() == home.lower()
            and (pipeline is None or release.pipeline.lower() == pipeline.lower())
        )

    def ahead(self, release: Release) -> str | None:
        """Version of the nearest release before this one in its concurrency group."""
        mine = self._live.get(release.id)
        before = [
            stored
            for stored in self._live.values()
            if mine is not None and stored.seq < mine.seq and _group(stored.release) == _group(release)
        ]
        return max(before, key=lambda stored: stored.seq).release.version if before else None

    async def tick(self, release_id: str) -> None:
        await self.tell(release_id, lambda release: Tick(self.ahead(release)))

    async def tell(self, release_id: str, event: Event | Choice) -> None:
        """As `happen`, for what several releases are told one after the other: what one of them breaks at does not keep
        it from the others.
        """
        try:
            await self.happen(release_id, event)
        except Exception:
            log.exception("a release cannot go on; the others do", release=release_id)
            self._wake_at[release_id] = self._clock.now() + _AFTER_A_BREAK

    async def happen(
        self,
        release_id: str,
        event: Event | Choice,
        *,
        posts: Sequence[PostToMake] = (),
        finished_delivery: str | None = None,
    ) -> Changed | None:
        """Makes `event` true for a release; None when it is not open or the choice was to do nothing.

        Does not give up while the database cannot be written: what GitHub did must not be forgotten. Raises RunTaken
        for a run that a person named and that was bound to another step in the meantime.
        """
        async with self._locks[release_id]:
            stored = self._live.get(release_id)
            chosen = event(stored.release) if stored and callable(event) else event
            if stored is None or chosen is None or callable(chosen):
                return None
            changed = await self._change(stored, chosen, posts, finished_delivery)
        for listener in self._listeners:
            listener(changed)
        if changed.release.word.final:
            await self._pass_turn(changed.release)
        return changed

    async def _change(
        self, stored: Stored, event: Event, posts: Sequence[PostToMake], delivery: str | None
    ) -> Changed:
        now = self._clock.now()
        decision = decide(stored.release, event, now)
        for reason in decision.reasons:
            log.info(f"release: {reason}", release=stored.release.id, version=stored.release.version)
        quiet = decision.release == stored.release and not (decision.notices or decision.bound or posts)
        self._remember_wake(decision.release, now)
        if quiet and delivery is None:
            return Changed(stored.release, stored.release, decision)
        try:
            saved = await self._commit(stored, decision, event, now, posts, delivery)
        except SlotTaken:
            step = decision.opened.step if decision.opened else ""
            held = SendHeldBack(
                step, "the run of another dispatch of the same workflow has to appear first", 1.0
            )
            return await self._change(stored, held, posts, delivery)
        except RunTaken as error:
            if isinstance(event, AdoptAsked):
                self._remember_wake(stored.release, now)
                raise  # the person who asked has to be told
            log.warning("run is bound elsewhere", release=stored.release.id, reason=str(error))
            instead: Event = Tick(self.ahead(stored.release))
            if isinstance(event, SendDone):
                instead = SendUnknown(event.step, event.send, "its run was bound to another step meanwhile")
            return await self._change(stored, instead, posts, delivery)
        except Outdated:
            newer = await self._newer(stored)
            self._keep(newer)
            return await self._change(newer, event, posts, delivery)
        self._keep(saved)
        return Changed(stored.release, saved.release, decision)

    def _keep(self, stored: Stored) -> None:
        if stored.release.word.final:
            self._live.pop(stored.release.id, None)
        else:
            self._live[stored.release.id] = stored

    async def _commit(
        self,
        stored: Stored,
        decision: Decision,
        event: Event,
        now: datetime,
        posts: Sequence[PostToMake],
        delivery: str | None,
    ) -> Stored:
        release, in_doubt = decision.release, False
        while True:
            try:
                return await self._store.releases.commit(
                    stored,
                    release,
                    event=event,
                    reasons=decision.reasons,
                    wake_at=wake_at(release, now),
                    at=now,
                    open_send=_to_open(decision),
                    close_sends=[(closed.step, closed.send, closed.outcome) for closed in decision.closed],
                    bind=[(_repo(release.plan.step(b.step)), b.run_id, b.step) for b in decision.bound],
                    take=[(_repo(release.plan.step(t.step)), t.step, t.name) for t in decision.taken],
                    posts=[*_notices(decision), *posts],
                    finished_delivery=delivery,
                )
            except StoreUnavailable as error:
                in_doubt = True
                say_it_waits(log, "the database cannot be written; trying again", error)
                await self._clock.sleep(1.0)
            except Outdated:
                if in_doubt and (landed := await self._landed(stored, release)) is not None:
                    return landed
                raise

    async def _landed(self, before: Stored, release: Release) -> Stored | None:
        """A commit whose answer was lost may have been carried out: then the next revision is the one we wanted."""
        now = await self._as_stored(release.id)
        mine = now is not None and now.revision == before.revision + 1 and now.release == release
        return now if mine else None

    async def _newer(self, known: Stored) -> Stored:
        """Whoever asked for the last commit was cancelled while it was carried through: it counts all the same."""
        now = await self._as_stored(known.release.id)
        if now is None or now.revision <= known.revision:
            raise Outdated(f"release {known.release.id} is not stored as it was")
        return now

    async def _as_stored(self, release_id: str) -> Stored | None:
        return await until_stored(self._clock, lambda: self._store.releases.get(release_id))

    async def _pass_turn(self, ended: Release) -> None:
        """The group is free: whoever waits is asked whether it is their turn."""
        for release in self.open():
            if not release.turn and _group(release) == _group(ended):
                await self.tick(release.id)

    def wake_times(self) -> dict[str, datetime]:
        """When each release wants to be woken, as of its last decision: a time that has passed is not forgotten."""
        return dict(self._wake_at)

    def _remember_wake(self, release: Release, now: datetime) -> None:
        at = wake_at(release, now)
        if at is None:
            self._wake_at.pop(release.id, None)
        else:
            self._wake_at[release.id] = at


def _group(release: Release) -> tuple[str, str, str]:
    """A concurrency group belongs to one pipeline and one home repository."""
    return (release.plan.home.lower(), release.pipeline.lower(), release.plan.group)


def _repo(step: Step) -> str:
    assert step.kind != "approval"
    return step.repo


def _to_open(decision: Decision) -> SendToOpen | None:
    opened = decision.opened
    if opened is None:
        return None
    step = decision.release.plan.step(opened.step)
    assert isinstance(step, DispatchStep)
    return SendToOpen(opened.step, opened.send, step.repo, step.workflow, plain_ref(step.ref), opened.nonce)


def _notices(decision: Decision) -> list[PostToMake]:
    release = decision.release
    return [
        PostToMake(
            key=notice.key,
            repo=release.plan.home,
            kind="notice",
            issue=release.issue,
            body=f"{notice.kind} {notice.step or ''}".strip(),
            release_id=release.id,
        )
        for notice in decision.notices
    ]
