"""What must hold after every event of every history, whatever happened."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.causes import Cause
from bot.core.decide import decide
from bot.core.draft import Decision
from bot.core.events import AdoptAsked, ApproveAsked, Event, RunLevel
from bot.core.model import NoteKind, Release, StepRecord
from bot.core.plan import MOST_RERUNS, ApprovalStep, Retry, RunStep, Step
from bot.core.states import (
    AwaitingApproval,
    BoundRun,
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    Sending,
    Skipped,
    Waiting,
)
from bot.core.wants import wake_at, wanted, watched


@dataclass(slots=True)
class Rules:
    """Remembers what was heard and sent so far."""

    heard: Counter[int] = field(default_factory=Counter)
    """Highest attempt of each run that the bot was told of."""
    confirmed: set[tuple[int, int]] = field(default_factory=set)
    """Run and attempt whose success was confirmed, with jobs that ran."""
    sends: set[tuple[str, int]] = field(default_factory=set)
    reruns: Counter[tuple[str, int, Cause]] = field(default_factory=Counter)
    reruns_of_step: Counter[str] = field(default_factory=Counter)
    notices: set[str] = field(default_factory=set)

    def check(self, before: Release, event: Event, decision: Decision, now: datetime) -> None:
        after = decision.release
        assert decide(before, event, now) == decision, "the same question has two answers"
        if isinstance(event, RunLevel):
            self._hear(event)
        self._check_send(before, decision)
        for notice in decision.notices:
            # Held twice within a second has one key, and so one comment.
            assert notice.key not in self.notices or notice.kind == "environment", "a person is told twice"
            self.notices.add(notice.key)
        assert not (before.word.final and after != before), "a finished release changed"
        for step in after.plan:
            self._check_step(before.steps[step.name], after.steps[step.name], event, step)
            if isinstance(before.steps[step.name].state, Waiting):
                still = isinstance(after.steps[step.name].state, Waiting | Skipped | Cancelled)
                turn = after.turn or isinstance(event, AdoptAsked)  # what a person has started needs no turn
                assert still or (turn and _needs_met(after, step)), "a step began before its needs"
            assert after.word.final or _has_owner(after, step, now), f"nobody looks after {step.name}"
        assert after.word.final or not after.cancelling or _only_ends_are_awaited(after)
        if after.word.final:
            assert (decision.effects, wake_at(after, now), watched(after)) == ((), None, frozenset())

    def rerun(self, step: RunStep, run_id: int, state: Cooling) -> None:
        """The bot asked GitHub for a re-run, by itself unless a person is named."""
        if state.by is not None:
            return
        self.reruns[step.name, run_id, state.cause] += 1
        self.reruns_of_step[step.name] += 1
        assert self.reruns[step.name, run_id, state.cause] <= _budget(step.retry, state.cause)
        assert self.reruns_of_step[step.name] <= MOST_RERUNS

    def _hear(self, event: RunLevel) -> None:
        run = event.run
        self.heard[run.id] = max(self.heard[run.id], run.attempt)
        if event.confirmed and run.conclusion == "success" and event.jobs_ran:
            self.confirmed.add((run.id, run.attempt))

    def _check_send(self, before: Release, decision: Decision) -> None:
        opened = decision.opened
        if opened is None:
            return
        assert (opened.step, opened.send) not in self.sends, "a send number was opened twice"
        assert opened.send == before.steps[opened.step].sends + 1
        assert before.turn
        assert not before.paused_by
        assert not before.cancelling
        assert _needs_met(before, before.plan.step(opened.step))
        self.sends.add((opened.step, opened.send))

    def _check_step(self, before: StepRecord, after: StepRecord, event: Event, step: Step) -> None:
        if before.final:
            assert after == before, "a final state changed"
        if isinstance(after.state, Passed) and not before.final:
            approved = isinstance(step, ApprovalStep) and isinstance(event, ApproveAsked)
            assert approved or self._is_confirmed(after.run), "passed without a confirmed success"
        assert after.gave_way <= 1, "a run that gave way was sent again twice"
        assert sum(note.kind is NoteKind.LATE for note in after.notes) <= 1, "a step is late twice"
        if before.run and after.run and before.run.id == after.run.id and not isinstance(event, AdoptAsked):
            assert _level(after.run) >= _level(before.run), "the level of a run went down"

    def _is_confirmed(self, run: BoundRun | None) -> bool:
        return (
            run is not None and (run.id, run.attempt) in self.confirmed and self.heard[run.id] == run.attempt
        )


def _level(run: BoundRun) -> tuple[int, bool, bool]:
    return (run.attempt, run.over, run.started)


def _only_ends_are_awaited(release: Release) -> bool:
    """Of a release that is being cancelled: nothing waits any more but for sends and runs to be over."""
    ends = Sending | Finding | Running | Rerunning | Passed | Skipped | Cancelled
    return all(isinstance(record.state, ends) for record in release.steps.values())


def _has_owner(release: Release, step: Step, now: datetime) -> bool:
    """Every wait has an owner: an effect that is wanted, a time to wake up, a look, a turn or a person."""
    state, paused = release.steps[step.name].state, release.paused_by is not None
    works = any(effect.step == step.name for effect in wanted(release, now))
    wakes = (at := wake_at(release, now)) is not None
    seen = not isinstance(step, ApprovalStep) and step.repo in watched(release)
    match state:
        case Waiting():
            return not release.turn or not _needs_met(release, step)
        case Due(not_before=at) | Cooling(until=at):
            return works or paused or not release.turn or (at > now and wakes)
        case Sending() | Diagnosing():
            return works
        case InLine():
            return True  # whoever has the turn is final one day, and then the next one gets it
        case Finding() | Rerunning() | GaveWay():
            return works and seen
        case Expecting(until=until):
            return seen and (works or paused or (until > now and wakes))
        case Running():
            return seen and (works or wakes)
        case AwaitingApproval():
            return wakes
        case NeedsPerson(run=run, parked=parked):
            return seen or (run is None and parked is None)
        case Passed() | Skipped() | Cancelled():
            return True


def _needs_met(release: Release, step: Step) -> bool:
    """Counted here, and not asked of what is being watched."""
    return all(isinstance(release.steps[need].state, Passed | Skipped) for need in step.needs)


def _budget(retry: Retry, cause: Cause) -> int:
    return {
        Cause.TRANSIENT: retry.transient,
        Cause.FLAKY: retry.flaky,
        Cause.UNKNOWN: retry.unknown,
        Cause.BROKEN: retry.broken,
    }[cause]
