"""A run that GitHub cancelled by itself: of the runs that wait in a concurrency group it keeps only the newest.

https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
Or a run that the bot itself cancelled with the release before this one: who starts the version again wants it.
Rule: only what certainly was not a person's cancel, and of which certainly no job had begun, is sent again by itself,
and that once; of several in one repository one goes after the other.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.causes import Cause
from bot.core.draft import Draft
from bot.core.events import CancelJudged, WayFree
from bot.core.model import NoteKind, Release, StepRecord
from bot.core.plan import MOST_RERUNS, ApprovalStep, DispatchStep, same_repository
from bot.core.sends import run_step
from bot.core.states import BoundRun, Cooling, Diagnosing, Due, Finding, GaveWay, Rerunning, Running, Sending
from bot.core.steered import rerun
from bot.core.trouble import Trouble, TroubleKind
from bot.core.turns import line_up


def cancel_judged(draft: Draft, event: CancelJudged) -> None:
    """It is known who cancelled the attempt."""
    state = draft.state(event.step)
    if not isinstance(state, Diagnosing) or not _is_attempt(state.run, event):
        return
    if state.run.conclusion != "cancelled":
        return
    record, run = draft.record(event.step), state.run
    taken_up = event.ours and run.started_at < draft.release.asked_at
    if taken_up and event.guarded:
        trouble = Trouble(
            TroubleKind.NEVER_RERUN, "it was cut off half-way", (run.url,), guarded=event.guarded
        )
        draft.need_person(event.step, trouble, run=run)
    elif taken_up:
        rerun(draft, event.step, run, draft.release.starter.login)
    elif not event.group:
        draft.need_person(event.step, Trouble(TroubleKind.CANCELLED, "cancelled", (run.url,)), run=run)
    elif event.began or record.gave_way or not _may_go_again(draft, event.step):
        draft.need_person(event.step, Trouble(TroubleKind.GROUP_CANCELLED, event.group, (run.url,)), run=run)
    else:
        draft.keep(event.step, replace(record, gave_way=record.gave_way + 1))
        draft.note(event.step, NoteKind.GAVE_WAY, event.group, attempt=run.attempt)
        until = draft.now + timedelta(seconds=run_step(draft, event.step).timeout)
        waits = GaveWay(run, draft.now, until, event.group, event.others)
        draft.put(event.step, waits, f"GitHub cancelled run {run.id} for its concurrency group {event.group}")


def _may_go_again(draft: Draft, step: str) -> bool:
    """A run that somebody else started can only be run again, and how often that is done has its limits."""
    plan, record = run_step(draft, step), draft.record(step)
    if isinstance(plan, DispatchStep):
        return True
    used = record.reruns.get(Cause.TRANSIENT, 0)
    return used < plan.retry.transient and record.reruns_in_all < MOST_RERUNS


def way_free(draft: Draft, event: WayFree) -> None:
    """The others are over: a dispatch is made anew, a run that somebody else started is run again."""
    state = draft.state(event.step)
    if not isinstance(state, GaveWay) or not _is_attempt(state.run, event):
        return
    if isinstance(draft.release.plan.step(event.step), DispatchStep):
        line_up(draft, event.step, "the other run of its concurrency group is over")
        return
    record = draft.record(event.step)
    reruns = {**record.reruns, Cause.TRANSIENT: record.reruns.get(Cause.TRANSIENT, 0) + 1}
    draft.keep(event.step, replace(record, reruns=reruns, reruns_in_all=record.reruns_in_all + 1))
    cooling = Cooling(state.run, draft.now, Cause.TRANSIENT)
    draft.put(event.step, cooling, "the other run of its concurrency group is over")


def waited_long_enough(draft: Draft, step: str, state: GaveWay) -> None:
    """The others do not come to an end: a person has to see why. In a pause nobody waits for them."""
    if draft.now >= state.until and draft.release.paused_by is None:
        trouble = Trouble(TroubleKind.GROUP_CANCELLED, state.group, (state.run.url,))
        draft.need_person(step, trouble, run=state.run)


def _is_attempt(run: BoundRun, event: CancelJudged | WayFree) -> bool:
    return (run.id, run.attempt) == (event.run_id, event.attempt)


def stands_behind(release: Release, name: str, every: Iterable[Release]) -> bool:
    """Whether another step of the repository that gave way goes first; sent at one moment they would push each other
    out of their group once more. `every`: all open releases.
    """
    mine, step = release.steps[name].state, release.plan.step(name)
    if not isinstance(mine, GaveWay) or isinstance(step, ApprovalStep):
        return False
    return any(
        _goes_first(other, its.name, record, before=(mine.since, release.id, name))
        for other in every
        for its, record in other.items()
        if record.gave_way and not isinstance(its, ApprovalStep) and same_repository(its.repo, step.repo)
    )


def _goes_first(
    release: Release, name: str, record: StepRecord, *, before: tuple[datetime, str, str]
) -> bool:
    """It has waited longer, or is on its way again. Who waits for a person lets the others pass."""
    match record.state:
        case GaveWay(since=since):
            return (since, release.id, name) < before
        case Due() | Cooling():
            return release.paused_by is None
        case Sending() | Finding() | Running() | Rerunning():
            return True
        case _:
            return False
