"""Connections to the web face, of which anybody can open as many as they like.

Rule: their number is bounded, and so is the time in which one must get a request done, whatever is sent on it and
however slowly. When there are too many, the one that has been waited for longest goes: a delivery takes milliseconds,
so it is never GitHub's.
"""

import asyncio
import logging

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

        def on_response_complete(self) -> None:
            super().on_response_complete()
            crowd.served(self.transport)

    return Line


class _Crowd:
    """All open connections and since when they are waited for, the longest first."""

    def __init__(self, most: int, patience: float) -> None:
        self._most, self._patience = most, patience
        self._strangers: dict[asyncio.Transport, float] = {}
        self._served: dict[asyncio.Transport, float] = {}
        """Those that got something done: they go last, a proxy keeps them for the next delivery."""
        self._looking = False

    def enter(self, line: asyncio.Transport) -> None:
        if len(self._strangers) + len(self._served) >= self._most:
            self._end(next(iter(self._strangers or self._served)))
        self._strangers[line] = asyncio.get_running_loop().time()
        if not self._looking:
            self._look()

    def leave(self, line: asyncio.Transport) -> None:
        self._strangers.pop(line, None)
        self._served.pop(line, None)

    def served(self, line: asyncio.Transport) -> None:
        """Its time begins anew."""
        if line in self._strangers or line in self._served:
            self.leave(line)
            self._served[line] = asyncio.get_running_loop().time()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        for lines in (self._strangers, self._served):
            while lines and loop.time() - next(iter(lines.values())) > self._patience:
                self._end(next(iter(lines)))
        self._looking = bool(self._strangers or self._served)
        if self._looking:
            loop.call_later(self._patience / 10, self._look)

    def _end(self, line: asyncio.Transport) -> None:
        """At once: what is still to be sent to it would keep it open."""
        self.leave(line)
        line.abort()
