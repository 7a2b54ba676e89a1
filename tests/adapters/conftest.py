"""What the tests of the store have in common: a database of each kind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store import Store
from bot.store.tables import metadata
from tests.adapters.test_store_given import Watch, url_of
from tests.postgres import PostgresServer, name_of, pooled

EVERY_KIND = ["sqlite", "postgresql", "pooler"]
"""For the modules that are worth the time of a third run."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of each kind; `pooler` is PostgreSQL behind a transaction pooler."""
    if request.param == "sqlite":
        yield url_of(tmp_path)
        return
    url: str = request.getfixturevalue("ready_url")
    if request.param == "postgresql":
        yield url
        return
    with pooled(request.getfixturevalue("postgres"), url) as (through_pooler, _):
        yield through_pooler


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> Iterator[tuple[str, object]]:
    """The one database that most tests of a worker share, as making one costs more than using it: its URL, and the
    version of its tables.
    """
    url = postgres.new_database()

    async def migrate() -> None:
        await (await Store.open(url, now=Watch())).close()

    asyncio.run(migrate())
    ((version,),) = postgres.tell("SELECT version_num FROM alembic_version", database=name_of(url))
    yield url, version
    postgres.drop(url)


@pytest.fixture
def ready_url(postgres: PostgresServer, migrated: tuple[str, object]) -> Iterator[str]:
    """URL of a PostgreSQL database that has its tables, all of them empty."""
    url, version = migrated
    yield url
    postgres.tell(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY",
        f"UPDATE alembic_version SET version_num = '{version}'",  # noqa: S608 - our own words
        database=name_of(url),
    )
