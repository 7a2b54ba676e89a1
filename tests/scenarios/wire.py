"""The bot's line to GitHub, which can be cut in the middle of a request: what a killed process leaves behind.

Rule: on a cut line nothing is answered any more. Whoever asked waits until the process is gone.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

import httpx

When = Literal["before", "after"]
"""Whether GitHub has done what the last request asked for when the process is gone."""


class Wire(httpx.AsyncBaseTransport):
    """Counts the requests from 1 on, over all lives of the bot, and is cut at those that were named."""

    def __init__(self, line: httpx.AsyncBaseTransport) -> None:
        self._line = line
        self._when: When = "before"
        self._named: Callable[[int, httpx.Request], bool] = lambda _number, _request: False
        self.asked = 0
        self.cut = False
        self.cuts: list[str] = []
        """The requests at which the line was cut."""

    def is_cut_at(self, named: Callable[[int, httpx.Request], bool], *, when: When) -> None:
        self._named, self._when = named, when

    def mended(self) -> None:
        self.cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            await self._silence()
        self.asked += 1
        if not self._named(self.asked, request):
            return await self._line.handle_async_request(request)
        self.cuts.append(f"{self.asked} {request.method} {request.url.path}")
        if self._when == "before":
            self.cut = True
        else:
            await self._line.handle_async_request(request)
            self.cut = True
        await self._silence()
        raise AssertionError("silence has no end")

    async def _silence(self) -> None:
        await asyncio.get_running_loop().create_future()
