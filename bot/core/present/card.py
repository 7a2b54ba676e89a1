"""What stands behind a re-run, or behind its refusal: which rule, how sure, what it cost, what is left.

Rule: only for people who may see the step's repository; callers ask the `View` first.
"""

from collections.abc import Iterator

from bot.core.ledger import REMEMBERED, History
from bot.core.model import Note, NoteKind
from bot.core.present.inert import code, inert
from bot.core.present.view import View
from bot.core.present.words import count, duration
from bot.core.trouble import Hold, Touch


def card(view: View, note: Note) -> str:
    """In brackets, with a space before them, what is known; nothing for what nobody has looked into."""
    facts = "; ".join(_facts(view, note))
    return f" ({facts})" if facts else ""


def _facts(view: View, note: Note) -> Iterator[str]:
    known = note.background
    if known is None:
        return
    seen = _seen(known.history)
    hidden = bool(known.unsaid) and not view.shows_file
    if hidden and known.subject == known.rule:
        yield seen
    elif known.rule and not hidden:
        yield f"rule {code(known.rule)}" + (f", {seen}" if known.subject == known.rule else "")
    if known.subject and known.subject != known.rule:
        yield seen if known.subject in note.text else f"{code(known.subject)} {seen}"
    if known.seconds >= 1:
        yield f"{duration(known.seconds)} lost"
    if note.kind is NoteKind.RERUN:
        left = note.most - note.number
        yield f"{left} left" if left > 0 else "the last one"


def _seen(history: History) -> str:
    """How sure the judgement is."""
    days = f"{REMEMBERED.days} days"
    if history.seen == 0:
        return f"not seen in the {days} before this run"
    healed = (
        f"passed on re-run {_times(history.healed)}" if history.healed else "never passed on re-run so far"
    )
    return f"seen {_times(history.seen)} in {days}, {healed}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def held(view: View, hold: Hold) -> str:
    """Why a re-run waits, as two sentences."""
    where = count(hold.count, "release") if hold.count > 1 else count(hold.jobs, "job")
    own = hold.service in {rule.name for rule in view.release.plan.failures}
    state = f"{inert(view.worded(hold.service, 'A service' if own else ''))} is failing in {where}"
    if hold.next_try is None:
        return f"{state}. Another re-run is trying it now; this one follows when that has got past it."
    then = "This step tries it" if hold.probe else "Another step tries it first, this one follows"
    return f"{state}; next try {view.time(hold.next_try)}. {then}."


def touched(view: View, touch: Touch) -> str:
    """Who changed the failing file last, as a sentence that begins with a space."""
    by, commit = code(touch.who), code(touch.sha[:10])
    return f" {code(touch.path)} was changed last by {by} ({commit}, {view.time(touch.at)})."
