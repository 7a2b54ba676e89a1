"""How a dispatch is sent at most once, and how the run of a step is found.

Rule (contract, promise 1): a send number is opened only here. After a definite "not done" the step is due again;
whatever is not definite goes to Finding, never back to a send.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.deliveries import RunSeen
from bot.core.draft import Draft, SendOpened, bound_run
from bot.core.events import (
    Candidates,
    SecondRun,
    SendChecked,
    SendDone,
    SendHeldBack,
    SendNotDone,
    SendRefused,
    SendStopped,
    SendUnknown,
)
from bot.core.model import NoteKind
from bot.core.plan import RunStep
from bot.core.states import BoundRun, Cancelled, Due, Expecting, Finding, NeedsPerson, Running, Sending
from bot.core.trouble import Trouble, TroubleKind
from bot.core.turns import leave_line

READ_BEFORE_SEND = timedelta(seconds=10)
"""A send leaves within this time after the repository was read, or not at all (contract, promise 1)."""
MOST_REFUSALS = 8
"""Sends in a row that were answered with 401, ten minutes with their pauses, until a person is called."""
NEVER_FOUND, TWO_CANDIDATES, DOUBTFUL_RUN = "never found", "two candidates", "doubtful run"
GIVEN_UP = frozenset({NEVER_FOUND, TWO_CANDIDATES, DOUBTFUL_RUN})
"""Outcomes of sends that no longer stand in the way of others and may have made a run all the same."""


_FOR_A_PERSON = frozenset({TroubleKind.TWO_CANDIDATES, TroubleKind.DOUBTFUL_RUN})
"""Only a person can tell which run it is."""


def run_step(draft: Draft, name: str) -> RunStep:
    step = draft.release.plan.step(name)
    assert step.kind != "approval", name
    return step


def send_checked(draft: Draft, event: SendChecked) -> None:
    """Everything was read and nothing stands in the way: the next send number is opened."""
    state = draft.state(event.step)
    release = draft.release
    if not isinstance(state, Due) or release.paused_by or release.cancelling or not release.turn:
        return
    if draft.now < state.not_before or draft.now >= event.at + READ_BEFORE_SEND:
        return  # read too long ago, or for a send that came to nothing since
    record = draft.record(event.step)
    send = record.sends + 1
    draft.keep(event.step, replace(record, sends=send))
    send_by = event.at + READ_BEFORE_SEND
    sending = Sending(send, draft.now, send_by, event.nonce, refusals=state.refusals)
    draft.put(event.step, sending, f"send {send} is opened")
    draft.opened = SendOpened(event.step, send, event.nonce)


def send_held_back(draft: Draft, event: SendHeldBack) -> None:
    state = draft.state(event.step)
    if isinstance(state, Due):
        later = draft.now + timedelta(seconds=event.seconds)
        draft.put(event.step, replace(state, not_before=later, why=event.why), event.why)


def send_stopped(draft: Draft, event: SendStopped) -> None:
    if isinstance(draft.state(event.step), Due):
        _stopped(draft, event.step, event.trouble)


def send_done(draft: Draft, event: SendDone) -> None:
    state = draft.state(event.step)
    if not isinstance(state, Sending) or state.send != event.send:
        return
    if event.run_id is None:
        _look_for(draft, event.step, state, "GitHub accepted the dispatch and told no run id")
        return
    run = BoundRun(
        id=event.run_id,
        attempt=1,
        status="queued",
        conclusion=None,
        head_sha="",
        url=event.url or "",
        started_at=draft.now,
    )
    draft.bind(event.step, run)
    draft.put(event.step, Running(run=run, confirm=True), f"send {event.send} started run {event.run_id}")
    draft.close_send(event.step, event.send, "bound")


def send_not_done(draft: Draft, event: SendNotDone) -> None:
    state = draft.state(event.step)
    if not isinstance(state, Sending) or state.send != event.send:
        return
    draft.close_send(event.step, event.send, f"not done: {event.why}")
    refusals = state.refusals + 1 if event.unauthorized else 0
    if refusals >= MOST_REFUSALS:
        why = f"{event.why}; {refusals} sends in a row, each with a renewed token"
        _stopped(draft, event.step, Trouble(TroubleKind.REFUSED, why))
        return
    later = draft.now + timedelta(seconds=event.seconds)
    due = Due(since=state.since, not_before=later, why=event.why, refusals=refusals)
    draft.put(event.step, due, f"send {event.send} was certainly not done ({event.why})")
    if draft.release.paused_by is not None:
        leave_line(draft)


def send_refused(draft: Draft, event: SendRefused) -> None:
    state = draft.state(event.step)
    if isinstance(state, Sending) and state.send == event.send:
        draft.close_send(event.step, event.send, "refused")
        _stopped(draft, event.step, event.trouble)


def _stopped(draft: Draft, step: str, trouble: Trouble) -> None:
    """Nothing was sent. A run that the step had before is still watched: a person may re-run its failed jobs."""
    draft.need_person(step, trouble, run=draft.record(step).run)


def send_unknown(draft: Draft, event: SendUnknown) -> None:
    state = draft.state(event.step)
    if isinstance(state, Sending) and state.send == event.send:
        _look_for(draft, event.step, state, event.why)


def bot_started(draft: Draft) -> None:
    """Nobody knows whether a send that was under way at the end of the last process left it."""
    for step, record in draft.release.items():
        if isinstance(record.state, Sending):
            _look_for(draft, step.name, record.state, "the bot was restarted during the send")


def _look_for(draft: Draft, step: str, state: Sending, why: str) -> None:
    until = draft.now + timedelta(seconds=run_step(draft, step).appears_within)
    finding = Finding(send=state.send, since=state.since, until=until, nonce=state.nonce, why=why)
    draft.put(step, finding, f"send {state.send} is looked for: {why}")


def candidates(draft: Draft, event: Candidates) -> None:
    """GitHub was asked for the run that a step waits for."""
    state = draft.state(event.step)
    match state:
        case Finding() | Expecting():
            _choose(draft, event, state)
        case NeedsPerson(parked=Finding() | Expecting()):
            if len(event.runs) == 1 and state.trouble.kind not in _FOR_A_PERSON:
                _bind(draft, event.step, event.runs[0])
        case _:
            return


def _choose(draft: Draft, event: Candidates, state: Finding | Expecting) -> None:
    if len(event.runs) == 1:
        _bind(draft, event.step, event.runs[0])
        return
    doubtful = event.doubtful and isinstance(state, Finding)
    if not draft.release.cancelling and (len(event.runs) > 1 or doubtful):
        _let_choose(draft, event, state)
        return
    until = _longer(draft, event, state)
    expecting = isinstance(state, Expecting)
    state = (
        replace(state, until=until, seek=False)
        if isinstance(state, Expecting)
        else replace(state, until=until)
    )
    if state != draft.state(event.step):
        draft.put(event.step, state)
    if draft.now >= until and not (expecting and draft.release.paused_by):
        give_up(draft, event.step, state)


def _let_choose(draft: Draft, event: Candidates, state: Finding | Expecting) -> None:
    """A person has to say which run it is, if any."""
    several = len(event.runs) > 1
    kind, outcome = (
        (TroubleKind.TWO_CANDIDATES, TWO_CANDIDATES) if several else (TroubleKind.DOUBTFUL_RUN, DOUBTFUL_RUN)
    )
    runs = event.runs or event.doubtful
    numbers = " and ".join(str(run.id) for run in runs)
    trouble = Trouble(kind, f"{'runs' if several else 'run'} {numbers}", tuple(run.html_url for run in runs))
    _close_finding(draft, event.step, state, outcome)
    draft.need_person(event.step, trouble, parked=state)


def second_run(draft: Draft, event: SecondRun) -> None:
    """Two runs of one step may do the same thing twice: a person is told, once, and the step goes on."""
    notes = draft.record(event.step).notes
    if not any((note.kind, note.number) == (NoteKind.SECOND_RUN, event.run_id) for note in notes):
        draft.note(event.step, NoteKind.SECOND_RUN, number=event.run_id)
        draft.because(f"{event.step}: run {event.run_id} of a dispatch that was given up has appeared")
        draft.notice(f"second-run:{event.step}:{event.run_id}", "second-run", event.step)


def give_up(draft: Draft, step: str, state: Finding | Expecting) -> None:
    """Its time is over: a person is called, and what appears later is still taken."""
    if isinstance(state, Expecting):
        draft.need_person(step, Trouble(TroubleKind.NEVER_APPEARED), parked=state)
        return
    _close_finding(draft, step, state, NEVER_FOUND)
    if draft.release.cancelling:
        draft.put(step, Cancelled(draft.now), f"send {state.send} was not found in time")
        return
    draft.need_person(step, Trouble(TroubleKind.NEVER_FOUND, state.why), parked=state)


def _close_finding(draft: Draft, step: str, state: Finding | Expecting, outcome: str) -> None:
    if isinstance(state, Finding):
        draft.close_send(step, state.send, outcome)


def _longer(draft: Draft, event: Candidates, state: Finding | Expecting) -> datetime:
    """Time in which the repository could not be read does not count; told twice, it is given back once."""
    blind = event.at - max(event.previous, state.since) - timedelta(seconds=event.pace)
    fresh = event.at + timedelta(seconds=run_step(draft, event.step).appears_within)
    return max(state.until, min(state.until + blind, fresh))


def _bind(draft: Draft, step: str, seen: RunSeen) -> None:
    state = draft.state(step)
    parked = state.parked if isinstance(state, NeedsPerson) else state
    if isinstance(parked, Finding):
        draft.close_send(step, parked.send, "bound")
    run = bound_run(seen)
    live = replace(run, status="in_progress", conclusion=None) if run.over else run
    draft.bind(step, live)
    draft.put(step, Running(run=live, confirm=run.over or run.held), f"bound to run {run.id}")
