"""Where the real things are chosen and put together: the only file that imports everything."""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import partial

import structlog
import uvicorn
from starlette.applications import Starlette

from bot import __version__
from bot.core.intake import second_key
from bot.engine.duty import Duty
from bot.engine.engine import Engine
from bot.engine.ports import Clock
from bot.github.calls import GitHubCalls
from bot.github.http import Transport
from bot.github.limits import Rank
from bot.log import configure, log_uncaught, redact
from bot.metrics import Metrics
from bot.operators.answering import flakes_of
from bot.operators.desk import listening
from bot.operators.words import socket_of
from bot.pipeline.rules import shipped_rules
from bot.settings import Settings, SqliteFile, database_url
from bot.store import Arrival as StoredArrival
from bot.store import Store, StoreUnavailable
from bot.web import face
from bot.web.door import Arrival, StorageUnavailable, door
from bot.web.health import health_pages
from bot.web.lines import bounded_lines

log = structlog.get_logger(__name__)


class SystemClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Bot:
    """One whole bot: its store, its GitHub, its engine and its web face. `start` it, serve `web`, `close` it."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, transport: Transport | None) -> None:
        self.settings = settings
        self.store = store
        self.metrics = Metrics()
        self.duty = Duty(store, clock, holder=_holder(), begin=self._engine)
        self.github = GitHubCalls.connect(
            app_id=settings.app_id,
            private_key=settings.private_key.get_secret_value(),
            api_url=settings.github_api_url,
            writes_per_minute=settings.writes_per_minute,
            now=clock.now,
            sleep=clock.sleep,
            transport=transport,
            observe=self._observe,
            may_write=self.duty.may_write,
        )
        shipped_rules()  # read now, not while GitHub waits for an answer
        self._clock = clock
        self.web: Starlette = face(
            [
                door(
                    self,
                    secrets=settings.secrets,
                    metrics=self.metrics,
                    second_key=second_key,
                    now=clock.now,
                ),
                *health_pages(self._problems, registry=self.metrics.registry),
            ]
        )
        self._open = False
        self._show_waits()

    @classmethod
    async def build(
        cls, settings: Settings, *, clock: Clock | None = None, transport: Transport | None = None
    ) -> "Bot":
        """Opens the database. Raises `StoreRefused` with one sentence when it cannot be used."""
        clock = clock or SystemClock()
        store = await Store.open(database_url(settings.database), now=clock.now)
        return cls(settings, store, clock, transport)

    def _engine(self) -> Engine:
        """One for each term in which this process is at work."""
        return Engine(
            settings=self.settings,
            store=self.store,
            github=self.github,
            clock=self._clock,
            metrics=self.metrics,
        )

    async def start(self) -> None:
        await self.duty.start()
        self._open = True

    async def close(self) -> None:
        """Intake stops first; what is not done is on disk."""
        self._open = False
        await self.duty.close()
        await self.github.aclose()
        await self.store.close()

    async def accept(self, arrival: Arrival) -> bool:
        """The door's inbox: returns once the delivery is committed."""
        if not self._open:
            raise StorageUnavailable
        stored = StoredArrival(
            id=arrival.delivery_id,
            event=arrival.event,
            payload=arrival.body.decode(),
            second_key=arrival.second_key,
            received_at=arrival.received_at,
            ignored=self.duty.means_nothing(arrival.event, arrival.payload),
        )
        try:
            new = await self.store.deliveries.accept(stored)
        except StoreUnavailable as error:
            log.error("a delivery could not be stored", error=str(error))
            raise StorageUnavailable from error
        if new and stored.ignored is None:
            self.duty.put(arrival.delivery_id, arrival.event, arrival.payload)
        return new

    async def _problems(self) -> tuple[str, ...]:
        found = list(self.duty.problems())
        try:
            await self.store.check()
        except StoreUnavailable:
            found.insert(0, "the database cannot be written")
        if await self.github.key_is_refused():
            found.append("GitHub refuses the app's key: check APP_ID, PRIVATE_KEY and this machine's clock")
        return tuple(found)

    def _show_waits(self) -> None:
        """What calls to GitHub wait for, and until when."""
        metrics, github = self.metrics, self.github
        for rank in Rank:
            waiting = metrics.writes_waiting.labels(rank=rank.name.lower())
            waiting.set_function(partial(lambda it: github.waiting_by_rank[it], rank))
        metrics.circuit_open_until.set_function(lambda: _unix(github.circuit_open_until))
        metrics.rate_limited_until.set_function(lambda: _unix(github.limited_until))

    def _observe(self, purpose: str, outcome: str, seconds: float) -> None:
        self.metrics.github_requests.labels(purpose, outcome).inc()
        self.metrics.github_seconds.labels(purpose).observe(seconds)


def _holder() -> str:
    """How people and other processes tell this process from the others that share a database."""
    return f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"


def _unix(moment: datetime | None) -> float:
    """Seconds since 1970; 0 for never."""
    return 0.0 if moment is None else moment.timestamp()


class _Server(uvicorn.Server):
    """Uvicorn without its own idea of signals: SIGTERM ends the process with 0 (contract section 1)."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or []:
            sock.listen(_MOST_WAITING)


_LET_IN_AT_ONCE = 64
"""New connections in one turn of the event loop: fewer than `bounded_lines` bears, so that in a flood each is heard
before it is given up for the next.
"""
_MOST_WAITING = 2048
"""Those that wait outside; whom the system turns away there tries again only a second later."""


async def serve(settings: Settings, listening: socket.socket | None = None) -> None:
    """Serves until SIGTERM or SIGINT. Raises `StoreRefused`, and OSError when the address is taken."""
    for secret in settings.secrets:
        redact(secret)
    configure(settings.log_level, settings.log_format)
    log_uncaught()
    bot = await Bot.build(settings)
    sock = listening or _listen(settings)
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
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    host, port = sock.getsockname()[:2]
    log.info("release-bot is starting", version=__version__, host=host, port=port)
    gc.collect()
    gc.freeze()  # what was imported stays: else each full collection goes through all of it, while GitHub waits
    try:
        async with _open_to_operators(bot):
            await bot.start()
            await server.serve(sockets=[sock])
    finally:
        await bot.close()
        log.info("release-bot has stopped")


@contextlib.asynccontextmanager
async def _open_to_operators(bot: Bot) -> AsyncIterator[None]:
    """A file has one owner, whom operators' commands have to ask; a database server they ask themselves."""
    async with contextlib.AsyncExitStack() as sockets:
        if isinstance(bot.settings.database, SqliteFile):
            path = socket_of(bot.settings.database.path)
            await sockets.enter_async_context(listening(path, partial(flakes_of, bot.store.ledger)))
        yield


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named, because asyncio switches Nagle's algorithm off only for what says that it is TCP: 40 ms an answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock


@contextlib.asynccontextmanager
async def running(bot: Bot) -> AsyncIterator[Bot]:
    """A started bot, closed at the end: for tests and benchmarks."""
    await bot.start()
    try:
        yield bot
    finally:
        await bot.close()
