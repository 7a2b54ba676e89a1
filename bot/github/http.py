"""Bytes to GitHub and back: the only file of the bot that imports httpx.

Rule: one call here is one request on the wire. Nothing is retried, no redirect is followed, and what goes
wrong leaves as `Unreachable`, which says whether the request can have arrived.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import httpx

from bot.core.facts import Unreachable
from bot.github.circuit import Circuit

Transport = httpx.AsyncBaseTransport

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
ONCE_READ_SECONDS = 30.0
"""For calls that are never repeated: a late answer is worth more than a doubt."""
DOWNLOAD_SECONDS = 60.0
"""A whole download: a storage host that drips bytes must not hold up the one who asked."""

# These fail before the first byte of the request is written, so nothing can have been done.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `headers` have lower-case names, `body` is whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_redirect(self) -> bool:
        return self.status in (301, 302, 307, 308)


@cache
def user_agent() -> str:
    """GitHub refuses requests without one. https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent-required"""
    try:
        return f"release-bot/{version('release-bot')}"
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "release-bot/0"


class Http:
    """The connections: pooled, fresh for each call, and one without any credentials for log storage.

    `transport` replaces the network for all three; `circuit` guards the first two.
    """

    def __init__(self, transport: Transport | None = None, *, circuit: Circuit | None = None) -> None:
        self.circuit = circuit or Circuit(lambda: datetime.now(UTC))
        for name in ("httpx", "httpcore"):
            # They log whole URLs, and the address of a log on the storage host is a credential by itself.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._pooled = httpx.AsyncClient(
            transport=transport, timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        )
        # A kept connection that GitHub has closed meanwhile turns a definite "not sent" into a doubt.
        self._fresh = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(ONCE_READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"connection": "close"},
        )
        self._storage = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers={"user-agent": user_agent()},
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        fresh: bool,
        before: Callable[[], None],
        may_probe: bool = False,
    ) -> Answer:
        """One request, one answer. Raises Unreachable.

        `before` is called once more when the connection stands and the first byte is about to be written;
        what it raises stops the request. `fresh` opens a connection for this request alone. `may_probe`: it may
        be the one that asks whether GitHub is back.
        """

        async def trace(event: str, _: Mapping[str, object]) -> None:
            if event.endswith("send_request_headers.started"):
                before()

        client = self._fresh if fresh else self._pooled
        if client.is_closed:
            raise Unreachable(f"the bot is stopping: {method} {url} was not sent", sent=False)
        before()
        with self.circuit.passing(url.partition("?")[0], may_probe=may_probe) as passage:
            try:
                request = client.build_request(
                    method, url, headers=headers, content=content, extensions={"trace": trace}
                )
                response = await client.send(request)
            except (*_NOT_SENT, httpx.InvalidURL) as error:
                passage.failed = True
                text = f"GitHub could not be reached: {_reason(error)}"
                raise Unreachable(text, sent=False, call=f"{method} {url}") from error
            except (httpx.RequestError, OSError) as error:
                passage.failed = True
                text = f"GitHub's answer was lost: {_reason(error)}"
                raise Unreachable(text, sent=True, call=f"{method} {url}") from error
            passage.answered(response.status_code)
        return Answer(response.status_code, dict(response.headers), response.content)

    async def tail(self, url: str, *, most: int) -> bytes:
        """The last `most` bytes of a file on another host, without credentials; empty if it cannot be had."""
        kept = bytearray()
        try:
            async with asyncio.timeout(DOWNLOAD_SECONDS), self._storage.stream("GET", url) as response:
                if response.status_code != httpx.codes.OK:
                    return b""
                async for chunk in response.aiter_bytes():
                    kept += chunk
                    del kept[:-most]
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, ValueError):
            return b""
        return bytes(kept)

    async def aclose(self) -> None:
        for client in (self._pooled, self._fresh, self._storage):
            await client.aclose()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
