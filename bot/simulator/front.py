"""The REST face: an ASGI app that answers as api.github.com does.

Rule: every request is in the ledger, and what no route knows is in `world.unexpected` and answered 404.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.simulator.auth import Caller
from bot.simulator.call import Answer
from bot.simulator.faults import Break, BrokenConnectionError, Fault
from bot.simulator.ledger import Entry, JsonObject
from bot.simulator.rendering import finish
from bot.simulator.routing import handle, raw_path

if TYPE_CHECKING:
    from bot.simulator.world import World

Sleep = Callable[[float], Awaitable[None]]


def face(world: World, sleep: Sleep) -> ASGIApp:
    """The face as the in-process transport needs it: a broken connection is raised, not acted out.

    `sleep` passes the seconds of a slow answer.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response = await _respond(world, Request(scope, receive), sleep)
        await response(scope, receive, send)

    return app


def api(world: World) -> ASGIApp:
    """The face for a real server: a broken connection is an answer cut short, a hang really lasts.

    Start uvicorn with `date_header=False`: the world's own clock is in `Date`.
    """
    inner = face(world, asyncio.sleep)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await inner(scope, receive, send)
        except BrokenConnectionError as broken:
            while broken.how is Break.HANG and (await receive())["type"] != "http.disconnect":
                pass
            # A server cannot refuse a request it has read; it can promise bytes and hang up.
            headers = [(b"content-length", b"1000"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})

    return app


async def _respond(world: World, request: Request, sleep: Sleep) -> Response:
    world.turn()
    raw = await request.body()
    entry = _enter(world, request, raw)
    fault = world.trouble.hit(entry)
    if fault is not None:
        entry.fault = fault.words
        if fault.when == "before" and (answer := await _act_out(fault, sleep)) is not None:
            return finish(world, request, entry, answer)
    answer = handle(world, request, entry, raw)
    entry.effect = entry.method != "GET" and answer.status < 300
    if fault is not None and fault.when == "after":
        answer = await _act_out(fault, sleep) or answer
    return finish(world, request, entry, answer)


async def _act_out(fault: Fault, sleep: Sleep) -> Answer | None:
    if fault.call is not None:
        fault.call()
    if fault.delay:
        await sleep(fault.delay / timedelta(seconds=1))
    if fault.breaks is not None:
        raise BrokenConnectionError(fault.breaks)
    if fault.failure is not None:
        return Answer(fault.failure.status, fault.failure.body, fault.failure.headers)
    return None


def _enter(world: World, request: Request, raw: bytes) -> Entry:
    caller = Caller(world, request.headers.get("authorization", ""))
    prefix = urlsplit(world.urls.api).path
    entry = Entry(
        number=len(world.ledger) + 1,
        at=world.clock.now(),
        method=request.method,
        path=raw_path(request).removeprefix(prefix),
        query=dict(request.query_params),
        headers={name: value for name, value in request.headers.items() if name != "authorization"},
        body=_parsed(raw),
        scope=caller.scope,
    )
    world.ledger.append(entry)
    return entry


def _parsed(raw: bytes) -> JsonObject | None:
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
