"""What is known of one release. Frozen values only: a change is a new value, made in `decide` and its neighbours.

Rule: a step's state carries its own data, so an impossible combination cannot be written down.
Times are aware UTC; durations are seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.core.causes import Cause
from bot.core.plan import Plan, Step
from bot.core.trouble import Background, Hold, Sighting, Trouble


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on GitHub; the id is what counts, the login is what people read."""

    login: str
    id: int


@dataclass(frozen=True, slots=True)
class BoundRun:
    """The workflow run a step is bound to, at the highest level seen so far."""

    id: int
    attempt: int
    status: str
    conclusion: str | None
    head_sha: str
    url: str
    started_at: datetime
    """When this attempt started (`run_started_at`), GitHub's clock."""

    @property
    def over(self) -> bool:
        return self.status == "completed"

    @property
    def held(self) -> bool:
        """GitHub waits for somebody to approve an environment."""
        return self.status == "waiting"

    @property
    def started(self) -> bool:
        return self.status in {"in_progress", "waiting", "completed"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Its needs are not met yet."""

    kind: Literal["waiting"] = "waiting"


@dataclass(frozen=True, slots=True)
class Behind:
    """The step that another one waits for; `stuck`: it needs a person."""

    home: str
    pipeline: str
    version: str
    step: str
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class InLine:
    """Its needs are met, and it waits for its turn among the steps of its `one-at-a-time` name."""

    since: datetime
    behind: Behind | None = None
    kind: Literal["in-line"] = "in-line"


@dataclass(frozen=True, slots=True)
class Due:
    """A dispatch whose needs are met; what must be known before a send is being read, from `not_before` on."""

    since: datetime
    not_before: datetime
    why: str = ""
    refusals: int = 0
    """How often in a row GitHub has refused the token of its sends."""
    kind: Literal["due"] = "due"


@dataclass(frozen=True, slots=True)
class Sending:
    """The one request of this send number may be under way until `send_by`."""

    send: int
    since: datetime
    send_by: datetime
    nonce: str | None
    refusals: int = 0
    kind: Literal["sending"] = "sending"


@dataclass(frozen=True, slots=True)
class Finding:
    """The dispatch was sent or may have been; its run is not known yet and is looked for until `until`."""

    send: int
    since: datetime
    until: datetime
    nonce: str | None
    why: str
    kind: Literal["finding"] = "finding"


@dataclass(frozen=True, slots=True)
class Expecting:
    """A run that somebody else starts is awaited. `seek`: ask GitHub precisely now, not only in the periodic look."""

    since: datetime
    until: datetime
    seek: bool = True
    kind: Literal["expecting"] = "expecting"


@dataclass(frozen=True, slots=True)
class Running:
    """Bound to a run. `confirm`: something was heard that GitHub has to confirm before it counts.

    `held_since`/`held`: time in which GitHub waited for an approval does not count against the timeout.
    """

    run: BoundRun
    confirm: bool = False
    rerun: bool = False
    """This attempt was started by the bot itself and has not been seen in progress yet."""
    held_since: datetime | None = None
    held: float = 0.0
    reminded_at: datetime | None = None
    kind: Literal["running"] = "running"


@dataclass(frozen=True, slots=True)
class Diagnosing:
    """The run failed; the reason is being read."""

    run: BoundRun
    kind: Literal["diagnosing"] = "diagnosing"


@dataclass(frozen=True, slots=True)
class Cooling:
    """The failed jobs are going to be run again at `until`. `by`: the person who asked, None for the bot itself."""

    run: BoundRun
    until: datetime
    cause: Cause
    by: str | None = None
    hold: Hold | None = None
    kind: Literal["cooling"] = "cooling"


@dataclass(frozen=True, slots=True)
class Rerunning:
    """GitHub has accepted the re-run of `run`; the next attempt has not been seen yet, and must be by `until`."""

    run: BoundRun
    until: datetime
    by: str | None = None
    kind: Literal["rerunning"] = "rerunning"


@dataclass(frozen=True, slots=True)
class GaveWay:
    """GitHub cancelled the run of its own accord before a job of it ran: another one of its concurrency `group` came.

    It is sent again, once, when the runs `others` are over, at the latest at `until`.
    """

    run: BoundRun
    since: datetime
    until: datetime
    group: str
    others: tuple[int, ...] = ()
    kind: Literal["gave-way"] = "gave-way"


@dataclass(frozen=True, slots=True)
class AwaitingApproval:
    since: datetime
    reminded_at: datetime
    kind: Literal["awaiting-approval"] = "awaiting-approval"


Parked = Due | Finding | Expecting | Running | Diagnosing | Cooling | Rerunning | GaveWay


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """A person is needed. What they do on GitHub is still seen: `run` is still watched, and `parked` is the state
    that goes on by itself when the obstacle is gone (a run that appears late, an installation that is back)."""

    trouble: Trouble
    since: datetime
    run: BoundRun | None = None
    parked: Parked | None = None
    confirm: bool = False
    kind: Literal["needs-person"] = "needs-person"


@dataclass(frozen=True, slots=True)
class Passed:
    at: datetime
    by: str | None = None
    kind: Literal["passed"] = "passed"


@dataclass(frozen=True, slots=True)
class Skipped:
    at: datetime
    by: str
    kind: Literal["skipped"] = "skipped"


@dataclass(frozen=True, slots=True)
class Cancelled:
    at: datetime
    kind: Literal["cancelled"] = "cancelled"


Final = Passed | Skipped | Cancelled
StepState = (
    Waiting
    | InLine
    | Due
    | Sending
    | Finding
    | Expecting
    | Running
    | Diagnosing
    | Cooling
    | Rerunning
    | GaveWay
    | AwaitingApproval
    | NeedsPerson
    | Passed
    | Skipped
    | Cancelled
)


class StepWord(StrEnum):
    """The words people see for a step (contract section 5)."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    AWAITING_APPROVAL = "awaiting approval"
    NEEDS_ATTENTION = "needs attention"
    PASSED = "passed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


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
    HELD_BACK = "held-back"
    GAVE_WAY = "gave-way"
    QUEUED_LONG = "queued-long"
    LATE = "late"


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
    """A name that the step moves from `before` (empty: nobody knows) to `after`, or leaves where it is."""

    name: str
    before: str
    after: str

    @property
    def moved(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step's state and what must be remembered beside it."""

    state: StepState = Waiting()
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
    """Seconds in which GitHub waited for an approval of its environment, over all attempts."""
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


def run_of(state: StepState) -> BoundRun | None:
    """The run that a state holds on to."""
    match state:
        case Running() | Diagnosing() | Cooling() | Rerunning() | GaveWay():
            return state.run
        case NeedsPerson():
            return state.run if state.run is not None else run_of(state.parked) if state.parked else None
        case _:
            return None


def word_of(state: StepState) -> StepWord:
    """The word people see for a state."""
    match state:
        case Waiting() | InLine() | Expecting():
            return StepWord.WAITING
        case Due() | Sending() | Finding():
            return StepWord.QUEUED
        case Running(run=run, rerun=rerun):
            if run.held:
                return StepWord.AWAITING_APPROVAL
            if rerun:
                return StepWord.RETRYING
            return StepWord.RUNNING if run.started else StepWord.QUEUED
        case Diagnosing():
            return StepWord.RUNNING
        case Cooling() | Rerunning() | GaveWay():
            return StepWord.RETRYING
        case AwaitingApproval():
            return StepWord.AWAITING_APPROVAL
        case NeedsPerson():
            return StepWord.NEEDS_ATTENTION
        case Passed():
            return StepWord.PASSED
        case Skipped():
            return StepWord.SKIPPED
        case Cancelled():
            return StepWord.CANCELLED
