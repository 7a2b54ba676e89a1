"""Webhooks: what changes is announced to the app, signed; a `Post` plan says what becomes of deliveries.

Rule: the payload is what was true when it was announced; the log keeps every attempt.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from bot.simulator.ledger import JsonObject
from bot.simulator.post import Post
from bot.simulator.repositories import Installation, Person, Repository
from bot.simulator.shapes import person_shape, repository_shape

if TYPE_CHECKING:
    from bot.simulator.world import World

HOOK_ID = 590_001
ALWAYS_SENT = ("installation", "installation_repositories", "ping")
# GitHub stops sending, not truncates. https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap
PAYLOAD_CAP = 25 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Delivery:
    """One attempt to deliver one event; a redelivery is a further one with the same guid."""

    id: int
    guid: str
    event: str
    action: str | None
    payload: JsonObject
    body: bytes
    installation_id: int | None
    repository_id: int | None
    due_at: datetime
    redelivery: bool = False
    delivered_at: datetime | None = None
    status_code: int | None = None
    duration: float = 0.0

    @property
    def status(self) -> str:
        if self.status_code is None:
            return "pending"
        if self.status_code == 0:
            return "failed to connect to host"
        return "OK" if self.status_code < 300 else f"Invalid HTTP Response: {self.status_code}"

    @property
    def ok(self) -> bool:
        return self.status == "OK"


class Hook:
    """The app's one webhook: what is under way, and the log of what arrived or failed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.active = True
        self.post = Post(world.random)
        self.log: list[Delivery] = []
        self.announced: list[tuple[str, str | None]] = []
        self._waiting: list[Delivery] = []

    def announce(
        self,
        event: str,
        action: str | None,
        parts: JsonObject,
        *,
        repository: Repository | None = None,
        sender: Person | None = None,
        installation: Installation | None = None,
    ) -> None:
        """Sends an event to the app, if it is installed there, not suspended, and subscribed."""
        world = self._world
        if repository is not None:
            installation = world.installation_of(repository)
            if installation is None or installation.suspended_at is not None:
                return
        self.announced.append((event, action))
        if not self.active or (event not in ALWAYS_SENT and event not in world.app.events):
            return
        payload = {**({"action": action} if action else {}), **parts}
        if repository is not None:
            payload["repository"] = repository_shape(world, repository)
            payload["organization"] = person_shape(world, repository.owner)
        if installation is not None:
            payload.setdefault("installation", {"id": installation.id, "node_id": f"IN_{installation.id}"})
        payload["sender"] = person_shape(world, sender or world.account("ghost"))
        self._send(event, action, payload, installation, repository)

    def ping(self) -> None:
        hook = {"type": "App", "id": HOOK_ID, "name": "web", "active": True, "app_id": self._world.app.id}
        hook |= {
            "events": list(self._world.app.events),
            "config": {"content_type": "json", "insecure_ssl": "0"},
        }
        self.announce("ping", None, {"zen": "Keep it logically awesome.", "hook_id": HOOK_ID, "hook": hook})

    def _send(
        self,
        event: str,
        action: str | None,
        payload: JsonObject,
        installation: Installation | None,
        repository: Repository | None,
    ) -> None:
        body = json.dumps(payload, separators=(",", ":")).encode()
        if len(body) > PAYLOAD_CAP:
            return
        guid = self._new_guid()
        for copy in self.post.plan(event, action):
            self._waiting.append(
                Delivery(
                    id=self._world.new_id("delivery"),
                    guid=guid if copy.same_guid else self._new_guid(),
                    event=event,
                    action=action,
                    payload=payload,
                    body=body,
                    installation_id=installation.id if installation else None,
                    repository_id=repository.id if repository else None,
                    due_at=self._world.now() + copy.late,
                )
            )

    def _new_guid(self) -> str:
        return str(UUID(int=self._world.random.getrandbits(128), version=4))

    def redeliver(self, delivery: Delivery) -> Delivery:
        """The same body under the same guid once more.
        https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""
        again = Delivery(
            id=self._world.new_id("delivery"),
            guid=delivery.guid,
            event=delivery.event,
            action=delivery.action,
            payload=delivery.payload,
            body=delivery.body,
            installation_id=delivery.installation_id,
            repository_id=delivery.repository_id,
            due_at=self._world.now(),
            redelivery=True,
        )
        self._waiting.append(again)
        return again

    def next_due(self) -> datetime | None:
        return min((delivery.due_at for delivery in self._waiting), default=None)

    def take_due(self) -> list[Delivery]:
        """Takes what is due out of the post, in the order it is due."""
        now = self._world.clock.now()
        due = sorted((d for d in self._waiting if d.due_at <= now), key=lambda d: (d.due_at, d.id))
        self._waiting = [delivery for delivery in self._waiting if delivery.due_at > now]
        return due

    def headers(self, delivery: Delivery) -> dict[str, str]:
        secret = self._world.webhook_secret.encode()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/5c1b0a7",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": str(HOOK_ID),
            "X-GitHub-Hook-Installation-Target-ID": str(self._world.app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": "sha1=" + hmac.new(secret, delivery.body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret, delivery.body, hashlib.sha256).hexdigest(),
        }


Send = Callable[[bytes, dict[str, str]], Awaitable[int]]


class Courier:
    """Carries due deliveries to the app: `send` gets body and headers and gives back the HTTP status.

    An OSError or TimeoutError of `send` is logged as a failed delivery; GitHub never tries again by itself.
    https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
    """

    def __init__(self, world: World, send: Send) -> None:
        self._world, self._send = world, send

    async def deliver_due(self) -> int:
        """Delivers what is due now; how many were carried."""
        carried = 0
        while due := self._world.hook.take_due():
            for delivery in due:
                await self._deliver(delivery)
            carried += len(due)
        return carried

    async def _deliver(self, delivery: Delivery) -> None:
        started = self._world.clock.now()
        delivery.delivered_at = started
        self._world.hook.log.append(delivery)
        try:
            delivery.status_code = await self._send(delivery.body, self._world.hook.headers(delivery))
        except (OSError, TimeoutError):
            delivery.status_code = 0
        delivery.duration = (self._world.clock.now() - started) / timedelta(seconds=1)
