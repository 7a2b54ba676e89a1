"""Who is at work: of all processes on one database exactly one, the one that holds the lease.

Rule: an engine lives as long as one term. A term begins when the lease is taken and ends when it is lost, and what an
engine of an earlier term still wants to write is refused: the store compares the term's epoch in every transaction.
The others keep their doors open and stand by.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from bot.engine.patience import say_it_waits
from bot.engine.ports import Clock
from bot.store import Store, StoreUnavailable

log = structlog.get_logger(__name__)

LEASE_SECONDS = 15.0
"""How long a lease lasts that is not renewed: so long nobody is at work after a crash."""
_RENEW_SECONDS = 4.0
_ASK_SECONDS = 1.0
"""Pauses between renewals, and between tries to take a lease that somebody else holds."""
_MARGIN_SECONDS = 2.0
"""A lease counts as over so long before the database says so: no clock runs exactly like another."""


def steady_seconds() -> float:
    """A clock that nobody sets and that goes on while the machine is suspended, where the system has one.

    https://docs.python.org/3/library/time.html#time.CLOCK_BOOTTIME
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Work(Protocol):
    """What is done in a term: the engine."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def means_nothing(self, event: str, payload: Mapping[str, object]) -> str | None: ...

    def put(self, delivery_id: str, event: str, payload: Mapping[str, object]) -> None: ...

    def problems(self) -> tuple[str, ...]: ...


class Duty:
    """Takes the lease when it is free, and keeps an engine at work for as long as it holds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        holder: str,
        begin: Callable[[], Work],
        monotonic: Callable[[], float] = steady_seconds,
    ) -> None:
        self._store = store
        self._clock = clock
        self._holder = holder
        self._begin = begin
        self._monotonic = monotonic
        self._work: Work | None = None
        self._good_until = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._decided = asyncio.Event()

    async def start(self) -> None:
        """Returns when it is known whether this process is at work or stands by."""
        self._task = asyncio.create_task(self._serve(), name="duty")
        decided = asyncio.create_task(self._decided.wait())
        await asyncio.wait({self._task, decided}, return_when=asyncio.FIRST_COMPLETED)
        decided.cancel()
        if self._task.done():
            await self._task

    async def close(self) -> None:
        """The engine comes to its end, and the lease is given up for whoever stands by."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def at_work(self) -> bool:
        return self._work is not None

    def may_write(self) -> bool:
        """Whether the lease certainly holds: a process that slept must not act on what it knew before."""
        return not self._store.shared or self._monotonic() < self._good_until

    def means_nothing(self, event: str, payload: Mapping[str, object]) -> str | None:
        """Why nothing has to be done about a delivery; None where only the one at work can tell."""
        return None if self._work is None else self._work.means_nothing(event, payload)

    def put(self, delivery_id: str, event: str, payload: Mapping[str, object]) -> None:
        """A delivery that was stored a moment ago; whoever stands by leaves it to the one at work."""
        if self._work is not None:
            self._work.put(delivery_id, event, payload)

    def problems(self) -> tuple[str, ...]:
        """What keeps this process from doing its part, for `/readyz`. Standing by is no problem."""
        if self._task is None or self._task.done():
            return ("the engine has not started",)
        return () if self._work is None else self._work.problems()

    async def _serve(self) -> None:
        while True:
            try:
                await self._term(await self._take())
            except StoreUnavailable as error:
                say_it_waits(log, "the engine waits for the database", error)
                await self._clock.sleep(_ASK_SECONDS)
            except Exception:
                if not self._decided.is_set():
                    raise
                log.exception("the engine ended oddly and is started again")
                await self._clock.sleep(_ASK_SECONDS)
            log.warning("this process is not at work any more and stands by")

    async def _take(self) -> int:
        """The epoch of a new term, once the lease is free."""
        standing_by = False
        while True:
            asked_at = self._monotonic()
            try:
                epoch = await self._store.leases.take(self._holder, LEASE_SECONDS)
            except StoreUnavailable as error:
                log.error("the lease cannot be asked for", error=str(error))
            else:
                if epoch is not None:
                    self._renewed(asked_at)
                    return epoch
                if not standing_by:
                    standing_by = True
                    log.info("another process is at work; this one stands by")
            self._decided.set()
            await self._clock.sleep(_ASK_SECONDS)

    async def _term(self, epoch: int) -> None:
        lost = asyncio.Event()
        self._store.fence(epoch, lost.set)
        work = self._begin()
        try:
            renewing = asyncio.create_task(self._renew(epoch, lost), name="lease")
            try:
                if not await self._started(work, lost):
                    return
                self._work = work
                self._decided.set()
                await lost.wait()
            finally:
                renewing.cancel()
                self._work = None
                self._good_until = float("-inf") if lost.is_set() else self._good_until
                await work.close()
        finally:
            self._store.unfence()
            with contextlib.suppress(StoreUnavailable):
                await self._store.leases.give_up(self._holder, epoch)

    async def _started(self, work: Work, lost: asyncio.Event) -> bool:
        """False: the lease was lost first. A start takes that for an outage and would wait for its end for ever."""
        starting = asyncio.create_task(work.start(), name="start of the engine")
        losing = asyncio.create_task(lost.wait(), name="loss of the lease")
        try:
            await asyncio.wait({starting, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return False
            await starting
            return True
        finally:
            starting.cancel()
            losing.cancel()
            await asyncio.gather(starting, losing, return_exceptions=True)

    async def _renew(self, epoch: int, lost: asyncio.Event) -> None:
        """While the database is away nobody can take the lease either; nothing is sent until it is renewed.

        A file has one owner, whose lease never ends.
        """
        while self._store.shared:
            await self._clock.sleep(_RENEW_SECONDS)
            asked_at = self._monotonic()
            try:
                if not await self._store.leases.renew(self._holder, epoch, LEASE_SECONDS):
                    lost.set()
                    return
                self._renewed(asked_at)
            except StoreUnavailable as error:
                log.error("the lease cannot be renewed", error=str(error))
            except Exception:  # renewing must go on, whatever it was
                log.exception("the lease could not be renewed")

    def _renewed(self, asked_at: float) -> None:
        self._good_until = asked_at + LEASE_SECONDS - _MARGIN_SECONDS
