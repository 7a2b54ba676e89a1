"""Reading what the bot remembers from outside of it, for operators.

Rule: a file that does not exist is not made, and one that a server has open is refused: ask the server then. A
PostgreSQL database can be read while servers work on it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.store.errors import StoreRefused
from bot.store.ledger import Ledger
from bot.store.opening import open_database


@asynccontextmanager
async def open_ledger(url: str) -> AsyncIterator[Ledger]:
    """The ledger for reading only: `flakes` and `repositories`. The tables are migrated first.

    StoreRefused, one sentence, when there is no such database, a server has the file open, or a newer program wrote it.
    """
    need_file(url)
    database = await open_database(url)
    try:
        yield Ledger(database, lambda: datetime.now(UTC))
    finally:
        await database.close()


def need_file(url: str) -> None:
    """StoreRefused when the URL names a file that does not exist: opening it would make it."""
    scheme, _, name = url.partition(":///")
    if scheme == "sqlite" and not Path(name).is_file():
        raise StoreRefused(f"The database file {name} does not exist: name the one that the bot has used.")
