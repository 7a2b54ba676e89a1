"""Waiting for news or for time, whichever comes first."""

import asyncio

from bot.engine.ports import Clock


class Alarm:
    """One waiter; anybody may ring. A ring before the wait is not lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float | None) -> None:
        """Returns when rung, or after so many seconds (None: only when rung)."""
        if seconds is None:
            await self._rung.wait()
        elif not self._rung.is_set():
            await self._ring_or_time(seconds)
        self._rung.clear()

    async def _ring_or_time(self, seconds: float) -> None:
        rung = asyncio.ensure_future(self._rung.wait())
        slept = asyncio.ensure_future(self._clock.sleep(max(0.0, seconds)))
        try:
            await asyncio.wait({rung, slept}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Not awaited: a wait for their end would swallow the cancellation of whoever waits here.
            rung.cancel()
            slept.cancel()
