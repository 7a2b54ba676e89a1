"""All open releases of a home at a glance: versions by steps, who needs a person first.

Rule: of a step the reader may not see only its name and its state word are in it.
"""

from collections.abc import Iterator, Mapping, Sequence

from bot.core.audience import Audience
from bot.core.model import Release, ReleaseWord
from bot.core.present.inert import code, cut
from bot.core.present.outlook import outlook
from bot.core.present.view import View
from bot.core.present.words import NOTHING, count, release_icon, step_label, step_state
from bot.core.states import StepWord, word_of

_MOST_ROWS = 30


def board_answer(
    pipeline: str,
    releases: Sequence[Release],
    audience: Audience,
    *,
    web_url: str,
    comments: Mapping[str, int],
) -> str:
    """A table for each pipeline, the one that was asked for first, unless others call for somebody.

    `releases`: all that are open, oldest first. What needs nobody is left out first. `comments`: the id of each status
    comment by the release's id, as far as they are known.
    """
    parts = [_first_sentence(pipeline, releases)]
    for those in _by_pipeline(pipeline, sorted(releases, key=_rank)[:_MOST_ROWS]):
        shown = [View(release, audience, web_url) for release in those]
        parts.append("\n".join(_table(shown, comments)))
        parts.append("\n".join(f"- **{view.title}**: {outlook(view)}" for view in shown))
    if len(releases) > _MOST_ROWS:
        parts.append(f"And {len(releases) - _MOST_ROWS} more.")
    return cut("\n\n".join(parts))


def _first_sentence(pipeline: str, releases: Sequence[Release]) -> str:
    calling = sum(_rank(release) == 0 for release in releases)
    which = "all" if calling == len(releases) > 1 else str(calling)
    needs = f", {which} of them {'needs' if calling == 1 else 'need'} a person" if calling else ""
    those = f"{count(len(releases), 'release')} {'is' if len(releases) == 1 else 'are'} open"
    if all(release.pipeline.lower() != pipeline.lower() for release in releases):
        return f"No release of {code(pipeline)} is open. Of other pipelines {those}{needs}."
    return f"{those}{needs}."


def _by_pipeline(pipeline: str, ranked: Sequence[Release]) -> Iterator[list[Release]]:
    """The releases of each pipeline; pipelines of which one needs a person come first."""
    groups: dict[str, list[Release]] = {pipeline.lower(): []}
    for release in ranked:
        groups.setdefault(release.pipeline.lower(), []).append(release)
    yield from sorted(filter(None, groups.values()), key=lambda those: _rank(those[0]) > 0)


def _rank(release: Release) -> int:
    if release.word is ReleaseWord.NEEDS_ATTENTION:
        return 0
    asks = any(word_of(record.state) is StepWord.AWAITING_APPROVAL for record in release.steps.values())
    return 1 if asks else 2


def _table(views: Sequence[View], comments: Mapping[str, int]) -> Iterator[str]:
    columns = _columns(views)
    yield f"| release | state | {' | '.join(map(step_label, columns))} |"
    yield f"| --- | --- |{' --- |' * len(columns)}"
    for view in views:
        release = view.release
        comment = comments.get(release.id)
        url = view.issue_url if comment is None else view.comment_url(comment)
        cells = [f"[{view.title}]({url})", f"{release_icon(release.word)} {release.word}"]
        for name in columns:
            record = release.steps.get(name)
            cells.append(step_state(word_of(record.state)) if record else NOTHING)
        yield f"| {' | '.join(cells)} |"


def _columns(views: Sequence[View]) -> list[str]:
    """The steps of all plans: one that a plan has besides stands behind the step it follows there."""
    columns: list[str] = []
    for view in views:
        place = 0
        for step in view.release.plan:
            if step.name not in columns:
                columns.insert(place, step.name)
            place = columns.index(step.name) + 1
    return columns
