"""A decision in the making: the one mutable thing of the core, alive only inside one call of `decide`."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.deliveries import RunSeen
from bot.core.effects import Effect, Notice
from bot.core.model import Note, NoteKind, Release, StepRecord
from bot.core.states import BoundRun, Final, NeedsPerson, Parked, StepState, word_of
from bot.core.trouble import Background, Told, Trouble, barred

MOST_NOTES = 12
"""Lines of a step's story that are kept; the journal has all of it."""
TOLD_FOR = timedelta(hours=24)
"""A repository that answers and refuses by turns is not told more often."""


@dataclass(frozen=True, slots=True)
class SendOpened:
    """A send number that must be written down before its request leaves."""

    step: str
    send: int
    nonce: str | None


@dataclass(frozen=True, slots=True)
class SendClosed:
    """A send that no longer stands in the way of others; `outcome` says why."""

    step: str
    send: int
    outcome: str


@dataclass(frozen=True, slots=True)
class RunBound:
    step: str
    run_id: int


@dataclass(frozen=True, slots=True)
class NameTaken:
    """The step has moved a name of its repository to the release's version."""

    step: str
    name: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The new release, everything it wants from the world now, and why."""

    release: Release
    effects: tuple[Effect, ...]
    reasons: tuple[str, ...]
    notices: tuple[Notice, ...]
    opened: SendOpened | None
    closed: tuple[SendClosed, ...]
    bound: tuple[RunBound, ...]
    taken: tuple[NameTaken, ...]


class Draft:
    """Collects the changes of one decision."""

    def __init__(self, release: Release, now: datetime) -> None:
        self.release = release
        self.now = now
        self.reasons: list[str] = []
        self.notices: list[Notice] = []
        self.opened: SendOpened | None = None
        self.closed: list[SendClosed] = []
        self.bound: list[RunBound] = []
        self.taken: list[NameTaken] = []

    def record(self, step: str) -> StepRecord:
        return self.release.steps[step]

    def state(self, step: str) -> StepState:
        return self.release.steps[step].state

    def keep(self, step: str, record: StepRecord) -> None:
        self.release = self.release.with_step(step, record)

    def put(self, step: str, state: StepState, reason: str = "") -> None:
        """Gives a step a new state; a reason goes to the journal and the log."""
        record = self.record(step)
        began = record.began_at or (None if word_of(state) == "waiting" else self.now)
        ended = self.now if isinstance(state, Final) else None
        self.keep(step, replace(record, state=state, began_at=began, ended_at=ended))
        if reason:
            self.because(f"{step}: {reason}")

    def because(self, reason: str) -> None:
        self.reasons.append(reason)

    def notice(self, key: str, kind: str, step: str | None = None) -> None:
        self.notices.append(Notice(key=f"{self.release.id}:{key}", kind=kind, step=step))

    def note(self, step: str, kind: NoteKind, text: str = "", **facts: int | str | Background | None) -> None:
        record = self.record(step)
        note = Note(at=self.now, kind=kind, text=text, **facts)  # type: ignore[arg-type]
        self.keep(step, replace(record, notes=(*record.notes, note)[-MOST_NOTES:]))

    def need_person(
        self, step: str, trouble: Trouble, *, run: BoundRun | None = None, parked: Parked | None = None
    ) -> None:
        """Calls a person, once for this problem; for a repository that refuses the bot once a day."""
        told = self._was_told(step, trouble)
        self.put(
            step,
            NeedsPerson(trouble=trouble, since=self.now, run=run, parked=parked),
            f"a person is needed ({trouble.kind}): {trouble.detail}",
        )
        if told:
            return
        record = self.record(step)
        now_told = Told(trouble.kind, trouble.detail, self.now) if barred(trouble) else record.told
        self.keep(step, replace(record, problems=record.problems + 1, told=now_told))
        self.notice(f"person:{step}:{record.problems + 1}", "person", step)

    def _was_told(self, step: str, trouble: Trouble) -> bool:
        told = self.record(step).told
        if told is None or not barred(trouble) or self.now >= told.at + TOLD_FOR:
            return False
        return (told.kind, told.detail) == (trouble.kind, trouble.detail)

    def bind(self, step: str, run: BoundRun) -> None:
        """Binds a step to a run: a new one has its own budget of re-runs."""
        record = self.record(step)
        if record.run is None or record.run.id != run.id:
            record = replace(record, reruns={}, earlier_reruns=record.reruns_by_cause)
        self.keep(step, replace(record, run=run))
        self.bound.append(RunBound(step, run.id))

    def remember_run(self, step: str, run: BoundRun) -> None:
        self.keep(step, replace(self.record(step), run=run))

    def take_names(self, step: str) -> None:
        """The run that was to move names to this version has succeeded."""
        version = self.release.version
        moved = (move for move in self.record(step).moves if move.after == version)
        self.taken.extend(NameTaken(step, move.name) for move in moved)

    def close_send(self, step: str, send: int, outcome: str) -> None:
        self.closed.append(SendClosed(step, send, outcome))

    def decision(self, effects: tuple[Effect, ...]) -> Decision:
        return Decision(
            release=self.release,
            effects=effects,
            reasons=tuple(self.reasons),
            notices=tuple(self.notices),
            opened=self.opened,
            closed=tuple(self.closed),
            bound=tuple(self.bound),
            taken=tuple(self.taken),
        )


def bound_run(seen: RunSeen) -> BoundRun:
    """The part of a run that a step remembers."""
    return BoundRun(
        id=seen.id,
        attempt=seen.attempt,
        status=seen.status,
        conclusion=seen.conclusion,
        head_sha=seen.head_sha,
        url=seen.html_url,
        started_at=seen.run_started_at,
        ended_at=seen.updated_at if seen.status == "completed" else None,
    )
