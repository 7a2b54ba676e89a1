"""SQLite without the database thread, and with everything that a disk can do to a process.

Rule: it is the driver's own code on a real file; only the hop to another thread is gone, so that the order of all
things follows from the seed. Before and after every statement somebody may ask for a fault, a crash or a moment for
the others.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeVar

import aiosqlite
from sqlalchemy import Engine, event

Result = TypeVar("Result")
_QUIET = {"cursor", "fetchall", "fetchone", "fetchmany", "close"}


class Gate(Protocol):
    """Who stands between a process and its disk. Both may raise sqlite3.OperationalError, or never return."""

    @property
    def dead(self) -> bool: ...

    async def before(self, statement: str) -> None: ...

    async def after(self, statement: str, raw: sqlite3.Connection) -> None: ...


class OneThread(aiosqlite.Connection):
    """A connection of aiosqlite that works at once, in the caller's own thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], gate: Gate) -> None:
        super().__init__(connector, 64)
        self._gate = gate

    def __await__(self) -> Generator[object, None, "OneThread"]:
        return self._opened().__await__()

    async def _opened(self) -> "OneThread":
        self._connection = self._connector()
        return self

    @property
    def raw(self) -> sqlite3.Connection | None:
        return self._connection

    async def _execute(self, fn: Callable[..., Result], *args: object, **more: object) -> Result:
        if self._gate.dead:
            raise asyncio.CancelledError
        if self._connection is None:
            raise ValueError("Connection closed")
        if fn.__name__ in _QUIET:
            return fn(*args, **more)
        statement = str(args[0]) if args else fn.__name__.upper()
        await self._gate.before(statement)
        result = fn(*args, **more)
        await self._gate.after(statement, self._connection)
        return result

    async def commit(self) -> None:
        await self._execute(self._conn.commit)

    async def close(self) -> None:
        self.torn()

    def stop(self) -> None:
        self.torn()

    def torn(self) -> None:
        """The file is given up; what was not committed never was."""
        raw, self._connection = self._connection, None
        if raw is not None:
            raw.close()


class Disk:
    """Hands out connections to whatever process lives now, for as long as it is plugged in."""

    def __init__(self, gate: Callable[[], Gate]) -> None:
        self._gate = gate
        self.connection: OneThread | None = None

    def __enter__(self) -> "Disk":
        event.listen(Engine, "do_connect", self._connect)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "do_connect", self._connect)
        self.unplugged()

    def unplugged(self) -> None:
        """The process is gone, and its connection with it."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.torn()

    def _connect(self, _dialect: object, _record: object, _args: object, given: dict[str, object]) -> None:
        given["async_creator_fn"] = self._create

    def _create(self, database: str, **given: Any) -> OneThread:
        def connector() -> sqlite3.Connection:
            made: sqlite3.Connection = sqlite3.connect(database, **given)
            return made

        self.connection = OneThread(connector, self._gate())
        return self.connection
