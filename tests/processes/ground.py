"""The ground on which one round is fought: GitHub on real sockets, a fleet of processes, and a release manager.

Rule: GitHub survives everything that happens to the processes; time is the machine's own.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bot.demo_network import address, listening, served
from bot.simulator.clock import SystemClock
from bot.simulator.front import api
from bot.simulator.storage import log_storage
from bot.simulator.story import EE, OSS
from bot.simulator.webhooks import Courier
from bot.simulator.world import Urls, World
from tests.processes.database import FileDatabase, ServerDatabase
from tests.processes.fleet import Fleet, Misbehaved
from tests.processes.person import ReleaseManager
from tests.processes.replica import Replica
from tests.processes.scene import PIPELINE_FILE, Scene

LONGEST, LONGEST_OF_SEVERAL = 60.0, 180.0
"""Seconds after which whatever was awaited counts as lost; of several processes one first has to miss another."""
_TURN = 0.01


class Ground:
    """`begins`, `until`, `ends`; the violence is up to the round."""

    def __init__(
        self, scene: Scene, fleet: Fleet, database: FileDatabase | ServerDatabase, rng: random.Random
    ) -> None:
        self.scene, self.fleet, self.database, self.rng = scene, fleet, database, rng
        self.world = scene.world
        self.manager = ReleaseManager(scene)
        self._turning: list[asyncio.Task[None]] = []

    @property
    def replica(self) -> Replica:
        """The only one, or any."""
        return self.fleet.any_one()

    def begins(self) -> None:
        self.scene.begins()

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Misbehaved when it does not come true in time."""
        within = LONGEST if len(self.fleet.replicas) == 1 else LONGEST_OF_SEVERAL
        end = time.monotonic() + within
        while not true():
            self._check()
            if time.monotonic() > end:
                raise Misbehaved(f"{what}: not within {within:.0f} s; releases are {self.scene.states()}")
            await asyncio.sleep(0.02)

    async def passes(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._check()
            await asyncio.sleep(min(0.02, seconds))

    async def ends(self) -> None:
        """Until every release is released, with the manager's help, and nothing is under way any more."""

        def over() -> bool:
            self.manager.helps()
            return self.scene.released and self.world.next_due() is None

        await self.until(over, "the release does not end")
        await self.passes(0.3)

    def _check(self) -> None:
        for task in self._turning:
            if task.done():
                task.result()

    # -- GitHub ----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def turning(self) -> AsyncIterator[None]:
        """GitHub's runs advance and its deliveries are carried, each for itself: the door may be slow or shut."""
        courier = Courier(self.world, self.fleet.send)

        async def turn() -> None:
            while True:
                self.world.turn()
                await asyncio.sleep(_TURN)

        async def carry() -> None:
            while True:
                await courier.deliver_due()
                await asyncio.sleep(_TURN)

        self._turning = [asyncio.create_task(turn()), asyncio.create_task(carry())]
        try:
            yield
        finally:
            for task in self._turning:
                task.cancel()
            await asyncio.gather(*self._turning, return_exceptions=True)


@contextlib.asynccontextmanager
async def ground(
    folder: Path,
    database: FileDatabase | ServerDatabase,
    rng: random.Random,
    *,
    replicas: int = 1,
    versions: tuple[str, ...] = ("1.0.3",),
    **settings: str,
) -> AsyncIterator[Ground]:
    """Everything stands and runs but the fleet, which is not started yet; everything is gone afterwards."""
    with listening() as front, listening() as logs:
        urls = Urls(api=address(front), web="https://github.example", logs=address(logs))
        world = World(SystemClock(), seed=rng.getrandbits(32), urls=urls)
        scene = Scene(world, rng, versions=versions, nonce=rng.random() < 0.5)
        given = _settings(world) | settings
        fleet = Fleet(folder, given, database.url, size=replicas, rng=random.Random(rng.random()))
        made = Ground(scene, fleet, database, rng)
        try:
            async with served(api(world), front), served(log_storage(world), logs), made.turning():
                yield made
                await fleet.close()
        finally:
            await fleet.close()


def _settings(world: World) -> dict[str, str]:
    return {
        "APP_ID": str(world.app.id),
        "PRIVATE_KEY": world.private_key,
        "WEBHOOK_SECRET": world.webhook_secret,
        "GITHUB_API_URL": world.urls.api,
        "GITHUB_URL": world.urls.web,
        "PIPELINES": f"{EE}:{PIPELINE_FILE}",
        "HOMES": OSS,
        "LOOK_SECONDS": "0.5",
        "EDIT_SECONDS": "0.2",
        "WRITES_PER_MINUTE": "6000",
    }
