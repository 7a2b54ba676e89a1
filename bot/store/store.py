"""The store: one database, its parts by topic."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from sqlalchemy import Connection

from bot.store.database import Database, Lane
from bot.store.deliveries import Deliveries
from bot.store.homes import Homes
from bot.store.inserting import insert
from bot.store.leases import Leases
from bot.store.ledger import Ledger
from bot.store.names import Names
from bot.store.opening import open_database
from bot.store.posts import Posts
from bot.store.predecessors import Predecessors
from bot.store.releases import Releases
from bot.store.sends import Sends
from bot.store.surfaces import Surfaces
from bot.store.tables import pulse


class Store:
    """Everything the bot remembers. Each call is one transaction; StoreUnavailable when it cannot be made."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self.database = database
        self._now = now
        self.deliveries = Deliveries(database)
        self.releases = Releases(database, now)
        self.sends = Sends(database)
        self.posts = Posts(database, now)
        self.surfaces = Surfaces(database)
        self.homes = Homes(database)
        self.leases = Leases(database)
        self.ledger = Ledger(database, now)
        self.names = Names(database)
        self.predecessors = Predecessors(database)

    @classmethod
    async def open(cls, url: str, *, now: Callable[[], datetime]) -> Self:
        """Open and migrate `sqlite:///FILE` or `postgresql://...`. StoreRefused, one sentence, when it cannot
        be used. On PostgreSQL the engine's part works between `fence` and `unfence` only.

        `now` gives aware UTC: when releases are created, journal lines written, posts due, attempts known.
        """
        return cls(await open_database(url), now)

    @property
    def shared(self) -> bool:
        """Whether other processes may write into the database too; an SQLite file has one owner."""
        return self.database.shared

    @property
    def busy(self) -> bool:
        """Something is being written or read, or waits for its turn."""
        return self.database.busy or self.deliveries.busy

    def fence(self, epoch: int, on_lost: Callable[[], None]) -> None:
        """The lease is ours at this epoch: let what the engine asks for from now on through, as long as it is.

        `on_lost` is called once, when a transaction finds another epoch; that one raises LeaseLost. Of what the
        store does only taking deliveries in, `check`, the list of flakes and the lease itself need no fence. On a
        file with one owner nothing is checked.
        """
        self.database.fence(epoch, on_lost)

    def unfence(self) -> None:
        """This process stands by. On a shared database the engine's transactions raise LeaseLost."""
        self.database.unfence()

    async def check(self) -> None:
        """Write one row; StoreUnavailable, with the reason, when that cannot be done now."""
        at = self._now()

        def work(connection: Connection) -> None:
            beat = insert(connection, pulse).values(id=1, at=at)
            connection.execute(beat.on_conflict_do_update(index_elements=["id"], set_={"at": at}))

        await self.database.transact(work, lane=Lane.PULSE)

    async def close(self) -> None:
        """Finish what is under way and give up the database. Closing twice does no harm."""
        await self.database.close()
