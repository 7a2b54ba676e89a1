"""Whether GitHub takes the app's key, for those who watch the process.

Rule: GitHub being away says nothing about the key; only its clear refusal does, until it takes the key again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from bot.core.facts import GitHubError
from bot.github.auth import AppAuth, Key
from bot.github.routes import route

_AGAIN = timedelta(seconds=30)
_PATIENCE = 2.0


class KeyCheck:
    """Asks GitHub who the app is as long as nothing else has shown that its key is good."""

    def __init__(self, auth: AppAuth, now: Callable[[], datetime]) -> None:
        self._auth, self._now = auth, now
        self._asked_at: datetime | None = None

    async def refused(self) -> bool:
        """Takes two seconds at most, and makes one call in half a minute at most.

        https://docs.github.com/rest/apps/apps#get-the-authenticated-app
        """
        if self._auth.key is not Key.TAKEN and self._is_due():
            self._asked_at = self._now()
            with suppress(GitHubError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._auth.get(route("/app"))
        return self._auth.key is Key.REFUSED

    def _is_due(self) -> bool:
        return self._asked_at is None or not timedelta() <= self._now() - self._asked_at < _AGAIN
