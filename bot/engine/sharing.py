"""Questions that many ask at once, asked a few times.

Rule: an answer is for those who came before its question was put; who comes later gets a newer one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

from bot.engine.ports import Clock

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

_PAUSE = 0.05
"""Seconds between the beginnings of two questions of one key: nobody notices, and a flood costs twenty in a second."""


class Sharing(Generic[Key, Answer]):
    """A question waits for the beginning of the one before it of the same key, not for its answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[Key, asyncio.Task[Answer]] = {}
        """Questions that are not put yet."""
        self._put: dict[Key, datetime] = {}

    async def ask(self, key: Key, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to `question`, or to somebody else's of the same key that is put from now on; raises the same."""
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._in_turn(key, question))
            self._next[key].add_done_callback(_is_answered)
        return await asyncio.shield(self._next[key])

    async def _in_turn(self, key: Key, question: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            put, now = self._put.get(key), self._clock.now()
            since = _PAUSE if put is None else (now - put).total_seconds()
            if 0 <= since < _PAUSE:
                await self._clock.sleep(_PAUSE - since)
        finally:
            del self._next[key]
        self._forget(now)
        self._put[key] = self._clock.now()
        return await question()

    def _forget(self, now: datetime) -> None:
        """Those whose pause is over."""
        for key, put in list(self._put.items()):
            if not 0 <= (now - put).total_seconds() < _PAUSE:
                del self._put[key]


def _is_answered(question: "asyncio.Task[Answer]") -> None:
    """Whoever has gone meanwhile asks no more how it ended."""
    if not question.cancelled():
        question.exception()
