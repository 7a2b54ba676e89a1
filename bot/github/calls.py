"""GitHub for the engine: every call by name, and the place where its parts are put together.

Rule: each call raises `bot.core.facts.GitHubError` and nothing else, and no layer repeats it.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

from bot.github.app_jwt import AppJwt
from bot.github.auth import AppAuth
from bot.github.client import Client, Observe
from bot.github.http import Http, Transport
from bot.github.limits import Limiter
from bot.github.reads import Reads
from bot.github.run_reads import RunReads
from bot.github.wire import Wire
from bot.github.writes import Writes

_THE_APP_ITSELF = 0
"""No installation has this id. GitHub limits the app's own requests (for tokens, say) apart from theirs."""


class Limiters:
    """One limiter for each installation, made when it is first needed."""

    def __init__(self, make: Callable[[], Limiter]) -> None:
        self._make = make
        self._made: dict[int, Limiter] = {}

    def of(self, installation: int) -> Limiter:
        if installation not in self._made:
            self._made[installation] = self._make()
        return self._made[installation]

    def __iter__(self) -> Iterator[Limiter]:
        return iter(tuple(self._made.values()))


class GitHubCalls(Reads, RunReads, Writes):
    """Fills in the port `GitHub`."""

    def __init__(self, client: Client, limiters: Limiters) -> None:
        super().__init__(client)
        self._limiters = limiters

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
    ) -> "GitHubCalls":
        """Connects nothing yet. `sleep` takes seconds; `transport` replaces the network; `observe` is told of
        every call: purpose, outcome, seconds. Raises ValueError, with a sentence for people, for a bad key.
        """

        def limiter() -> Limiter:
            return Limiter(writes_per_minute=writes_per_minute, now=now, sleep=sleep)

        limiters = Limiters(limiter)
        wire = Wire(Http(transport), api_url)
        jwt = AppJwt(app_id=app_id, private_key=private_key, now=now)
        auth = AppAuth(wire=wire, jwt=jwt, limiter=limiters.of(_THE_APP_ITSELF), now=now)
        client = Client(wire=wire, auth=auth, limiter_for=limiters.of, now=now, sleep=sleep, observe=observe)
        return cls(client, limiters)

    @property
    def waiting_writes(self) -> int:
        """Writes that wait for their turn, over all installations."""
        return sum(limiter.waiting for limiter in self._limiters)

    @property
    def limited_until(self) -> datetime | None:
        """The latest time until which GitHub asked not to be asked; None if it may be asked now."""
        return max((until for limiter in self._limiters if (until := limiter.limited_until)), default=None)

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
