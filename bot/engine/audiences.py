"""Visibilities, read afresh: what decides which details may stand where.

A repository can change from private to public or back in the middle of a release. What lets details be shown is read
right before they are: that the place is not open to everybody, and that the repository which is told of is open enough.
What hides them may be some minutes old. One that cannot be read counts as unknown, and unknown is hidden.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.core.audience import Audience
from bot.core.facts import GitHubError, RepositoryFacts
from bot.core.plan import Plan
from bot.engine.ports import Clock, GitHub

_FRESH = timedelta(minutes=5)
_JUST_NOW = timedelta(seconds=3)
"""What is rendered in one go is asked for once. GitHub does not count an answer that nothing has changed (304)."""


class Audiences:
    """Who reads the surfaces of a repository."""

    def __init__(self, github: GitHub, clock: Clock) -> None:
        self._github = github
        self._clock = clock
        self._seen: dict[str, tuple[datetime, RepositoryFacts]] = {}
        self._asking: dict[str, asyncio.Task[RepositoryFacts]] = {}

    def heard(self, repo: str, visibility: str, *, said_at: datetime | None = None) -> None:
        """A delivery shows the visibility that GitHub saw at `said_at`: another one than ours is read anew."""
        known = self._seen.get(repo.lower())
        if known is None:
            return
        if known[1].visibility != visibility:
            del self._seen[repo.lower()]
        elif said_at is not None and known[0] < said_at <= self._clock.now():
            self._seen[repo.lower()] = (said_at, known[1])

    async def facts(self, repo: str, *, within: timedelta = _FRESH) -> RepositoryFacts:
        """The repository as GitHub shows it or a delivery has confirmed it, at most so old."""
        key, now = repo.lower(), self._clock.now()
        known = self._seen.get(key)
        # A time to come is one of a clock that was wrong.
        if known is None or not timedelta() <= now - known[0] <= within:
            facts = await self._ask(key, repo)
            self._seen[key] = (now, facts)
            return facts
        return known[1]

    async def _ask(self, key: str, repo: str) -> RepositoryFacts:
        """Whoever wants to know at the same time shares one question."""
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._github.repository(repo))
            self._asking[key].add_done_callback(lambda task: self._answered(key, task))
        return await asyncio.shield(self._asking[key])

    def _answered(self, key: str, task: asyncio.Task[RepositoryFacts]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: nobody else would look at it, and asyncio complains

    async def of(self, surface: str, repos: Iterable[str]) -> Audience:
        """The readers of `surface`, and what they may see of `repos`. Raises when the surface itself is unknown."""
        here = (await self.facts(surface)).visibility
        if here != "public":
            here = (await self.facts(surface, within=_JUST_NOW)).visibility
        others = [repo for repo in dict.fromkeys(repos) if repo.lower() != surface.lower()]
        visibilities = await asyncio.gather(*(self._visibility(repo, here) for repo in others))
        known = {repo.lower(): seen for repo, seen in zip(others, visibilities, strict=True) if seen}
        return Audience(here, {**known, surface.lower(): here})

    async def of_plan(self, surface: str, plan: Plan) -> Audience:
        return await self.of_plans(surface, (plan,))

    async def of_plans(self, surface: str, plans: Iterable[Plan]) -> Audience:
        """The readers of `surface`, and what they may see of everything the plans touch."""
        repos = [repo for plan in plans for repo in (*plan.repositories, plan.file_repo) if repo is not None]
        return await self.of(surface, repos)

    async def _visibility(self, repo: str, here: str) -> str | None:
        try:
            seen = (await self.facts(repo)).visibility
            if Audience(here, {repo.lower(): seen}).sees(repo):
                seen = (await self.facts(repo, within=_JUST_NOW)).visibility
        except GitHubError:
            return None
        return seen
