"""The states of a step, each with its own data, and the words people see for them.

Rule: what is known in one state only is kept in that state, so an impossible combination cannot be written down.
Times are aware UTC; durations are seconds.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.core.causes import Cause
from bot.core.trouble import Hold, Trouble, TroubleKind


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
    ended_at: datetime | None = None
    """When GitHub says that it was over (`updated_at`), GitHub's clock."""

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
    """The step that another one waits for; `stuck`: it needs a person; `paused`: its release is."""

    home: str
    pipeline: str
    version: str
    step: str
    stuck: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class InLine:
    """Its needs are met, and it waits for its turn among the steps of its `one-at-a-time` name."""

    since: datetime
    behind: Behind | None = None
    why: str = ""
    """What keeps it from going though it is its turn."""
    told_at: datetime | None = None
    """When it came to stand behind somebody who needs a person, or that was told last."""
    told: bool = False
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
    """`run` is re-run, as GitHub has answered; the next attempt has not been seen yet, and must be by `until`."""

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
    """`tagged`: nobody left it out: what it does was done before, its tag exists."""

    at: datetime
    by: str
    tagged: bool = False
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


def run_of(state: StepState) -> BoundRun | None:
    """The run that a state holds on to."""
    match state:
        case Running() | Diagnosing() | Cooling() | Rerunning() | GaveWay():
            return state.run
        case NeedsPerson():
            return state.run if state.run is not None else run_of(state.parked) if state.parked else None
        case _:
            return None


def never_seen(state: StepState) -> bool:
    """Whether GitHub named its run when it took a dispatch, and did not show it in all the time a run may need."""
    return isinstance(state, NeedsPerson) and state.run is not None and not state.run.head_sha


def taken_for_deleted(state: StepState) -> bool:
    """Whether GitHub kept denying a run that it had shown. If it shows it after all, the run still counts."""
    return isinstance(state, NeedsPerson) and state.trouble.kind is TroubleKind.DELETED


def missing(state: StepState) -> bool:
    """Whether GitHub does not show the run that the state holds on to."""
    return never_seen(state) or taken_for_deleted(state)


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
