"""The bot's line to GitHub, which can be cut in the middle of a request: what a killed process leaves behind.

Rule: on a cut line nothing is answered any more. Whoever asked waits until the process is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import httpx

When = Literal["before", "after"]
"""Whether GitHub has done what the last request asked for when the process is gone."""


class Wire(httpx.AsyncBaseTransport):
    """Outlives the bot, and is cut at the requests that were named."""

    def __init__(self, line: httpx.AsyncBaseTransport) -> None:
        self._line = line
        self._when: When = "before"
        self._named: Callable[[httpx.Request], bool] = lambda _request: False
        self._slow: Callable[[httpx.Request], bool] = lambda _request: False
        self._takes_its_time: Callable[[], Awaitable[None]] | None = None
        self.received: list[asyncio.Task[httpx.Response]] = []
        """Requests that GitHub carries out in its own time, whether or not anybody still waits for the answer."""
        self.cut = False
        self.cuts: list[str] = []
        """The requests at which the line was cut."""

    def is_cut_at(self, named: Callable[[httpx.Request], bool], *, when: When) -> None:
        self._named, self._when = named, when

    def is_slow_at(
        self, named: Callable[[httpx.Request], bool], takes_its_time: Callable[[], Awaitable[None]]
    ) -> None:
        self._slow, self._takes_its_time = named, takes_its_time

    def mended(self) -> None:
        self.cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        named = not self.cut and self._named(request)
        if named:
            self.cuts.append(f"{request.method} {request.url.path}")
            self.cut = self._when == "before"
        if self.cut:
            await self._silence()
        answer = await self._answer(request)
        self.cut = self.cut or named
        if self.cut:
            await self._silence()
        return answer

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if not self._slow(request):
            return await self._line.handle_async_request(request)
        self.received.append(asyncio.create_task(self._slowly(request)))
        return await asyncio.shield(self.received[-1])

    async def _slowly(self, request: httpx.Request) -> httpx.Response:
        assert self._takes_its_time is not None
        await self._takes_its_time()
        return await self._line.handle_async_request(request)

    async def _silence(self) -> None:
        await asyncio.get_running_loop().create_future()
