"""Requests at the door as GitHub, a proxy or a broken sender would make them.

Rule: headers are what GitHub sends, signed with the world's secret, and a test says only what is different.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterable, Mapping

import httpx

from bot.simulator.webhooks import Delivery
from tests.scenarios.stage import Stage

NEW_GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def headers(stage: Stage, body: bytes, *, event: str, guid: str = NEW_GUID) -> dict[str, str]:
    digest = hmac.new(stage.world.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5c1b0a7",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": f"sha256={digest}",
    }


async def posted(stage: Stage, body: bytes | AsyncIterable[bytes], sent: Mapping[str, str]) -> httpx.Response:
    """The door's answer; nothing else is waited for."""
    assert stage.bot is not None
    app = httpx.ASGITransport(app=stage.bot.web, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=app, base_url="http://bot") as http:
        return await http.post("/webhook", content=body, headers=dict(sent))


async def arrives(
    stage: Stage, event: str, payload: Mapping[str, object], *, guid: str = NEW_GUID
) -> httpx.Response:
    """A signed delivery, and what the bot makes of it at once."""
    body = json.dumps(payload).encode()
    answer = await posted(stage, body, headers(stage, body, event=event, guid=guid))
    await stage.settle()
    return answer


def sent(stage: Stage, event: str, action: str | None = None) -> list[Delivery]:
    """What GitHub tried to deliver, oldest first."""
    return [d for d in stage.world.hook.log if d.event == event and action in (None, d.action)]


async def metric(stage: Stage, name: str) -> list[str]:
    """The lines of a metric on the metrics page."""
    assert stage.bot is not None
    app = httpx.ASGITransport(app=stage.bot.web)
    async with httpx.AsyncClient(transport=app, base_url="http://bot") as http:
        page = (await http.get("/metrics")).text
    return [line for line in page.splitlines() if line.startswith(name)]


async def ready(stage: Stage) -> httpx.Response:
    """What the readiness page says."""
    assert stage.bot is not None
    app = httpx.ASGITransport(app=stage.bot.web)
    async with httpx.AsyncClient(transport=app, base_url="http://bot") as http:
        return await http.get("/readyz")
