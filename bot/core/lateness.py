"""Runs that nobody takes up, and steps that take longer than they use to: said, each once, and never acted upon.

Rule: of a run only what GitHub has confirmed at that moment is said, and times are by its clock, as for the deadline.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from bot.core.draft import Draft
from bot.core.model import NoteKind, Release, StepRecord
from bot.core.plan import ApprovalStep, Plan, RunStep
from bot.core.states import InLine, NeedsPerson, Passed, Running, Waiting

LONG_QUEUE = timedelta(minutes=15)
MOST_PREDECESSORS = 30
"""Releases from which it is learned how long a step takes."""
LEAST_PREDECESSORS = 10
UNTOUCHED = ("requested", "queued", "pending")
"""https://docs.github.com/webhooks/webhook-events-and-payloads#workflow_run"""
FOR_GROUP = "its concurrency group"
"""What a run waits for that is `pending`; what is queued waits for a runner."""


def queue_due(record: StepRecord) -> datetime | None:
    """When GitHub has to be asked whether anybody has taken up the attempt; None: it was, or does not matter."""
    match record.state:
        case Running(run=run) if run.head_sha and run.status in UNTOUCHED:
            return None if record.queue_told == (run.id, run.attempt) else run.started_at + LONG_QUEUE
        case _:
            return None


def tell_queue(draft: Draft, step: str) -> None:
    """GitHub has just confirmed what the attempt looks like."""
    record, due = draft.record(step), queue_due(draft.record(step))
    if due is None or draft.now < due or not isinstance(record.state, Running):
        return
    run = record.state.run
    minutes = (draft.now - run.started_at) // timedelta(minutes=1)
    draft.keep(step, replace(record, queue_told=(run.id, run.attempt)))
    waits_for = FOR_GROUP if run.status == "pending" else ""
    draft.note(step, NoteKind.QUEUED_LONG, waits_for, number=60 * minutes, attempt=run.attempt)
    draft.because(f"{step}: attempt {run.attempt} has been {run.status} for {minutes} minutes")


def late_due(record: StepRecord) -> datetime | None:
    """When the step has taken longer than is usual; None: that was said, time stands still, or nobody knows."""
    if record.usual is None or record.began_at is None or record.said_late or record.final:
        return None
    if record.still_since is not None:
        return None
    return record.began_at + timedelta(seconds=record.usual + record.held)


def keep_time(draft: Draft) -> None:
    """Notes of every step whether its time stands still, and for how long it did."""
    for step, record in draft.release.items():
        still = _stands_still(draft.release, record)
        if still and record.still_since is None:
            draft.keep(step.name, replace(record, still_since=draft.now))
        elif not still and record.still_since is not None:
            held = record.held + (draft.now - record.still_since).total_seconds()
            draft.keep(step.name, replace(record, held=held, still_since=None))


def _stands_still(release: Release, record: StepRecord) -> bool:
    """While people have stopped the release or are called for, nobody waits for the step."""
    if record.began_at is None or record.final:
        return False
    match record.state:
        case Waiting() | InLine() | NeedsPerson():
            return True
        case Running(held_since=datetime()):
            return True
        case _:
            return release.paused_by is not None


def tell_late(draft: Draft) -> None:
    """Of every step that is late by now."""
    if draft.release.cancelling:
        return
    for step, record in draft.release.items():
        due = late_due(record)
        if due is not None and draft.now >= due:
            draft.keep(step.name, replace(record, said_late=True))
            draft.note(step.name, NoteKind.LATE, number=int(record.usual or 0))
            draft.because(f"{step.name}: takes longer than nine of ten before it")


def usual_times(plan: Plan, before: Iterable[Release]) -> Mapping[str, float]:
    """By step, the seconds within which nine of ten of its predecessors were over, rounded up to whole minutes.

    `before`: releases of the same pipeline, the newest first. A step that had another workflow then is no predecessor.
    """
    known = tuple(before)[:MOST_PREDECESSORS]
    times = {step.name: [t for release in known for t in _time(step, release)] for step in plan.run_steps}
    return {name: _nine_of_ten(took) for name, took in times.items() if len(took) >= LEAST_PREDECESSORS}


def _time(step: RunStep, release: Release) -> Iterable[float]:
    """How long the step took in that release, if it began and passed there; as its time is counted."""
    record = release.steps.get(step.name)
    if record is None or not isinstance(record.state, Passed) or record.found is not None:
        return
    then = release.plan.step(step.name)
    if isinstance(then, ApprovalStep) or _work(then) != _work(step):
        return
    if record.began_at is not None and record.ended_at is not None:
        yield (record.ended_at - record.began_at).total_seconds() - record.held


def _work(step: RunStep) -> tuple[str, str, str]:
    return (step.kind, step.repo.lower(), step.workflow)


def _nine_of_ten(seconds: list[float]) -> float:
    longest = sorted(seconds)[ceil(len(seconds) * 0.9) - 1]
    return (longest // 60 + 1) * 60


def with_usual_times(release: Release, before: Iterable[Release]) -> Release:
    """A release that has not begun, and knows how long its steps use to take."""
    usual = usual_times(release.plan, before)
    steps = {name: replace(record, usual=usual.get(name)) for name, record in release.steps.items()}
    return replace(release, steps=steps)
