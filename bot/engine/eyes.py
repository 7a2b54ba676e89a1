"""The first thing the writer of a command sees, and how many strangers see it.

Rule: `eyes` within two seconds, whatever has to be waited for. Strangers get reactions ten times in an hour in one
repository and no more, so whoever may be one too many sees nothing before it is known who it is.
"""

import asyncio
from collections import defaultdict
from datetime import timedelta

from bot.engine.heard import Heard
from bot.engine.means import Means
from bot.engine.posts import Poster

STRANGERS_PER_HOUR = 10
_HOUR = timedelta(hours=1)


class Eyes:
    """Shows that a command was seen."""

    def __init__(self, means: Means, poster: Poster) -> None:
        self._homes = means.store.homes
        self._clock = means.clock
        self._poster = poster
        self._lock = asyncio.Lock()
        self._shown: set[str] = set()
        self._unjudged: defaultdict[str, set[str]] = defaultdict(set)
        """Of each home the commands that were shown to be seen before it was known whose they are."""
        self._no_strangers: set[tuple[str, int]] = set()
        """Of each home the people who were none when they were asked about last: they take nobody's place."""

    async def at_once(self, heard: Heard) -> None:
        """Before it is known who it is; on a pull request there is only the last reaction."""
        if heard.comment.is_pull_request:
            return
        async with self._lock:
            if _whose(heard) in self._no_strangers:
                self.show(heard)
            elif heard.delivery not in self._shown and await self._has_room(heard):
                self._unjudged[heard.home.lower()].add(heard.delivery)
                self.show(heard)

    def show(self, heard: Heard) -> None:
        """Now that it is known who it is; said again it does nothing."""
        if heard.delivery not in self._shown:
            self._shown.add(heard.delivery)
            self._poster.react_soon(heard.home, heard.comment.comment_id, "eyes")

    async def stranger(self, heard: Heard) -> bool:
        """A stranger's command: whether it gets its reactions, and then it counts."""
        self._no_strangers.discard(_whose(heard))
        async with self._lock:
            if heard.delivery not in self._shown and not await self._has_room(heard):
                return False
            await self._homes.count_stranger(heard.home, self._clock.now())
            self._unjudged[heard.home.lower()].discard(heard.delivery)
            return True

    def judged(self, heard: Heard, *, known: bool) -> None:
        """It is no stranger's; `known`: GitHub said so."""
        self._unjudged[heard.home.lower()].discard(heard.delivery)
        if known:
            self._no_strangers.add(_whose(heard))

    def forget(self, heard: Heard) -> None:
        """The command has come to its end."""
        self._unjudged[heard.home.lower()].discard(heard.delivery)
        self._shown.discard(heard.delivery)

    async def _has_room(self, heard: Heard) -> bool:
        counted = await self._homes.strangers(heard.home, self._clock.now() - _HOUR)
        return counted + len(self._unjudged[heard.home.lower()]) < STRANGERS_PER_HOUR


def _whose(heard: Heard) -> tuple[str, int]:
    return heard.home.lower(), heard.person.id
