"""What a release wants from the world now, when it wants to be woken next, and which repositories it watches.

All three are computed from the state alone, so nothing has to be remembered across a restart.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.effects import (
    AwaitOthers,
    CancelRun,
    CheckSend,
    ConfirmRun,
    Dispatch,
    Effect,
    FindRun,
    JudgeCancel,
    JudgeFailure,
    RerunFailedJobs,
    SeekRun,
)
from bot.core.lateness import late_due, queue_due
from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, RunStep, Step
from bot.core.runs import deadline
from bot.core.states import (
    AwaitingApproval,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Rerunning,
    Running,
    Sending,
)
from bot.core.trouble import asked_on
from bot.core.turns import patience

REMIND_AFTER = timedelta(hours=24)


def wanted(release: Release, now: datetime) -> tuple[Effect, ...]:
    """Every effect the release wants at `now`."""
    if release.word.final:
        return ()
    return tuple(
        effect
        for step, record in release.items()
        if not isinstance(step, ApprovalStep)
        for effect in _of_step(release, step, record, now)
    )


def _of_step(release: Release, step: RunStep, record: StepRecord, now: datetime) -> Iterator[Effect]:
    paused = release.paused_by is not None
    match record.state:
        case Due(not_before=at) if now >= at and not paused and release.turn:
            yield CheckSend(step.name, record.sends + 1)
        case Sending(send=send):
            yield Dispatch(step.name, send)
        case Finding(send=send):
            yield FindRun(step.name, send)
        case Expecting(seek=seek, until=until) if seek or (now >= until and not paused):
            yield SeekRun(step.name)
        case Running(run=run, confirm=confirm):
            if release.cancelling:
                yield CancelRun(step.name, run.id, run.attempt)
            if confirm or now >= _deadline(step, record.state) or _queues_long(record, now):
                yield ConfirmRun(step.name, run.id, run.attempt)
        case Diagnosing(run=run) if run.conclusion == "cancelled":
            yield JudgeCancel(step.name, run.id, run.attempt)
        case GaveWay(run=run):
            yield AwaitOthers(step.name, run.id, run.attempt)
        case Diagnosing(run=run):
            yield JudgeFailure(step.name, run.id, run.attempt)
        case Cooling(run=run, until=until, by=by) if now >= until and not paused and (release.turn or by):
            yield RerunFailedJobs(step.name, run.id, run.attempt)
        case Rerunning(run=run):
            yield ConfirmRun(step.name, run.id, run.attempt + 1)
        case NeedsPerson(trouble=trouble, parked=parked) if parked is not None and asked_on(trouble):
            yield from _of_step(release, step, replace(record, state=parked), now)
        case NeedsPerson(confirm=True, run=run) if run is not None:
            yield ConfirmRun(step.name, run.id, run.attempt)
        case _:
            return


def _queues_long(record: StepRecord, now: datetime) -> bool:
    due = queue_due(record)
    return due is not None and now >= due


def _deadline(step: RunStep, state: Running) -> datetime:
    """Never while GitHub waits for an approval."""
    if state.run.held:
        return datetime.max.replace(tzinfo=state.run.started_at.tzinfo)
    return deadline(state.run, step.timeout, state.held)


def wake_at(release: Release, now: datetime) -> datetime | None:
    """The next moment at which time alone changes what the release wants; None: only news can."""
    if release.word.final:
        return None
    times = [at for step, record in release.items() for at in _times(step, record) if at > now]
    return min(times, default=None)


def _times(step: Step, record: StepRecord) -> Iterator[datetime]:
    yield from (at for at in (queue_due(record), late_due(record)) if at is not None)
    match record.state:
        case Due(not_before=at):
            yield at
        case (
            Finding(until=until)
            | Expecting(until=until)
            | Cooling(until=until)
            | Rerunning(until=until)
            | GaveWay(until=until)
        ):
            yield until
        case InLine(told_at=datetime() as last) as state:
            yield last + patience(state)
        case AwaitingApproval(reminded_at=last):
            yield last + REMIND_AFTER
        case Running(run=run, reminded_at=reminded) as state:
            if run.held and reminded is not None:
                yield reminded + REMIND_AFTER
            elif not run.held and not isinstance(step, ApprovalStep):
                yield _deadline(step, state)
        case _:
            return


def watched(release: Release) -> frozenset[str]:
    """Repositories with a live, awaited or coming run of this release, in lower case."""
    if release.word.final:
        return frozenset()
    return frozenset(
        step.repo.lower()
        for step, record in release.items()
        if not isinstance(step, ApprovalStep) and _is_watched(record)
    )


def _is_watched(record: StepRecord) -> bool:
    match record.state:
        case Due() | Finding() | Expecting() | Running() | Diagnosing() | Cooling() | Rerunning() | GaveWay():
            return True
        case NeedsPerson(run=run, parked=parked):
            return run is not None or parked is not None
        case _:
            return False
