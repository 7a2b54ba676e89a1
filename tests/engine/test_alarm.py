"""Waiting for news or for time: who waits can always be stopped."""

import asyncio

import pytest

from bot.engine.alarm import Alarm
from tests.scenarios.stage import TestClock


async def test_a_ring_before_the_wait_is_not_lost() -> None:
    alarm = Alarm(TestClock())

    alarm.ring()

    await alarm.wait(3600)


@pytest.mark.parametrize("turns", range(8))
async def test_who_waits_again_and_again_can_be_stopped_at_every_moment(turns: int) -> None:
    alarm = Alarm(TestClock())

    async def keep_waiting() -> None:
        while True:
            await alarm.wait(60)

    waiter = asyncio.create_task(keep_waiting())
    await take_turns(3)
    alarm.ring()
    await take_turns(turns)
    waiter.cancel()
    _, still_waiting = await asyncio.wait({waiter}, timeout=5)

    assert not still_waiting


async def take_turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
