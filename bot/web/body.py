"""Reading a body whose sender nobody knows yet.

Rule: size, time and memory are bounded while it is read, and its signatures are counted along with it, so that no
body, however large, keeps the others waiting. `Content-Encoding` means nothing here: GitHub signs and sends plain
bytes.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from bot.web.refusals import Outcome, Refusal

MIB = 1024 * 1024
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, and all of them together, may cost. Sizes in bytes, times in seconds."""

    body: int = 25 * MIB  # https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
    large_from: int = 128 * 1024
    """Almost every payload is smaller. A body that outgrows this needs a permit to be read on."""
    large_at_once: int = 2
    permit_wait: float = 8
    most_waiting: int = 64
    """Large bodies that may wait for a permit: each holds what has arrived of it so far, and that is not large yet.
    Many good ones can come at once, and GitHub does not send a refused one again by itself."""
    read_time: float = 10
    """For the whole body: GitHub itself gives a delivery up then."""
    depth: int = 64


class Body:
    """A body in pieces, with the SHA-256 signatures that it would have: one for each secret, in hex digits.

    In pieces, because one growing block of memory is moved again and again, and what it leaves behind stays taken.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._macs = [hmac.new(secret, digestmod="sha256") for secret in secrets]
        self._pieces = [bytearray()]
        self.size = 0
        self.is_large = False

    def add(self, chunk: bytes) -> None:
        if (
            len(self._pieces[-1]) >= _PIECE
        ):  # a sender that sends byte by byte shall not get an object for each
            self._pieces.append(bytearray())
        self._pieces[-1] += chunk
        self.size += len(chunk)
        for mac in self._macs:
            mac.update(chunk)

    @property
    def raw(self) -> bytes:
        """All of it at once, put together anew each time: for a body that is known to be good."""
        return b"".join(self._pieces)

    @property
    def signatures(self) -> Sequence[bytes]:
        return [mac.hexdigest().encode() for mac in self._macs]


class Reader:
    """Reads bodies for one door."""

    def __init__(self, secrets: Sequence[bytes], limits: Limits) -> None:
        self._secrets, self._limits = secrets, limits
        self._permits = asyncio.Semaphore(limits.large_at_once)
        self._waiting = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[Body]:
        """The body, while its place in memory is held. Raises Refusal."""
        self._check_declared(request)
        body = Body(self._secrets)
        try:
            try:
                async with asyncio.timeout(self._limits.read_time):
                    await self._fill(body, request)
            except TimeoutError:
                raise Refusal(408, Outcome.TOO_SLOW, "the body did not arrive in time") from None
            except ClientDisconnect:
                raise Refusal(400, Outcome.BROKEN_OFF, "the body broke off") from None
            yield body
        finally:
            if body.is_large:
                self._permits.release()

    async def _fill(self, body: Body, request: Request) -> None:
        async for chunk in request.stream():
            size = body.size + len(chunk)
            if size > self._limits.body:
                raise _too_large()
            if size > self._limits.large_from and not body.is_large:
                await self._take_permit()
                body.is_large = True
            body.add(chunk)

    def _check_declared(self, request: Request) -> None:
        declared = request.headers.get("content-length", "")
        is_number = declared.isascii() and declared.isdigit()
        if is_number and (len(declared) > 18 or int(declared) > self._limits.body):
            raise _too_large()

    async def _take_permit(self) -> None:
        """Large bodies that nobody has verified yet share few places, so that a flood cannot fill the memory.

        The answer is 429, not 503: that one says that the database is in trouble.
        """
        busy = Refusal(429, Outcome.BUSY, "too many large bodies at once; redeliver it later")
        if self._waiting >= self._limits.most_waiting:
            raise busy
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.permit_wait):
                await self._permits.acquire()
        except TimeoutError:
            raise busy from None
        finally:
            self._waiting -= 1


def _too_large() -> Refusal:
    return Refusal(413, Outcome.TOO_LARGE, "the body is over 25 MiB")
