"""A migration keeps what is there, and lets the version before go on working beside the new one."""

import ast
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, MetaData, create_engine, inspect, select

from bot.core.ledger import AttemptOutcome, JobOutcome
from bot.store import SendState, Store
from bot.store.migrations import versions
from bot.store.tables import metadata
from tests.adapters.test_store_given import (
    HOME,
    MINUTE,
    NOW,
    Watch,
    arrival,
    comment,
    commit,
    opened,
    release,
    send,
    start,
)

pytestmark = pytest.mark.anyio

Rows = Mapping[str, Sequence[Mapping[str, object]]]

FOLDER = Path(versions.__path__[0])
REVISIONS = [path.name[1:5] for path in sorted(FOLDER.glob("v[0-9]*.py"))]
ADDING = {"create_table", "create_index", "add_column", "f"}
"""What a migration may do with `alembic.op`: the old program, at work beside it, must not notice."""


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


both_kinds = pytest.mark.parametrize("empty", ["sqlite", "postgresql"], indirect=True)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction of somebody who knows nothing of the bot."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
    else:
        import psycopg  # noqa: PLC0415 - an extra

        engine = create_engine(URL.create("postgresql+psycopg"), creator=lambda: psycopg.connect(url))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def migrate(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "bot.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def tables(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


async def mid_flight(folder: Path) -> Rows:
    """The rows of a release with a send in the air, a bound run, a post to make and a delivery to handle."""
    async with opened(f"sqlite:///{folder / 'now.db'}") as store:
        await store.deliveries.accept(arrival("d1", second_key="k"))
        (stored,) = await start(store, release("r1"))
        stored = await commit(store, stored, open_send=send("oss"))
        stored = await commit(store, stored, bind=[(HOME, 7, "oss")], open_send=send("ee", ref="main"))
        await store.posts.add([comment("answer")])
        await store.homes.remember_home(HOME)
        await store.ledger.record(failed_attempt())

        def read(connection: Connection) -> Rows:
            return {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in tables(connection).sorted_tables
            }

        return await store.database.transact(read)


def failed_attempt() -> AttemptOutcome:
    failed = JobOutcome("build", "failure", 60, NOW, tests=("it works",))
    return AttemptOutcome(HOME, "build.yml", "1.0", 7, 1, "a" * 40, (failed,))


async def is_whole(store: Store, *, remembers: bool) -> None:
    """What the rows tell is still true, and work goes on with them."""
    epoch = await store.leases.take("the new version", 60)
    assert epoch is not None
    store.fence(epoch, lambda: None)
    (stored,) = await store.releases.live()
    assert (stored.release, stored.revision) == (release("r1"), 3)
    assert [row.state for row in await store.sends.sends_of("r1", "oss")] == [SendState.BOUND]
    assert [row.state for row in await store.sends.sends_of("r1", "ee")] == [SendState.OPEN]
    assert await store.sends.bindings(HOME, [7]) == {7: ("r1", "oss")}
    assert [post.key for post in await store.posts.todo_posts(NOW)] == ["answer"]
    assert [row.id for row in await store.deliveries.pending(5)] == ["d1"]
    assert not await store.deliveries.accept(arrival("d2", second_key="k"))
    assert len(await store.releases.journal("r1")) == 2
    taken = [(HOME, "oss", "latest")]
    assert (await commit(store, stored, close_sends=[("ee", 1, "no")], take=taken)).revision == 4
    assert await store.names.moved(HOME) == {"latest": (stored.release.version,)}
    assert await store.ledger.recorded(HOME, [7]) == ({(7, 1)} if remembers else set())
    await store.ledger.record(failed_attempt())
    passed = JobOutcome("build", "success", 60, NOW + MINUTE)
    await store.ledger.record(replace(failed_attempt(), attempt=2, jobs=(passed,)))
    assert [flake.test for flake in await store.ledger.flakes([HOME], since=NOW)] == ["it works"]


@both_kinds
@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_release_in_mid_flight_goes_on_after_the_migration(
    empty: str, revision: str, tmp_path: Path
) -> None:
    rows = await mid_flight(tmp_path)
    with connected(empty) as connection:
        migrate(connection, revision)
        for table in tables(connection).sorted_tables:
            known = {column.name for column in table.columns}
            some = [{k: v for k, v in row.items() if k in known} for row in rows.get(table.name, ())]
            if some and table.name not in {"alembic_version", "leases"}:
                connection.execute(table.insert(), _for(connection, some))
        _count_on(connection)

    store = await Store.open(empty, now=Watch())
    try:
        await is_whole(store, remembers=revision >= "0003")
    finally:
        await store.close()


def _for(connection: Connection, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """SQLite keeps truth as a number."""
    if connection.dialect.name == "sqlite":
        return rows
    return [{**row, "final": bool(row["final"])} if "final" in row else row for row in rows]


def _count_on(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in ("deliveries", "releases", "journal", "posts", "job_outcomes"):
            if table not in tables(connection).tables:
                continue
            key = "id" if table == "journal" else "seq"
            connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), 100)")


@both_kinds
@pytest.mark.parametrize(("old", "new"), list(pairwise(REVISIONS)))
def test_the_version_before_can_work_on_the_tables_of_the_next(empty: str, old: str, new: str) -> None:
    with connected(empty) as connection:
        migrate(connection, old)
        before = tables(connection)
    with connected(empty) as connection:
        migrate(connection, new)
        after = tables(connection)

    for table in before.sorted_tables:
        now = after.tables[table.name]
        for column in table.columns:
            same = now.columns[column.name]
            assert (str(same.type), same.nullable) == (str(column.type), column.nullable)
        unknown = [column for column in now.columns if column.name not in table.columns]
        assert all(column.nullable or column.server_default is not None for column in unknown)
        assert {i.name for i in now.indexes if i.unique} == {i.name for i in table.indexes if i.unique}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("v[0-9]*.py")), ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    """Expand now; what nobody uses any more may go in a later release, with a rule of its own here."""
    tree = ast.parse(path.read_text("utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "op"
    }
    assert used <= ADDING


def test_migrations_stand_in_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", "bot.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()] == REVISIONS[::-1]


@both_kinds
async def test_the_migrations_make_exactly_the_tables_that_the_code_uses(empty: str) -> None:
    await (await Store.open(empty, now=Watch())).close()
    with connected(empty) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


async def test_processes_that_start_together_migrate_once(postgres_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(postgres_url, now=Watch()) for _ in range(4)))
    await asyncio.gather(*(store.close() for store in stores))
    with connected(postgres_url) as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
        assert found == [REVISIONS[-1]]
        assert "releases" in inspect(connection).get_table_names()
