"""The process of `release-bot serve`: its address, its signals, its beginning and its end.

Rule: SIGTERM and SIGINT are heard from the first line on and end the process with 0 within ten seconds (contract
section 1); that nothing is lost never depends on it.
"""

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from types import FrameType
from typing import TypeVar

import structlog
import uvicorn

from bot import __version__
from bot.app import Bot
from bot.log import configure, log_uncaught, redact
from bot.operators.answering import flakes_of
from bot.operators.desk import listening
from bot.operators.words import socket_of
from bot.settings import Settings, SqliteFile
from bot.web.lines import bounded_lines

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class CannotListen(Exception):
    """The system does not let us have the address; the text is one line that names the variable to change."""


class _Server(uvicorn.Server):
    """Uvicorn without its own idea of signals: SIGTERM ends the process with 0 (contract section 1)."""

    def __init__(self, config: uvicorn.Config, ended: asyncio.Event) -> None:
        super().__init__(config)
        self._ended = ended

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for sock in sockets or []:
            try:
                sock.listen()
            except OSError as error:  # somebody else had bound it too, and was the first to listen
                host, port = sock.getsockname()[:2]
                raise _cannot_listen(host, port, error) from error
        await super().startup(sockets)
        for sock in sockets or []:
            sock.listen(_MOST_WAITING)

    async def on_tick(self, counter: int) -> bool:
        return self._ended.is_set() or await super().on_tick(counter)


_LET_IN_AT_ONCE = 64
"""New connections in one turn of the event loop: fewer than `bounded_lines` bears, so that in a flood each is heard
before it is given up for the next.
"""
_MOST_WAITING = 2048
"""Those that wait outside; whom the system turns away there tries again only a second later."""


_START_SECONDS = 2.0
"""So long a start that reached the engine may go on after all: one that is cut off in the moment in which the lease
comes would leave it to run out.
"""
_CLOSE_SECONDS = 7.0
"""The engine's own grace and a moment for the lease: a database that does not answer is waited for no longer. Together
with what comes before it stays below ten seconds; what is on disk is enough to go on from.
"""


async def serve(settings: Settings, listening: socket.socket | None = None) -> None:
    """Serves until SIGTERM or SIGINT, which are heard from the first line on.

    Raises `StoreRefused`, and `CannotListen`. A thread that waits for a database or a name may be left behind.
    """
    ended = asyncio.Event()
    with _heard(ended.set):
        for secret in settings.secrets:
            redact(secret)
        configure(settings.log_level, settings.log_format)
        log_uncaught()
        bot = await _unless(ended, Bot.build(settings))
        try:
            if bot is not None and (sock := listening or await _unless(ended, _listen(settings))) is not None:
                with sock:
                    await _serve(bot, sock, ended)
        finally:
            if bot is not None:
                await _close(bot)
        log.info("release-bot has stopped")


async def _serve(bot: Bot, sock: socket.socket, ended: asyncio.Event) -> None:
    server = _Server(
        uvicorn.Config(
            bot.web,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            server_header=False,
            http=bounded_lines(),
            backlog=_LET_IN_AT_ONCE,
        ),
        ended,
    )
    host, port = sock.getsockname()[:2]
    log.info("release-bot is starting", version=__version__, host=host, port=port)
    gc.collect()
    gc.freeze()  # what was imported stays: else each full collection goes through all of it, while GitHub waits
    async with _open_to_operators(bot):
        await _unless(ended, bot.start(), patience=_START_SECONDS)
        if not ended.is_set():
            await server.serve(sockets=[sock])


@contextlib.contextmanager
def _heard(act: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT do this, in the event loop; afterwards what they did before.

    Not `loop.add_signal_handler`: when the loop is closed it leaves a SIGTERM that kills.
    """
    loop = asyncio.get_running_loop()

    def hear(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the system's signature
        loop.call_soon_threadsafe(act)

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _unless(
    ended: asyncio.Event, work: Coroutine[object, object, Result], *, patience: float = 0.0
) -> Result | None:
    """What comes of `work`. Once the end is asked for it has `patience` seconds more, then it is given up: None."""
    working, asked = asyncio.create_task(work), asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=patience)
    finally:
        asked.cancel()
        working.cancel()
    await asyncio.wait({working}, timeout=_CLOSE_SECONDS)
    return working.result() if working.done() and not working.cancelled() else None


async def _close(bot: Bot) -> None:
    closing = asyncio.create_task(bot.close())
    done, _ = await asyncio.wait({closing}, timeout=_CLOSE_SECONDS)
    if not done:
        log.error("release-bot leaves without handing over: that took too long, the database may not answer")
        return
    await closing


@contextlib.asynccontextmanager
async def _open_to_operators(bot: Bot) -> AsyncIterator[None]:
    """A file has one owner, whom operators' commands have to ask; a database server they ask themselves."""
    async with contextlib.AsyncExitStack() as sockets:
        if isinstance(bot.settings.database, SqliteFile):
            path = socket_of(bot.settings.database.path)
            await sockets.enter_async_context(listening(path, partial(flakes_of, bot.store.ledger)))
        yield


async def _listen(settings: Settings) -> socket.socket:
    """Bound, so that nobody else gets it; who knocks is refused until the bot is at work."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Named, because asyncio switches Nagle's algorithm off only for what says that it is TCP: 40 ms an answer.
        with contextlib.ExitStack() as unbound:
            sock = unbound.enter_context(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Asked for in a thread: a name server may take its time.
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM
            )
            sock.bind(found[0][4])
            unbound.pop_all()
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    sock.set_inheritable(True)
    return sock


_OF_THE_HOST = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL})
_OF_THE_PORT = frozenset({errno.EADDRINUSE, errno.EACCES})


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> CannotListen:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, UnicodeError):  # a label of a name that is empty or too long
        return CannotListen(
            f"HOST: cannot listen on {place}: it is no name of a machine; choose another address"
        )
    if isinstance(error, socket.gaierror) or error.errno in _OF_THE_HOST:
        names, remedy = "HOST", "choose another address"
    elif error.errno in _OF_THE_PORT:
        in_use = "stop what listens there, or " if error.errno == errno.EADDRINUSE else ""
        names, remedy = "PORT", f"{in_use}choose another port"
    else:
        names, remedy = "HOST, PORT", "choose others"
    return CannotListen(f"{names}: cannot listen on {place}: {error.strerror or error}; {remedy}")
