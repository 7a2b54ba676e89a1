"""What a person can type when a step needs them: exact commands, the most useful first.

Rule: nothing is offered that `steering` would refuse. Of a step the reader may not see: what any step has whose
state word is this one, with the condition that nobody may check for them; which of it is accepted tells nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from bot.core import commands
from bot.core.causes import Cause
from bot.core.model import NoteKind, Release, StepRecord
from bot.core.plan import DispatchStep, Step, WatchStep
from bot.core.present.view import View
from bot.core.present.words import joined
from bot.core.states import NeedsPerson
from bot.core.steering import AT_ANY_TIME, OpenCommand, Refused, may_adopt, resolve
from bot.core.trouble import Trouble, TroubleKind, without_run

_Verb = Literal["retry", "redo", "adopt", "skip"]


DONE_BY_HAND = "marks the step as done by hand"
_IF_OVER = ", if no run of it is live"
_SUPPOSED = Trouble(TroubleKind.FAILED)


@dataclass(frozen=True, slots=True)
class Hint:
    """`command` is a code span; `does` completes "It …" without a full stop; `sure`: it is accepted as things stand."""

    command: str
    does: str
    sure: bool = True


def hints(view: View, step: Step) -> tuple[Hint, ...]:
    """For a step that needs a person; ending the release comes last."""
    return (*_resume(view), *_on_step(view, step), Hint(view.command("cancel"), "ends the release"))


def choice(view: View, step: Step, *, lead: str, where: str = "", button: str = "") -> Iterator[str]:
    """Paragraphs: what can be typed. `lead` stands before a list, if not empty; `where` says where to type it.

    To end the release is no way out of the trouble: where nothing else is left it is not offered as one.
    """
    those = hints(view, step)
    if len(those) == 1:
        yield f"To end the release instead, type {those[0].command}{where}{button}."
        return
    if lead:
        yield f"{lead}{where}{button}:"
    yield listing(those)


def listing(those: tuple[Hint, ...]) -> str:
    """A list, one command a line."""
    return "\n".join(f"- {hint.command} {hint.does}" for hint in those)


def spelled(those: tuple[Hint, ...]) -> str:
    """The commands inside a sentence: `a`, `b` or `c`."""
    return joined([hint.command for hint in those], last="or")


def accepts_retry(view: View, steps: Iterable[Step]) -> bool:
    """Whether one of them would be tried again; of what the reader may not see nothing is said."""
    return any(view.shows(step) and _accepted(view.release, step, "retry") for step in steps)


def skippable(view: View, steps: Iterable[Step]) -> Step | None:
    """The first of them that may be skipped, of those that the reader may see."""
    return next((s for s in steps if view.shows(s) and _accepted(view.release, s, "skip")), None)


def _resume(view: View) -> Iterator[Hint]:
    """A paused release refuses `retry` and `redo`."""
    if view.release.paused_by is not None:
        yield Hint(view.command("resume"), "ends the pause, which comes before everything else")


def _on_step(view: View, step: Step) -> Iterator[Hint]:
    record = view.release.steps[step.name]
    if not view.shows(step):
        yield from _unseen(view, step)
    elif isinstance(record.state, NeedsPerson):
        broken = _is_broken(record, record.state)
        for verb in _useful(record.state, step, broken=broken):
            if _accepted(view.release, step, verb):
                argument = ("RUN",) if verb == "adopt" else ()
                does = _does(verb, step, record.state, broken=broken)
                yield Hint(view.command(verb, step.name, *argument), does)


def _unseen(view: View, step: Step) -> Iterator[Hint]:
    """The same whatever is wrong: what a step that failed has."""
    state = NeedsPerson(_SUPPOSED, view.release.asked_at)
    supposed = view.release.with_step(step.name, StepRecord(state))
    if _accepted(supposed, step, "retry"):
        yield Hint(view.command("retry", step.name), f"tries the step again{_IF_OVER}", sure=False)
    if _accepted(supposed, step, "skip"):
        yield Hint(view.command("skip", step.name), f"{DONE_BY_HAND}{_IF_OVER}", sure=False)


def _is_broken(record: StepRecord, state: NeedsPerson) -> bool:
    """Whether its failure was judged so: the same commit fails again."""
    judged = [note for note in record.notes if note.kind is NoteKind.STOPPED]
    if not judged or state.run is None or state.trouble.kind is not TroubleKind.FAILED:
        return False
    return (judged[-1].cause, judged[-1].attempt) == (Cause.BROKEN, state.run.attempt)


def _useful(state: NeedsPerson, step: Step, *, broken: bool) -> tuple[_Verb, ...]:
    """What mends this trouble, the best first."""
    match kind := state.trouble.kind:
        case TroubleKind.TWO_CANDIDATES:  # a new dispatch beside two candidates would make a third
            return ("adopt", "skip")
        case TroubleKind.NEVER_FOUND | TroubleKind.STRANGE_RUN | TroubleKind.DOUBTFUL_RUN:
            return ("adopt", "retry", "skip")
        case TroubleKind.NEVER_APPEARED | TroubleKind.DELETED:
            return ("retry", "adopt", "skip")
        case TroubleKind.NOTHING_RAN | TroubleKind.STARTUP_FAILURE:
            return ("redo", "skip") if isinstance(step, DispatchStep) else ("adopt", "skip")
        case TroubleKind.REFUSED | TroubleKind.TAG_EXISTS | TroubleKind.REF_MISSING:
            return ("retry", "skip")
        case TroubleKind.NO_ACCESS | TroubleKind.MOVED:
            return ("skip",)
        case TroubleKind.UNANSWERED if state.run is None:  # another send would wait for the same answer
            return ("skip",)
        case (
            TroubleKind.FAILED
            | TroubleKind.CANCELLED
            | TroubleKind.GROUP_CANCELLED
            | TroubleKind.ODD_END
            | TroubleKind.TIMED_OUT
            | TroubleKind.RERUN_LOST
            | TroubleKind.RERUN_REFUSED
            | TroubleKind.NEVER_RERUN
            | TroubleKind.UNANSWERED
        ):
            other: _Verb = "redo" if isinstance(step, DispatchStep) else "adopt"
            return (other, "retry", "skip") if broken else ("retry", other, "skip")
        case _:
            assert_never(kind)


def _accepted(release: Release, step: Step, verb: _Verb) -> bool:
    command: OpenCommand
    match verb:
        case "adopt":
            return may_adopt(release, step, AT_ANY_TIME) is None
        case "retry":
            command = commands.Retry(pipeline=release.pipeline, version=release.version, step=step.name)
        case "redo":
            command = commands.Redo(pipeline=release.pipeline, version=release.version, step=step.name)
        case "skip":
            command = commands.Skip(pipeline=release.pipeline, version=release.version, step=step.name)
        case _:
            assert_never(verb)
    return not isinstance(resolve(release, command, "", AT_ANY_TIME), Refused)


def _does(verb: _Verb, step: Step, state: NeedsPerson, *, broken: bool) -> str:
    match verb:
        case "retry" if state.run is not None and not without_run(state.trouble):
            return "runs the failed jobs again, on the same commit"
        case "retry":
            return "waits for a run again" if isinstance(step, WatchStep) else "sends a new dispatch"
        case "redo" if broken:
            return "starts a new run: push the fix first"
        case "redo":
            return "starts a new run, with what has been pushed since"
        case "adopt":
            return "takes a run as the step's own; RUN is its number or its address"
        case "skip":
            return DONE_BY_HAND
        case _:
            assert_never(verb)
