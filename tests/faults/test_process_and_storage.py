"""Faults F61-F72: the process, its replicas, its database and its clock."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, event

from bot.core.sends import READ_BEFORE_SEND
from bot.engine.duty import LEASE_SECONDS
from bot.store import Store, StoreRefused, StoreUnavailable
from tests.faults.deliveries import headers, posted, ready
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, OSS, Stage, TestClock

DISPATCH = r"dispatches$"
TWO_BUILDS = ONE_STEP + (
    f"      again: {{needs: build, repo: {OSS}, dispatch: release-docker.yml, ref: develop}}\n"
)
DATABASE = ("bot.db", "bot.db-wal")


async def begins(stage: Stage, pipeline: str = ONE_STEP, **settings: str) -> None:
    stage.pipeline(pipeline)
    await stage.opens(**settings)
    await stage.says("/release 1.0.3")


def copied(folder: Path, to: Path) -> None:
    """The database as the disk has it now: what a power cut or a backup would leave."""
    to.mkdir(exist_ok=True)
    for name in DATABASE:
        if (folder / name).exists():
            shutil.copy(folder / name, to / name)


def put_back(copy: Path, folder: Path) -> None:
    for name in DATABASE:
        (folder / name).unlink(missing_ok=True)
    copied(copy, folder)


# -- the process -----------------------------------------------------------------------------------------

MOMENTS: dict[str, Callable[[Stage], object]] = {
    "at the command": lambda stage: stage.world.ledger,
    "while a run is live": lambda stage: stage.step("build") == "running",
    "between two steps": lambda stage: stage.step("build") == "passed",
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_f61_a_bot_that_is_killed_and_gone_for_an_hour_ends_its_release_all_the_same(
    stage: Stage, moment: Callable[[Stage], object]
) -> None:
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: moment(stage))
    await stage.bot_dies()
    await stage.passes(hours=1)
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=2)
    await stage.passes(minutes=5)
    assert len(stage.dispatches()) == 2
    assert (len(stage.statuses()), len(stage.said())) == (1, 1)


async def test_f62_a_bot_that_is_told_to_stop_refuses_deliveries_and_hands_over_what_is_live(
    stage: Stage,
) -> None:
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("build") == "running")
    stopping = stage.bot
    assert stopping is not None
    closing = asyncio.create_task(stopping.close())
    await asyncio.sleep(0)
    body = b'{"zen": "Keep it logically awesome."}'
    assert (await posted(stage, body, headers(stage, body, event="ping"))).status_code == 503
    async with asyncio.timeout(10):
        await closing
    stage.bot = None
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 2


# -- several processes -----------------------------------------------------------------------------------


async def test_f63_a_process_that_slept_past_its_lease_writes_nothing_any_more(postgres_url: str) -> None:
    def now() -> datetime:
        return datetime.fromisoformat("2026-11-20T09:00:00Z")

    zombie, heir = [await Store.open(postgres_url, now=now) for _ in range(2)]
    lost: list[bool] = []
    try:
        first = await zombie.leases.take("zombie", 0.0)
        assert first is not None
        zombie.fence(first, lambda: lost.append(True))
        second = await heir.leases.take("heir", 60.0)
        assert second == first + 1
        heir.fence(second, lambda: None)
        with pytest.raises(StoreUnavailable):
            await zombie.homes.saw(OSS, now())
        assert lost == [True]
        await heir.homes.saw(OSS, now())
    finally:
        await zombie.close()
        await heir.close()


def test_f63_a_send_has_to_leave_long_before_a_lease_can_be_anothers() -> None:
    assert READ_BEFORE_SEND.total_seconds() < LEASE_SECONDS


async def test_f64_behind_a_transaction_pooler_a_release_goes_its_way(
    stage: Stage, pooled_postgres_url: str
) -> None:
    await begins(stage, DATABASE_URL=pooled_postgres_url)
    await stage.until(lambda: stage.step("build") == "running")
    await stage.bot_dies()
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


# -- the database file -----------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    def now() -> datetime:
        return datetime.fromisoformat("2026-11-20T09:00:00Z")

    opened = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}", now=now)
    yield opened
    await opened.close()


def pragma(name: str) -> Callable[[Connection], object]:
    return lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_f65_every_transaction_takes_its_lock_at_once_and_none_is_ever_locked_out(store: Store) -> None:
    told: list[str] = []

    @event.listens_for(store.database.engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    def write(connection: Connection) -> int:
        return connection.exec_driver_sql("UPDATE homes SET installation_id = 1").rowcount

    outcomes = await asyncio.gather(*(store.database.transact(write) for _ in range(200)))
    assert len(outcomes) == 200
    begun = [statement for statement in told if statement.upper().startswith("BEGIN")]
    assert begun == ["BEGIN IMMEDIATE"] * 200


async def test_f66_one_connection_owns_the_file_so_that_wal_cannot_be_reset_under_another(
    store: Store, tmp_path: Path
) -> None:
    assert await store.database.transact(pragma("locking_mode")) == "exclusive"
    assert not (tmp_path / "bot.db-shm").exists()
    other = sqlite3.connect(tmp_path / "bot.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM releases")
    other.close()


async def test_f67_commits_wait_for_the_disk(store: Store) -> None:
    assert await store.database.transact(pragma("synchronous")) == 2  # FULL
    assert await store.database.transact(pragma("journal_mode")) == "wal"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_f67_what_the_disk_holds_while_a_dispatch_is_under_way_is_enough_never_to_repeat_it(
    stage: Stage, when: str
) -> None:
    """The power goes in the middle of the request: the file is what was copied in that very moment."""
    cut = stage.folder / "cut"
    stage.world.trouble.calls("POST", DISPATCH, lambda: copied(stage.folder, cut), when=when)  # type: ignore[arg-type]
    await begins(stage)
    await stage.bot_dies()
    put_back(cut, stage.folder)
    await stage.opens()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


Ruin = Callable[[Stage], Awaitable[Callable[[], Awaitable[object]]]]


async def _is_read_only(stage: Stage) -> Callable[[], Awaitable[object]]:
    """Told to the connection itself, since no transaction could take it back."""

    async def tells(setting: str) -> None:
        assert stage.bot is not None
        with stage.bot.store.database.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute(f"PRAGMA query_only = {setting}")

    await tells("ON")
    return lambda: tells("OFF")


async def _is_gone(stage: Stage) -> Callable[[], Awaitable[object]]:
    aside = (stage.folder / "bot.db").rename(stage.folder / "aside.db")

    async def back() -> None:
        aside.rename(stage.folder / "bot.db")

    return back


RUINS: dict[str, Ruin] = {"read-only": _is_read_only, "gone": _is_gone}


@pytest.mark.parametrize("ruin", RUINS.values(), ids=RUINS)
async def test_f68_without_a_disk_nothing_is_sent_and_the_process_says_that_it_is_not_ready(
    rough_stage: Stage, ruin: Ruin
) -> None:
    stage = rough_stage
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage, TWO_BUILDS)
    await stage.until(lambda: stage.step("build") == "running")
    mend = await ruin(stage)
    stage.run(stage.oss, "build.yml").finish()
    await stage.passes(minutes=10)
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert (await ready(stage)).status_code == 503

    await mend()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert (await ready(stage)).status_code == 200
    assert stage.dispatches() == ["widget/build.yml@develop", "widget/release-docker.yml@develop"]


async def test_f69_a_damaged_file_is_refused_at_the_start(stage: Stage) -> None:
    await begins(stage)
    await stage.closes()
    file = stage.folder / "bot.db"
    content = bytearray(file.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    file.write_bytes(content)
    with pytest.raises(StoreRefused, match="restore it from a backup"):
        await stage.opens()


async def test_f69_a_database_that_is_put_back_from_a_copy_is_held_against_github_before_any_send(
    stage: Stage,
) -> None:
    """After the copy was made the second step was dispatched: its run is there, and the copy knows nothing of it."""
    backup = stage.folder / "backup"
    await begins(stage, TWO_BUILDS)
    await stage.until(lambda: stage.step("build") == "running")
    await stage.closes()
    copied(stage.folder, backup)
    await stage.opens()
    await stage.until(lambda: stage.step("again") == "running")
    await stage.closes()
    put_back(backup, stage.folder)
    await stage.opens()
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    run = stage.run(stage.oss, "release-docker.yml")
    assert str(run.id) in stage.said()[-1]
    assert len(stage.dispatches("docker")) == 1

    await stage.says(f"/release adopt 1.0.3 again {run.id}")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches("docker")) == 1


async def test_f70_a_database_of_a_newer_program_is_refused(stage: Stage) -> None:
    await begins(stage)
    await stage.closes()
    with sqlite3.connect(stage.folder / "bot.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreRefused, match="newer release-bot"):
        await stage.opens()


async def test_f70_a_migration_that_fails_half_way_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """A view stands in the way of the second step, and nothing of the first one stays."""
    file = tmp_path / "bot.db"

    def told(statement: str) -> list[tuple[str]]:
        connection = sqlite3.connect(file)
        with connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def now() -> datetime:
        return datetime.fromisoformat("2026-11-20T09:00:00Z")

    told("CREATE VIEW leases AS SELECT 1")
    with pytest.raises(StoreRefused, match="leases"):
        await Store.open(f"sqlite:///{file}", now=now)
    assert told("SELECT name FROM sqlite_master") == [("leases",)]

    told("DROP VIEW leases")
    await (await Store.open(f"sqlite:///{file}", now=now)).close()
    assert told("SELECT version_num FROM alembic_version") != []


# -- the clock -------------------------------------------------------------------------------------------


class WallClock:
    """The machine's idea of the time of day. It may jump; pauses and GitHub's time pass evenly."""

    def __init__(self, true: TestClock) -> None:
        self._true = true
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self._true.now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


async def opens_with(stage: Stage, clock: WallClock) -> None:
    true, stage.clock = stage.clock, cast("TestClock", clock)
    try:
        await stage.opens()
    finally:
        stage.clock = true


@pytest.mark.parametrize("minutes", [-60, -2, 2, 60, 60 * 24])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_f71_a_clock_that_jumps_in_mid_release_loses_nothing_and_repeats_nothing(
    stage: Stage, moment: Callable[[Stage], object], minutes: int
) -> None:
    clock = WallClock(stage.clock)
    stage.pipeline(ONE_CHAIN)
    await opens_with(stage, clock)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: moment(stage))
    clock.ahead = timedelta(minutes=minutes)
    await stage.until(lambda: stage.state() == "released", hours=3)
    await stage.passes(minutes=10)
    assert len(stage.dispatches()) == 2
    assert len(stage.statuses()) == 1


async def test_f71_a_machine_that_slept_for_a_night_goes_on_where_it_stood(stage: Stage) -> None:
    """Nothing of the bot runs while time passes; a run that is awaited is not given up for that."""
    stage.oss.workflows["global-start-release.yml"].on_run().pushes_tag(None)
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("start") == "passed")
    stage.clock.advance(hours=9)
    stage.clock.wake()
    await stage.settle()
    await stage.passes(minutes=5)
    assert stage.state() == "running"
    stage.world.hand("maya").pushes_tag(stage.oss, "v1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_f72_a_file_that_changes_in_mid_release_changes_nothing_of_it(stage: Stage) -> None:
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("build") == "running")
    stage.pipeline(ONE_STEP)
    await stage.bot_restarts()
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert set(stage.status().steps) == {"start", "build", "images"}
    assert stage.dispatches() == [
        "widget/global-start-release.yml@develop",
        "widget/release-docker.yml@v1.0.3",
    ]
