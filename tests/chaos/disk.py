"""SQLite without the database's thread, and with everything that a disk can do to a process.

Rule: it is SQLite itself on a real file; only the hop to another thread is gone, so that the order of all things
follows from the seed. Before a transaction there may be a moment for the others; before and after each of its
statements somebody may ask for a fault or for the end of the process.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar
from unittest import mock

from bot.store import opening

Result = TypeVar("Result")


class Ended(BaseException):
    """The process has ended in the middle of this: nothing of it goes on."""


class Gate(Protocol):
    """Who stands between a process and its disk."""

    @property
    def dead(self) -> bool: ...

    async def begins(self) -> None:
        """A transaction has its turn. Never returns in a dead process."""

    def before(self, statement: str) -> None:
        """May raise sqlite3.OperationalError, or Ended."""

    def after(self, statement: str, raw: sqlite3.Connection) -> None:
        """Likewise; what the statement does is done."""


class Raw(sqlite3.Connection):
    """Tells the gate of every statement. What a dead process would still do to its file is not done."""

    gate: Gate
    left_alone = False
    """It is another process's as well, and is never closed here."""

    def cursor(self, *_: object) -> "_Cursor":  # type: ignore[override]
        return _Cursor(self)

    def commit(self) -> None:
        self.gate.before("COMMIT")
        super().commit()
        self.gate.after("COMMIT", self)

    def rollback(self) -> None:
        if not self.gate.dead:
            super().rollback()

    def close(self) -> None:
        if not self.gate.dead:
            self.torn()

    def torn(self) -> None:
        """The file is given up; what was not committed never was."""
        if not self.left_alone:
            super().close()


class _Cursor(sqlite3.Cursor):
    def execute(self, statement: str, parameters: object = ()) -> "_Cursor":
        return self._run(super().execute, statement, parameters)

    def executemany(self, statement: str, parameters: object) -> "_Cursor":
        return self._run(super().executemany, statement, parameters)

    def _run(self, run: Callable[..., object], statement: str, parameters: object) -> "_Cursor":
        raw = self.connection
        assert isinstance(raw, Raw)
        raw.gate.before(statement)
        run(statement, parameters)
        raw.gate.after(statement, raw)
        return self


class OneThread:
    """The one connection to a file, whose transactions run at once, where they are asked for."""

    def __init__(self, path: Path, patience: float, gate: Gate) -> None:
        self._gate = gate
        self.raw = sqlite3.connect(path, timeout=patience, isolation_level=None, factory=Raw)
        self.raw.gate = gate

    async def run(self, work: Callable[[], Result]) -> Result:
        await self._gate.begins()
        try:
            return work()
        except Ended:
            await asyncio.get_running_loop().create_future()
            raise

    async def close(self) -> None:
        self.raw.close()


class Disk:
    """Hands out connections to whatever process lives now, for as long as it is plugged in."""

    def __init__(self, gate: Callable[[], Gate]) -> None:
        self._gate = gate
        self.connection: OneThread | None = None
        self._plug = mock.patch.object(opening, "OwnedFile", self)

    def __enter__(self) -> "Disk":
        self._plug.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._plug.stop()
        self.unplugged()

    def unplugged(self) -> None:
        """The process is gone, and its connection with it."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.raw.torn()

    async def open(self, path: Path, *, patience: float) -> OneThread:
        self.connection = OneThread(path, patience, self._gate())
        return self.connection
