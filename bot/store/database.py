"""The connections to the database, and the one way to use them: a whole transaction at a time.

Rules: `transact` is the only door. Transactions of one lane run one after the other, in the order they were
asked for; what the engine does is one lane. SQLite has one connection and so one turn for all lanes; on
PostgreSQL each lane has a connection, so the door and the lease never wait behind the engine, and the engine's
lane is fenced (`bot.store.fencing`): transactions of all processes together run as if there were one engine.
The work inside is plain SQL and runs in a thread of the database (`bot.store.threads`): it must not touch what
belongs to the event loop. Nobody can cancel a transaction half way: when the caller is cancelled it is still
carried through.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from enum import Enum, auto
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, exc

from bot.store.errors import LeaseLost, StoreUnavailable
from bot.store.fencing import Fence
from bot.store.threads import Threads

Result = TypeVar("Result")

_TRIES = 3
_AGAIN = frozenset({"40001", "40P01"})
"""PostgreSQL undid the transaction for another's sake: serialization failure, deadlock. Doors that keep the same
deliveries in another order can meet so. https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html
"""


class Lane(Enum):
    """Whose transactions these are."""

    ENGINE = auto()
    """Everything that only the process at work may do; the only fenced lane."""
    DOOR = auto()
    LEASE = auto()
    PULSE = auto()
    READING = auto()
    """What may be read by anybody at any time. Nothing is written."""


class Database:
    """A database whose lanes are serialised. Build it with `bot.store.opening.open_database`."""

    def __init__(
        self, engine: Engine, threads: Threads, name: str, *, gone: Callable[[], bool] = lambda: False
    ) -> None:
        self.engine = engine
        """For moving a whole database; everything else goes through `transact`."""
        self._threads = threads
        self._gone = gone
        one = asyncio.Lock()
        self._turns = {lane: asyncio.Lock() if self.shared else one for lane in Lane}
        self._under_way: set[asyncio.Task[object]] = set()
        self._closed = False
        self._fence: Fence | None = None
        self.name = name
        """What people know the database by: the file, or the URL without its password."""

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @property
    def shared(self) -> bool:
        """Other processes may write into it too; an SQLite file has one owner."""
        return self.dialect != "sqlite"

    @property
    def busy(self) -> bool:
        """A transaction is under way or waits for its turn."""
        return bool(self._under_way)

    def fence(self, epoch: int, on_lost: Callable[[], None]) -> None:
        """From now on the engine's transactions belong to this epoch of the lease.

        Those that were asked for before keep the fence they had. Nothing changes on a database with one owner.
        """
        self._fence = Fence(epoch, on_lost)

    def unfence(self) -> None:
        """This process stands by: on a shared database the engine's transactions are refused."""
        self._fence = None

    async def transact(
        self,
        work: Callable[[Connection], Result],
        *,
        lane: Lane = Lane.ENGINE,
        at_turn: Callable[[], None] = lambda: None,
    ) -> Result:
        """Run `work` in a transaction of its own: all of it is durable when this returns, or nothing has
        changed.

        `at_turn` is called in the event loop when the lane's turn has come. `work` may raise, which rolls back;
        it may be called again when the database asks for that. StoreUnavailable when the database cannot do it;
        LeaseLost when another process is at work.
        """
        task = asyncio.create_task(self._transact(work, lane, self._fence, at_turn))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: nobody else would look at it, and asyncio complains

    async def _transact(
        self,
        work: Callable[[Connection], Result],
        lane: Lane,
        fence: Fence | None,
        at_turn: Callable[[], None],
    ) -> Result:
        async with self._turns[lane]:
            if self._closed:
                raise StoreUnavailable(f"the database {self.name} is closed")
            at_turn()
            if lane is Lane.ENGINE and self.shared:
                return await self._fenced(work, fence)
            return await self._threads.run(partial(self._tried, work))

    async def _fenced(self, work: Callable[[Connection], Result], fence: Fence | None) -> Result:
        if fence is None:
            raise LeaseLost("this process stands by: it does not hold the lease of the database")

        def guarded(connection: Connection) -> Result:
            fence.check(connection)
            return work(connection)

        try:
            return await self._threads.run(partial(self._tried, guarded))
        except LeaseLost:
            fence.lost()
            raise

    def _tried(self, work: Callable[[Connection], Result]) -> Result:
        """In a thread of the database."""
        if self._gone():  # SQLite would go on writing into a file that has no name any more
            raise StoreUnavailable(
                f"the database file {self.name} was removed or replaced: put it back, then restart the bot"
            )
        tries = 1
        while True:
            try:
                with self.engine.begin() as connection:
                    return work(connection)
            except exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _AGAIN or tries == _TRIES:
                    raise StoreUnavailable(
                        f"the database {self.name} cannot be used: {error.orig}"
                    ) from error
                time.sleep(0.02 * tries)  # the other one first, or they meet again
                tries += 1
            except exc.StatementError as error:
                # A value of ours that cannot be stored is a mistake, not an outage.
                raise (error.orig or error) from None
            except exc.SQLAlchemyError as error:
                raise StoreUnavailable(f"the database {self.name} cannot be used: {error}") from error

    async def close(self) -> None:
        """Wait for the transactions that were asked for, then give up the file. Twice does no harm."""
        async with AsyncExitStack() as turns:
            for turn in dict.fromkeys(self._turns.values()):
                await turns.enter_async_context(turn)
            if not self._closed:
                self._closed = True
                await self._threads.run(self.engine.dispose)
                await self._threads.close()
