"""A story in words, for whoever has to understand why it is red.

Rule: what was meant to happen comes first, then what happened, without the reading in between.
"""

from collections.abc import Iterator

from tests.chaos.campaign import Verdict
from tests.chaos.catalogue import words_of
from tests.chaos.story import Story


def meant(story: Story) -> Iterator[str]:
    """The cast and the mishaps, in their order."""
    home = "the private repository" if story.private_home else "the public repository"
    api = "2022-11-28 only" if story.old_api else "2026-03-10"
    yield f"pipeline: {story.shape}; home: {home}; API: {api}; a look every {story.look_seconds} s"
    for ask in story.asks:
        yield f"{ask.at:8.1f} s  {ask.by} asks for {ask.version} in issue {ask.issue}"
    for mishap in story.mishaps:
        yield f"{mishap.at:8.1f} s  {words_of(mishap)}"
    yield f"{story.calm:8.1f} s  calm"


def happened(verdict: Verdict) -> Iterator[str]:
    """What changed something, and what went wrong: reads and deliveries are left out."""
    for line in verdict.trace:
        if not line[10:].startswith("    "):
            yield line


def as_words(verdict: Verdict) -> str:
    parts = [
        f"seed {verdict.story.seed}",
        *meant(verdict.story),
        "",
        *happened(verdict),
        "",
        outcome(verdict),
    ]
    return "\n".join(parts)


def outcome(verdict: Verdict) -> str:
    if verdict.broken is None:
        return (
            f"every promise was kept; the releases ended as: {', '.join(verdict.words) or 'none was started'}"
        )
    return f"BROKEN: {verdict.broken}: {verdict.how}"


def as_code(story: Story) -> str:
    """Ready to become a regression test."""
    lines = [f"Story(seed={story.seed}, shape={story.shape!r}, asks={story.asks!r},", "    mishaps=("]
    lines += [f"        {mishap!r}," for mishap in story.mishaps]
    lines += [f"    ), calm={story.calm}, old_api={story.old_api}, private_home={story.private_home},"]
    return "\n".join([*lines, f"    look_seconds={story.look_seconds})"])
