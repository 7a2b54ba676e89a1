"""The lease: of all processes on one database, the one that is at work.

Rule: the database's clock alone says when a lease is over, and each taking raises the epoch by one. An SQLite
file has one owner already, so there the lease is always free to take and never ends.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, Update, literal_column, or_, select, update

from bot.store.database import Database, Lane
from bot.store.fencing import ENGINE
from bot.store.inserting import insert
from bot.store.tables import leases

# Not now(), which stands still during a transaction: a lease may run out while we wait for its row.
# https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
_NOW: ColumnElement[int] = literal_column(
    "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)", BigInteger()
)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is at work. `until`: by the database's clock; None: for as long as the file is open."""

    holder: str
    epoch: int
    until: datetime | None
    over: bool
    """Anybody may take it."""


class Leases:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, holder: str, seconds: float) -> int | None:
        """The new epoch, when the lease was free, over, or `holder`'s own; None: somebody else has it.

        Waits for a transaction of the previous holder that is under way. `holder` must name this very
        process: after a restart it is another one.
        """
        free = or_(leases.c.until <= _NOW, leases.c.holder == holder) if self._database.shared else None

        def work(connection: Connection) -> int | None:
            until = self._until(seconds)
            new = insert(connection, leases).values(name=ENGINE, holder=holder, epoch=1, until=until)
            changed = {"holder": holder, "epoch": leases.c.epoch + 1, "until": until}
            taken = new.on_conflict_do_update(index_elements=["name"], set_=changed, where=free)
            return connection.execute(taken.returning(leases.c.epoch)).scalar()

        return await self._database.transact(work, lane=Lane.LEASE)

    async def renew(self, holder: str, epoch: int, seconds: float) -> bool:
        """Whether the lease is still ours, now for `seconds` from the database's time on.

        One that ran out but was taken by nobody is ours still.
        """
        if not self._database.shared:
            return True
        renewed = self._mine(holder, epoch).values(until=self._until(seconds))
        return await self._database.transact(
            lambda connection: connection.execute(renewed).rowcount == 1, lane=Lane.LEASE
        )

    async def give_up(self, holder: str, epoch: int) -> None:
        """Free it for whoever asks next. Nothing happens when it is another's already."""
        if self._database.shared:
            free = self._mine(holder, epoch).values(until=_NOW, holder="")
            await self._database.transact(
                lambda connection: connection.execute(free) and None, lane=Lane.LEASE
            )

    async def held(self) -> Lease | None:
        """Who is at work, or was last; None: nobody ever was."""
        over = leases.c.until <= _NOW if self._database.shared else literal_column("0")
        query = select(leases.c.holder, leases.c.epoch, leases.c.until, over.label("over"))
        query = query.where(leases.c.name == ENGINE)

        def work(connection: Connection) -> Lease | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else Lease(row.holder, row.epoch, row.until, bool(row.over))

        return await self._database.transact(work, lane=Lane.LEASE)

    def _mine(self, holder: str, epoch: int) -> Update:
        mine = (leases.c.name == ENGINE, leases.c.holder == holder, leases.c.epoch == epoch)
        return update(leases).where(*mine)

    def _until(self, seconds: float) -> ColumnElement[int] | None:
        return _NOW + round(seconds * 1_000_000) if self._database.shared else None
