"""GitHub for the engine: every call by name, and the place where its parts are put together.

Rule: each call raises `bot.core.facts.GitHubError` and nothing else, and no layer repeats it.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from bot.github.app_jwt import AppJwt
from bot.github.auth import AppAuth
from bot.github.circuit import Circuit
from bot.github.client import Client, Observe
from bot.github.hook_log import HookLog
from bot.github.http import Http, Transport
from bot.github.key_check import KeyCheck
from bot.github.limits import Limiter, Limiters, Rank
from bot.github.reads import Reads
from bot.github.run_reads import RunReads
from bot.github.wire import Wire
from bot.github.writes import Writes


class GitHubCalls(Reads, RunReads, HookLog, Writes):
    """Fills in the port `GitHub`."""

    def __init__(self, client: Client, key: KeyCheck) -> None:
        super().__init__(client)
        self._key = key

    @classmethod
    def connect(
        cls,
        *,
        app_id: str,
        private_key: str,
        api_url: str,
        writes_per_minute: int,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        transport: Transport | None = None,
        observe: Observe | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> "GitHubCalls":
        """Connects nothing yet. `sleep` takes seconds; `transport` replaces the network; `observe` is told of
        every call: purpose, outcome, seconds; `may_write` is asked right before each write leaves. Raises
        ValueError, with a sentence for people, for a bad key.
        """

        def limiter() -> Limiter:
            return Limiter(writes_per_minute=writes_per_minute, now=now, sleep=sleep)

        limiters = Limiters(limiter)
        wire = Wire(Http(transport, circuit=Circuit(now)), api_url)
        jwt = AppJwt(app_id=app_id, private_key=private_key, now=now)
        auth = AppAuth(wire=wire, jwt=jwt, limiter=limiters.of_app, now=now)
        client = Client(
            wire=wire,
            auth=auth,
            limiters=limiters,
            now=now,
            sleep=sleep,
            observe=observe,
            may_write=may_write,
        )
        return cls(client, KeyCheck(auth, now))

    async def key_is_refused(self) -> bool:
        """Whether GitHub refuses the app's key; false while nobody knows. Raises nothing."""
        return await self._key.refused()

    @property
    def waiting_writes(self) -> int:
        """Writes that wait for their turn, over all installations."""
        return sum(self.waiting_by_rank.values())

    @property
    def waiting_by_rank(self) -> Mapping[Rank, int]:
        """Writes that wait for their turn, over all installations, by what goes first."""
        return self._client.limiters.waiting

    @property
    def limited_until(self) -> datetime | None:
        """The latest time until which GitHub asked not to be asked; None if it may be asked now."""
        return self._client.limiters.limited_until

    @property
    def circuit_open_until(self) -> datetime | None:
        """When GitHub is asked again after failing many times in a row; None while it answers."""
        return self._client.wire.http.circuit.open_until

    @property
    def cache_hits(self) -> int:
        """Reads that GitHub answered with 304 since the start."""
        return self._client.cache.hits

    @property
    def api_version(self) -> str:
        """The version of GitHub's API that is spoken; the older one once a server has refused the newest."""
        return self._client.wire.version

    async def aclose(self) -> None:
        await self._client.wire.http.aclose()
