"""What a person can type when a step needs them: exact commands, the most useful first.

Rule: nothing is offered that `steering` would refuse. Of a step the reader may not see: what any step has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from bot.core import commands
from bot.core.plan import DispatchStep, Step, WatchStep
from bot.core.present.view import View
from bot.core.present.words import joined
from bot.core.states import NeedsPerson
from bot.core.steering import OpenCommand, Refused, may_adopt, resolve
from bot.core.trouble import TroubleKind

_Verb = Literal["retry", "redo", "adopt", "skip"]


@dataclass(frozen=True, slots=True)
class Hint:
    """`command` is a code span; `does` completes "It …" without a full stop."""

    command: str
    does: str


def hints(view: View, step: Step) -> tuple[Hint, ...]:
    """For a step that needs a person; ending the release comes last."""
    return (*_resume(view), *_on_step(view, step), Hint(view.command("cancel"), "ends the release"))


def listing(those: tuple[Hint, ...]) -> str:
    """A list, one command a line."""
    return "\n".join(f"- {hint.command} {hint.does}" for hint in those)


def spelled(those: tuple[Hint, ...]) -> str:
    """The commands inside a sentence: `a`, `b` or `c`."""
    return joined([hint.command for hint in those], last="or")


def _resume(view: View) -> Iterator[Hint]:
    """A paused release refuses `retry` and `redo`."""
    if view.release.paused_by is not None:
        yield Hint(view.command("resume"), "ends the pause, which comes before everything else")


def _on_step(view: View, step: Step) -> Iterator[Hint]:
    state = view.release.steps[step.name].state
    if not view.shows(step):
        yield Hint(view.command("retry", step.name), "tries the step again")
        yield Hint(view.command("skip", step.name), "marks the step as done by hand")
    elif isinstance(state, NeedsPerson):
        for verb in _useful(state.trouble.kind, step):
            if _accepted(view, step, verb):
                argument = ("RUN",) if verb == "adopt" else ()
                yield Hint(view.command(verb, step.name, *argument), _does(verb, step, state))


def _useful(kind: TroubleKind, step: Step) -> tuple[_Verb, ...]:
    """What mends this trouble, the best first."""
    match kind:
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
        case (
            TroubleKind.FAILED
            | TroubleKind.CANCELLED
            | TroubleKind.GROUP_CANCELLED
            | TroubleKind.ODD_END
            | TroubleKind.TIMED_OUT
            | TroubleKind.RERUN_LOST
            | TroubleKind.RERUN_REFUSED
            | TroubleKind.NEVER_RERUN
        ):
            return ("retry", "redo", "skip")
        case _:
            assert_never(kind)


def _accepted(view: View, step: Step, verb: _Verb) -> bool:
    release = view.release
    command: OpenCommand
    match verb:
        case "adopt":
            return may_adopt(release, step) is None
        case "retry":
            command = commands.Retry(pipeline=release.pipeline, version=release.version, step=step.name)
        case "redo":
            command = commands.Redo(pipeline=release.pipeline, version=release.version, step=step.name)
        case "skip":
            command = commands.Skip(pipeline=release.pipeline, version=release.version, step=step.name)
        case _:
            assert_never(verb)
    return not isinstance(resolve(release, command, ""), Refused)


def _does(verb: _Verb, step: Step, state: NeedsPerson) -> str:
    match verb:
        case "retry" if state.run is not None:
            return "runs the failed jobs again"
        case "retry":
            return "waits for a run again" if isinstance(step, WatchStep) else "sends a new dispatch"
        case "redo":
            return "starts a new run, with what has been pushed since"
        case "adopt":
            return "takes that run, given by id or URL, as the step's own"
        case "skip":
            return "marks the step as done by hand"
        case _:
            assert_never(verb)
