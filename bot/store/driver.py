"""aiosqlite with one hop to the database's thread for each statement.

Rule: what takes time happens in that thread, and nothing else is a reason to go there. As it comes, the driver goes
there for the cursor, the statement, its rows and the cursor's end: each time two threads wake each other up.
"""

import sqlite3
from collections.abc import Iterable
from functools import partial

import aiosqlite
from aiosqlite.context import contextmanager


class _Cursor(aiosqlite.Cursor):
    """Comes and goes where it is asked for, and brings its rows along; SQLAlchemy asks for all of them at once."""

    _rows: list[sqlite3.Row]

    async def execute(self, sql: str, parameters: Iterable[object] | None = None) -> "_Cursor":
        self._rows = await self._execute(self._run, sql, parameters or ())  # type: ignore[no-untyped-call]
        return self

    def _run(self, sql: str, parameters: Iterable[object]) -> list[sqlite3.Row]:
        """In the database's thread."""
        self._cursor.execute(sql, parameters)  # type: ignore[arg-type]
        return self._cursor.fetchall() if self._cursor.description else []

    async def fetchall(self) -> Iterable[sqlite3.Row]:
        return self._rows

    async def close(self) -> None:
        self._cursor.close()


class _Connection(aiosqlite.Connection):
    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        return _Cursor(self, self._conn.cursor())


def connect(database: str, **given: object) -> aiosqlite.Connection:
    """As `aiosqlite.connect`; for one user at a time, and for files, which SQLAlchemy opens for any thread."""
    opened = partial(sqlite3.connect, database, **given)
    connection = _Connection(opened, iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does: a process that ends oddly must not wait for it
    return connection
