"""What is known of one release. Frozen values only: a change is a new value, made in `decide` and its neighbours.

Rule: what is remembered whatever state a step is in is in its record; the states are in `bot.core.states`.
Times are aware UTC; durations are seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot.core.plan import Plan, Step
from bot.core.states import BoundRun, Final, NeedsPerson, Passed, Skipped, StepState, Waiting
from bot.core.trouble import Background, Sighting, Told


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on GitHub; the id is what counts, the login is what people read."""

    login: str
    id: int


class ReleaseWord(StrEnum):
    """The words people see for a release (contract section 5)."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    NEEDS_ATTENTION = "needs attention"
    RELEASED = "released"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {ReleaseWord.RELEASED, ReleaseWord.CANCELLED}


class NoteKind(StrEnum):
    """What the bot tells about a step besides its state."""

    RERUN = "rerun"
    STOPPED = "stopped"
    ADOPTED_RERUN = "adopted-rerun"
    ASKED_RERUN = "asked-rerun"
    ASKED_SEND = "asked-send"
    ADOPTED_RUN = "adopted-run"
    GAVE_WAY = "gave-way"
    QUEUED_LONG = "queued-long"
    LATE = "late"
    SECOND_RUN = "second-run"


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a step's story. `text` was read from the step's repository: only for people with access to it."""

    at: datetime
    kind: NoteKind
    text: str = ""
    number: int = 0
    most: int = 0
    by: str | None = None
    attempt: int = 0
    cause: str = ""
    background: Background | None = None


@dataclass(frozen=True, slots=True)
class NameMove:
    """A name that the step moves from `before` (empty: nobody knows) to `after`, or leaves where it is.

    `above`: the higher version that keeps it from being moved, if that is why.
    """

    name: str
    before: str
    after: str
    above: str = ""

    @property
    def moved(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step's state and what must be remembered beside it."""

    state: StepState = field(default_factory=Waiting)
    sends: int = 0
    """Highest send number opened so far."""
    run: BoundRun | None = None
    """The newest run this step was bound to, also when its state has none any more."""
    reruns: Mapping[str, int] = field(default_factory=dict)
    """Automatic re-runs of the present run, by cause."""
    reruns_in_all: int = 0
    earlier_reruns: Mapping[str, int] = field(default_factory=dict)
    """Those of the runs it was bound to before, by cause."""
    problems: int = 0
    """How often a person was called for this step; numbers the notices."""
    told: Told | None = None
    """The last call because its repository refuses the bot: the same is not told again and again."""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    notes: tuple[Note, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    moves: tuple[NameMove, ...] = ()
    """What was decided about its moving names when its turn came."""
    inputs: tuple[tuple[str, str], ...] = ()
    """Inputs that were worked out at that moment."""
    found: BoundRun | None = None
    """A run of the same version that a release before this one left: it is taken up instead of starting another."""
    gave_way: int = 0
    """How often a run of it gave way to another one of its concurrency group."""
    usual: float | None = None
    """Seconds within which nine of ten of its predecessors were over; None: there were too few."""
    said_late: bool = False
    held: float = 0.0
    """Seconds in which its time stood still, over all attempts: see `bot.core.lateness`."""
    still_since: datetime | None = None
    """Since when its time stands still."""
    queue_told: tuple[int, int] | None = None
    """Run and attempt of which it was said that nobody takes them up."""

    @property
    def reruns_by_cause(self) -> Mapping[str, int]:
        """Automatic re-runs of all its runs."""
        causes = dict.fromkeys([*self.earlier_reruns, *self.reruns])
        return {cause: self.earlier_reruns.get(cause, 0) + self.reruns.get(cause, 0) for cause in causes}

    @property
    def final(self) -> bool:
        return isinstance(self.state, Final)

    @property
    def done(self) -> bool:
        """Steps that need this one may go on."""
        return isinstance(self.state, Passed | Skipped)


@dataclass(frozen=True, slots=True)
class Release:
    """One version on its way through one pipeline."""

    id: str
    plan: Plan
    issue: int
    comment_id: int
    starter: Person
    asked_at: datetime
    """When the command was written, GitHub's clock: what the release did can only be younger."""
    steps: Mapping[str, StepRecord]
    turn: bool = False
    """It is this release's turn in its concurrency group."""
    ahead: str | None = None
    """Version of the release it waits for."""
    paused_by: str | None = None
    paused_at: datetime | None = None
    cancelled_by: str | None = None
    ended_at: datetime | None = None
    end_told: bool = False
    together: tuple[str, ...] = ()
    """Ids of the releases that the same comment asked for, this one included; empty when it is the only one."""

    @property
    def cancelling(self) -> bool:
        return self.cancelled_by is not None

    @property
    def pipeline(self) -> str:
        return self.plan.pipeline

    @property
    def version(self) -> str:
        return self.plan.version

    @property
    def word(self) -> ReleaseWord:
        """The release's state, derived: there is no second place where it is kept."""
        records = self.steps.values()
        if all(record.final for record in records):
            return ReleaseWord.CANCELLED if self.cancelling else ReleaseWord.RELEASED
        if self.cancelling:
            return ReleaseWord.RUNNING
        if any(isinstance(record.state, NeedsPerson) for record in records):
            return ReleaseWord.NEEDS_ATTENTION
        if self.paused_by is not None:
            return ReleaseWord.PAUSED
        return ReleaseWord.RUNNING if self.turn else ReleaseWord.WAITING

    def items(self) -> Iterator[tuple[Step, StepRecord]]:
        """Steps in the order of the pipeline file, each with its record."""
        for step in self.plan.steps:
            yield step, self.steps[step.name]

    def needs_met(self, step: Step) -> bool:
        return all(self.steps[name].done for name in step.needs)

    def with_step(self, name: str, record: StepRecord) -> "Release":
        return replace(self, steps={**self.steps, name: record})


def new_release(
    release_id: str, plan: Plan, *, issue: int, comment_id: int, starter: Person, asked_at: datetime
) -> Release:
    """A release of which nothing has happened yet."""
    steps = {step.name: StepRecord() for step in plan.steps}
    return Release(
        id=release_id,
        plan=plan,
        issue=issue,
        comment_id=comment_id,
        starter=starter,
        asked_at=asked_at,
        steps=steps,
    )
