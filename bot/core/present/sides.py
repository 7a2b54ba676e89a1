"""How far a release has come on each side: what is done, what is not, a line for each repository.

Rule: of a step the reader may not see only its name and its state word are in it, and its repository is not named.
"""

from collections.abc import Iterable, Iterator
from typing import assert_never

from bot.core.model import ReleaseWord, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, RunStep
from bot.core.present.inert import code
from bot.core.present.view import View
from bot.core.present.words import Phrase, names, said_of
from bot.core.states import (
    Cancelled,
    Cooling,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Passed,
    Sending,
    Skipped,
    StepWord,
    Waiting,
    word_of,
)

_MOST_NAMES = 20


_DONE = Phrase(0, "is done", "are done")
_DONE_BEFORE = Phrase(1, "was done before", "were done before")
_SKIPPED = Phrase(2, "is skipped", "are skipped")
_RUNNING = Phrase(3, "is running", "are running")
_RETRYING = Phrase(4, "is being tried again", "are being tried again")
_TO_RETRY = Phrase(5, "is to be tried again", "are to be tried again")
_APPROVAL = Phrase(6, "waits for an approval", "wait for an approval")
_QUEUED = Phrase(7, "is about to run", "are about to run")
_UNKNOWN = Phrase(8, "may have begun", "may have begun")
_PERSON = Phrase(9, "needs a person", "need a person")
_CANCELLED = Phrase(10, "was cancelled", "were cancelled")
_NOT_BEGUN = Phrase(11, "has not begun", "have not begun")


def sides(view: View) -> str:
    """A list under a line of its own; empty unless something is done and something is not."""
    steps = [(step, record) for step, record in view.steps if not isinstance(step, ApprovalStep)]
    done = sum(record.done for _, record in steps)
    if not 0 < done < len(steps):
        return ""
    shown: dict[str, list[tuple[RunStep, StepRecord]]] = {}
    hidden = []
    for step, record in steps:
        if view.shows(step):
            shown.setdefault(step.repo.lower(), []).append((step, record))
        else:
            hidden.append((step, record))
    lines = [f"- {code(those[0][0].repo)}: {_told(those)}." for those in shown.values()]
    if hidden:
        lines.append(f"- elsewhere: {_words(hidden)}.")
    return "So far:\n\n" + "\n".join(lines)


def matters(view: View) -> bool:
    """Whether somebody has to know what is done: a person is needed, or the release ended half-way."""
    return view.release.word in {ReleaseWord.NEEDS_ATTENTION, ReleaseWord.CANCELLED}


def how_to_go_on(view: View) -> str:
    """A cancelled release that has set its tag can be taken up again; empty where that would not help."""
    started = any(
        isinstance(step, DispatchStep)
        and step.unless_tag is not None
        and _has_set_its_tag(record)
        and view.shows(step)
        for step, record in view.steps
    )
    if view.release.word is not ReleaseWord.CANCELLED or not started:
        return ""
    words = [f"/{view.release.pipeline}", view.release.version, *_parameters(view), "--continue"]
    withheld = view.release.plan.parameters and not view.shows_file
    same = ", with the same parameters as before," if withheld else ""
    return f"{code(' '.join(words), most=300)}{same} starts it again and takes up what exists already."


def _has_set_its_tag(record: StepRecord) -> bool:
    """In this release or in one before it; a step that a person skipped has set none."""
    return isinstance(record.state, Passed) or (isinstance(record.state, Skipped) and record.state.tagged)


def _parameters(view: View) -> Iterator[str]:
    """As they were given, where the place may know what the file allows."""
    if view.shows_file:
        for name, value in view.release.plan.parameters:
            yield f"{name}={value}"


def _told(steps: Iterable[tuple[RunStep, StepRecord]]) -> str:
    return ", ".join(said_of(((step.name, _stand(record)) for step, record in steps), most=_MOST_NAMES))


def _words(steps: Iterable[tuple[RunStep, StepRecord]]) -> str:
    groups: dict[StepWord, list[str]] = {}
    for step, record in steps:
        groups.setdefault(word_of(record.state), []).append(step.name)
    return ", ".join(
        f"{names(those, most=_MOST_NAMES)} {_as_verb(word, several=len(those) > 1)}"
        for word, those in groups.items()
    )


def _as_verb(word: StepWord, *, several: bool) -> str:
    """The state word and nothing else, as part of a sentence."""
    match word:
        case StepWord.NEEDS_ATTENTION:
            return "need attention" if several else word
        case StepWord.PASSED:
            return word
        case _:
            return f"{'are' if several else 'is'} {word}"


def _stand(record: StepRecord) -> Phrase:
    begun = record.sends > 0 or record.run is not None
    match record.state:
        case Passed():
            return _DONE
        case Skipped(tagged=tagged):
            return _DONE_BEFORE if tagged else _SKIPPED
        case NeedsPerson():
            return _PERSON
        case Cancelled():
            return _CANCELLED if begun else _NOT_BEGUN
        case Cooling() | GaveWay():
            return _TO_RETRY
        case Sending() | Finding():
            return _UNKNOWN
        case Waiting() | InLine() | Expecting() | Due() if not begun:
            return _NOT_BEGUN
        case _:
            return _of_word(word_of(record.state))


def _of_word(word: StepWord) -> Phrase:
    match word:
        case StepWord.WAITING | StepWord.QUEUED:
            return _QUEUED
        case StepWord.RUNNING:
            return _RUNNING
        case StepWord.RETRYING:
            return _RETRYING
        case StepWord.AWAITING_APPROVAL:
            return _APPROVAL
        case StepWord.NEEDS_ATTENTION:
            return _PERSON
        case StepWord.PASSED:
            return _DONE
        case StepWord.SKIPPED:
            return _SKIPPED
        case StepWord.CANCELLED:
            return _CANCELLED
        case _:
            assert_never(word)
