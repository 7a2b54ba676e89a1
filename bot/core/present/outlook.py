"""One sentence on what happens next with a release.

Rule: of a step the reader may not see only its name and its state word are in it.
"""

from collections.abc import Iterator
from typing import assert_never

from bot.core.model import ReleaseWord
from bot.core.plan import Step
from bot.core.present.hints import hints, spelled
from bot.core.present.inert import code, inert
from bot.core.present.story import waits
from bot.core.present.view import View
from bot.core.present.words import count, duration, names
from bot.core.states import (
    AwaitingApproval,
    Cooling,
    Expecting,
    InLine,
    NeedsPerson,
    Skipped,
    StepWord,
    Waiting,
    word_of,
)


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
            return f"Nothing is left to do: {_result(view)}{_after(view)}."
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
            return _after(view).strip()
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
    verb = "is" if len(left) == 1 else "are"
    by = view.person(view.release.cancelled_by)
    return f"Being ended, cancelling was asked by {by}: it is over when {names(left)} {verb}."


def _result(view: View) -> str:
    skipped = sum(isinstance(record.state, Skipped) for _, record in view.steps)
    passed = len(view.steps) - skipped
    return f"{count(passed, 'step')} passed" + (f" and {skipped} skipped" if skipped else "")


def _after(view: View) -> str:
    release = view.release
    return f" after {duration(release.ended_at - release.asked_at)}" if release.ended_at else ""


def _needs_attention(view: View) -> str:
    stuck = [step for step, record in view.steps if isinstance(record.state, NeedsPerson)]
    paused = ", and the release is paused" if view.release.paused_by is not None else ""
    if len(stuck) == 1:
        choice = hints(view, stuck[0])
        return f"{code(stuck[0].name)} needs a person{paused}: type {spelled(choice)}."
    # Without a name a retry takes every step that can be tried again.
    all_of_them = [view.command("retry"), view.command("skip", stuck[0].name), view.command("cancel")]
    if paused:
        all_of_them.insert(0, view.command("resume"))
    first = ", ".join(all_of_them[:-1])
    return f"{names([step.name for step in stuck])} need a person{paused}: type {first} or {all_of_them[-1]}."


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


def _live(view: View) -> Iterator[str]:
    """What is under way, a phrase for each word."""
    held = [step.name for step, _ in view.steps if _is_held(view, step)]
    for word, phrase in (
        (StepWord.RUNNING, "running"),
        (StepWord.RETRYING, "being tried again"),
        (StepWord.QUEUED, "about to run"),
    ):
        those = [s.name for s, record in view.steps if word_of(record.state) is word and s.name not in held]
        if those:
            yield f"{names(those)} {'is' if len(those) == 1 else 'are'} {phrase}"
    if held:
        yield f"{names(held)} {'waits' if len(held) == 1 else 'wait'} for the end of an outage"
    awaited = [step.name for step, _ in view.steps if _is_awaited(view, step)]
    if awaited:
        yield f"{names(awaited)} {'waits' if len(awaited) == 1 else 'wait'} for a run to appear"


def _is_held(view: View, step: Step) -> bool:
    """A re-run that the outage brake holds, and that is not the one which tries."""
    state = view.release.steps[step.name].state
    held = isinstance(state, Cooling) and state.hold is not None and not state.hold.probe
    return held and view.shows(step)


def _is_awaited(view: View, step: Step) -> bool:
    """The word of such a step is `waiting`: more is not told of one the reader may not see."""
    return view.shows(step) and isinstance(view.release.steps[step.name].state, Expecting)


def _in_line(view: View) -> Iterator[str]:
    """Who waits for other releases, a phrase for each thing that is waited for."""
    phrases: dict[str, list[str]] = {}
    for step, record in view.steps:
        if isinstance(record.state, InLine) and view.shows(step):
            phrases.setdefault(waits(view, record.state.behind), []).append(step.name)
    for phrase, those in phrases.items():
        yield f"{names(those)} {phrase if len(those) == 1 else phrase.replace('waits', 'wait', 1)}"


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
