"""A world that runs by itself, for the demo: real time passes, and everything due is done.

Rule: one event loop; stop it by cancelling the task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot.simulator.webhooks import Courier

if TYPE_CHECKING:
    from bot.simulator.world import World


async def keep_turning(
    world: World, courier: Courier, sleep: Callable[[float], Awaitable[None]], *, every: float = 0.05
) -> None:
    """Turns the world and carries its deliveries every so many seconds, for ever."""
    while True:
        world.turn()
        await courier.deliver_due()
        await sleep(every)
