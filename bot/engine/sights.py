"""When each repository was last read, when it could not be, and which ones refuse the bot.

Only time in which GitHub could be read counts against a deadline, so the last good read survives restarts.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta

import structlog

from bot.core.facts import Forbidden, GitHubError, Moved, NotFound, NotInstalled, Suspended
from bot.core.trouble import Trouble, TroubleKind
from bot.engine.ports import Clock
from bot.store import Store

log = structlog.get_logger(__name__)

BarredHook = Callable[[str, Trouble | None], Coroutine[None, None, None]]
_WRITE_EVERY = timedelta(seconds=1)
_ALIVE = timedelta(minutes=1)
"""After its last sign of life in the database a process may have gone on for so long."""
_MOST_REMEMBERED = 100
"""Dark times of one repository: more than can lie in one wait for a run."""


class Sights:
    """`look_seconds`: seconds between looks; a repository that refuses for five of them is barred."""

    def __init__(self, store: Store, clock: Clock, *, look_seconds: float, on_barred: BarredHook) -> None:
        self._store = store
        self._clock = clock
        self._patience = timedelta(seconds=5 * look_seconds)
        self.pace = timedelta(seconds=2 * look_seconds + 1)
        """Two good reads that lie further apart had a dark time between them."""
        self._on_barred = on_barred
        self._read_at: dict[str, datetime] = {}
        self._dark: defaultdict[str, deque[tuple[datetime, datetime]]] = defaultdict(
            lambda: deque(maxlen=_MOST_REMEMBERED)
        )
        self._written_at: dict[str, datetime] = {}
        self._refused: dict[str, tuple[datetime, datetime]] = {}
        """The first and the last of the refusals since the last good read."""
        self._telling: set[asyncio.Task[None]] = set()
        self._open: set[str] = set()
        """Repositories that have answered since they last refused, and since this process began: whether the last one
        came to tell its releases nobody knows."""
        self._away: tuple[datetime, datetime] | None = None

    async def load(self) -> None:
        self._read_at = dict(await self._store.homes.sights())
        if self._read_at:
            self._away = (max(self._read_at.values()), self._clock.now())

    def away(self, at: datetime) -> bool:
        """Whether the database knows nothing of that time. Either nobody was at work, or it is an older copy, and what
        was done then is forgotten.
        """
        return self._away is not None and self._away[0] + _ALIVE < at < self._away[1]

    def last(self, repo: str, otherwise: datetime) -> datetime:
        """When the repository was last read with success."""
        return self._read_at.get(repo.lower(), otherwise)

    def age(self, repos: Iterable[str]) -> float:
        """Seconds since the oldest last look at one of these repositories, for the metrics; 0 when there was none."""
        now = self._clock.now()
        oldest = min((self.last(repo, now) for repo in repos), default=now)
        return (now - oldest).total_seconds()

    def dark(self, repo: str, since: datetime) -> timedelta:
        """How long the repository could not be read since then, up to its last good read."""
        spans = (end - max(begin, since) - self.pace for begin, end in self._dark[repo.lower()])
        return sum((span for span in spans if span > timedelta()), timedelta())

    def readable(self, repo: str, since: datetime) -> timedelta:
        """How long since then the repository could be read, up to its last good read."""
        last = self.last(repo, since)
        return max(timedelta(), last - since - self.dark(repo, since))

    async def read(self, repo: str) -> bool:
        """The repository has answered; whether it was dark before."""
        key, now = repo.lower(), self._clock.now()
        last = self._read_at.get(key, now)
        was_dark = now - last > self.pace
        if was_dark:
            self._dark[key].append((last, now))
        self._read_at[key] = now
        self._refused.pop(key, None)
        written = self._written_at.get(key)
        if written is None or now - written >= _WRITE_EVERY:
            self._written_at[key] = now
            await self._store.homes.saw(key, now)
        if key not in self._open:
            self._open.add(key)
            await self._tell(repo, None)
        return was_dark

    async def refused(self, repo: str, error: GitHubError) -> None:
        """The repository was asked and refused; a refusal that stays needs a person."""
        trouble = _trouble(error)
        if trouble is None:
            return
        key, now = repo.lower(), self._clock.now()
        first, last = self._refused.get(key, (now, now))
        if now - last > self._patience:  # two slips, with hours between them in which nobody asked
            first = now
        self._refused[key] = (first, now)
        if now - first >= self._patience:
            self._open.discard(key)
            await self._tell(repo, trouble)

    async def _tell(self, repo: str, trouble: Trouble | None) -> None:
        """All releases hear it, even if what has found it out is not wanted any more."""
        telling = asyncio.create_task(self._on_barred(repo, trouble), name=f"access to {repo}")
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        await asyncio.shield(telling)

    async def close(self) -> None:
        telling = list(self._telling)
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)


def _trouble(error: GitHubError) -> Trouble | None:
    match error:
        case Moved():
            return Trouble(TroubleKind.MOVED, error.said)
        case Suspended():
            return Trouble(TroubleKind.NO_ACCESS, "the app's installation is suspended")
        case NotInstalled() | NotFound() | Forbidden():
            return Trouble(TroubleKind.NO_ACCESS, error.said)
        case _:
            return None
