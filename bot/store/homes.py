"""Where commands were heard, when each repository was last read, and how often strangers knocked.

Rule: times only move forward: an answer that comes late cannot undo a newer one.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, or_, select

from bot.store.database import Database
from bot.store.inserting import insert
from bot.store.rows import HomeRow
from bot.store.tables import homes, sights, strangers

_STRANGERS_KEPT = timedelta(days=1)


class Homes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember_home(
        self, full_name: str, *, repository_id: int | None = None, installation_id: int | None = None
    ) -> None:
        """A command was heard here. What is None stays as it was; how far comments were listed stays too."""
        known = {"repository_id": repository_id, "installation_id": installation_id}
        known = {name: value for name, value in known.items() if value is not None}

        def work(connection: Connection) -> None:
            new = insert(connection, homes).values(repo=full_name.lower(), full_name=full_name, **known)
            set_ = {"full_name": full_name, **known}
            connection.execute(new.on_conflict_do_update(index_elements=["repo"], set_=set_))

        await self._database.transact(work)

    async def homes(self) -> tuple[HomeRow, ...]:
        query = select(homes).order_by(homes.c.repo)
        return await self._database.transact(
            lambda connection: tuple(map(HomeRow.from_row, connection.execute(query).mappings()))
        )

    async def home_listed(self, repo: str, until: datetime) -> None:
        """Every comment of this home up to `until` has been looked at."""

        def work(connection: Connection) -> None:
            new = insert(connection, homes).values(repo=repo.lower(), full_name=repo, listed_until=until)
            older = or_(homes.c.listed_until.is_(None), homes.c.listed_until < until)
            connection.execute(
                new.on_conflict_do_update(index_elements=["repo"], set_={"listed_until": until}, where=older)
            )

        await self._database.transact(work)

    async def sight(self, repo: str) -> datetime | None:
        """When the repository was last read successfully."""
        query = select(sights.c.read_at).where(sights.c.repo == repo.lower())
        return await self._database.transact(lambda connection: connection.execute(query).scalar())

    async def saw(self, repo: str, at: datetime) -> None:
        def work(connection: Connection) -> None:
            new = insert(connection, sights).values(repo=repo.lower(), read_at=at)
            newer = new.on_conflict_do_update(
                index_elements=["repo"], set_={"read_at": at}, where=sights.c.read_at < at
            )
            connection.execute(newer)

        await self._database.transact(work)

    async def sights(self) -> dict[str, datetime]:
        """By repository, in lower case."""
        query = select(sights.c.repo, sights.c.read_at)
        return await self._database.transact(lambda connection: dict(connection.execute(query).all()))

    async def strangers(self, repo: str, since: datetime) -> int:
        """How many commands by people without a role were counted in the repository from `since` on."""
        query = select(func.count()).select_from(strangers)
        query = query.where(strangers.c.repo == repo.lower(), strangers.c.at >= since)
        return await self._database.transact(lambda connection: connection.execute(query).scalar_one())

    async def count_stranger(self, repo: str, at: datetime) -> None:
        """Count one; what is older than a day is forgotten."""

        def work(connection: Connection) -> None:
            connection.execute(delete(strangers).where(strangers.c.at < at - _STRANGERS_KEPT))
            connection.execute(insert(connection, strangers).values(repo=repo.lower(), at=at))

        await self._database.transact(work)
