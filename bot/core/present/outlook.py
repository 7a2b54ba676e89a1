"""One sentence on what happens next with a release.

Rule: of a step the reader may not see only its name and its state word are in it.
"""

from collections.abc import Iterator, Mapping
from typing import assert_never

from bot.core.lateness import FOR_GROUP
from bot.core.model import ReleaseWord, StepRecord
from bot.core.plan import Step
from bot.core.present.hints import accepts_retry, hints, skippable
from bot.core.present.inert import code, inert
from bot.core.present.story import A_RUNNER, waits
from bot.core.present.troubles import headline
from bot.core.present.view import View
from bot.core.present.words import Phrase, count, duration, joined, names, said_of
from bot.core.states import (
    AwaitingApproval,
    Cooling,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Running,
    Skipped,
    StepWord,
    Waiting,
    run_of,
    word_of,
)
from bot.core.trouble import Hold, barred

_BY_WORD: Mapping[StepWord, Phrase] = {
    StepWord.RUNNING: Phrase(0, "is running", "are running"),
    StepWord.RETRYING: Phrase(1, "is being tried again", "are being tried again"),
    StepWord.QUEUED: Phrase(2, "is about to run", "are about to run"),
}
"""The words of a step that is under way say this much."""
_NO_RUNNER = Phrase(2, f"waits for {A_RUNNER}", f"wait for {A_RUNNER}")
_NO_GROUP = Phrase(2, f"waits for {FOR_GROUP}", "wait for their concurrency groups")
_LOOKED_FOR = Phrase(2, "may have begun, its run is looked for", "may have begun, their runs are looked for")
_GAVE_WAY = Phrase(
    3, f"waits for another run of {FOR_GROUP}", "wait for other runs of their concurrency groups"
)
_OUTAGE = Phrase(3, "waits for the end of an outage", "wait for the end of an outage")
_EXPECTED = Phrase(4, "waits for a run to appear", "wait for a run to appear")


def outlook(view: View) -> str:
    """The sentence below the first line of the status comment."""
    release = view.release
    match release.word:
        case ReleaseWord.WAITING:
            return _waiting(view)
        case ReleaseWord.RUNNING:
            return _cancelling(view) if release.cancelling else _running(view)
        case ReleaseWord.PAUSED:
            by, resume = view.person(release.paused_by), view.command("resume")
            return f"Paused by {by}: no dispatch and no automatic re-run until somebody types {resume}."
        case ReleaseWord.NEEDS_ATTENTION:
            return _needs_attention(view)
        case ReleaseWord.RELEASED:
            return f"Nothing is left to do: {_result(view)}{_after(view, 'in')}."
        case ReleaseWord.CANCELLED:
            by = view.person(release.cancelled_by)
            return (
                f"Cancelled by {by}{_after(view)}: nothing of it runs any more and nothing will be started."
            )
        case _:
            assert_never(release.word)


def brief(view: View) -> str:
    """The same as a few words, without what can be typed."""
    release = view.release
    match release.word:
        case ReleaseWord.WAITING:
            return f"waits for {code(release.ahead) if release.ahead else 'its turn'}"
        case ReleaseWord.RUNNING if release.cancelling:
            return "is being ended"
        case ReleaseWord.RUNNING:
            return _briefly(view)
        case ReleaseWord.PAUSED:
            return f"by {view.person(release.paused_by)}"
        case ReleaseWord.NEEDS_ATTENTION:
            stuck = [step.name for step, record in view.steps if isinstance(record.state, NeedsPerson)]
            return f"{names(stuck)} {'needs' if len(stuck) == 1 else 'need'} a person"
        case ReleaseWord.RELEASED:
            return _after(view, "took").strip()
        case ReleaseWord.CANCELLED:
            return f"by {view.person(release.cancelled_by)}{_after(view)}"
        case _:
            assert_never(release.word)


def _briefly(view: View) -> str:
    asking = [s.name for s, record in view.steps if word_of(record.state) is StepWord.AWAITING_APPROVAL]
    if asking:
        return f"{names(asking)} {'waits' if len(asking) == 1 else 'wait'} for an approval"
    following = _following(view)
    comes = f"{names(following)} {_comes(following)} next" if following else "goes on by itself"
    return "; ".join(_live(view)) or "; ".join(_in_line(view)) or comes


def _waiting(view: View) -> str:
    ahead = view.release.ahead
    if ahead is None:
        return "Waits for its turn and then starts by itself."
    return f"Waits for {code(ahead)} and starts by itself as soon as that is released or cancelled."


def _cancelling(view: View) -> str:
    left = [step.name for step, record in view.steps if not record.final]
    return f"Cancelling, as {view.person(view.release.cancelled_by)} asked: waiting for {names(left)} to end."


def _result(view: View) -> str:
    skipped = sum(isinstance(record.state, Skipped) for _, record in view.steps)
    passed = len(view.steps) - skipped
    return f"{count(passed, 'step')} passed" + (f" and {skipped} skipped" if skipped else "")


def _after(view: View, word: str = "after") -> str:
    release = view.release
    return f" {word} {duration(release.ended_at - release.asked_at)}" if release.ended_at else ""


def _needs_attention(view: View) -> str:
    stuck = [(step, record.state) for step, record in view.steps if isinstance(record.state, NeedsPerson)]
    steps = [step for step, _ in stuck]
    needs = f"{names([step.name for step in steps])} {'needs' if len(stuck) == 1 else 'need'} a person"
    paused = ", and the release is paused" if view.release.paused_by is not None else ""
    commands = [hint.command for hint in hints(view, steps[0]) if hint.sure] if len(stuck) == 1 else []
    commands = commands or [*_for_several(view, steps)]
    if len(commands) > 1:  # the last one ends the release, which is no help
        return f"{needs}{paused}: type {joined(commands, last='or')}."
    return f"{needs}: {'; '.join(_looks(view, stuck))}."


def _for_several(view: View, steps: list[Step]) -> Iterator[str]:
    """Without a name a retry takes every step that can be tried again."""
    if view.release.paused_by is not None:
        yield view.command("resume")
    if accepts_retry(view, steps):
        yield view.command("retry")
    if (step := skippable(view, steps)) is not None:
        yield view.command("skip", step.name)
    yield view.command("cancel")


def _looks(view: View, stuck: list[tuple[Step, NeedsPerson]]) -> Iterator[str]:
    """Where to look, since nothing that can be typed is sure to help."""
    for step, state in stuck:
        if view.shows(step):
            yield f"{f'{code(step.name)}: ' if len(stuck) > 1 else ''}{_look(view, step, state)}"
    unseen = [view.check_name(step) for step, _ in stuck if not view.shows(step)]
    if len(unseen) == 1:
        yield f"look at the check run {names(unseen)} in the step's own repository"
    elif unseen:
        yield f"look at the check runs {names(unseen)} in the steps' own repositories"


def _look(view: View, step: Step, state: NeedsPerson) -> str:
    run = run_of(state)
    if run is not None and not run.over and not barred(state.trouble):
        link = view.run_link(step, run, "its run")
        return f"look at {link} first, a success that comes later still counts"
    return f"{headline(state.trouble)}; when that is mended it goes on by itself"


def _running(view: View) -> str:
    calls = [*_approvals(view), *_environments(view)]
    if calls:
        return f"{'; '.join(calls)}."
    live = "; ".join(_live(view)) or "; ".join(_in_line(view))
    following = _following(view)
    if not live:
        return f"{names(following)} {_comes(following)} next." if following else "Goes on by itself."
    return f"{live}; {names(following)} {_comes(following)} next." if following else f"{live}."


def _comes(those: list[str]) -> str:
    return "comes" if len(those) == 1 else "come"


def _approvals(view: View) -> Iterator[str]:
    asking = [step for step, record in view.steps if isinstance(record.state, AwaitingApproval)]
    for step in asking:
        words = (step.name,) if len(asking) > 1 else ()
        question = ""
        if view.shows_file and step.kind == "approval":
            question = f" ({inert(step.question, most=160)})"
        yield f"{code(step.name)} waits for an approval{question}: type {view.command('approve', *words)}"


def _environments(view: View) -> Iterator[str]:
    for step, record in view.steps:
        held = word_of(record.state) is StepWord.AWAITING_APPROVAL and step.kind != "approval"
        if held and view.shows(step):
            link = view.run_link(step, record.run, "on GitHub")
            yield f"{code(step.name)} waits for an approval of its environment {link}".rstrip()
        elif held:
            yield f"{code(step.name)} is awaiting approval on GitHub"


def _live(view: View) -> list[str]:
    """What is under way, a phrase for each thing that can be said of it."""
    told = ((step.name, _told(view, step, record)) for step, record in view.steps)
    return said_of((name, phrase) for name, phrase in told if phrase is not None)


def _told(view: View, step: Step, record: StepRecord) -> Phrase | None:
    """More than the state word only for people who may see the step's repository."""
    known = _known(view, record) if view.shows(step) else None
    return known or _BY_WORD.get(word_of(record.state))


def _known(view: View, record: StepRecord) -> Phrase | None:
    """What is known beyond the state word."""
    match record.state:
        case Cooling(by=None, hold=Hold(probe=False)):
            return _OUTAGE
        case Cooling(by=None, until=until):
            at = view.time(until)
            return Phrase(1, f"is tried again at {at}", f"are tried again at {at}")
        case GaveWay():
            return _GAVE_WAY
        case Finding():
            return _LOOKED_FOR
        case Expecting():
            return _EXPECTED
        case Running(run=run) if not run.started and record.queue_told == (run.id, run.attempt):
            return _NO_GROUP if run.status == "pending" else _NO_RUNNER
        case _:
            return None


def _in_line(view: View) -> list[str]:
    """Who waits for other releases, a phrase for each thing that is waited for."""
    waiting = (
        (step.name, waits(view, record.state.behind))
        for step, record in view.steps
        if isinstance(record.state, InLine) and view.shows(step)
    )
    return said_of((name, Phrase(0, told, told.replace("waits", "wait", 1))) for name, told in waiting)


def _following(view: View) -> list[str]:
    """Steps that become due as soon as what is under way is over.

    That a step waits for another release is a detail: where it may not be told, its turn is still to come.
    """
    waiting = {
        step.name
        for step, record in view.steps
        if isinstance(record.state, Waiting) or (isinstance(record.state, InLine) and not view.shows(step))
    }
    return [step.name for step in view.release.plan if step.name in waiting and not waiting & set(step.needs)]
