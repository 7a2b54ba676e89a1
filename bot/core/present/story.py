"""What the bot saw and did, a line each: the state of a step in words, and its notes.

Rule: of a step whose repository the reader may not see there is no story at all.
"""

from typing import assert_never

from bot.core.model import Note, NoteKind, StepRecord
from bot.core.plan import MOST_RERUNS, ApprovalStep, RunStep, Step, WatchStep, same_repository
from bot.core.present.card import card, held
from bot.core.present.inert import code, inert
from bot.core.present.troubles import explained
from bot.core.present.view import View
from bot.core.present.words import count, duration
from bot.core.states import (
    AwaitingApproval,
    Behind,
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
    Skipped,
)
from bot.core.trouble import Hold

A_RUNNER = "a runner"
NEWEST_FIRST = "What happened, the newest first:"
"""Stands before the story where a list stands before it: to GitHub two lists in a row are one."""
_MOST_OF_STEP = 3
_MOST_NOTES = 8


def current(view: View, step: Step, record: StepRecord) -> str:
    """What the state word alone does not say, as one or two sentences; empty when there is nothing to add."""
    if not view.shows(step):
        return ""
    if isinstance(step, ApprovalStep):
        return _of_approval(view, step, record)
    return _of_run_step(view, step, record)


def _of_approval(view: View, step: ApprovalStep, record: StepRecord) -> str:
    match record.state:
        case AwaitingApproval():
            question = f"{inert(step.question, most=500)} – " if view.shows_file else ""
            return f"{question}Approve with {view.command('approve', step.name)}."
        case Passed(by=str() as by):
            return f"Approved by {view.person(by)}."
        case Skipped(by=by):
            return f"Skipped by {view.person(by)}."
        case _:
            return ""


def _of_run_step(view: View, step: RunStep, record: StepRecord) -> str:
    match record.state:
        case Due(why=why) if why and view.shows_file:  # GitHub's words may name the ref
            return f"The dispatch is held back: {inert(why)}."
        case InLine() if view.release.paused_by is not None:  # it lets all others pass
            return f"It {waits(view, None)}."
        case InLine(why=why) if why:
            return f"It is its turn, but {inert(why)}."
        case InLine(behind=behind):
            return f"It {waits(view, behind)}."
        case GaveWay(group=group):
            then = "after the pause" if view.release.paused_by is not None else "when that is over"
            return (
                f"It gave way to another run of its concurrency group {code(group)} and is sent again {then}."
            )
        case Finding(send=send, why=why):
            reason = f" ({inert(why)})" if why else ""
            return f"The run of dispatch {send} is looked for{reason}; nothing is sent meanwhile."
        case Expecting() if isinstance(step, WatchStep):
            if not view.shows_file:
                return "Waits for a run of its workflow."
            return f"Waits for a run of {code(step.workflow)} on {code(step.ref)} ({inert(step.event)})."
        case Running(run=run) if run.held:
            link = view.run_link(step, run, "review it there")
            return f"GitHub waits for an approval of the environment: {link}."
        case Diagnosing():
            return "The run failed; the reason is being read."
        case Cooling() if view.release.paused_by is not None:
            return "The failed jobs are run again after the pause."
        case Cooling(hold=Hold() as hold, by=None):
            return held(view, hold)
        case Cooling(until=until, by=None):
            return f"The failed jobs are run again at {view.time(until)}."
        case Cooling(by=by):
            return f"The failed jobs are run again, as {view.person(by)} asked."
        case Rerunning():
            return "The re-run is asked for; its attempt has not begun yet."
        case NeedsPerson() as state:
            return explained(view, step, state)
        case Skipped(tagged=True):
            return "Skipped: its tag exists already."
        case Skipped(by=by):
            return f"Skipped by {view.person(by)}."
        case _:
            return ""


def waits(view: View, behind: Behind | None) -> str:
    """What a step in line waits for. Other homes' releases are not named: who reads this may not see them."""
    if behind is None:
        return "waits for its turn"
    stuck = ", which needs a person" if behind.stuck else ""
    stuck += ", which is paused" if behind.paused and not stuck else ""
    return f"waits for {holder(view, behind)}{stuck if _may_be_named(view, behind) else ''}"


def holder(view: View, behind: Behind) -> str:
    """Which step has the turn."""
    if not _may_be_named(view, behind):
        return "a step of another release"
    return inert(f"{behind.pipeline} {behind.version} / {behind.step}")


def _may_be_named(view: View, behind: Behind) -> bool:
    return same_repository(behind.home, view.release.plan.home) and view.shows_home


def told(view: View, step: Step, record: StepRecord) -> tuple[str, ...]:
    """The notes of one step as sentences, the newest first, at most three."""
    if not view.shows(step):
        return ()
    newest = sorted(record.notes, key=lambda note: note.at, reverse=True)[:_MOST_OF_STEP]
    return tuple(_note(view, note) for note in newest)


def story(view: View) -> tuple[str, ...]:
    """The newest notes of all steps, each with its step: at most three of a step, eight in all."""
    newest: list[tuple[Note, str]] = []
    for step, record in view.steps:
        if view.shows(step):
            notes = sorted(record.notes, key=lambda note: note.at, reverse=True)[:_MOST_OF_STEP]
            newest.extend((note, step.name) for note in notes)
    newest.sort(key=lambda found: found[0].at, reverse=True)
    return tuple(f"{name}: {_note(view, note)}" for note, name in newest[:_MOST_NOTES])


def _note(view: View, note: Note) -> str:
    text = view.worded(note.text, note.background.unsaid if note.background else "")
    because = f": {inert(text)}" if text else ""
    match note.kind:
        case NoteKind.RERUN:
            return f"re-run {note.number} of {note.most}{because}{card(view, note)}"
        case NoteKind.STOPPED:
            return f"not re-run, {_why_stopped(note)}{because}{card(view, note)}"
        case NoteKind.ADOPTED_RERUN:
            who = code(note.by) if note.by else "somebody"
            return f"{who} re-ran it on GitHub, attempt {note.attempt}"
        case NoteKind.ASKED_RERUN:
            return f"{view.person(note.by)} asked for a re-run of attempt {note.attempt}"
        case NoteKind.ASKED_SEND:
            return f"{view.person(note.by)} asked for a new dispatch"
        case NoteKind.ADOPTED_RUN:
            return f"{view.person(note.by)} chose its run"
        case NoteKind.GAVE_WAY:
            came = f"another run of its concurrency group{f' {code(text)}' if text else ''} came"
            return f"GitHub cancelled attempt {note.attempt} before a job of it ran: {came}"
        case NoteKind.QUEUED_LONG:
            waited = duration(note.number)
            return f"attempt {note.attempt} waited more than {waited} for {inert(text) if text else A_RUNNER}"
        case NoteKind.LATE:
            return f"late: nine of ten before it were over within {duration(note.number)}"
        case NoteKind.SECOND_RUN:
            return f"run {note.number} of a dispatch that was given up has appeared"
        case _:
            assert_never(note.kind)


def _why_stopped(note: Note) -> str:
    if note.background is not None and note.background.guarded:
        return f"{code(note.background.guarded)} is named by `never-rerun`"
    if note.background is not None and note.background.ended_by:
        return f"{code(note.background.ended_by)} cancelled it on GitHub"
    if note.most == 0:
        return f"{code(note.cause)} failures never are" if note.cause else "failures of this kind never are"
    if note.number < note.most:
        return f"{MOST_RERUNS} re-runs of one step are the most"
    return f"its {count(note.most, 're-run')} {'is' if note.most == 1 else 'are'} used up"
