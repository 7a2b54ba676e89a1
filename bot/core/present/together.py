"""The comment that lists the releases which one command started, edited in place like their status comments.

Rule: the table, and its own marker as the last line. No clock: the same releases give the same text.
"""

from collections.abc import Iterator, Sequence

from bot.core.audience import Audience
from bot.core.model import Release, ReleaseWord
from bot.core.present.inert import TOGETHER_MARKER, cut
from bot.core.present.outlook import brief
from bot.core.present.view import View
from bot.core.present.words import count, release_icon

Listed = tuple[Release, int | None]
"""A release, and the id of its status comment if that is known."""


def together_comment(listed: Sequence[Listed], audience: Audience, *, web_url: str) -> str:
    """The whole body; `listed`: two releases or more, in the order in which they were asked for."""
    releases = [release for release, _ in listed]
    rows = [_row(View(release, audience, web_url), status) for release, status in listed]
    table = "\n".join(["| release | state | what happens |", "| --- | --- | --- |", *rows])
    return cut(f"{_first_line(releases)}\n\n{table}\n\n{together_marker(releases[0])}")


def together_marker(release: Release) -> str:
    """The last line; the same for all releases of one command."""
    return f"{TOGETHER_MARKER}{release.together[0]} -->"


def _first_line(releases: Sequence[Release]) -> str:
    return f"**{count(len(releases), 'release')} of one command:** {', '.join(_counted(releases))}."


def _counted(releases: Sequence[Release]) -> Iterator[str]:
    """How many are in each state, what calls for somebody first."""
    words = [release.word for release in releases]
    order = (ReleaseWord.NEEDS_ATTENTION, *ReleaseWord)
    for word in dict.fromkeys(order):
        number = words.count(word)
        if word is ReleaseWord.NEEDS_ATTENTION and number:
            yield f"{number} {'needs' if number == 1 else 'need'} attention"
        elif number:
            yield f"{number} {word}"


def _row(view: View, status: int | None) -> str:
    release = view.release
    name = f"[{view.title}]({view.comment_url(status)})" if status is not None else view.title
    return f"| {name} | {release_icon(release.word)} {release.word} | {brief(view)} |"
