"""New comments that call or inform the person who started a release.

Rule: the first line says it all and mentions that person, once; where somebody is needed also whom the pipeline file
names (`notify`), and nobody else ever. A notice whose matter is over by the time it would be written is not written.
"""

from collections import Counter
from collections.abc import Iterator

from bot.core.audience import Audience
from bot.core.effects import Notice
from bot.core.model import NoteKind, Release, ReleaseWord, StepRecord
from bot.core.plan import ApprovalStep, Step
from bot.core.present.hints import DONE_BY_HAND, Hint, choice, listing
from bot.core.present.inert import code, cut, inert, is_team, mention, mention_team
from bot.core.present.sides import how_to_go_on, matters, sides
from bot.core.present.story import current, holder
from bot.core.present.troubles import log_tail
from bot.core.present.view import View
from bot.core.present.words import count, duration
from bot.core.states import AwaitingApproval, Behind, InLine, NeedsPerson, Running, Skipped

_TAIL = 4_000
_CALLS = frozenset({"person", "approval", "environment", "second-run"})
"""Kinds of notices that ask somebody to do something."""


def notice_comment(
    release: Release, notice: Notice, audience: Audience, *, web_url: str, status_url: str | None
) -> str | None:
    """The body, or None when the matter is over. `status_url`: the status comment's address, if known."""
    view = View(release, audience, web_url)
    parts = list(_parts(view, notice))
    if not parts:
        return None
    parts[0] = f"{' '.join(_called(view, notice))} {parts[0]}"
    if status_url is not None:
        parts.append(f"[Status of {release.pipeline} {release.version}]({status_url})")
    return cut("\n\n".join(parts))


def _called(view: View, notice: Notice) -> Iterator[str]:
    """Mentions, each once. A team is no name for readers who may not see the file that names it."""
    starter = view.release.starter.login
    yield mention(starter)
    if notice.kind not in _CALLS:
        return
    others = {name.lower(): name for name in view.release.plan.notify if name.lower() != starter.lower()}
    for name in others.values():
        if not is_team(name):
            yield mention(name)
        elif view.shows_file:
            yield mention_team(name)


def _parts(view: View, notice: Notice) -> Iterator[str]:
    release = view.release
    what = f"{release.pipeline} {release.version}"
    match notice.kind:
        case "released" if release.word is ReleaseWord.RELEASED:
            yield f"{what} is released{_after(release)}."
            yield from _result(view)
        case "cancelled" if release.word is ReleaseWord.CANCELLED:
            yield f"{what} is cancelled, as {view.person(release.cancelled_by)} asked{_after(release)}."
            yield from _result(view)
            yield from filter(None, (sides(view), how_to_go_on(view)))
        case "second-run" if notice.step is not None:
            yield from _second_run(view, notice, release.plan.step(notice.step))
        case "person" | "approval" | "environment" | "line" if notice.step is not None:
            step = release.plan.step(notice.step)
            yield from _call(view, notice, step, release.steps[step.name])
        case _:
            return


def _call(view: View, notice: Notice, step: Step, record: StepRecord) -> Iterator[str]:
    what = f"{view.release.pipeline} {view.release.version}"
    match notice.kind, record.state:
        case "person", NeedsPerson() as state if _is_newest(notice, record):
            explained = current(view, step, record)
            yield f"{what} needs you at {code(step.name)}: {explained or _elsewhere(view, step)}"
            yield from choice(view, step, lead="Type one of these")
            if matters(view) and (far := sides(view)):
                yield far
            if view.shows(step) and (tail := log_tail(state, most=_TAIL)):
                yield tail
        case "line", InLine(behind=Behind() as behind) if behind.stuck:
            has = f": {holder(view, behind)} has the turn and needs a person" if view.shows(step) else ""
            yield f"{what} still waits at {code(step.name)}{has}."
            yield "It goes on by itself when somebody has helped there. Or type one of these:"
            skip = Hint(view.command("skip", step.name), DONE_BY_HAND)
            yield listing((skip, Hint(view.command("cancel"), "ends the release")))
        case "approval", AwaitingApproval():
            question = ""
            if step.kind == "approval" and view.shows_file:
                question = f": {inert(step.question, most=500)}"
            yield f"{what} waits for an approval at {code(step.name)}{question}"
            approve, cancel = view.command("approve", step.name), view.command("cancel")
            yield f"Approve with {approve}, or end the release with {cancel}."
        case "environment", Running(run=run) if run.held:
            link = view.run_link(step, run, "on GitHub") or "on GitHub"
            yield f"{what} is awaiting approval at {code(step.name)}: somebody has to approve it {link}."
            yield f"It goes on by itself then; {view.command('cancel')} ends the release."
        case _:
            return


def _second_run(view: View, notice: Notice, step: Step) -> Iterator[str]:
    """What GitHub did with a dispatch long after everybody had given it up."""
    what = f"{view.release.pipeline} {view.release.version}"
    if isinstance(step, ApprovalStep) or not view.shows(step):
        yield f"{what} needs a look at {code(step.name)}: {_elsewhere(view, step)}"
        return
    number = notice.key.rpartition(":")[2]
    late = f"[run {number}]({view.run_url(step, int(number))})"
    yield (
        f"{what} may have two runs of {code(step.name)}: {late} of a dispatch that was given up has appeared, after "
        "another one was sent."
    )
    own = view.run_link(step, view.release.steps[step.name].run, "the other one")
    yield f"Cancel it on GitHub if nobody needs it. The bot follows {own or 'the other one'}, and goes on."


def _elsewhere(view: View, step: Step) -> str:
    """Where the reader may not see the step's repository: its check run has a name that is no secret."""
    place = f"the check run {code(view.check_name(step))} in the step's own repository"
    return f"what is wrong, and what mends it, stands at {place}."


def _is_newest(notice: Notice, record: StepRecord) -> bool:
    """A later problem of the same step has a notice of its own. The key ends with the problem's number."""
    number = notice.key.rpartition(":")[2]
    return not number.isdecimal() or int(number) == record.problems


def _after(release: Release) -> str:
    return (
        f", {duration(release.ended_at - release.asked_at)} after it was started" if release.ended_at else ""
    )


def _result(view: View) -> Iterator[str]:
    """What was not the usual way, for those who may know it."""
    lines = []
    for step, record in view.steps:
        if not view.shows(step):
            continue
        if isinstance(record.state, Skipped) and not record.state.tagged:
            lines.append(f"- {step.name} was skipped by {view.person(record.state.by)}")
        elif needed := _needed(record):
            lines.append(f"- {step.name} needed {needed}")
    if lines:
        yield "\n".join(lines)


def _needed(record: StepRecord) -> str:
    """What was done again, by itself and by people; empty if nothing was."""
    kinds = Counter(note.kind for note in record.notes)
    by_hand, sent = kinds[NoteKind.ASKED_RERUN] + kinds[NoteKind.ADOPTED_RERUN], kinds[NoteKind.ASKED_SEND]
    reruns = count(record.reruns_in_all + by_hand, "re-run")
    if by_hand:
        reruns += f", {by_hand} of them by hand" if record.reruns_in_all else " by hand"
    again = [reruns] if record.reruns_in_all or by_hand else []
    new = [f"{sent} new {'dispatch' if sent == 1 else 'dispatches'}"] if sent else []
    return (", and " if by_hand and record.reruns_in_all else " and ").join([*again, *new])
