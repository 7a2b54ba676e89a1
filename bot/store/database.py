"""The one connection to the database, and the one way to use it: a whole transaction at a time.

Rules: `transact` is the only door. Transactions run one after the other, each begins with BEGIN IMMEDIATE,
and the work inside is plain SQL - nothing waits for the network there. Nobody can cancel a transaction half
way: when the caller is cancelled it is still carried through, since a connection that is torn out of one
would give up the file.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, exc
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.errors import StoreUnavailable

Result = TypeVar("Result")


class Database:
    """A serialised database. Build it with `bot.store.opening.open_database`."""

    def __init__(self, engine: AsyncEngine, name: str, *, gone: Callable[[], bool]) -> None:
        self._engine = engine
        self._gone = gone
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[object]] = set()
        self._closed = False
        self.name = name
        """What people know the database by: the file, or the URL without its password."""

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def busy(self) -> bool:
        """A transaction is under way or waits for its turn."""
        return bool(self._under_way)

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction of its own: all of it is durable when this returns, or nothing has
        changed.

        `work` may raise, which rolls back. StoreUnavailable when the database cannot do it.
        """
        task = asyncio.create_task(self._transact(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[Connection], Result]) -> Result:
        async with self._turn:
            if self._closed:
                raise StoreUnavailable(f"the database {self.name} is closed")
            if self._gone():  # SQLite would go on writing into a file that has no name any more
                raise StoreUnavailable(
                    f"the database file {self.name} was removed or replaced: put it back, then restart the bot"
                )
            try:
                async with self._engine.begin() as connection:
                    return await connection.run_sync(work)
            except exc.DBAPIError as error:
                raise StoreUnavailable(f"the database {self.name} cannot be used: {error.orig}") from error
            except exc.StatementError as error:
                # A value of ours that cannot be stored is a mistake, not an outage.
                raise (error.orig or error) from None
            except exc.SQLAlchemyError as error:
                raise StoreUnavailable(f"the database {self.name} cannot be used: {error}") from error

    async def close(self) -> None:
        """Wait for the transactions that were asked for, then give up the file. Twice does no harm."""
        async with self._turn:
            self._closed = True
            await self._engine.dispose()
