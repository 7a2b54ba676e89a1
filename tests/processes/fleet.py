"""All processes behind one GitHub app: GitHub's deliveries go to any of them that is alive.

Rule: on an SQLite file a fleet has one member; on a database server it may have several.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from bot.simulator.transport import post_to
from tests.processes.replica import Replica

STOP_LIMIT = 10.0
"""Seconds in which a process has to stop when it is asked to (contract, section 1)."""
START_LIMIT = 30.0


class Misbehaved(Exception):
    """A process did what none may do; the text is the violation."""


class Fleet:
    """Build it, `start` it, use it as the courier's `send`; `close` it whatever happens."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], database_url: str, *, size: int, rng: random.Random
    ) -> None:
        self._rng = rng
        self._settings, self._database_url, self._folder = settings, database_url, folder
        # Without the user's proxies, and with little patience: a frozen process must not hold up the others' post.
        self._http = httpx.AsyncClient(trust_env=False, timeout=2.0)
        self.replicas = [self.another() for _ in range(size)]

    def another(self) -> Replica:
        """One more process of the same settings on the same database, not a member."""
        folder = self._folder / f"replica-{len(list(self._folder.glob('replica-*'))) + 1}"
        folder.mkdir()
        return Replica(folder, self._settings, self._database_url)

    @property
    def deaths(self) -> int:
        return sum(replica.deaths for replica in self.replicas)

    def any_one(self) -> Replica:
        """One that lives, if there is one."""
        return self._rng.choice([r for r in self.replicas if r.answers] or self.replicas)

    def victims(self) -> list[Replica]:
        """Whom it hits: the only one, or some of several."""
        return self._rng.sample(self.replicas, self._rng.randint(1, len(self.replicas)))

    async def send(self, body: bytes, headers: dict[str, str]) -> int:
        """A delivery to a process that lives, as a load balancer chooses; ConnectionError when nobody is there."""
        living = [replica for replica in self.replicas if replica.answers]
        if not living:
            raise ConnectionError("nobody is alive")
        return await post_to(self._http, f"{self._rng.choice(living).url}/webhook")(body, headers)

    async def start(self) -> None:
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            await self.ready(replica)

    async def restart(self, replica: Replica) -> None:
        """After its end, as whoever looks after a process does."""
        replica.close()
        replica.start()
        await self.ready(replica)

    async def ready(self, replica: Replica, *, within: float = START_LIMIT) -> None:
        """Raises Misbehaved when it ends, or is not ready in time. A process that is being killed is left alone."""
        deaths, end = replica.deaths, time.monotonic() + within
        while await self.readiness(replica) != 200:
            if replica.deaths > deaths:
                return
            if (code := replica.exit_code) is not None:
                raise Misbehaved(f"the process left by itself with exit code {code}")
            if time.monotonic() > end:
                raise Misbehaved(f"the process was not ready within {within:.0f} s")
            await asyncio.sleep(0.05)

    async def readiness(self, replica: Replica) -> int:
        """The status of `/readyz`; 0 when nobody answers."""
        try:
            return (await self._http.get(f"{replica.url}/readyz")).status_code
        except httpx.TransportError:
            return 0

    async def exit_code(self, replica: Replica, *, within: float = STOP_LIMIT) -> int:
        """How it ended; Misbehaved when it has not by then."""
        end = time.monotonic() + within
        while replica.exit_code is None:
            if time.monotonic() > end:
                raise Misbehaved(f"the process had not ended within {within:.0f} s")
            await asyncio.sleep(0.02)
        return replica.exit_code

    async def stop(self, replica: Replica) -> None:
        """SIGTERM: it must leave with 0 in time."""
        replica.terminate()
        if (code := await self.exit_code(replica)) != 0:
            raise Misbehaved(f"SIGTERM ended the process with exit code {code}, not 0")
        replica.close()

    async def close(self) -> None:
        for replica in self.replicas:
            replica.close()
        await self._http.aclose()
