"""`decide(release, event, now)`: the state machine of a release. Pure: no await, no clock, no I/O.

Two halves, as in a board game: first `apply` what happened, then `settle` what follows from it until nothing changes.
Transitions live in `sends` (dispatches and the search for runs), `runs` (bound runs), `steering` (people) and here
(needs, turns, approvals, cancelling, the end). What the result wants from the world is in `wants`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from bot.core import events as happened
from bot.core import gave_way, lateness, runs, sends, steered, turns, unanswered
from bot.core.draft import Decision, Draft
from bot.core.model import Release, ReleaseWord, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, RunStep, Step, WatchStep, same_repository
from bot.core.states import (
    AwaitingApproval,
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Final,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    Sending,
    StepState,
    Waiting,
    run_of,
)
from bot.core.trouble import barred
from bot.core.wants import REMIND_AFTER, wanted

_RERUN_UNDER_WAY = timedelta(seconds=60)
"""How long a re-run that may have been asked for in the moment of a cancel is looked for."""
_NEWS_WITHIN = timedelta(minutes=10)
"""How much later than on GitHub a step may become due here; a run that was taken up by hand may have ended days ago."""


def decide(release: Release, event: happened.Event, now: datetime) -> Decision:
    """What the release becomes when `event` is true at `now`. A finished release never changes."""
    draft = Draft(release, now)
    if not release.word.final:
        if isinstance(event, unanswered.Answer):
            unanswered.answered(draft, event)
        _apply(draft, event)
        _settle(draft)
        lateness.keep_time(draft)
        lateness.tell_late(draft)
    return draft.decision(wanted(draft.release, now))


def _apply(draft: Draft, event: happened.Event) -> None:
    match event:
        case happened.Tick():
            _tick(draft, event)
        case happened.BotStarted():
            sends.bot_started(draft)
        case happened.TurnGiven() | happened.TurnTaken() | happened.TurnDelayed():
            turns.turn(draft, event)
        case happened.SendChecked():
            sends.send_checked(draft, event)
        case happened.SendHeldBack():
            sends.send_held_back(draft, event)
        case happened.SendStopped():
            sends.send_stopped(draft, event)
        case happened.SendDone():
            sends.send_done(draft, event)
        case happened.SendNotDone():
            sends.send_not_done(draft, event)
        case happened.SendRefused():
            sends.send_refused(draft, event)
        case happened.SendUnknown():
            sends.send_unknown(draft, event)
        case happened.Candidates():
            sends.candidates(draft, event)
        case happened.SecondRun():
            sends.second_run(draft, event)
        case happened.RunLevel():
            runs.run_level(draft, event)
        case happened.RunGone():
            runs.run_gone(draft, event)
        case happened.Judged():
            runs.judged(draft, event)
        case happened.CancelJudged():
            gave_way.cancel_judged(draft, event)
        case happened.WayFree():
            gave_way.way_free(draft, event)
        case happened.RerunHeld():
            runs.rerun_held(draft, event)
        case happened.RerunAccepted() | happened.RerunUnderWay() | happened.RerunRefused():
            runs.rerun_answered(draft, event)
        case happened.Unanswered():
            unanswered.unanswered(draft, event)
        case happened.RepositoryBarred():
            _barred(draft, event)
        case happened.RepositoryOpen():
            _open(draft, event)
        case (
            happened.RetryAsked()
            | happened.RedoAsked()
            | happened.SkipAsked()
            | happened.AdoptAsked()
            | happened.ApproveAsked()
            | happened.PauseAsked()
            | happened.ResumeAsked()
            | happened.CancelAsked()
        ):
            steered.steer(draft, event)
        case _:
            assert_never(event)


def _tick(draft: Draft, event: happened.Tick) -> None:
    release = draft.release
    if not release.turn:
        if event.ahead is None:
            draft.because("it is its turn to start")
        draft.release = replace(release, turn=event.ahead is None, ahead=event.ahead)
    for step, record in draft.release.items():
        _remind(draft, step.name, record.state)
        if isinstance(record.state, GaveWay):
            gave_way.waited_long_enough(draft, step.name, record.state)


def _remind(draft: Draft, step: str, state: StepState) -> None:
    """Both kinds of approval call again every 24 hours (contract section 5); so does waiting for a stuck release."""
    match state:
        case InLine(told_at=datetime() as last) if (
            draft.now >= last + turns.patience(state) and draft.release.paused_by is None
        ):
            draft.put(step, replace(state, told_at=draft.now, told=True))
            draft.notice(f"line:{step}:{draft.now:%Y%m%d%H%M}", "line", step)
        case AwaitingApproval(reminded_at=last) if draft.now >= last + REMIND_AFTER:
            draft.put(step, replace(state, reminded_at=draft.now))
            draft.notice(f"approval:{step}:{draft.now:%Y%m%d%H%M}", "approval", step)
        case Running(reminded_at=datetime() as last) if state.run.held and draft.now >= last + REMIND_AFTER:
            draft.put(step, replace(state, reminded_at=draft.now))
            draft.notice(f"environment:{step}:{draft.now:%Y%m%d%H%M}", "environment", step)
        case _:
            return


def _barred(draft: Draft, event: happened.RepositoryBarred) -> None:
    """The repository keeps refusing the bot: a person has to mend that, and then everything goes on by itself.

    What is being cancelled only waits for the repository, and not for ever: for a run as long as it may last.
    """
    if draft.release.cancelling:
        for step, record in _steps_in(draft, event.repo):
            unanswered.give_up_cancelling(draft, step, record.state, "the repository refuses the bot")
        return
    for step, record in _steps_in(draft, event.repo):
        match record.state:
            case InLine():
                due = Due(draft.now, draft.now)
                draft.need_person(step.name, event.trouble, parked=due)
            case (
                Due()
                | Finding()
                | Expecting()
                | Running()
                | Diagnosing()
                | Cooling()
                | Rerunning()
                | GaveWay()
            ):
                draft.need_person(step.name, event.trouble, parked=record.state)
            case _:
                continue


def _steps_in(draft: Draft, repo: str) -> Iterator[tuple[RunStep, StepRecord]]:
    for step, record in draft.release.items():
        if not isinstance(step, ApprovalStep) and same_repository(step.repo, repo):
            yield step, record


def _open(draft: Draft, event: happened.RepositoryOpen) -> None:
    for step, record in _steps_in(draft, event.repo):
        state = record.state
        if not isinstance(state, NeedsPerson) or state.parked is None or not barred(state.trouble):
            continue
        back = state.parked
        match back:
            case Running():
                back = replace(back, confirm=True)
            case Finding() | Expecting() | Rerunning():
                back = replace(back, until=back.until + (draft.now - state.since))
            case Due():
                turns.go_on(draft, step.name, back, "the repository answers again")
                continue
            case Diagnosing() | Cooling() | GaveWay():
                pass  # a pause before a send may be one that GitHub asked for
        draft.put(step.name, back, "the repository answers again")
        _remind(draft, step.name, back)  # its time may have passed meanwhile, and nothing else would wake it


def _settle(draft: Draft) -> None:
    before = None
    while draft.release != before:
        before = draft.release
        for step in draft.release.plan:
            if draft.release.cancelling:
                _cancel(draft, step.name)
            elif draft.release.turn:
                _start(draft, step)
    _end(draft)


def _start(draft: Draft, step: Step) -> None:
    """A step whose needs are met becomes due."""
    found = draft.record(step.name).found
    live = (
        found is not None and not found.over
    )  # it runs whatever its needs are, and others have to wait for it
    if not isinstance(draft.state(step.name), Waiting) or not (live or draft.release.needs_met(step)):
        return
    match step:
        case DispatchStep() if found is not None:
            draft.bind(step.name, found)
            draft.put(
                step.name, Running(found, confirm=True), f"takes up run {found.id}, which exists already"
            )
        case DispatchStep():
            turns.make_due(draft, step.name, "its needs are met")
        case WatchStep():
            until = draft.now + timedelta(seconds=step.appears_within)
            draft.put(step.name, Expecting(_due_since(draft, step), until), "its needs are met")
        case ApprovalStep():
            draft.put(step.name, AwaitingApproval(draft.now, draft.now), "its needs are met")
            draft.notice(f"approval:{step.name}", "approval", step.name)


def _due_since(draft: Draft, step: WatchStep) -> datetime:
    """When its needs were met on GitHub: what follows them begins within seconds, and news may come later than that."""
    last = max((_ended_at(draft.record(need), draft.now) for need in step.needs), default=draft.now)
    return min(draft.now, max(last, draft.now - _NEWS_WITHIN))


def _ended_at(record: StepRecord, now: datetime) -> datetime:
    on_github = record.run.ended_at if isinstance(record.state, Passed) and record.run else None
    return on_github or record.ended_at or now


def _cancel(draft: Draft, step: str) -> None:
    """Cancelling ends what is not sent at once; runs and unknown sends have to be over first."""
    state, found = draft.state(step), draft.record(step).found
    match state:
        case Waiting() if found is not None and not found.over:
            draft.bind(step, found)
            draft.put(step, Running(found, confirm=True), f"run {found.id} has to be over first")
        case Waiting() | InLine() | Due() | Expecting() | AwaitingApproval() | Diagnosing() | GaveWay():
            draft.put(step, Cancelled(draft.now), "cancelled")
        case Cooling() if state.until > draft.now:
            runs.spare_rerun(draft, step)
            draft.put(step, Cancelled(draft.now), "cancelled before its re-run")
        case Cooling():
            draft.put(step, Rerunning(state.run, draft.now + _RERUN_UNDER_WAY), "a re-run may be under way")
        case NeedsPerson(parked=Running() | Rerunning() | Cooling() as parked):
            draft.put(step, parked, "has to be over first")
        case NeedsPerson(parked=Finding() as parked) if barred(state.trouble) or parked.until > draft.now:
            draft.put(step, parked, "an unknown send has to be found first")
        case NeedsPerson():
            run = run_of(state)
            if run is not None and not run.over:
                draft.put(step, Running(run=run, confirm=True), "its run has to be over first")
            else:
                draft.put(step, Cancelled(draft.now), "cancelled")
        case Sending() | Finding() | Running() | Rerunning():
            return
        case _ if isinstance(state, Final):
            return


def _end(draft: Draft) -> None:
    release = draft.release
    if not release.word.final or release.end_told:
        return
    draft.release = replace(release, ended_at=draft.now, end_told=True)
    kind = "released" if release.word is ReleaseWord.RELEASED else "cancelled"
    draft.because(kind)
    draft.notice(kind, kind)
    draft.notice("day", "day")
