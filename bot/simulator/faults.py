"""Bad days of GitHub and the network: failures of chosen requests, before or after they took effect.

Rule: a fault is matched once per request, in the order faults were staged; at most one hits a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Literal

from bot.simulator.clock import Clock
from bot.simulator.ledger import Entry

When = Literal["before", "after"]
DOCS = "https://docs.github.com/rest"
UNICORN = (
    "<!DOCTYPE html><html><head><title>Unicorn!</title></head>"
    "<body>We had issues producing the response.</body></html>"
)
SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)


class Break(Enum):
    """How a connection dies, as the client sees it."""

    CONNECT = "no connection"
    RESET = "connection reset"
    HANG = "no answer"


class BrokenConnectionError(Exception):
    """Raised through the ASGI app instead of an answer; the transport turns it into what a client sees."""

    def __init__(self, how: Break) -> None:
        super().__init__(how.value)
        self.how = how


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer GitHub gives instead of its own."""

    status: int
    body: Mapping[str, object] | str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True, eq=False)
class Fault:
    """Hits `times` requests (None: all) that match, after letting `skip` pass. `call` runs at that moment."""

    method: str
    path: str
    when: When = "before"
    failure: Failure | None = None
    breaks: Break | None = None
    delay: timedelta = timedelta(0)
    call: Callable[[], None] | None = None
    times: int | None = 1
    skip: int = 0
    only: Callable[[Entry], bool] | None = None
    hits: list[Entry] = field(default_factory=list)

    def takes(self, entry: Entry) -> bool:
        """Whether it hits this request; counts the hit."""
        if self.times is not None and len(self.hits) >= self.times:
            return False
        if self.method not in ("*", entry.method) or not re.search(self.path, entry.path):
            return False
        if self.only is not None and not self.only(entry):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits.append(entry)
        return True

    @property
    def words(self) -> str:
        what = self.failure.status if self.failure else self.breaks.value if self.breaks else "call"
        return f"{what} {self.when}"


class Trouble:
    """The faults in force, and the verbs that stage them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def hit(self, entry: Entry) -> Fault | None:
        return next((fault for fault in self._faults if fault.takes(entry)), None)

    def ends(self, fault: Fault | None = None) -> None:
        """GitHub recovers: from this fault, or from all."""
        self._faults = [] if fault is None else [each for each in self._faults if each is not fault]

    def answers(
        self,
        method: str,
        path: str,
        status: int = 502,
        message: str = "Server Error",
        *,
        when: When = "before",
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
        skip: int = 0,
    ) -> Fault:
        """A JSON error; `when="after"`: although the thing was done."""
        body = {"message": message, "documentation_url": DOCS, "status": str(status)}
        failure = Failure(status, body, headers or {})
        return self.add(Fault(method, path, when, failure, times=times, skip=skip))

    def answers_html(
        self,
        method: str,
        path: str,
        *,
        status: int = 502,
        when: When = "before",
        content_type: str = "text/html; charset=utf-8",
        times: int | None = 1,
        skip: int = 0,
    ) -> Fault:
        """The page with the unicorn; some proxies even call it JSON."""
        failure = Failure(status, UNICORN, {"content-type": content_type})
        return self.add(Fault(method, path, when, failure, times=times, skip=skip))

    def breaks(
        self,
        method: str,
        path: str,
        how: Break = Break.RESET,
        *,
        when: When = "before",
        times: int | None = 1,
        skip: int = 0,
    ) -> Fault:
        """The connection is never made, dies, or never answers; after the effect only the last two can be."""
        if when == "after" and how is Break.CONNECT:
            raise ValueError(
                "a request whose connection was never made has no effect: use Break.RESET or when='before'"
            )
        return self.add(Fault(method, path, when, breaks=how, times=times, skip=skip))

    def is_slow(
        self, method: str, path: str, *, seconds: float, times: int | None = 1, skip: int = 0
    ) -> Fault:
        """Done at once, answered late."""
        delay = timedelta(seconds=seconds)
        return self.add(Fault(method, path, "after", delay=delay, times=times, skip=skip))

    def secondary_limit(
        self,
        method: str,
        path: str,
        *,
        retry_after: int | None = 60,
        status: int = 403,
        times: int | None = 1,
        skip: int = 0,
    ) -> Fault:
        """https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return self.answers(method, path, status, SECONDARY_LIMIT, headers=headers, times=times, skip=skip)

    def primary_limit(
        self, method: str, path: str, *, reset_in: int = 600, status: int = 403, times: int | None = 1
    ) -> Fault:
        """Remaining 0 until the reset, `reset_in` seconds from now."""
        reset = int(self._clock.now().timestamp()) + reset_in
        headers = {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-used": "5000",
            "x-ratelimit-reset": str(reset),
            "x-ratelimit-resource": "core",
        }
        message = "API rate limit exceeded for installation ID 7001."
        return self.answers(method, path, status, message, headers=headers, times=times)

    def bad_credentials(self, method: str, path: str, *, times: int | None = 1, skip: int = 0) -> Fault:
        return self.answers(method, path, 401, "Bad credentials", times=times, skip=skip)

    def calls(
        self,
        method: str,
        path: str,
        call: Callable[[], None],
        *,
        when: When = "before",
        times: int | None = 1,
        skip: int = 0,
    ) -> Fault:
        """Runs `call` at that moment; what it raises reaches the client as it is: a crash of the bot, say."""
        return self.add(Fault(method, path, when, call=call, times=times, skip=skip))
