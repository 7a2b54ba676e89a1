"""Which version last moved a name of a repository, such as the tag `latest` of its image.

Rule: a line is written in the transaction in which the step that moves the name has passed, and never taken back.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from bot.store.database import Database
from bot.store.inserting import insert
from bot.store.tables import moved_names


class Names:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def moved(self, repo: str) -> dict[str, tuple[str, ...]]:
        """Of every name of the repository: the versions that took it, the present one last."""
        query = select(moved_names.c.name, moved_names.c.version).where(moved_names.c.repo == repo.lower())

        def work(connection: Connection) -> dict[str, tuple[str, ...]]:
            found: dict[str, list[str]] = {}
            for name, version in connection.execute(query.order_by(moved_names.c.seq)):
                found.setdefault(name, []).append(version)
            return {name: tuple(versions) for name, versions in found.items()}

        return await self._database.transact(work)


def take_names(
    connection: Connection,
    release_id: str,
    version: str,
    taken: Sequence[tuple[str, str, str]],
    *,
    at: datetime,
) -> None:
    """`taken`: repository, step and name. Doing it again changes nothing."""
    for repo, step, name in taken:
        row = {
            "repo": repo.lower(),
            "name": name,
            "version": version,
            "release_id": release_id,
            "step": step,
            "moved_at": at,
        }
        connection.execute(insert(connection, moved_names).values(row).on_conflict_do_nothing())
