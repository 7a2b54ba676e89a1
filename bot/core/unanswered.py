"""What GitHub does not tell for a long time although it answers for the repository: no step waits for that for ever.

Rule: what has a time of its own ends at it. For the rest a person is called, and the question is asked on: when it is
answered, the step goes on by itself.
"""

from dataclasses import replace

from bot.core import runs, sends, turns
from bot.core.draft import Draft
from bot.core.events import CancelJudged, Judged, SendChecked, SendHeldBack, SendStopped, Unanswered
from bot.core.plan import ApprovalStep, RunStep
from bot.core.states import (
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    NeedsPerson,
    Rerunning,
    Running,
    StepState,
)
from bot.core.trouble import Trouble, TroubleKind, asked_on

Answer = SendChecked | SendHeldBack | SendStopped | Judged | CancelJudged


def unanswered(draft: Draft, event: Unanswered) -> None:
    """A step cannot go on, since GitHub keeps failing to answer what it has to know."""
    step, state = draft.release.plan.step(event.step), draft.state(event.step)
    if isinstance(step, ApprovalStep):
        return
    if draft.release.cancelling:
        give_up_cancelling(draft, step, state, "GitHub does not tell what became of it")
        return
    match state:
        case Due():
            draft.need_person(event.step, Trouble(TroubleKind.UNANSWERED, event.why), parked=state)
        case Diagnosing(run=run):
            trouble = Trouble(TroubleKind.UNANSWERED, event.why, (run.url,))
            draft.need_person(event.step, trouble, run=run, parked=state)
        case Cooling(run=run, until=until) if draft.now >= until:
            trouble = Trouble(TroubleKind.RERUN_REFUSED, event.why, (run.url,))
            draft.need_person(event.step, trouble, run=run)
        case Running(run=run):
            _unconfirmed(draft, event, step, state)
        case Rerunning(until=until) if draft.now >= until:
            runs.rerun_lost(draft, event.step, state)
        case Finding(until=until) | Expecting(until=until) if draft.now >= until:
            sends.give_up(draft, event.step, state)
        case _:
            return


def _unconfirmed(draft: Draft, event: Unanswered, step: RunStep, state: Running) -> None:
    """It is not known how the run ended, or whether it has; a success that is confirmed later still counts."""
    run = state.run
    late = not run.held and draft.now >= runs.deadline(run, step.timeout, state.held)
    if not (late or state.confirm):
        return
    kind, detail = (TroubleKind.TIMED_OUT, "") if late else (TroubleKind.UNANSWERED, event.why)
    draft.need_person(event.step, Trouble(kind, detail, (run.url,)), run=run)
    called = draft.state(event.step)
    if isinstance(called, NeedsPerson):
        draft.put(event.step, replace(called, confirm=state.confirm))


def answered(draft: Draft, event: Answer) -> None:
    """GitHub answers again: the step is where it was, to hear it."""
    state = draft.state(event.step)
    if not isinstance(state, NeedsPerson) or not asked_on(state.trouble) or not _is_about(event, state):
        return
    if isinstance(state.parked, Due):
        turns.go_on(draft, event.step, state.parked, "GitHub answers again")
    elif state.parked is not None:
        draft.put(event.step, state.parked, "GitHub answers again")


def _is_about(event: Answer, state: NeedsPerson) -> bool:
    """Whether the question is the one that the step waits for."""
    match state.parked, event:
        case Due(), SendChecked() | SendHeldBack() | SendStopped():
            return True
        case Diagnosing(run=run), Judged() | CancelJudged():
            same = (run.id, run.attempt) == (event.run_id, event.attempt)
            return same and isinstance(event, CancelJudged) == (run.conclusion == "cancelled")
        case _:
            return False


def give_up_cancelling(draft: Draft, step: RunStep, state: StepState, why: str) -> None:
    """What is being cancelled waits for GitHub, and not for ever: for a run as long as it may last."""
    if isinstance(state, Running):
        over = draft.now >= runs.deadline(state.run, step.timeout, state.held)
    else:
        over = isinstance(state, Finding | Rerunning) and draft.now >= state.until
    if not over:
        return
    if isinstance(state, Finding):
        draft.close_send(step.name, state.send, sends.NEVER_FOUND)
    draft.put(step.name, Cancelled(draft.now), f"its time has passed, and {why}")
