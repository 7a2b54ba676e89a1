"""What is known of the time in which nobody was at work on this database."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.facts import NotFound
from bot.core.trouble import Trouble
from bot.engine.sights import Sights
from bot.simulator.clock import VirtualClock
from bot.store import Store

LAST = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class _Clock(VirtualClock):
    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody has to wait {seconds} s")


async def _nobody(repo: str, trouble: Trouble | None) -> None:
    raise AssertionError(f"{repo} is not barred: {trouble}")


@pytest.mark.parametrize(
    ("minutes", "away"), [(-5, False), (0.5, False), (2, True), (59, True), (61, False), (600, False)]
)
async def test_only_between_its_last_sign_of_life_and_the_start_was_nobody_there(
    tmp_path: Path, minutes: float, away: bool
) -> None:
    clock = _Clock()
    clock.move_to(LAST + 60 * MINUTE)
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}", now=clock.now)
    try:
        await store.homes.saw("acme/widget", LAST)
        sights = Sights(store, clock, look_seconds=60, on_barred=_nobody)
        await sights.load()
    finally:
        await store.close()

    assert sights.away(LAST + minutes * MINUTE) is away


async def test_two_slips_with_hours_between_them_call_nobody_but_a_refusal_that_stays_does(
    tmp_path: Path,
) -> None:
    clock, told = _Clock(), list[str]()

    async def barred(repo: str, trouble: Trouble | None) -> None:
        told.append(f"{repo} {trouble.kind if trouble else 'answers'}")

    async def refused_after(minutes: float) -> None:
        clock.move_to(clock.now() + minutes * MINUTE)
        await sights.refused("acme/widget", NotFound("Not Found"))

    clock.move_to(LAST)
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}", now=clock.now)
    try:
        sights = Sights(store, clock, look_seconds=60, on_barred=barred)
        for minutes in (0, 60, 2, 2):
            await refused_after(minutes)
        assert told == []

        await refused_after(2)
    finally:
        await store.close()

    assert told == ["acme/widget no-access"]


async def test_all_releases_hear_that_a_repository_answers_again_though_its_reader_is_dropped(
    tmp_path: Path,
) -> None:
    clock, told, begun, committed = _Clock(), list[str](), asyncio.Event(), asyncio.Event()

    async def barred(repo: str, trouble: Trouble | None) -> None:
        begun.set()
        await committed.wait()
        told.append(repo)

    clock.move_to(LAST)
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}", now=clock.now)
    try:
        sights = Sights(store, clock, look_seconds=60, on_barred=barred)
        await sights.load()
        reader = asyncio.create_task(sights.read("acme/widget"))
        await begun.wait()
        reader.cancel()  # its own release has gone on, and wants nothing of it any more
        await asyncio.gather(reader, return_exceptions=True)
        committed.set()
        await sights.read("acme/widget")
    finally:
        await store.close()

    assert told == ["acme/widget"]
