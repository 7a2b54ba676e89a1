"""The webhook door: `POST /webhook`, section 2 of the contract.

The rule here: 202 is said only after the inbox has kept the delivery, and nothing is kept that did not carry
a right signature over the raw bytes. The door never talks to GitHub, reads no meaning into a payload, and
no body, however large, slow or malformed, costs more than bounded time and memory.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import asyncio
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.metrics import Metrics
from bot.web.body import MIB, Limits, Reader
from bot.web.payload import NotAcceptable, parse_payload
from bot.web.refusals import Complaints, Outcome, Refusal

__all__ = ["MIB", "Arrival", "Inbox", "Limits", "Outcome", "StorageUnavailable", "door", "parse_payload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery whose signature was right. `body`: the signed bytes; `payload`: the same, parsed once."""

    delivery_id: str
    event: str
    second_key: str | None
    """Names the happening itself, for two deliveries of it under different ids; None: cannot be told."""
    body: bytes
    payload: Mapping[str, object]
    received_at: datetime


class Inbox(Protocol):
    """Where deliveries are kept."""

    async def accept(self, arrival: Arrival) -> bool:
        """Commit the delivery before returning: True when it is new, False when it was seen before.

        Raises `StorageUnavailable` when it cannot be kept.
        """
        ...


class StorageUnavailable(Exception):
    """The database cannot be written now; GitHub shall show the delivery as failed."""


SecondKey = Callable[[str, Mapping[str, object]], str | None]


def door(
    inbox: Inbox,
    *,
    secrets: Sequence[bytes],
    metrics: Metrics,
    second_key: SecondKey,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: Limits | None = None,
) -> Route:
    """The route for GitHub's deliveries. Only `second_key(event, payload)` knows payload shapes."""
    if not secrets or not all(secrets):
        raise ValueError("the door needs at least one secret, and none may be empty")
    handler = _Door(inbox, tuple(secrets), metrics, second_key, now, limits or Limits())
    return Route("/webhook", handler.answer, methods=["POST"], name="webhook")


class _Door:
    def __init__(
        self,
        inbox: Inbox,
        secrets: tuple[bytes, ...],
        metrics: Metrics,
        second_key: SecondKey,
        now: Callable[[], datetime],
        limits: Limits,
    ) -> None:
        self._inbox, self._metrics, self._second_key, self._now = inbox, metrics, second_key, now
        self._limits = limits
        self._reader = Reader(secrets, limits)
        self._complaints = Complaints()

    async def answer(self, request: Request) -> Response:
        event = b"".join(_values(request, b"x-github-event")).decode("latin-1")
        try:
            new = await self._take(request)
        except Refusal as refusal:
            self._metrics.count_delivery(event, refusal.outcome)
            self._complaints.note(refusal, at=self._now())
            # Nobody shall go on sending a body that was refused.
            return JSONResponse({"message": refusal.message}, refusal.status, {"Connection": "close"})
        self._metrics.count_delivery(event, Outcome.ACCEPTED if new else Outcome.SEEN)
        return Response(_ACCEPTED if new else _SEEN, 202, media_type="application/json")

    async def _take(self, request: Request) -> bool:
        _check_content_type(request)
        signature = _signature(request)  # before reading: without one, a body costs nothing
        async with self._reader.read(request) as body:
            self._verify(signature, body.signatures)
            event = _only_header(request, "X-GitHub-Event", _EVENT)
            delivery_id = _only_header(request, "X-GitHub-Delivery", _DELIVERY)
            raw = body.raw
            payload = await self._parse(raw, is_large=body.is_large)
            arrival = Arrival(
                delivery_id=delivery_id,
                event=event,
                second_key=self._second_key(event, payload),
                body=raw,
                payload=payload,
                received_at=self._now(),
            )
            try:
                return await self._inbox.accept(arrival)
            except StorageUnavailable as error:
                raise Refusal(
                    503, Outcome.UNSTORED, "the delivery could not be stored; redeliver it later"
                ) from error

    def _verify(self, signature: bytes, possible: Sequence[bytes]) -> None:
        """Compare with the signature by every secret, in constant time and without stopping at a match."""
        right = [hmac.compare_digest(signature, one) for one in possible]
        if True not in right:
            raise Refusal(401, Outcome.UNSIGNED, "the signature is not right for any secret of this app")
        self._metrics.verified.labels(str(right.index(True) + 1)).inc()

    async def _parse(self, raw: bytes, *, is_large: bool) -> dict[str, object]:
        try:
            if is_large:  # long enough to be felt by everybody else on the event loop
                return await asyncio.to_thread(parse_payload, raw, self._limits.depth)
            return parse_payload(raw, self._limits.depth)
        except NotAcceptable:
            raise Refusal(400, Outcome.MALFORMED, "the body is not an acceptable JSON object") from None


_ACCEPTED = json.dumps({"message": "accepted"}).encode()
_SEEN = json.dumps({"message": "seen before"}).encode()
_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64})")
_EVENT = re.compile(rb"[!-~]{1,100}")
_DELIVERY = re.compile(rb"[!-~]{1,255}")


def _values(request: Request, name: bytes) -> list[bytes]:
    """All values of a header. As bytes and without Starlette's views of them: every delivery pays for this."""
    return [value for key, value in request.scope["headers"] if key == name]


def _check_content_type(request: Request) -> None:
    kinds = [value.partition(b";")[0].strip().lower() for value in _values(request, b"content-type")]
    if kinds != [b"application/json"]:
        raise Refusal(
            415,
            Outcome.WRONG_TYPE,
            "set the webhook's content type to application/json in the app's settings",
        )


def _signature(request: Request) -> bytes:
    """The hex digits of the one SHA-256 signature. The old SHA-1 header is not looked at."""
    values = _values(request, b"x-hub-signature-256")
    found = _SIGNATURE.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        raise Refusal(401, Outcome.UNSIGNED, "X-Hub-Signature-256 must be sha256= and 64 hexadecimal digits")
    return found[1]


def _only_header(request: Request, name: str, form: re.Pattern[bytes]) -> str:
    """A header the signature does not cover, so its form is checked even on a signed request."""
    values = _values(request, name.lower().encode())
    if len(values) != 1 or not form.fullmatch(values[0]):
        raise Refusal(400, Outcome.MALFORMED, f"{name} is missing or malformed")
    return values[0].decode("ascii")
