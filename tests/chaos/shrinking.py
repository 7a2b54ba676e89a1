"""From a red story to the shortest one that is red for the same reason.

Rule: what is left out is left out for good as soon as the story stays red without it; nothing is ever added.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.chaos.story import Story

Tell = Callable[[Story], str | None]
"""The name of the promise that a story breaks."""


def shortest(story: Story, tell: Tell, *, most: int = 120) -> Story:
    """At most `most` tellings are spent on it."""
    broken, left = tell(story), most
    changed = True
    while changed:
        changed = False
        for shorter in _shorter(story):
            if left <= 0:
                return story
            left -= 1
            if tell(shorter) == broken:
                story, changed = shorter, True
                break
    return story


def _shorter(story: Story) -> Iterator[Story]:
    """Half of the mishaps gone, then single ones, then single releases, then plainer circumstances."""
    some = story.mishaps
    if len(some) > 3:
        yield replace(story, mishaps=some[: len(some) // 2])
        yield replace(story, mishaps=some[len(some) // 2 :])
    for place in range(len(some)):
        yield replace(story, mishaps=some[:place] + some[place + 1 :])
    if len(story.asks) > 1:
        for place in range(len(story.asks)):
            yield replace(story, asks=story.asks[:place] + story.asks[place + 1 :])
    if story.old_api:
        yield replace(story, old_api=False)
    if story.private_home:
        yield replace(story, private_home=False)
    for place, mishap in enumerate(some):
        if mishap.n > 1:
            smaller = replace(mishap, n=mishap.n // 2)
            yield replace(story, mishaps=(*some[:place], smaller, *some[place + 1 :]))
