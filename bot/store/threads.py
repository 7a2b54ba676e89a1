"""The threads in which transactions run, so that the event loop never waits for a disk or a server.

Rule: a whole transaction is one hop to its thread and one hop back; between its statements nobody waits for the
event loop, however busy that is (docs/adr/0009).
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeVar

import aiosqlite

Result = TypeVar("Result")


class Threads(Protocol):
    """Where a database's transactions run."""

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run it in a thread. Who is cancelled meanwhile only does not hear how it went."""
        ...

    async def close(self) -> None:
        """Everything that was asked for has ended."""
        ...


class OwnedFile(aiosqlite.Connection):
    """The one connection to an SQLite file, and the one thread in which it is used."""

    @classmethod
    async def open(cls, path: Path, *, patience: float) -> Self:
        """`patience`: seconds to wait for a file that another process may be about to give up.

        Transactions are begun by name; Python's own habit is not to begin one before a SELECT.
        """
        connect = partial(
            sqlite3.connect, path, timeout=patience, isolation_level=None, check_same_thread=False
        )
        connection = cls(connect, iter_chunk_size=64)
        connection._thread.daemon = True  # a process that ends oddly must not wait for it
        await connection
        return connection

    @property
    def raw(self) -> sqlite3.Connection:
        return self._conn

    async def run(self, work: Callable[[], Result]) -> Result:
        done: Result = await self._execute(work)  # type: ignore[no-untyped-call]
        return done


class Pool:
    """Threads for connections to a server, as many as there are connections."""

    def __init__(self, most: int) -> None:
        self._executor = ThreadPoolExecutor(most, thread_name_prefix="database")

    async def run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def close(self) -> None:
        self._executor.shutdown(wait=False)
