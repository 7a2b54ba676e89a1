"""Opening a database so that nothing can go wrong later that could have been seen now.

Rule: SQLite is opened by one connection that owns the file: a second process is refused, and the corruption
that two connections can cause in WAL mode (https://sqlite.org/wal.html#walresetbug) cannot happen. How PostgreSQL is
opened stands in `bot.store.postgres`.
"""

import sqlite3
from collections.abc import Callable
from functools import partial
from os.path import samestat
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import StaticPool

from bot.store.database import Database
from bot.store.errors import StoreInUse, StoreRefused
from bot.store.network_disk import mounts, shared_disk
from bot.store.postgres import open_postgres
from bot.store.schema import upgrade
from bot.store.threads import OwnedFile

BUSY_SECONDS = 1.0
"""How long a file is awaited that another process may be about to give up."""


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...

    def close(self) -> None: ...


class _DriverConnection(Protocol):
    def cursor(self) -> _Cursor: ...


async def open_database(url: str, *, patience: float = 10.0) -> Database:
    """Open and migrate the database of `sqlite:///FILE`, `sqlite:////ABSOLUTE/FILE` or `postgresql://...`;
    StoreRefused says what is wrong.

    A database server that does not answer is asked again for `patience` seconds.
    """
    if url.startswith("postgresql://"):
        return await open_postgres(url, patience=patience)
    scheme, _, name = url.partition(":///")
    if scheme != "sqlite" or not name:
        raise StoreRefused(
            "The database's URL must be sqlite:///FILE or postgresql://user:password@server:5432/name."
        )
    return await _open_sqlite(Path(name))


async def _open_sqlite(path: Path) -> Database:
    _prepare(path)
    file = await OwnedFile.open(path, patience=BUSY_SECONDS)
    engine = _engine(file)
    try:
        await file.run(partial(_made_ready, engine, path))
    except exc.DBAPIError as error:
        await file.close()
        raise _refusal(path, error) from error
    except BaseException:
        await file.close()
        raise
    return Database(engine, file, str(path), gone=_watch(path))


def _made_ready(engine: Engine, path: Path) -> None:
    with engine.begin() as connection:
        _examine(connection, path)
        upgrade(connection, str(path))


def _watch(path: Path) -> Callable[[], bool]:
    """Tells whether the file of this name is no longer the one that was opened."""
    opened = path.stat()

    def gone() -> bool:
        try:
            return not samestat(opened, path.stat())
        except OSError:
            return True

    return gone


def _prepare(path: Path) -> None:
    """Create the file for our eyes only: it holds what private repositories told.

    An existing file is opened by SQLite alone: if we closed a handle of our own, the lock of a store that is
    open in this process would silently be gone (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        if not path.parent.is_dir():
            raise StoreRefused(
                f"The folder of the database file {path} does not exist: create it, or name another file."
            )
        if path.is_dir():
            raise StoreRefused(f"The database file {path} is a folder: name a file.")
        if (kind := shared_disk(path, mounts())) is not None:
            raise StoreRefused(
                f"The database file {path} is on a network file system ({kind}), where a second process cannot be kept "
                "out: name a file on a local disk, or a PostgreSQL database."
            )
        if not path.exists():
            path.touch(mode=0o600)
        # Tried here first: when it fails in aiosqlite, its thread complains about it on standard error.
        sqlite3.connect(path).close()
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StoreRefused(
            f"The database file {path} cannot be opened ({reason}): make it and its folder writable."
        ) from error


def _engine(file: OwnedFile) -> Engine:
    engine = create_engine(
        "sqlite://", creator=lambda: file.raw, poolclass=StaticPool, pool_reset_on_return=None
    )
    event.listen(engine, "connect", _own)
    event.listen(engine, "begin", _begin)
    return engine


def _own(connection: _DriverConnection, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA locking_mode=EXCLUSIVE")  # before WAL, so that no shared memory is ever used
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # WAL with NORMAL loses commits when the power goes
        cursor.execute("PRAGMA foreign_keys=ON")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _examine(connection: Connection, path: Path) -> None:
    finding = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if finding != "ok":
        raise StoreRefused(f"The database file {path} is damaged ({finding}): restore it from a backup.")


def _refusal(path: Path, error: exc.DBAPIError) -> StoreRefused:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreInUse(f"The database file {path} is in use by another process")
        case sqlite3.SQLITE_NOTADB:
            text = f"The file {path} is not a database: name another file."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            text = f"The database file {path} is not writable: let the bot write it and its folder."
        case sqlite3.SQLITE_CORRUPT:
            text = f"The database file {path} is damaged ({error.orig}): restore it from a backup."
        case sqlite3.SQLITE_FULL:
            text = f"The disk of the database file {path} is full: make room."
        case _:
            text = f"The database file {path} cannot be opened: {error.orig}."
    return StoreRefused(text)
