"""The network of the demo: the simulated GitHub on free loopback ports, and the post that reaches the bot.

Rule: whatever is opened here is closed when its context ends, however it ends.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import uvicorn
from starlette.types import ASGIApp

from bot.simulator.loop import keep_turning
from bot.simulator.transport import post_to
from bot.simulator.webhooks import Courier
from bot.simulator.world import World

_HOOK_TIMEOUT = 10.0
"""Seconds that GitHub waits for an answer.
https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/troubleshooting-webhooks#timed-out"""


def listening() -> socket.socket:
    """On a free port of this machine, out of reach of others."""
    return socket.create_server(("127.0.0.1", 0))


def address(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Uvicorn without its own idea of signals: Ctrl-C belongs to the demo."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp, sock: socket.socket) -> AsyncIterator[None]:
    """Answers on `sock` as long as this lasts."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


class Post:
    """GitHub's time passes and its deliveries are carried to `bot_url` while this context lasts."""

    def __init__(self, world: World, bot_url: str) -> None:
        # Without the user's proxies: they would see what has to stay on this machine.
        self._http = httpx.AsyncClient(trust_env=False, timeout=_HOOK_TIMEOUT)
        self._world, self._bot_url = world, bot_url
        self._turning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        courier = Courier(self._world, post_to(self._http, f"{self._bot_url}/webhook"))
        self._turning = asyncio.create_task(keep_turning(self._world, courier, asyncio.sleep))

    async def __aexit__(self, *_: object) -> None:
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
        await self._http.aclose()

    def check(self) -> None:
        """Raises what stopped the simulator, if something did."""
        if self._turning is not None and self._turning.done():
            self._turning.result()

    async def bot_is_ready(self) -> bool:
        """Whether the bot says so itself."""
        try:
            answer = await self._http.get(f"{self._bot_url}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == 200
