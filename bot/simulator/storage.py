"""Log storage: the other host that job logs redirect to.

Rule: an address is good for one minute and needs no credentials; one that comes with some is refused.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from bot.simulator.world import World

# https://docs.github.com/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
LINK_LIFE = timedelta(minutes=1)
BLOB_NOT_FOUND = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code>'
    "<Message>The specified blob does not exist.</Message></Error>"
)
BAD_AUTHENTICATION = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>InvalidAuthenticationInfo</Code>'
    "<Message>Authentication information is not given in the correct format.</Message></Error>"
)


def new_link(world: World, log: bytes | None) -> str:
    """An address for a log; None: the address of a log that was never written."""
    key = f"{len(world.log_links) + 1:08d}"
    world.log_links[key] = (log, world.clock.now() + LINK_LIFE)
    return f"{world.urls.logs}/logs/{key}.txt?sig=simulated"


def log_storage(world: World) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        await _respond(world, request)(scope, receive, send)

    return app


def _respond(world: World, request: Request) -> Response:
    if "authorization" in request.headers:
        world.unexpected.append(f"log storage was sent credentials: {request.url.path}")
        return Response(BAD_AUTHENTICATION, 401, media_type="application/xml")
    key = request.url.path.removeprefix("/logs/").removesuffix(".txt")
    log, until = world.log_links.get(key, (None, world.clock.now()))
    if until < world.clock.now():
        return Response(
            BLOB_NOT_FOUND.replace("BlobNotFound", "AuthenticationFailed"), 403, media_type="application/xml"
        )
    if log is None:
        return Response(BLOB_NOT_FOUND, 404, media_type="application/xml")
    return Response(log, media_type="text/plain")
