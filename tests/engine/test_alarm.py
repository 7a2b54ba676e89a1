"""Waiting for news or for time: who waits can always be stopped."""

import asyncio

from bot.engine.alarm import Alarm
from tests.scenarios.stage import TestClock


async def test_a_ring_before_the_wait_is_not_lost() -> None:
    alarm = Alarm(TestClock())

    alarm.ring()

    await alarm.wait(3600)


async def test_who_waits_again_and_again_can_be_stopped_together_with_everything_else() -> None:
    alarm = Alarm(TestClock())

    async def keep_waiting() -> None:
        while True:
            await alarm.wait(60)

    others = asyncio.all_tasks()
    waiter = asyncio.create_task(keep_waiting())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - others:
        task.cancel()
    _, still_waiting = await asyncio.wait({waiter}, timeout=5)

    assert not still_waiting
