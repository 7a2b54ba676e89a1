"""The simulator as an httpx transport: no sockets, and faults as a client really meets them.

Rule: a request to a host that is neither the API nor the log storage is a mistake, and is noted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from bot.simulator.faults import Break, BrokenConnectionError
from bot.simulator.front import face
from bot.simulator.storage import log_storage
from bot.simulator.webhooks import Send

if TYPE_CHECKING:
    from bot.simulator.world import World

Sleep = Callable[[float], Awaitable[None]]
LONG = 3_600.0


class SimulatorTransport(httpx.AsyncBaseTransport):
    """`sleep` passes seconds of the caller's time: virtual in tests.

    A request raises httpx.ConnectError, httpx.ReadError or httpx.ReadTimeout as the staged fault says.
    """

    def __init__(self, world: World, sleep: Sleep) -> None:
        self._world, self._sleep = world, sleep
        self._logs = httpx.ASGITransport(log_storage(world))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.netloc.decode()
        try:
            if host == urlsplit(self._world.urls.api).netloc:
                return await self._ask_api(request)
            if host == urlsplit(self._world.urls.logs).netloc:
                return await self._logs.handle_async_request(request)
        except BrokenConnectionError as broken:
            raise await self._seen_by_client(broken.how, request) from broken
        self._world.unexpected.append(f"{request.method} {request.url}: a host the simulator does not play")
        raise httpx.ConnectError(f"{host}: name or service not known", request=request)

    async def _ask_api(self, request: httpx.Request) -> httpx.Response:
        async def patience(seconds: float) -> None:
            longest = read_timeout(request)
            await self._sleep(min(seconds, longest))
            if seconds > longest:
                raise httpx.ReadTimeout("The read operation timed out", request=request)

        return await httpx.ASGITransport(face(self._world, patience)).handle_async_request(request)

    async def _seen_by_client(self, how: Break, request: httpx.Request) -> httpx.TransportError:
        match how:
            case Break.CONNECT:
                return httpx.ConnectError("All connection attempts failed", request=request)
            case Break.RESET:
                return httpx.ReadError("Connection reset by peer", request=request)
            case Break.HANG:
                await self._sleep(read_timeout(request))
                return httpx.ReadTimeout("The read operation timed out", request=request)


def post_to(client: httpx.AsyncClient, url: str) -> Send:
    """How a courier reaches the door at that address; a door that is not there raises ConnectionError."""

    async def send(body: bytes, headers: dict[str, str]) -> int:
        try:
            answer = await client.post(url, content=body, headers=headers)
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error
        return answer.status_code

    return send


def read_timeout(request: httpx.Request) -> float:
    """Seconds the client waits for an answer; an hour when it has no limit."""
    timeout = request.extensions.get("timeout")
    seconds = timeout.get("read") if isinstance(timeout, dict) else None
    return float(seconds) if seconds is not None else LONG
