"""A database that cannot be used is refused at once, in one sentence; one that fails later loses nothing."""

import asyncio
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.store import Store, StoreRefused, StoreUnavailable
from tests.adapters.test_store_given import Watch, arrival, opened, release, start, url_of

pytestmark = pytest.mark.anyio

OPEN_AND_TELL = """
import asyncio, sys
from datetime import UTC, datetime
from bot.store import Store, StoreRefused

async def main():
    try:
        await (await Store.open(sys.argv[1], now=lambda: datetime.now(UTC))).close()
    except StoreRefused as refusal:
        print(refusal)

asyncio.run(main())
"""


async def told_by_another_process(folder: Path) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OPEN_AND_TELL, url_of(folder), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    return out.decode().strip()


async def refusal(url: str) -> str:
    with pytest.raises(StoreRefused) as refused:
        await Store.open(url, now=Watch())
    return str(refused.value)


async def test_a_second_process_is_refused_and_told_which_file_is_in_use(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)):
        told = await told_by_another_process(tmp_path)
    assert str(tmp_path / "bot.db") in told
    assert "is in use by another process" in told
    assert "\n" not in told


async def test_a_second_opening_in_one_process_does_not_lose_the_first_one_its_file(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)) as store:
        assert "is in use" in await refusal(url_of(tmp_path))
        assert "is in use" in await told_by_another_process(tmp_path)
        assert await store.deliveries.accept(arrival("d1"))


async def test_the_file_is_free_again_after_closing(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)) as store:
        await store.deliveries.accept(arrival("d1"))
    assert await told_by_another_process(tmp_path) == ""


async def test_the_file_is_kept_by_a_store_whose_caller_gave_up_in_the_middle(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)) as store:
        impatient = asyncio.create_task(store.check())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        assert "is in use" in await told_by_another_process(tmp_path)
        await store.check()


def a_text(path: Path) -> None:
    path.write_text("Dear diary, this is certainly no database. " * 200)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "missing" / "bot.db")


def another_programs(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_text, "is not a database"),
        (a_folder, "is a folder"),
        (a_link_to_nowhere, "cannot be opened"),
        (another_programs, "belongs to another program"),
    ],
)
async def test_a_file_that_is_not_ours_is_refused(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path / "bot.db")
    told = await refusal(url_of(tmp_path))
    assert words in told
    assert str(tmp_path / "bot.db") in told


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "does not exist: create it" in await refusal(url_of(tmp_path / "missing"))


async def test_a_file_that_cannot_be_created_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert "cannot be opened (File name too long)" in await refusal(f"sqlite:///{tmp_path / ('b' * 300)}")


async def test_another_kind_of_database_is_refused_with_the_forms_that_work() -> None:
    told = await refusal("mysql://db.example/bot")
    assert "sqlite:///FILE" in told
    assert "postgresql://" in told


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)) as store:
        await start(store, *(release(f"r{number}") for number in range(40)))
    path = tmp_path / "bot.db"
    data = bytearray(path.read_bytes())
    data[8192:-4096] = b"\x5a" * (len(data) - 12288)
    path.write_bytes(data)

    assert "is damaged" in await refusal(url_of(tmp_path))


@pytest.mark.parametrize(
    "change", ["UPDATE alembic_version SET version_num = '9999'", "UPDATE releases SET schema = 99"]
)
async def test_a_database_of_a_newer_program_is_refused(database: str, change: str) -> None:
    async with opened(database) as store:
        await start(store, release("r1"))
        await store.database.transact(lambda connection: connection.exec_driver_sql(change) and None)

    assert "was written by a newer release-bot" in await refusal(database)


async def test_a_refused_file_can_be_opened_once_the_reason_is_gone(tmp_path: Path) -> None:
    a_text(tmp_path / "bot.db")
    await refusal(url_of(tmp_path))
    (tmp_path / "bot.db").unlink()
    async with opened(url_of(tmp_path)) as store:
        await store.check()


async def test_nobody_else_on_the_machine_can_read_the_file(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)):
        assert all_modes(tmp_path) == {0o600}


def all_modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_commits_reach_the_disk_before_they_are_answered(tmp_path: Path) -> None:
    wanted = {"locking_mode": "exclusive", "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    async with opened(url_of(tmp_path)) as store:
        for name, value in wanted.items():
            assert await store.database.transact(_pragma(name)) == value


async def set_pragma(store: Store, setting: str) -> None:
    await store.database.transact(lambda connection: connection.exec_driver_sql(f"PRAGMA {setting}") and None)


def _pragma(name: str) -> Callable[[Connection], object]:
    return lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_when_the_disk_is_full_nothing_is_accepted_and_nothing_is_lost(tmp_path: Path) -> None:
    big = "x" * 100_000
    async with opened(url_of(tmp_path)) as store:
        await store.deliveries.accept(arrival("before"))
        await set_pragma(store, "max_page_count = 1")
        with pytest.raises(StoreUnavailable, match="full"):
            await store.deliveries.accept(arrival("meanwhile", second_key=big))
        assert [row.id for row in await store.deliveries.pending(5)] == ["before"]

        await set_pragma(store, "max_page_count = 1000000")
        assert await store.deliveries.accept(arrival("meanwhile", second_key=big))


async def test_a_read_only_database_is_not_ready(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)) as store:
        await store.check()
        await set_pragma(store, "query_only = ON")
        with pytest.raises(StoreUnavailable, match="readonly"):
            await store.check()


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    path.rename(path.with_suffix(".old"))
    path.touch()


@pytest.mark.parametrize("lose", [removed, replaced])
async def test_nothing_is_promised_once_the_file_is_gone(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    async with opened(url_of(tmp_path)) as store:
        lose(tmp_path / "bot.db")
        with pytest.raises(StoreUnavailable, match="was removed or replaced"):
            await store.deliveries.accept(arrival("d1"))


async def test_a_closed_store_accepts_nothing(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)) as store:
        await store.close()
        with pytest.raises(StoreUnavailable, match="is closed"):
            await store.deliveries.accept(arrival("d1"))
