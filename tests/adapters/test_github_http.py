"""Requests over real connections, on the loopback: what a server sees, and what a broken one leaves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from bot.core.facts import Unreachable
from bot.github.circuit import OPENS_AFTER
from bot.github.http import Answer, Http

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


def whenever() -> None:
    """No deadline."""


@dataclass
class Server:
    """Answers as `serve` says; `connections` and `heads` tell what arrived."""

    serve: Serve
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not reader.at_eof():
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    await writer.drain()


async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    raise ConnectionError


async def answer_half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK[:-1])
    await writer.drain()
    raise ConnectionError


@asynccontextmanager
async def running(serve: Serve) -> AsyncIterator[tuple[Server, Http]]:
    server, http = Server(serve), Http()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/x"
    try:
        yield server, http
    finally:
        await http.aclose()
        listening.close()
        await listening.wait_closed()


async def post(http: Http, url: str, *, fresh: bool = True, before: Callable[[], None] = whenever) -> Answer:
    return await http.send("POST", url, headers={}, content=None, fresh=fresh, before=before)


@pytest.mark.parametrize(("fresh", "connections"), [(True, 3), (False, 1)])
async def test_calls_that_cannot_be_repeated_have_a_connection_each(fresh: bool, connections: int) -> None:
    async with running(answer) as (server, http):
        statuses = [(await post(http, server.url, fresh=fresh)).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert server.connections == connections


@pytest.mark.parametrize("serve", [break_off, answer_half])
async def test_a_connection_that_breaks_after_the_request_is_a_doubt_and_sent_once(serve: Serve) -> None:
    async with running(serve) as (server, http):
        with pytest.raises(Unreachable) as error:
            await post(http, server.url)

    assert error.value.sent
    assert len(server.heads) == 1


async def test_a_server_that_is_not_there_is_definite() -> None:
    async with running(answer) as (server, http):
        url = server.url
    http = Http()

    with pytest.raises(Unreachable) as error:
        await post(http, url)

    await http.aclose()
    assert error.value.definite


async def test_a_request_whose_time_passes_while_the_connection_is_made_is_not_sent() -> None:
    asked: list[str] = []

    def only_once() -> None:
        asked.append("now")
        if len(asked) > 1:
            raise Unreachable("too late", sent=False)

    async with running(answer) as (server, http):
        with pytest.raises(Unreachable, match="too late") as error:
            await post(http, server.url, before=only_once)
        with pytest.raises(Unreachable):
            await post(http, server.url, before=only_once)
        again = await post(http, server.url)

    assert error.value.definite
    assert again.status == 200
    assert len(server.heads) == 1


async def test_a_broken_download_is_empty() -> None:
    async with running(answer_half) as (server, http):
        assert await http.tail(server.url, most=100) == b""


async def test_addresses_are_kept_out_of_the_log_of_the_library() -> None:
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)

    http = Http()

    await http.aclose()
    assert not any(logger.isEnabledFor(logging.INFO) for logger in loggers)
    assert all(logger.isEnabledFor(logging.WARNING) for logger in loggers)


async def test_a_server_that_keeps_failing_is_left_alone_for_a_while_by_the_real_clock() -> None:
    http = Http()
    async with running(answer) as (server, _):
        url = server.url  # nobody listens there afterwards

    for number in range(OPENS_AFTER):
        with pytest.raises(Unreachable):
            await post(http, f"{url}{number}")

    await http.aclose()
    assert http.circuit.open_until is not None
    assert abs((http.circuit.open_until - datetime.now(UTC)).total_seconds()) < 60
