"""A database moves with everything in it, or not at all; the release in it goes on where it was."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from typer.testing import CliRunner

from bot.cli import app
from bot.core.causes import Cause
from bot.core.ledger import AttemptOutcome, JobOutcome
from bot.store import Store, StoreRefused, StoreUnavailable, copy_database, copying
from bot.store.leases import Leases
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
    url_of,
)
from tests.postgres import PostgresServer, name_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.anyio

Rows = Mapping[str, Sequence[Mapping[str, object]]]


async def fill(url: str) -> None:
    """A release with a send in the air and a bound run, words of every kind, and a delivery that was forgotten."""
    async with opened(url) as store:
        await store.deliveries.accept(arrival("d1", second_key="k"))
        await store.deliveries.accept(arrival("d2"))
        (stored,) = await start(store, release("r1"))
        stored = await commit(store, stored, open_send=send("oss", nonce="n1"))
        await commit(
            store, stored, bind=[(HOME, 2**40, "oss")], open_send=send("ee", ref="main"), wake_at=NOW
        )
        await store.posts.add([comment("Zoë 🚀", "It's \ud800 “done”\0")])
        await store.homes.remember_home(HOME, repository_id=1)
        await store.homes.count_stranger(HOME, NOW)
        await store.ledger.record(failure("d1\ud800 fails"))
        await store.deliveries.finish("d2", "done")
        await store.deliveries.prune(NOW.replace(year=2030))


def failure(*tests: str) -> AttemptOutcome:
    failed = JobOutcome("build", "failure", 90.5, NOW, Cause.FLAKY, "browser", tests)
    return AttemptOutcome(HOME, "build.yml", "1.0", 2**40, 1, "a" * 40, (failed,))


async def rows(url: str) -> Rows:
    def read(connection: Connection) -> Rows:
        return {
            table.name: [
                dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
            if table.name not in {"leases", "pulse"}
        }

    async with opened(url) as store:
        return await store.database.transact(read)


async def refusal(source: str, target: str) -> str:
    with pytest.raises(StoreRefused) as refused:
        await copy_database(source, target)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return url_of(tmp_path)


async def test_every_row_arrives_as_it_was(sqlite: str, postgres_url: str) -> None:
    await fill(sqlite)
    copied = await copy_database(sqlite, postgres_url)
    assert await rows(postgres_url) == await rows(sqlite)
    counts = {table.table: table.rows for table in copied}
    assert (counts["releases"], counts["journal"], counts["outbox"], counts["runs"]) == (1, 2, 2, 1)
    assert (counts["job_outcomes"], counts["test_failures"]) == (1, 1)


async def test_the_way_back_is_as_good(sqlite: str, postgres_url: str) -> None:
    await fill(postgres_url)
    await copy_database(postgres_url, sqlite)
    assert await rows(sqlite) == await rows(postgres_url)


@pytest.mark.parametrize("back", [False, True], ids=["to PostgreSQL", "to SQLite"])
async def test_what_is_new_gets_a_number_above_all_that_were_ever_given(
    sqlite: str, postgres_url: str, back: bool
) -> None:
    source, target = (postgres_url, sqlite) if back else (sqlite, postgres_url)
    await fill(source)
    await copy_database(source, target)
    async with opened(target) as store:
        await store.deliveries.accept(arrival("d3"))
        (new,) = await start(store, release("r2", "1.0.4"))
        assert [row.seq for row in await store.deliveries.pending(5)] == [1, 3]
        assert new.seq == 2


async def test_the_copy_can_be_worked_on_at_once(sqlite: str, postgres_url: str) -> None:
    await fill(sqlite)
    await copy_database(sqlite, postgres_url)
    async with opened(postgres_url) as store:
        (stored,) = await store.releases.live()
        assert await commit(store, stored, close_sends=[("ee", 1, "no")])
        assert not await store.deliveries.accept(arrival("again", second_key="k"))
        mended = JobOutcome("build", "success", 80, NOW + MINUTE)
        await store.ledger.record(replace(failure(), attempt=2, jobs=(mended,)))
        (flake,) = await store.ledger.flakes([HOME], since=NOW)
        assert (flake.test, flake.healed, flake.seconds) == ("d1? fails", 1, 90.5)


async def test_an_empty_database_can_be_moved_too(sqlite: str, postgres_url: str) -> None:
    await (await Store.open(sqlite, now=Watch())).close()
    assert {table.rows for table in await copy_database(sqlite, postgres_url)} == {0}
    async with opened(postgres_url) as store:
        assert await start(store, release("r1"))


async def test_a_target_that_was_used_is_refused_and_stays_as_it_is(sqlite: str, postgres_url: str) -> None:
    await fill(sqlite)
    async with opened(postgres_url) as store:
        await store.deliveries.accept(arrival("of another"))
    before = await rows(postgres_url)
    assert "is not empty (table deliveries)" in await refusal(sqlite, postgres_url)
    assert await rows(postgres_url) == before


async def test_a_file_that_a_server_has_open_is_refused(sqlite: str, postgres_url: str) -> None:
    async with opened(sqlite):
        assert "is in use by another process" in await refusal(sqlite, postgres_url)


async def test_a_target_at_which_somebody_is_at_work_is_refused(sqlite: str, postgres_url: str) -> None:
    await fill(sqlite)
    async with opened(postgres_url):
        assert "is in use by this test" in await refusal(sqlite, postgres_url)


async def test_a_missing_file_is_refused_and_not_made(tmp_path: Path, sqlite: str) -> None:
    assert "does not exist" in await refusal(sqlite, f"sqlite:///{tmp_path / 'new.db'}")
    assert not any(tmp_path.glob("*"))  # noqa: ASYNC240 - nothing waits for it


async def test_a_database_is_not_copied_to_itself(sqlite: str) -> None:
    await fill(sqlite)
    assert "are the same database" in await refusal(sqlite, sqlite)


async def test_when_a_row_cannot_be_written_nothing_is(
    sqlite: str, postgres_url: str, postgres: PostgresServer
) -> None:
    await fill(sqlite)
    await (await Store.open(postgres_url, now=Watch())).close()
    postgres.tell("ALTER TABLE strangers ADD CHECK (seq < 0)", database=name_of(postgres_url))
    assert "failed, and nothing was written" in await refusal(sqlite, postgres_url)
    assert postgres.tell("SELECT count(*) FROM releases", database=name_of(postgres_url)) == [(0,)]
    assert await postgres_is_free(postgres_url)


@contextmanager
def held_up(url: str) -> Iterator[None]:
    """A copy from there or to there has its leases and waits in its midst."""
    import psycopg  # noqa: PLC0415 - as in tests.postgres

    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE journal")
        yield


async def holder(store: Store) -> str:
    held = await store.leases.held()
    return held.holder if held else ""


@pytest.mark.parametrize("back", [False, True], ids=["to PostgreSQL", "to SQLite"])
async def test_when_a_bot_goes_to_work_during_the_copy_nothing_is_copied(
    sqlite: str, postgres_url: str, postgres: PostgresServer, back: bool
) -> None:
    source, target = (postgres_url, sqlite) if back else (sqlite, postgres_url)
    await fill(source)
    async with opened(target):
        pass
    bot = await Store.open(postgres_url, now=Watch())
    try:
        with held_up(postgres_url):
            copy = asyncio.create_task(refusal(source, target))
            while not (await holder(bot)).startswith("db copy"):  # noqa: ASYNC110 - only the database knows
                await asyncio.sleep(0.01)
            postgres.tell("UPDATE leases SET until = 0", database=name_of(postgres_url))
            epoch = await bot.leases.take("a bot", 60)
        assert epoch is not None
        told = await copy
        assert await holder(bot) == "a bot"
        await bot.leases.give_up("a bot", epoch)
    finally:
        await bot.close()
    assert "Another process went to work on the database postgresql:" in told
    assert "nothing was copied" in told
    assert not any((await rows(target)).values())


async def test_a_copy_keeps_its_lease_when_the_server_was_away_for_a_moment(
    sqlite: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(postgres_url)
    renew, away, renewed = Leases.renew, [True], asyncio.Event()

    async def slips(self: Leases, holder: str, epoch: int, seconds: float) -> bool:
        if away and self._database.shared:
            away.clear()
            raise StoreUnavailable("the server is away")
        ours = await renew(self, holder, epoch, seconds)
        if self._database.shared:
            renewed.set()
        return ours

    monkeypatch.setattr(Leases, "renew", slips)
    monkeypatch.setattr(copying, "_LEASE_SECONDS", 0.3)
    with held_up(postgres_url):
        copy = asyncio.create_task(copy_database(postgres_url, sqlite))
        with suppress(TimeoutError):
            await asyncio.wait_for(renewed.wait(), 10)
    assert {"releases", "journal"} <= {table.table for table in await copy if table.rows}
    assert renewed.is_set()


async def postgres_is_free(url: str) -> bool:
    store = await Store.open(url, now=Watch())
    held = await store.leases.held()
    await store.close()
    return held is not None and held.over


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await made.closes()
    assert made.world.unexpected == []


async def test_a_release_in_mid_flight_goes_on_in_the_new_database(stage: Stage, postgres_url: str) -> None:
    """The bot is stopped while both editions build, its database is moved, and it is started on the new one."""
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("oss") == "running")
    await stage.closes()
    sent = stage.dispatches()
    old = f"sqlite:///{stage.folder / 'bot.db'}"

    await copy_database(old, postgres_url)
    await stage.opens(DATABASE_URL=postgres_url)
    await stage.until(lambda: stage.state() == "released")
    await stage.closes()

    assert len(sent) == 2
    assert stage.dispatches() == [*sent, *(call for call in stage.dispatches("release-docker.yml"))]
    assert len(stage.dispatches()) == len(set(stage.dispatches())) == 4


async def command(*words: str, folder: Path) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "db",
        "copy",
        *words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


async def test_the_command_moves_a_database_and_says_what_it_moved(
    tmp_path: Path, sqlite: str, postgres_url: str
) -> None:
    await fill(sqlite)
    target = postgres_url.replace("postgresql://", "postgres://")
    code, out, err = await command("sqlite:///bot.db", target, folder=tmp_path)
    assert (code, err) == (0, "")
    assert {"releases: 1 rows", "journal: 2 rows", "deliveries: 1 rows"} <= set(out.splitlines())
    assert await rows(postgres_url) == await rows(sqlite)


def told(*words: str) -> str:
    """The one line that the command ends with when it refuses."""
    result = CliRunner().invoke(app, ["db", "copy", *words])
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def test_the_command_refuses_a_file_that_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as server:
        server.execute("PRAGMA locking_mode = EXCLUSIVE")
        server.execute("CREATE TABLE releases (id TEXT)")
        assert "bot.db is in use by another process" in told(f"sqlite:///{path}", f"sqlite:///{path}.new")
    assert [found.name for found in tmp_path.iterdir()] == ["bot.db"]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("sqlite:////nowhere/no.db", "sqlite:////nowhere/new.db", "no.db does not exist"),
        ("bot.db", "sqlite:////nowhere/new.db", "FROM: must begin with sqlite:/// or postgresql://"),
        ("sqlite:////nowhere/bot.db", "mysql://x", "TO: must begin with sqlite:/// or postgresql://"),
    ],
)
def test_the_command_says_which_url_is_wrong(source: str, target: str, words: str) -> None:
    assert words in told(source, target)
