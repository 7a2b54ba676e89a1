"""What a person's command does to an open release.

Rule: whether it may be carried out was resolved before (`bot.core.steering`); nothing is refused here.
"""

from dataclasses import replace
from datetime import timedelta

from bot.core.causes import Cause
from bot.core.draft import Draft, bound_run
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
from bot.core.model import NoteKind
from bot.core.plan import DispatchStep, WatchStep
from bot.core.runs import spare_rerun
from bot.core.sends import run_step
from bot.core.states import (
    BoundRun,
    Cooling,
    Due,
    Expecting,
    Finding,
    GaveWay,
    NeedsPerson,
    Passed,
    Running,
    Skipped,
)
from bot.core.trouble import asked_on, without_run
from bot.core.turns import go_on, leave_line, make_due


def steer(draft: Draft, event: Steering) -> None:
    """Carries out what a person asked for."""
    match event:
        case RetryAsked(steps=steps, by=by):
            for step in steps:
                _retry(draft, step, by)
        case RedoAsked(step=step, by=by):
            spare_rerun(draft, step)
            _send_again(draft, step, by)
        case SkipAsked(step=step, by=by):
            spare_rerun(draft, step)
            draft.put(step, Skipped(draft.now, by), f"skipped by {by}")
        case AdoptAsked(step=step):
            spare_rerun(draft, step)
            _adopt(draft, event)
        case ApproveAsked(step=step, by=by):
            draft.put(step, Passed(draft.now, by), f"approved by {by}")
        case PauseAsked(by=by):
            draft.release = replace(draft.release, paused_by=by, paused_at=draft.now)
            draft.because(f"paused by {by}")
            leave_line(draft)
        case ResumeAsked(by=by):
            _resume(draft, by)
        case CancelAsked(by=by):
            draft.release = replace(draft.release, cancelled_by=by, paused_by=None, paused_at=None)
            draft.because(f"cancelled by {by}")


def _retry(draft: Draft, step: str, by: str) -> None:
    """Failed jobs again, beyond the budget; where there is no run: another send, or another wait."""
    state = draft.state(step)
    if isinstance(state, Cooling):
        spare_rerun(draft, step)
        draft.put(step, replace(state, until=draft.now, by=by), f"{by} asked for the re-run now")
        return
    if isinstance(state, GaveWay):
        _go_now(draft, step, state, by)
    if not isinstance(state, NeedsPerson):
        return
    run_known = state.parked is None or asked_on(state.trouble)
    if state.run is not None and run_known and not without_run(state.trouble):
        rerun(draft, step, state.run, by)
    elif isinstance(state.parked, Due):
        go_on(draft, step, state.parked, f"{by} asked to go on")
    elif state.parked is not None and not isinstance(state.parked, Finding | Expecting):
        draft.put(step, state.parked, f"{by} asked to go on")
    elif isinstance(draft.release.plan.step(step), WatchStep):
        until = draft.now + timedelta(seconds=run_step(draft, step).appears_within)
        since = state.parked.since if isinstance(state.parked, Expecting) else draft.now
        draft.put(step, Expecting(since, until), f"{by} asked to wait again")
    else:
        _send_again(draft, step, by)


def rerun(draft: Draft, step: str, run: BoundRun, by: str) -> None:
    """A person wants the failed jobs again, beyond the budget."""
    draft.note(step, NoteKind.ASKED_RERUN, by=by, attempt=run.attempt)
    draft.put(step, Cooling(run, draft.now, Cause.UNKNOWN, by), f"{by} asked for a re-run")


def _go_now(draft: Draft, step: str, state: GaveWay, by: str) -> None:
    """A person does not want to wait until the other runs of the concurrency group are over."""
    if isinstance(draft.release.plan.step(step), DispatchStep):
        _send_again(draft, step, by)
    else:
        rerun(draft, step, state.run, by)


def _send_again(draft: Draft, step: str, by: str) -> None:
    """A named person opens the way for a new send number."""
    draft.note(step, NoteKind.ASKED_SEND, by=by)
    make_due(draft, step, f"{by} asked for a new dispatch")


def _adopt(draft: Draft, event: AdoptAsked) -> None:
    state = draft.state(event.step)
    parked = state.parked if isinstance(state, NeedsPerson) else state
    if isinstance(parked, Finding):
        draft.close_send(event.step, parked.send, "adopted")
    if not event.own:  # nobody knows what somebody else's run does to the names
        draft.keep(event.step, replace(draft.record(event.step), moves=(), inputs=()))
    run = bound_run(event.run)
    live = replace(run, status="in_progress", conclusion=None) if run.over else run
    draft.bind(event.step, live)
    draft.note(event.step, NoteKind.ADOPTED_RUN, by=event.by)
    draft.put(event.step, Running(run=live, confirm=True), f"{event.by} bound run {run.id}")


def _resume(draft: Draft, by: str) -> None:
    """Deadlines of what is not yet sent have stood still."""
    paused_at = draft.release.paused_at or draft.now
    draft.release = replace(draft.release, paused_by=None, paused_at=None)
    draft.because(f"resumed by {by}")
    for step, record in draft.release.items():
        state = record.state
        if isinstance(state, Expecting):
            stood = draft.now - max(paused_at, state.since)
            most = draft.now + timedelta(seconds=run_step(draft, step.name).appears_within)
            until = max(state.until, min(state.until + stood, most))
            draft.put(step.name, replace(state, until=until))
        elif isinstance(state, GaveWay):
            stood = draft.now - max(paused_at, state.since)
            draft.put(step.name, replace(state, until=state.until + stood))
