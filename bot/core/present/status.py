"""The status comment of a release (contract section 5), rendered from its state alone.

Rule: first line, one sentence, the table, the details, and the marker as the last line. No clock: the same
release gives the same text, so it is edited only when something happened.
"""

from collections.abc import Iterable, Iterator

from bot.core.audience import Audience
from bot.core.model import Release, ReleaseWord, StepRecord
from bot.core.plan import ApprovalStep, Step
from bot.core.present.hints import choice
from bot.core.present.inert import MARKER, code, cut
from bot.core.present.moving import moving
from bot.core.present.outlook import outlook
from bot.core.present.sides import how_to_go_on, matters, sides
from bot.core.present.story import NEWEST_FIRST, current, story
from bot.core.present.troubles import log_tail
from bot.core.present.view import View
from bot.core.present.words import NOTHING, duration, joined, release_icon, step_label, step_state
from bot.core.states import (
    BoundRun,
    Due,
    Expecting,
    Finding,
    InLine,
    NeedsPerson,
    Sending,
    StepWord,
    Waiting,
    run_of,
    word_of,
)

_HEADER = "| step | state | run | attempt | time |\n| --- | --- | --- | --- | --- |"
_TAIL = 6_000


def status_comment(release: Release, audience: Audience, *, web_url: str) -> str:
    """The whole body; `web_url` is GitHub's address for people."""
    view = View(release, audience, web_url)
    first = f"### {release_icon(release.word)} {release.pipeline} {release.version}: {release.word}"
    parts = [first, outlook(view), _table(view), *_parameters(view), *_below(view)]
    return cut("\n\n".join([*parts, f"{MARKER}{release.id} -->"]))


def shown_run(record: StepRecord) -> BoundRun | None:
    """The run that a step's state speaks of; one that is to be replaced is not shown."""
    match record.state:
        case Waiting() | InLine() | Due() | Sending() | Finding() | Expecting():
            return None
        case NeedsPerson():
            return run_of(record.state)
        case _:
            return record.run


def _table(view: View) -> str:
    return "\n".join([_HEADER, *(_row(view, step, record) for step, record in view.steps)])


def _row(view: View, step: Step, record: StepRecord) -> str:
    cells = [step_label(step.name), step_state(word_of(record.state)), NOTHING, NOTHING, NOTHING]
    if view.shows(step):
        run = shown_run(record)
        if run is not None and not isinstance(step, ApprovalStep):
            cells[2:4] = [view.run_link(step, run, f"#{run.id}"), str(run.attempt)]
        cells[4] = _time(view, record)
    return f"| {' | '.join(cells)} |"


def _time(view: View, record: StepRecord) -> str:
    if record.began_at is None:
        return NOTHING
    start = view.time(record.began_at)
    if record.ended_at is None:
        return start
    return f"{start}, {duration(record.ended_at - record.began_at)}"


def _parameters(view: View) -> Iterator[str]:
    given = [code(f"{name}={value}") for name, value in view.release.plan.parameters]
    if given and view.shows_file:
        yield f"With {joined(given)}."


def _below(view: View) -> Iterator[str]:
    """Two lists in a row would be one to GitHub: words stand between them."""
    calls, stands, happened = [*_attention(view)], _list(_stands(view)), _list(story(view))
    if calls:
        yield from (*_sides(view), *calls)
        yield from ("Of the other steps:", stands) if stands else ()
        yield from (NEWEST_FIRST, happened) if happened else ()
    else:
        yield from filter(None, ["\n".join(filter(None, [stands, happened]))])
        yield from _sides(view)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _sides(view: View) -> Iterator[str]:
    if matters(view):
        yield from filter(None, (sides(view), how_to_go_on(view)))


def _attention(view: View) -> Iterator[str]:
    """Of every step that needs a person: what is wrong, what to type, and the end of the log."""
    for step, record in view.steps:
        if isinstance(record.state, NeedsPerson) and view.shows(step):
            yield f"**{step.name}**: {current(view, step, record)}"
            yield from choice(view, step, lead="")
            if tail := log_tail(record.state, most=_TAIL):
                yield tail


def _stands(view: View) -> Iterator[str]:
    """Where steps stand, and what becomes of the names they move."""
    for step, record in view.steps:
        if not _is_told_already(view, record) and (text := current(view, step, record)):
            yield f"**{step.name}**: {text}"
    for step, record in view.steps:
        if text := moving(view, step, record):
            yield f"**{step.name}**: {text}"


def _is_told_already(view: View, record: StepRecord) -> bool:
    """In a paragraph of its own, or in the sentence at the top."""
    if isinstance(record.state, NeedsPerson):
        return True
    called = word_of(record.state) is StepWord.AWAITING_APPROVAL
    return called and view.release.word is ReleaseWord.RUNNING and not view.release.cancelling
