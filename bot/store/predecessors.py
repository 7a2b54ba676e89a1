"""Releases of a pipeline that came to a good end: what the next one can learn from.

Rule: a release that this program cannot read any more teaches nothing, and stops nobody.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from bot.core.model import Release, ReleaseWord
from bot.store.codec import release_from_json
from bot.store.database import Database
from bot.store.tables import releases


class Predecessors:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def released(self, home: str, pipeline: str, *, most: int) -> tuple[Release, ...]:
        """The newest `most` that were released, the newest first; names whatever their letter case."""
        query = select(releases.c.state).where(
            releases.c.home == home.lower(),
            releases.c.pipeline == pipeline.lower(),
            releases.c.word == ReleaseWord.RELEASED.value,
        )
        query = query.order_by(releases.c.seq.desc()).limit(most)

        def work(connection: Connection) -> tuple[Release, ...]:
            return tuple(_readable(connection.execute(query).scalars()))

        return await self._database.transact(work)


def _readable(texts: Iterable[str]) -> Iterator[Release]:
    for text in texts:
        try:
            yield release_from_json(text)
        except ValueError:
            continue
