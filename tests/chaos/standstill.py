"""An event loop in which time stands still: it never sleeps, and never waits for a socket or a thread.

Rule: what can happen happens at once. When nothing can, and still somebody waits, that is a mistake and is said aloud.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from typing import Any, TypeVar

from bot.simulator.clock import Clock

Result = TypeVar("Result")


class Stalled(Exception):
    """Everybody waits for something that only the passing of real time could bring."""


class _NoSockets(selectors.BaseSelector):
    """Nothing is ever ready to be read; asyncio's own pipe to itself is registered and left alone."""

    def __init__(self) -> None:
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: object, events: int, data: object = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()  # type: ignore[attr-defined]
        key = selectors.SelectorKey(fileobj, number, events, data)  # type: ignore[arg-type]
        self._keys[number] = key
        return key

    def unregister(self, fileobj: object) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()  # type: ignore[attr-defined]
        return self._keys.pop(number)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            raise Stalled("nothing can happen any more without real time passing")
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class StandstillLoop(asyncio.SelectorEventLoop):
    """Its time is a virtual clock's. `made` is told of every task, in the order of their making."""

    def __init__(self, clock: Clock, made: Callable[[asyncio.Task[object]], None]) -> None:
        super().__init__(_NoSockets())
        self._clock = clock
        self._made = made
        self.set_task_factory(self._make)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._clock.now().timestamp()

    @property
    def idle(self) -> bool:
        """Nobody but the one who asks has anything to do."""
        return not self._ready  # type: ignore[attr-defined]

    @property
    def next_timer(self) -> float | None:
        """When the nearest of asyncio's own timers rings, in this loop's time."""
        waiting = [each for each in self._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
        return min((each.when() for each in waiting), default=None)

    def _make(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[object, object, Result],
        context: Context | None = None,
    ) -> asyncio.Task[Result]:
        task = asyncio.Task(coro, loop=loop, context=context)
        self._made(task)
        return task
