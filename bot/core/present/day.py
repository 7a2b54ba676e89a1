"""What a day of releases came to: one comment when the last of them is over.

Rule: it mentions nobody. Counted are the steps whose repositories the reader may see, and no others.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.audience import Audience
from bot.core.days import Ended
from bot.core.model import ReleaseWord
from bot.core.present.inert import cut
from bot.core.present.view import View
from bot.core.present.words import NOTHING, clock, count, date, duration, joined, release_icon
from bot.core.states import StepWord, word_of
from bot.core.versions import Version

_HEADER = "| release | state | duration | re-runs | a person was needed |\n| --- | --- | --- | --- | --- |"


def day_comment(day: Sequence[Ended], audience: Audience, *, web_url: str) -> str:
    """`day`: all releases of the day, two or more, in the order of their beginning; the first names the last line."""
    views = {one.release.id: View(one.release, audience, web_url) for one in day}
    ordered = sorted(day, key=lambda one: (one.release.pipeline.lower(), Version.parse(one.release.version)))
    rows = [_row(views[one.release.id], one) for one in ordered]
    table = "\n".join([_HEADER, *rows, _sums(list(views.values()), day)])
    parts = [_first_sentence(day), table]
    if any(not view.shows(step) for view in views.values() for step, _ in view.steps):
        parts.append("Not counted: what happened in private repositories.")
    body = cut("\n\n".join(parts))
    return f"{body}\n\n<!-- release-bot-day:{day[0].release.id} -->"


def _first_sentence(day: Sequence[Ended]) -> str:
    began, last = _span(day)
    time = f"from {clock(began, day=began)} to {clock(last, day=began)}"
    # not "are over": another one may begin on the same day, and this is edited only when that has ended too
    return f"**Releases of {date(began)}:** {_states(day)}, {time}."


def _span(day: Sequence[Ended]) -> tuple[datetime, datetime]:
    return min(one.release.asked_at for one in day), max(one.at for one in day)


def _states(day: Sequence[Ended]) -> str:
    words = [one.release.word for one in day]
    those = (ReleaseWord.RELEASED, ReleaseWord.CANCELLED)
    return joined([f"{words.count(word)} {word}" for word in those if word in words])


def _row(view: View, one: Ended) -> str:
    release = view.release
    name = view.title if one.status is None else f"[{view.title}]({view.comment_url(one.status)})"
    skipped = sum(word_of(record.state) is StepWord.SKIPPED for _, record in view.steps)
    state = f"{release_icon(release.word)} {release.word}" + (f", {skipped} skipped" if skipped else "")
    took = duration(max(timedelta(), one.at - release.asked_at))
    return _line(name, state, took, _reruns([view]), _calls([view]))


def _sums(views: Sequence[View], day: Sequence[Ended]) -> str:
    began, last = _span(day)
    cells = ("in all", _states(day), duration(last - began), _reruns(views), _calls(views))
    return _line(*(f"**{cell}**" if cell != NOTHING else cell for cell in cells))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _reruns(views: Sequence[View]) -> str:
    """`3: 2 transient, 1 flaky`."""
    causes: Counter[str] = Counter()
    for view in views:
        for by_cause in _by_cause(view):
            causes.update(by_cause)
    told = ", ".join(f"{number} {cause}" for cause, number in causes.most_common() if number)
    return f"{causes.total()}: {told}" if told else NOTHING


def _by_cause(view: View) -> Iterator[Mapping[str, int]]:
    for step, record in view.steps:
        if view.shows(step):
            yield {str(cause): number for cause, number in record.reruns_by_cause.items()}


def _calls(views: Sequence[View]) -> str:
    """How often a person was called for a problem."""
    calls = sum(record.problems for view in views for step, record in view.steps if view.shows(step))
    return {0: NOTHING, 1: "once", 2: "twice"}.get(calls, count(calls, "time"))
