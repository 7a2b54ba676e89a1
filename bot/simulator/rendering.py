"""From an answer to the bytes that are sent: headers, limits, conditional requests."""

from __future__ import annotations

import json
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from bot.simulator.call import Answer
from bot.simulator.ledger import Entry

if TYPE_CHECKING:
    from bot.simulator.world import World


def finish(world: World, request: Request, entry: Entry, answer: Answer) -> Response:
    """The answer on the wire, with an ETag where there is something to compare.

    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    entry.status, entry.answer = answer.status, answer.body
    headers = _headers(world, entry) | {name.lower(): value for name, value in answer.headers.items()}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    if isinstance(answer.body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        return Response(answer.body, answer.status, headers)
    text = json.dumps(answer.body)
    headers.setdefault("content-type", "application/json; charset=utf-8")
    if entry.method == "GET" and answer.status == 200:
        headers["etag"] = f'W/"{sha256(text.encode()).hexdigest()}"'
        if request.headers.get("if-none-match") == headers["etag"]:
            world.rates.give_back(entry.scope.installation_id)
            entry.status = 304
            del headers["content-type"]
            return Response(status_code=304, headers=_headers(world, entry) | {"etag": headers["etag"]})
    return Response(text, answer.status, headers)


def _headers(world: World, entry: Entry) -> dict[str, str]:
    return {
        "date": format_datetime(world.clock.now(), usegmt=True),
        "server": "github.com",
        "x-github-request-id": f"{entry.number:04X}:SIMULATOR",
        **world.rates.headers(entry.scope.installation_id),
    }
