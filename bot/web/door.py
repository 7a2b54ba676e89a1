"""The webhook door: `POST /webhook`, section 2 of the contract.

The rule here: 202 is said only after the inbox has kept the delivery, and nothing is kept that did not carry
a right signature over the raw bytes. The door never talks to GitHub, reads no meaning into a payload, and
no body, however large, slow or malformed, costs more than bounded time and memory.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hmac
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NoReturn, Protocol

import anyio
import anyio.to_thread
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.metrics import Metrics

MIB = 1024 * 1024

log = structlog.stdlib.get_logger(__name__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, and all of them together, may cost. Sizes in bytes, times in seconds."""

    body: int = 25 * MIB  # https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
    large_from: int = 128 * 1024
    """Almost every payload is smaller. A body that outgrows this needs a permit to be read on."""
    large_at_once: int = 8
    permit_wait: float = 3
    read_time: float = 30
    """For the whole body: GitHub itself gives a delivery up after 10 s."""
    depth: int = 64


class Outcome(StrEnum):
    """What became of a request at the door; the label of a metric."""

    ACCEPTED = "accepted"
    SEEN = "seen"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BUSY = "busy"
    BROKEN_OFF = "broken_off"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    UNSTORED = "unstored"


class _Refusal(Exception):
    def __init__(self, status: int, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.status, self.outcome, self.message = status, outcome, message


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
        self._inbox, self._secrets, self._metrics = inbox, secrets, metrics
        self._second_key, self._now, self._limits = second_key, now, limits
        self._permits = anyio.Semaphore(limits.large_at_once)
        self._complaints = _Complaints()

    async def answer(self, request: Request) -> Response:
        event = request.headers.get("x-github-event", "")
        try:
            new = await self._take(request)
        except _Refusal as refusal:
            self._metrics.count_delivery(event, refusal.outcome)
            self._complaints.note(refusal, at=self._now())
            return JSONResponse({"message": refusal.message}, refusal.status)
        self._metrics.count_delivery(event, Outcome.ACCEPTED if new else Outcome.SEEN)
        return JSONResponse({"message": "accepted" if new else "seen before"}, 202)

    async def _take(self, request: Request) -> bool:
        _check_content_type(request)
        signature = _signature(request)  # before reading: without one, a body costs nothing
        async with AsyncExitStack() as held:
            body = await self._read(request, held)
            self._verify(signature, body)
            event = _only_header(request, "X-GitHub-Event", r"[a-z_]{1,50}")
            delivery_id = _only_header(request, "X-GitHub-Delivery", r"[!-~]{1,100}")
            payload = await self._parse(body)
            arrival = Arrival(
                delivery_id=delivery_id,
                event=event,
                second_key=self._second_key(event, payload),
                body=bytes(body),
                payload=payload,
                received_at=self._now(),
            )
            try:
                return await self._inbox.accept(arrival)
            except StorageUnavailable as error:
                raise _Refusal(
                    503, Outcome.UNSTORED, "the delivery could not be stored; redeliver it later"
                ) from error

    async def _read(self, request: Request, held: AsyncExitStack) -> bytearray:
        """The raw bytes; `Content-Encoding` means nothing here, GitHub signs and sends them plain."""
        too_large = _Refusal(413, Outcome.TOO_LARGE, "the body is over 25 MiB")
        declared = request.headers.get("content-length", "")
        if (
            declared.isascii()
            and declared.isdigit()
            and (len(declared) > 18 or int(declared) > self._limits.body)
        ):
            raise too_large
        body = bytearray()
        has_permit = False
        try:
            with anyio.fail_after(self._limits.read_time):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > self._limits.body:
                        raise too_large
                    if len(body) + len(chunk) > self._limits.large_from and not has_permit:
                        await self._take_permit(held)
                        has_permit = True
                    body += chunk
        except TimeoutError:
            raise _Refusal(408, Outcome.TOO_SLOW, "the body did not arrive in time") from None
        except ClientDisconnect:
            raise _Refusal(400, Outcome.BROKEN_OFF, "the body broke off") from None
        return body

    async def _take_permit(self, held: AsyncExitStack) -> None:
        """Large bodies that nobody has verified yet share few places, so that a flood cannot fill the memory.

        The answer is 429, not 503: that one says that the database is in trouble.
        """
        with anyio.move_on_after(self._limits.permit_wait):
            await self._permits.acquire()
            held.callback(self._permits.release)
            return
        raise _Refusal(429, Outcome.BUSY, "too many large bodies at once; redeliver it later")

    def _verify(self, signature: bytes, body: bytearray) -> None:
        """Compare with every secret, in constant time and without stopping at a match."""
        right = [
            hmac.compare_digest(signature, hmac.digest(secret, body, "sha256").hex().encode())
            for secret in self._secrets
        ]
        if True not in right:
            raise _Refusal(401, Outcome.UNSIGNED, "the signature is not right for any secret of this app")
        self._metrics.verified.labels(str(right.index(True) + 1)).inc()

    async def _parse(self, body: bytearray) -> dict[str, object]:
        if len(body) > self._limits.large_from:  # long enough to be felt by everybody else on the event loop
            return await anyio.to_thread.run_sync(parse_payload, body, self._limits.depth)
        return parse_payload(body, self._limits.depth)


def _check_content_type(request: Request) -> None:
    kinds = [value.partition(";")[0].strip().lower() for value in request.headers.getlist("content-type")]
    if kinds != ["application/json"]:
        raise _Refusal(
            415,
            Outcome.WRONG_TYPE,
            "set the webhook's content type to application/json in the app's settings",
        )


def _signature(request: Request) -> bytes:
    """The hex digits of the one SHA-256 signature. The old SHA-1 header is not looked at."""
    values = request.headers.getlist("x-hub-signature-256")
    found = re.fullmatch(r"sha256=([0-9a-f]{64})", values[0]) if len(values) == 1 else None
    if found is None:
        raise _Refusal(401, Outcome.UNSIGNED, "X-Hub-Signature-256 must be sha256= and 64 hexadecimal digits")
    return found[1].encode("ascii")


def _only_header(request: Request, name: str, form: str) -> str:
    """A header the signature does not cover, so its form is checked even on a signed request."""
    values = request.headers.getlist(name)
    if len(values) != 1 or not re.fullmatch(form, values[0]):
        raise _Refusal(400, Outcome.MALFORMED, f"{name} is missing or malformed")
    return values[0]


def parse_payload(body: bytes | bytearray, depth: int) -> dict[str, object]:
    """The JSON object in `body`, without anything that could surprise code or database further in.

    Refused: other values, duplicate names, NaN and infinity, integers over 64 bits, text that is not Unicode,
    and nesting deeper than `depth`. Raises a refusal with status 400.
    """
    try:
        payload: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
        if _LONE_SURROGATE.search(body):
            json.dumps(payload, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):  # UnicodeError and JSONDecodeError are ValueErrors
        payload = None
    if not isinstance(payload, dict) or not _is_flatter_than(depth, payload):
        raise _Refusal(400, Outcome.MALFORMED, "the body is not an acceptable JSON object")
    return payload


_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # or half of a pair: the encoder tells


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two readers of `{"action": 1, "action": 2}` may see two things."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name occurs twice")
    return read


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError("an integer over 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number over all bounds")
    return number


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _is_flatter_than(depth: int, payload: dict[str, object]) -> bool:
    level: list[object] = [payload]
    for _ in range(depth):
        level = [child for one in level for child in _children(one) if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _Complaints:
    """Refusals in the log: the first of a kind at once, then one a minute with how many there were."""

    _PAUSE = timedelta(minutes=1)

    def __init__(self) -> None:
        self._last: dict[Outcome, datetime] = {}
        self._untold: dict[Outcome, int] = {}

    def note(self, refusal: _Refusal, *, at: datetime) -> None:
        outcome = refusal.outcome
        if outcome in self._last and timedelta(0) <= at - self._last[outcome] < self._PAUSE:
            self._untold[outcome] = self._untold.get(outcome, 0) + 1
            return
        self._last[outcome] = at
        log.warning(
            "a webhook request was refused",
            status=refusal.status,
            reason=refusal.message,
            more_since_last=self._untold.pop(outcome, 0),
            exc_info=refusal.__cause__,
        )
