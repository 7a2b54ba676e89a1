"""Comments that are edited in place: created once, found again by their last line.

Rule: whatever was lost - GitHub's answer, the newest days of the database - no second one is made. One that somebody
deleted is created once more, then no longer (contract section 5).
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.facts import GitHubError, NotFound
from bot.engine.means import Means
from bot.engine.patience import carried_out_since
from bot.store import GIVEN_UP, Surface

_MOST_MADE = 2


@dataclass(frozen=True, slots=True)
class Living:
    """What such a comment should say, and where. `since`: it cannot be older; `state`: what is remembered of it."""

    home: str
    issue: int
    since: datetime
    body: str
    state: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()

    @property
    def marker(self) -> str:
        return self.body.rstrip().splitlines()[-1]


def given_up(surface: Surface) -> bool:
    """It was deleted twice: nobody wants it."""
    return surface.state == GIVEN_UP


def is_shown(surface: Surface, living: Living) -> bool:
    """Whether GitHub shows just this."""
    return surface.github_id is not None and surface.digest == living.digest


class LivingComments:
    """Writes them, and remembers which were deleted."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._github = means.github
        self._clock = means.clock

    async def write(self, surface: Surface, living: Living) -> None:
        if surface.github_id is not None:
            try:
                await self._github.edit_comment(living.home, surface.github_id, living.body)
                if await self._is_gone(surface, living):
                    return
            except NotFound:
                surface = _without_comment(surface)
                if given_up(surface):
                    await self._store.surfaces.save_surface(surface)
                    return
        if surface.github_id is None:
            surface = await self._create(surface, living)
        shown = replace(surface, digest=living.digest, state=living.state)
        await self._store.surfaces.save_surface(shown)

    async def _is_gone(self, surface: Surface, living: Living) -> bool:
        """Somebody deleted it while it was edited: that is on disk, and another one is wanted already."""
        number = surface.github_id or 0
        kept = await self._store.surfaces.surface_by_github_id(living.home, number, kind=surface.kind)
        return kept is None

    async def _create(self, surface: Surface, living: Living) -> Surface:
        """A comment that exists already is looked for first: its answer was lost, or the database is an older copy."""
        made = await self._made_before(living)
        if made is None and await carried_out_since(self._clock, surface.data.get("creating")):
            made = await self._made_before(living)
        if made is not None:
            await self._github.edit_comment(living.home, made, living.body)
        else:
            made = await self._create_anew(surface, living)
        return replace(surface, github_id=made, data={}, made=surface.made + 1)

    async def _made_before(self, living: Living) -> int | None:
        for comment in await self._github.issue_comments(living.home, living.issue, since=living.since):
            if comment.by_app and comment.body.rstrip().endswith(living.marker):
                return comment.id
        return None

    async def _create_anew(self, surface: Surface, living: Living) -> int:
        creating = replace(surface, data={"creating": self._clock.now().isoformat()})
        await self._store.surfaces.save_surface(creating)
        try:
            return await self._github.create_comment(living.home, living.issue, living.body)
        except GitHubError:
            await self._store.surfaces.save_surface(surface)
            raise

    async def deleted(self, repo: str, comment_id: int) -> str | None:
        """Somebody deleted a comment: the id of the release it told of."""
        for kind in ("status", "together"):
            surface = await self._store.surfaces.surface_by_github_id(repo, comment_id, kind=kind)
            if surface is not None:
                await self._store.surfaces.save_surface(_without_comment(surface))
                return surface.release_id
        return None


def _without_comment(surface: Surface) -> Surface:
    state = GIVEN_UP if surface.made >= _MOST_MADE else surface.state
    return replace(surface, github_id=None, state=state)
