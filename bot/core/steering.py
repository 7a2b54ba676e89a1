"""Whether a person's command about an open release may be carried out and on which steps, or why it is refused.

Rule: nothing is changed here; what was resolved is an event, and `bot.core.steered` carries it out.
The words of a refusal are in `bot.core.present`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bot.core import commands
from bot.core.deliveries import RunSeen
from bot.core.events import (
    AdoptAsked,
    ApproveAsked,
    CancelAsked,
    PauseAsked,
    RedoAsked,
    ResumeAsked,
    RetryAsked,
    SkipAsked,
    Steering,
)
from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, RunStep, Step, same_repository
from bot.core.states import (
    AwaitingApproval,
    BoundRun,
    Cooling,
    Finding,
    GaveWay,
    NeedsPerson,
    Rerunning,
    Running,
    Sending,
    Waiting,
    missing,
    run_of,
)
from bot.core.trouble import TroubleKind

AT_ANY_TIME = datetime.min.replace(tzinfo=UTC)
"""For `now`, to ask what is offered as things stand: a re-run that leaves in this moment refuses it only then."""


class No(StrEnum):
    """Why a command about an open release is refused: the closed list."""

    FINISHED = "finished"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    NOT_PAUSED = "not-paused"
    ALREADY_PAUSED = "already-paused"
    UNKNOWN_STEP = "unknown-step"
    NOTHING_TO_RETRY = "nothing-to-retry"
    NOTHING_TO_APPROVE = "nothing-to-approve"
    SEVERAL_TO_APPROVE = "several-to-approve"
    NO_APPROVAL = "no-approval"
    ENVIRONMENT = "environment"
    LIVE = "live"
    STEP_OVER = "step-over"
    NEEDS_UNMET = "needs-unmet"
    SEND_UNKNOWN = "send-unknown"
    NOT_FAILED = "not-failed"
    NOT_RERUNNABLE = "not-rerunnable"
    REDO_WATCHED = "redo-watched"
    ADOPT_APPROVAL = "adopt-approval"
    REDO_APPROVAL = "redo-approval"
    OTHER_REPOSITORY = "other-repository"
    OTHER_WORKFLOW = "other-workflow"
    OTHER_REF = "other-ref"
    BOUND_ELSEWHERE = "bound-elsewhere"
    BOUND_ALREADY = "bound-already"
    NO_SUCH_RUN = "no-such-run"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal; `step` and `link` say where, `text` is what was typed."""

    why: No
    step: str | None = None
    link: str | None = None
    text: str = ""


OpenCommand = (
    commands.Retry
    | commands.Redo
    | commands.Skip
    | commands.Approve
    | commands.Pause
    | commands.Resume
    | commands.Cancel
)


def resolve(release: Release, command: OpenCommand, by: str, now: datetime) -> Steering | Refused:
    """The event a command becomes, or why it is refused. For `Adopt` see `resolve_adopt`: it needs the run."""
    over = _over(release)
    if over is not None:
        return over
    match command:
        case commands.Retry(step=step):
            return _resolve_retry(release, step, by)
        case commands.Redo(step=step):
            return _on_step(release, step, lambda found: _resolve_redo(release, found, by, now))
        case commands.Skip(step=step):
            return _on_step(release, step, lambda found: _resolve_skip(release, found, by, now))
        case commands.Approve(step=step):
            return _resolve_approve(release, step, by)
        case commands.Pause():
            return Refused(No.ALREADY_PAUSED) if release.paused_by else PauseAsked(by)
        case commands.Resume():
            return ResumeAsked(by) if release.paused_by else Refused(No.NOT_PAUSED)
        case commands.Cancel():
            return CancelAsked(by)


def find_step(release: Release, name: str) -> Step | None:
    """Letter case does not matter in the names of steps."""
    return next((step for step in release.plan if step.name.lower() == name.lower()), None)


def _on_step(release: Release, name: str, then: Callable[[Step], Steering | Refused]) -> Steering | Refused:
    step = find_step(release, name)
    return then(step) if step is not None else Refused(No.UNKNOWN_STEP, text=name)


def _live(record: StepRecord) -> BoundRun | None:
    """The run that is not over, or that GitHub has agreed to run again."""
    state = record.state
    if isinstance(state, Waiting) and record.found is not None and not record.found.over:
        return record.found
    if missing(state):
        return None
    run, held = run_of(state), state.parked if isinstance(state, NeedsPerson) else state
    return run if run is not None and (not run.over or isinstance(held, Rerunning)) else None


def _live_or_about_to_be(release: Release, record: StepRecord, now: datetime) -> BoundRun | None:
    """Also the run whose failed jobs GitHub may be told to run again in this very moment."""
    state = record.state
    if isinstance(state, Cooling) and state.until <= now and release.paused_by is None:
        return state.run
    return _live(record)


def _send_unknown(record: StepRecord) -> bool:
    """Whether a send of the step may still turn out to have made a run."""
    match record.state:
        case Sending() | Finding():
            return True
        case NeedsPerson(parked=Finding()):
            return not _given_up(record)
        case _:
            return False


def _resolve_retry(release: Release, name: str | None, by: str) -> Steering | Refused:
    if release.paused_by:
        return Refused(No.PAUSED)
    if name is not None:
        return _on_step(
            release, name, lambda step: _why_not_retry(release, step) or RetryAsked((step.name,), by)
        )
    possible = tuple(step.name for step in release.plan if _why_not_retry(release, step) is None)
    if possible:
        return RetryAsked(possible, by)
    reasons = [_why_not_retry(release, step) for step in release.plan]
    wanted = [why for why in reasons if why and why.why in {No.LIVE, No.NOT_RERUNNABLE}]
    return wanted[0] if wanted else Refused(No.NOTHING_TO_RETRY)


def _why_not_retry(release: Release, step: Step) -> Refused | None:
    record = release.steps[step.name]
    if record.final:
        return Refused(No.STEP_OVER, step.name)
    live = _live(record)
    if live is not None:
        return Refused(No.LIVE, step.name, live.url)
    if _send_unknown(record):
        return Refused(No.SEND_UNKNOWN, step.name)
    match record.state:
        case Cooling() | GaveWay():
            return None
        case NeedsPerson(trouble=trouble):
            hopeless = {TroubleKind.NOTHING_RAN, TroubleKind.STARTUP_FAILURE}
            return Refused(No.NOT_RERUNNABLE, step.name) if trouble.kind in hopeless else None
        case _:
            return Refused(No.NOT_FAILED, step.name)


def _resolve_redo(release: Release, step: Step, by: str, now: datetime) -> Steering | Refused:
    record = release.steps[step.name]
    live = _live_or_about_to_be(release, record, now)
    if release.paused_by:
        return Refused(No.PAUSED)
    if isinstance(step, ApprovalStep):
        return Refused(No.REDO_APPROVAL, step.name)
    if not isinstance(step, DispatchStep):
        return Refused(No.REDO_WATCHED, step.name)
    if record.final:
        return Refused(No.STEP_OVER, step.name)
    if live is not None:
        return Refused(No.LIVE, step.name, live.url)
    if _send_unknown(record):
        return Refused(No.SEND_UNKNOWN, step.name)
    match record.state:
        case NeedsPerson() | Cooling() | GaveWay():
            return RedoAsked(step.name, by)
        case _:
            return Refused(No.NOT_FAILED, step.name)


def _resolve_skip(release: Release, step: Step, by: str, now: datetime) -> Steering | Refused:
    record = release.steps[step.name]
    live = _live_or_about_to_be(release, record, now)
    if record.final:
        return Refused(No.STEP_OVER, step.name)
    if not release.needs_met(step):
        return Refused(No.NEEDS_UNMET, step.name)
    if live is not None:
        return Refused(No.LIVE, step.name, live.url)
    if _send_unknown(record):
        return Refused(No.SEND_UNKNOWN, step.name)
    return SkipAsked(step.name, by)


def _given_up(record: StepRecord) -> bool:
    """The time of a lost send has passed, or its candidates are named: a person knows what there is to know."""
    known = {TroubleKind.NEVER_FOUND, TroubleKind.TWO_CANDIDATES, TroubleKind.DOUBTFUL_RUN}
    return isinstance(record.state, NeedsPerson) and record.state.trouble.kind in known


def _resolve_approve(release: Release, name: str | None, by: str) -> Steering | Refused:
    waiting = [step.name for step, record in release.items() if isinstance(record.state, AwaitingApproval)]
    if name is None:
        if len(waiting) == 1:
            return ApproveAsked(waiting[0], by)
        held = [run for _, record in release.items() if (run := _held(record))]
        if waiting:
            return Refused(No.SEVERAL_TO_APPROVE, text=", ".join(waiting))
        return Refused(No.ENVIRONMENT, link=held[0].url) if held else Refused(No.NOTHING_TO_APPROVE)

    def approve(step: Step) -> Steering | Refused:
        record = release.steps[step.name]
        if isinstance(record.state, AwaitingApproval):
            return ApproveAsked(step.name, by)
        if (run := _held(record)) is not None:
            return Refused(No.ENVIRONMENT, step.name, run.url)
        if not isinstance(step, ApprovalStep):
            return Refused(No.NO_APPROVAL, step.name)
        return Refused(No.STEP_OVER if record.final else No.NEEDS_UNMET, step.name)

    return _on_step(release, name, approve)


def _held(record: StepRecord) -> BoundRun | None:
    """The run that waits for an environment, if it does."""
    return record.state.run if isinstance(record.state, Running) and record.state.run.held else None


def may_adopt(release: Release, step: Step, now: datetime) -> Refused | None:
    """Whether a step may be bound to a run by hand at all, whatever the run."""
    record = release.steps[step.name]
    live = _live_or_about_to_be(release, record, now)
    if isinstance(step, ApprovalStep):
        return Refused(No.ADOPT_APPROVAL, step.name)
    if record.final:
        return Refused(No.STEP_OVER, step.name)
    if not release.needs_met(step):
        return Refused(No.NEEDS_UNMET, step.name)
    if live is not None:
        return Refused(No.LIVE, step.name, live.url)
    if isinstance(record.state, Sending):
        return Refused(No.SEND_UNKNOWN, step.name)
    return None


@dataclass(frozen=True, slots=True)
class NamedRun:
    """The run that a person named, as far as GitHub knows it; `run` None: there is none of that id; `own`: ours."""

    repo: str
    run: RunSeen | None
    bound_elsewhere: bool = False
    own: bool = False


def resolve_adopt(
    release: Release, name: str, named: NamedRun | None, by: str, now: datetime
) -> Steering | Refused:
    """Whether this very run may be bound: repository, workflow and ref must be the step's (contract section 4)."""
    over = _over(release)
    if over is not None:
        return over

    def adopt(step: Step) -> Steering | Refused:
        why_not = may_adopt(release, step, now)
        if why_not is not None or isinstance(step, ApprovalStep):
            return why_not or Refused(No.ADOPT_APPROVAL, step.name)
        return _fitting(release, step, named, by)

    return _on_step(release, name, adopt)


def _fitting(release: Release, step: RunStep, named: NamedRun | None, by: str) -> Steering | Refused:
    if named is not None and not same_repository(named.repo, step.repo):
        return Refused(No.OTHER_REPOSITORY, step.name)
    if named is None or named.run is None:
        return Refused(No.NO_SUCH_RUN, step.name)
    if named.run.path.rsplit("/", 1)[-1] != step.workflow:
        return Refused(No.OTHER_WORKFLOW, step.name)
    if named.run.head_branch != plain_ref(step.ref):
        return Refused(No.OTHER_REF, step.name)
    if named.bound_elsewhere:
        return Refused(No.BOUND_ELSEWHERE, step.name)
    bound = run_of(release.steps[step.name].state)
    if bound is not None and bound.id == named.run.id:
        return Refused(No.BOUND_ALREADY, step.name)
    return AdoptAsked(step.name, named.run, by, named.own)


def _over(release: Release) -> Refused | None:
    if release.word.final:
        return Refused(No.FINISHED)
    return Refused(No.CANCELLING) if release.cancelling else None


def plain_ref(ref: str) -> str:
    """A branch or tag as a run's `head_branch` names it."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
