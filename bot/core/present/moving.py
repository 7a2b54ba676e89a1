"""What becomes of the names that a step moves, such as the tag `latest` of an image: before its turn, and after.

Rule: only for people who may see the step's repository, the pipeline file and the home repository: the other versions
that are told of may be known there alone.
"""

from collections.abc import Iterator

from bot.core.model import NameMove, StepRecord
from bot.core.plan import DispatchStep, MovingName, Step
from bot.core.present.inert import code, inert
from bot.core.present.view import View
from bot.core.present.words import names
from bot.core.states import Cancelled, InLine, Passed, Skipped, Waiting
from bot.core.versions import Version


def moving(view: View, step: Step, record: StepRecord) -> str:
    """One sentence or two; empty when there is nothing to say."""
    if not isinstance(step, DispatchStep) or not (view.shows(step) and view.shows_file and view.shows_home):
        return ""
    match record.state:
        case Cancelled() | Skipped():
            return ""
        case state if record.moves:
            done = isinstance(state, Passed)
            return f"{', '.join(_moved(move, done=done) for move in record.moves)}."
        case Waiting() | InLine() if step.moves:
            return " ".join(_planned(view.release.version, step.moves))
        case _:
            return ""


def _moved(move: NameMove, *, done: bool) -> str:
    name = code(move.name)
    if move.moved:
        origin = f" from {inert(move.before)}" if move.before else ""
        return f"{name} {'moved' if done else 'moves'}{origin} to {inert(move.after)}"
    if move.after:
        return f"{name} {'stayed' if done else 'stays'} at {inert(move.after)}"
    left = f"{name} {'was' if done else 'is'} left alone"
    return f"{left}: {inert(move.above)} is higher" if move.above else left


def _planned(version: str, moves: tuple[MovingName, ...]) -> Iterator[str]:
    """The decision falls when its turn comes: until then another version may be released."""
    parsed = Version.parse(version)
    if parsed.suffix:
        kept = names([move.name for move in moves])
        yield f"Leaves {kept} alone: a version with a suffix takes no name."
        return
    earned = [move for move in moves if move.series in {"", parsed.series}]
    if earned:
        several = "for it" if len(earned) == 1 else "for them"
        own = f" {several}" if any(move.series or move.name != move.template for move in earned) else ""
        moved = names([move.name for move in earned])
        yield f"Moves {moved} if {inert(version)} is then the highest released{own}."
    for move in moves:
        if move not in earned:
            yield f"Leaves {code(move.name)} alone: it is for series {inert(move.series)}."
