"""Connections to the web face, of which anybody can open as many as they like.

Rule: their number is bounded, and so is the time in which one must get a request done, whatever is sent on it and
however slowly. When there are too many, the one that has kept us waiting longest goes. GitHub's are never among them:
they send all they have at once.
"""

import asyncio
import logging

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_LINES = 256
"""Few enough that what they hold unread (up to 400 kB each) fits, and far from a process's 1,024 open files."""
PATIENCE_SECONDS = 15.0
"""GitHub gives a delivery up after 10 s."""

# What strangers send amiss is no news: at `warning` the server would write a line for each of their requests.
_log = logging.getLogger("uvicorn.error.lines")
_log.setLevel(logging.ERROR)


def bounded_lines(*, most: int = MOST_LINES, patience: float = PATIENCE_SECONDS) -> type[asyncio.Protocol]:
    """The protocol of one server, for `uvicorn.Config(http=...)`. Times in seconds."""
    crowd = _Crowd(most, patience)

    class Line(H11Protocol):
        def __init__(self, *args: object, **given: object) -> None:
            super().__init__(*args, **given)  # type: ignore[arg-type]
            self.logger = _log

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            super().connection_made(transport)
            crowd.enter(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            crowd.leave(self.transport)
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            """A body that turns out to be no HTTP: the server has answered, and the route shall not answer, too."""
            super().send_400_response(msg)
            if self.cycle is not None:
                self.cycle.disconnected = True
                self.cycle.message_event.set()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is h11.DONE:
                crowd.asks(self.transport)

        def on_response_complete(self) -> None:
            crowd.answered(self.transport)
            super().on_response_complete()

    return Line


class _Crowd:
    """All open connections by who waits for whom, and since when; of each kind the longest first."""

    def __init__(self, most: int, patience: float) -> None:
        self._most, self._patience = most, patience
        self._strangers: _Since = {}
        """Nothing complete has come from them yet."""
        self._idle: _Since = {}
        """Those that were answered: a proxy keeps them for the next delivery."""
        self._asking: _Since = {}
        """They have sent all of a request and wait for us."""
        self._looking = False

    def enter(self, line: asyncio.Transport) -> None:
        if len(self._strangers) + len(self._idle) + len(self._asking) >= self._most:
            longest = next(iter(self._strangers or self._idle), None)
            self._end(longest or line)
            if longest is None:
                return
        self._put(line, self._strangers)
        if not self._looking:
            self._look()

    def leave(self, line: asyncio.Transport) -> None:
        for lines in (self._strangers, self._idle, self._asking):
            lines.pop(line, None)

    def asks(self, line: asyncio.Transport) -> None:
        if line not in self._asking and not line.is_closing():
            self._put(line, self._asking)

    def answered(self, line: asyncio.Transport) -> None:
        if not line.is_closing():
            self._put(line, self._idle)

    def _put(self, line: asyncio.Transport, lines: "_Since") -> None:
        self.leave(line)
        lines[line] = asyncio.get_running_loop().time()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        for lines in (self._strangers, self._idle, self._asking):
            while lines and loop.time() - next(iter(lines.values())) > self._patience:
                self._end(next(iter(lines)))
        self._looking = bool(self._strangers or self._idle or self._asking)
        if self._looking:
            loop.call_later(self._patience / 10, self._look)

    def _end(self, line: asyncio.Transport) -> None:
        """At once: what is still to be sent to it would keep it open."""
        self.leave(line)
        line.abort()


_Since = dict[asyncio.Transport, float]
