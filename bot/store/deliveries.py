"""The inbox: what GitHub delivered, kept before it is answered.

Rule: a delivery is taken once, by its id and by what it tells; whoever waits for `accept` waits for the disk.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from bot.store import taking
from bot.store.database import Database, Lane
from bot.store.rows import Arrival, DeliveryRow, DeliveryState
from bot.store.tables import deliveries
from bot.store.taking import MOST_TOGETHER, Finished

Waiter = tuple[Arrival, asyncio.Future[bool]]


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Waiter] = []
        self._finished: list[Finished] = []
        self._writer: asyncio.Task[None] | None = None

    async def accept(self, arrival: Arrival) -> bool:
        """Keep a delivery. False: its id or its second key was seen before, and nothing changed.

        Durable when it returns; StoreUnavailable when it could not be kept. Concurrent calls share one
        commit.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, answer))
        self._need_writer()
        return await answer

    def finish_soon(self, delivery_id: str, outcome: str, *, ignored: bool = False) -> None:
        """Finish a delivery with the next arrival or `flush`: for hints, which do no harm when heard again."""
        self._finished.append((delivery_id, outcome, ignored))

    async def flush(self) -> None:
        """Write what `finish_soon` has gathered."""
        for _ in range(len(self._finished) // MOST_TOGETHER + 1):
            if self._finished:
                self._need_writer()
            if self._writer is not None:
                await asyncio.shield(self._writer)  # others wait for it, too

    @property
    def busy(self) -> bool:
        return self._writer is not None

    def _need_writer(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Carry everything that has come in by the time the transaction begins."""
        batch: list[Waiter] = []
        finished: list[Finished] = []

        def work(connection: Connection) -> set[int]:
            taking.finish(connection, finished)
            return taking.keep(connection, [arrival for arrival, _ in batch])

        try:
            kept = await self._database.transact(
                work, lane=Lane.DOOR, at_turn=lambda: self._take(batch, finished)
            )
        except Exception as error:  # whoever waits must be told, whatever it is
            if self._writer is asyncio.current_task():
                self._take(batch, finished)
            self._finished = finished + self._finished
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for place, (_, answer) in enumerate(batch):
            if not answer.done():
                answer.set_result(place in kept)

    def _take(self, batch: list[Waiter], finished: list[Finished]) -> None:
        """All that wait; from here on a new arrival needs a new writer.

        Of what is finished no more than arrivals can well wait for: after a restart that may be thousands.
        """
        batch += self._waiting
        finished += self._finished[:MOST_TOGETHER]
        self._waiting, self._finished, self._writer = [], self._finished[MOST_TOGETHER:], None

    async def pending(self, limit: int) -> tuple[DeliveryRow, ...]:
        """What is still to be worked on, in the order of arrival."""
        query = select(deliveries).where(deliveries.c.state == DeliveryState.PENDING)
        query = query.order_by(deliveries.c.seq).limit(limit)
        return await self._database.transact(
            lambda connection: tuple(map(DeliveryRow.from_row, connection.execute(query).mappings()))
        )

    async def backlog(self) -> int:
        """How many are still to be worked on."""
        query = select(func.count()).where(deliveries.c.state == DeliveryState.PENDING)
        return await self._database.transact(lambda connection: connection.execute(query).scalar_one())

    async def known(self, ids: Collection[str]) -> frozenset[str]:
        """Those of these delivery ids that were taken before, whatever became of them."""
        query = select(deliveries.c.id).where(deliveries.c.id.in_(ids))
        return await self._database.transact(
            lambda connection: frozenset(connection.execute(query).scalars())
        )

    async def told(self, second_key: str) -> bool:
        """Whether a delivery of this second key was taken, whatever became of it."""
        query = select(func.count()).where(deliveries.c.second_key == second_key)
        return await self._database.transact(lambda connection: bool(connection.execute(query).scalar_one()))

    async def finish(self, delivery_id: str, outcome: str, *, ignored: bool = False) -> None:
        await self._database.transact(
            lambda connection: finish_delivery(connection, delivery_id, outcome, ignored=ignored)
        )

    async def failed(self, delivery_id: str, error: str, *, most: int = 5) -> bool:
        """Count a failure. True when the delivery is put aside now, because it has failed `most` times."""
        mine = deliveries.c.id == delivery_id

        def work(connection: Connection) -> bool:
            counted = update(deliveries).where(mine, deliveries.c.state == DeliveryState.PENDING)
            counted = counted.values(tries=deliveries.c.tries + 1, outcome=error)
            tries = connection.execute(counted.returning(deliveries.c.tries)).scalar()
            if tries is None or tries < most:
                return False
            connection.execute(update(deliveries).where(mine).values(state=DeliveryState.QUARANTINED))
            return True

        return await self._database.transact(work)

    async def prune(self, before: datetime) -> int:
        """Forget what was finished and had been received before this time; the same delivery would then be
        new.
        """
        over = deliveries.c.state.in_([DeliveryState.DONE, DeliveryState.IGNORED])
        old = delete(deliveries).where(over, deliveries.c.received_at < before)
        return await self._database.transact(lambda connection: connection.execute(old).rowcount)


def was_finished(connection: Connection, delivery_id: str) -> bool:
    """Whether it has its outcome: a commit whose answer was lost may have been carried out."""
    found = connection.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()
    return found in {DeliveryState.DONE, DeliveryState.IGNORED}


def finish_delivery(connection: Connection, delivery_id: str, outcome: str, *, ignored: bool = False) -> None:
    """Within a transaction that does what the delivery asked for."""
    taking.finish(connection, [(delivery_id, outcome, ignored)])
