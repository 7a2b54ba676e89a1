"""The stage of the stories made quicker, for a thousand days: no thread, and no HTTP client before the bot's door.

Rule: what the bot does and GitHub sees is the same as on the slower stage; only the machine has less to do.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import TypeVar

from bot.store.threads import Threads
from tests.scenarios.stage import Stage

Result = TypeVar("Result")
_Message = MutableMapping[str, object]


class _AtOnce:
    """Transactions in the event loop: where time stands still nobody waits for a disk."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def run(self, work: Callable[[], Result]) -> Result:
        return work()

    async def close(self) -> None:
        await self._threads.close()


class QuickStage(Stage):
    """A stage for one bot that is not killed."""

    async def opens(self, **settings: str) -> Stage:
        await super().opens(**settings)
        assert self.bot is not None
        database = self.bot.store.database
        database._threads = _AtOnce(database._threads)
        return self

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        if self.bot is None:
            raise OSError("nobody listens")
        answered: list[object] = []

        async def receive() -> _Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: _Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])

        await self.bot.web(_scope(headers), receive, send)
        (status,) = answered
        assert isinstance(status, int)
        return status

    async def settle(self) -> None:
        loop = asyncio.get_running_loop()
        quiet = 0
        while quiet < 2:
            self.world.turn()
            await self.courier.deliver_due()
            await asyncio.sleep(0)
            # asyncio has no public word for whether anything is ready to run.
            if self.bot is not None and self.bot.store.busy:
                await asyncio.sleep(0 if loop._ready else 0.0002)  # type: ignore[attr-defined]
                quiet = 0
            else:
                quiet = 0 if loop._ready else quiet + 1  # type: ignore[attr-defined]


def _scope(headers: dict[str, str]) -> _Message:
    """https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope"""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "path": "/webhook",
        "raw_path": b"/webhook",
        "query_string": b"",
        "server": ("bot", None),
        "client": ("127.0.0.1", 123),
        "root_path": "",
    }
