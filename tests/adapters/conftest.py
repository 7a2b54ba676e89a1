"""What the tests of the store have in common: a database of each kind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.adapters.test_store_given import Watch, url_of
from tests.postgres import PostgresServer, name_of, pooled


EVERY_KIND = ["sqlite", "postgresql", "pooler"]
"""For the modules that are worth the time of a third run."""


@pytest.fixture(params=EVERY_KIND)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of each kind; `pooler` is PostgreSQL behind a transaction pooler."""
    if request.param == "sqlite":
        yield url_of(tmp_path)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(template=request.getfixturevalue("migrated"))
    if request.param == "pooler":
        with pooled(server, url) as through_pooler:
            yield through_pooler
    else:
        yield url
    server.drop(url)


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """Name of a database that has its tables already: copies of it are quick to open."""
    url = postgres.new_database()

    async def migrate() -> None:
        await (await Store.open(url, now=Watch())).close()

    asyncio.run(migrate())
    return name_of(url)
