"""Moving everything from one database to another, a release in mid-flight included.

Rules: the target is empty and gets all or nothing, in one transaction; nobody else is at work on either, which is
looked at again at the end; what was copied is counted on both sides before it is committed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Table, cast, exc, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import REGCLASS

from bot.store.database import Database
from bot.store.errors import LeaseLost, StoreRefused, StoreUnavailable
from bot.store.fencing import Fence
from bot.store.leases import Leases
from bot.store.opening import open_database
from bot.store.postgres import be_patient
from bot.store.reading import need_file
from bot.store.tables import leases, metadata, pulse

_ROWS = 500
_LEASE_SECONDS = 30.0
_TABLES = tuple(table for table in metadata.sorted_tables if table not in {leases, pulse})
"""Parents first. Who is at work, and whether a database answers, is no part of what is moved."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A table and how many rows of it were copied."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class _Ours:
    """A database of which the copy has the lease, and the lease's epoch."""

    database: Database
    epoch: int


async def copy_database(source: str, target: str) -> tuple[Copied, ...]:
    """Copy all rows from one URL to the other; both are migrated to this program's tables first.

    StoreRefused, one sentence, when that is not possible: then the target is as empty as it was.
    """
    if source == target:
        raise StoreRefused("FROM and TO are the same database: name two.")
    need_file(source)
    async with _alone(source) as here, _alone(target) as there:
        try:
            return await asyncio.to_thread(_copy_all, here, there)
        except exc.SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise StoreRefused(
                f"The copy from {here.database.name} to {there.database.name} failed, and nothing was written: "
                f"{reason}."
            ) from error


def _copy_all(here: _Ours, there: _Ours) -> tuple[Copied, ...]:
    source, target = here.database, there.database
    # The guards end after the commit, so nobody can take a lease between the last look at it and the commit.
    with source.engine.begin() as reading, ExitStack() as guards, target.engine.begin() as writing:
        _see_one_moment(reading)
        be_patient(writing)
        _need_empty(writing, target.name)
        copied = tuple(_copy(table, reading, writing) for table in _TABLES)
        for ours in (here, there):
            if ours.database.shared:
                _need_lease(guards.enter_context(ours.database.engine.begin()), ours)
        return copied


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[_Ours]:
    """The database, opened, while nobody is at work on it: a file by its lock, a server by its lease."""
    database = await open_database(url)
    desk = Leases(database)
    me = f"db copy {uuid4()}"
    try:
        try:
            epoch = await desk.take(me, _LEASE_SECONDS) if database.shared else 0
            lease = await desk.held() if epoch is None else None
        except StoreUnavailable as error:
            raise StoreRefused(f"It cannot be seen who is at work: {error}.") from error
        if epoch is None:
            raise StoreRefused(
                f"The database {database.name} is in use by {lease.holder if lease else 'another process'}: "
                "stop every release-bot that works on it."
            )
        keeping = asyncio.create_task(_keep(desk, me, epoch), name="lease of the copy")
        try:
            yield _Ours(database, epoch)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            with suppress(StoreUnavailable):  # it ends by itself, and what was copied is copied
                await desk.give_up(me, epoch)
    finally:
        await database.close()


async def _keep(desk: Leases, me: str, epoch: int) -> None:
    """Until cancelled, or until another has the lease: the last look before the commit sees that, too."""
    ours = True
    while ours:
        await asyncio.sleep(_LEASE_SECONDS / 3)
        with suppress(StoreUnavailable):  # one that ran out is ours still, as long as nobody has taken it
            ours = await desk.renew(me, epoch, _LEASE_SECONDS)


def _need_lease(guard: Connection, ours: _Ours) -> None:
    """Nobody was at work since the lease was taken, and nobody begins before the guard ends."""
    be_patient(guard)
    try:
        Fence(ours.epoch, lambda: None).check(guard)
    except LeaseLost as error:
        raise StoreRefused(
            f"Another process went to work on the database {ours.database.name} during the copy, and nothing was "
            "copied: stop every release-bot that works on it, then copy again."
        ) from error


def _see_one_moment(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    be_patient(connection)


def _need_empty(writing: Connection, name: str) -> None:
    for table in _TABLES:
        if _count(table, writing):
            raise StoreRefused(
                f"The database {name} is not empty (table {table.name}): name one that nobody has used."
            )


def _copy(table: Table, reading: Connection, writing: Connection) -> Copied:
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=_ROWS)
    for some in reading.execute(query).mappings().partitions():
        writing.execute(insert(table), [dict(row) for row in some])
    there, here = _count(table, writing), _count(table, reading)
    if there != here:
        raise StoreRefused(f"Table {table.name} has {here} rows, but {there} arrived: nothing was copied.")
    if table.autoincrement_column is not None:
        _count_on(writing, table, _highest(reading, table))
    return Copied(table.name, there)


def _count(table: Table, connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _highest(connection: Connection, table: Table) -> int:
    """The highest number ever given out, that of a row that is gone included; 0: none."""
    if connection.dialect.name == "postgresql":
        last = select(func.pg_sequence_last_value(_sequence(connection, table)))
        return connection.execute(last).scalar() or 0
    query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return int(connection.execute(query, {"name": table.name}).scalar() or 0)


def _count_on(connection: Connection, table: Table, highest: int) -> None:
    """The next new row gets a number above `highest`: the order of rows is the order of what happened."""
    if highest == 0:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.setval(_sequence(connection, table), highest)))
        return
    known = {"name": table.name, "seq": highest}
    if not connection.execute(
        text("UPDATE sqlite_sequence SET seq = :seq WHERE name = :name"), known
    ).rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), known)


def _sequence(connection: Connection, table: Table) -> ColumnElement[object]:
    column = table.autoincrement_column
    assert column is not None
    name = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar_one()
    return cast(literal(name), REGCLASS)
