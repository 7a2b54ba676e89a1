"""What a stored release waits for, and whether its row wakes it in time.

Rule: read from the states and their times alone; the bot's own reckoning of when to wake is not used.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.core.model import Release
from bot.core.plan import Step
from bot.core.states import (
    AwaitingApproval,
    Cooling,
    Due,
    Expecting,
    Finding,
    GaveWay,
    Rerunning,
    Running,
    StepState,
)

REMINDER = timedelta(hours=24)
"""A person who is waited for is reminded after this time."""


def wake_missed(release: Release, stored_wake: datetime | None, now: datetime) -> str | None:
    """What a stored release waits for that its row does not wake it for; None: nothing."""
    times = [
        (at, step.name, record.state.kind)
        for step, record in release.items()
        for at in _times(step, record.state)
        if at > now
    ]
    first = min(times, default=None)
    if first is None or (stored_wake is not None and stored_wake <= first[0]):
        return None
    return f"{first[1]} ({first[2]}) has a time at {first[0]:%H:%M:%S}, and is woken at {stored_wake}"


def _times(step: Step, state: StepState) -> Iterator[datetime]:
    """The times that a state carries, by their names."""
    match state:
        case Due(not_before=at):
            yield at
        case (
            Finding(until=at)
            | Expecting(until=at)
            | Cooling(until=at)
            | Rerunning(until=at)
            | GaveWay(until=at)
        ):
            yield at
        case AwaitingApproval(reminded_at=at):
            yield at + REMINDER
        case Running(run=run) as running if step.kind != "approval" and not run.held:
            yield run.started_at + timedelta(seconds=step.timeout + running.held)
        case _:
            return
