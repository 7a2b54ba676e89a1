"""Where the real things are chosen and put together: the only file that imports everything."""

import asyncio
import os
import secrets
import socket
from datetime import UTC, datetime
from functools import partial

import structlog
from starlette.applications import Starlette

from bot.core.intake import second_key
from bot.engine.duty import Duty
from bot.engine.engine import Engine
from bot.engine.ports import Clock
from bot.github.calls import GitHubCalls
from bot.github.http import Transport
from bot.github.limits import Rank
from bot.metrics import Metrics
from bot.pipeline.rules import shipped_rules
from bot.settings import Settings, database_url
from bot.store import Arrival as StoredArrival
from bot.store import Store, StoreUnavailable
from bot.web import face
from bot.web.door import Arrival, StorageUnavailable, door
from bot.web.health import health_pages

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
