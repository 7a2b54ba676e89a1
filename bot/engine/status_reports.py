"""The one status comment of a release: created once, edited in place, found again by its last line."""

import hashlib
from dataclasses import replace

from bot.core import present
from bot.core.facts import NotFound
from bot.core.model import Release, ReleaseWord
from bot.engine.means import Means
from bot.engine.reports import Write
from bot.store import Surface

_GIVEN_UP = "given up"
_MOST_MADE = 2
"""A status comment that somebody deleted is created once more, then no longer (contract section 5)."""


class StatusReports:
    """Writes status comments."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._github = means.github
        self._audiences = means.audiences
        self._web_url = means.settings.github_url

    async def pending(self, release: Release, part: str) -> Write | None:
        """The comment as it should be, when it is not. A call for a person and the last word are urgent."""
        surfaces = await self._store.surfaces.surfaces(release.id)
        surface = surfaces.get(("status", part)) or Surface(release.id, "status", part, release.plan.home)
        if surface.state == _GIVEN_UP:
            return None
        audience = await self._audiences.of_plan(release.plan.home, release.plan)
        body = present.status_comment(release, audience, web_url=self._web_url)
        digest = hashlib.sha256(body.encode()).hexdigest()
        if surface.digest == digest and surface.github_id is not None:
            return None
        weighty = release.word.final or release.word is ReleaseWord.NEEDS_ATTENTION
        urgent = surface.github_id is None or (weighty and surface.state != str(release.word))
        return Write(lambda: self._write(release, surface, body, digest), urgent=urgent)

    async def _write(self, release: Release, surface: Surface, body: str, digest: str) -> None:
        if surface.github_id is not None:
            try:
                await self._github.edit_comment(release.plan.home, surface.github_id, body)
            except NotFound:
                surface = _without_comment(surface)
                if surface.state == _GIVEN_UP:
                    await self._store.surfaces.save_surface(surface)
                    return
        if surface.github_id is None:
            surface = await self._create(release, surface, body)
        await self._store.surfaces.save_surface(replace(surface, digest=digest, state=str(release.word)))

    async def _create(self, release: Release, surface: Surface, body: str) -> Surface:
        """A comment that exists already is looked for first: its answer was lost, or the database is an older copy."""
        home, marker = release.plan.home, body.rstrip().splitlines()[-1]
        for comment in await self._github.issue_comments(home, release.issue, since=release.asked_at):
            if comment.by_app and comment.body.rstrip().endswith(marker):
                await self._github.edit_comment(home, comment.id, body)
                return replace(surface, github_id=comment.id, data={}, made=surface.made + 1)
        made = await self._github.create_comment(home, release.issue, body)
        return replace(surface, github_id=made, data={}, made=surface.made + 1)

    async def comment_deleted(self, repo: str, comment_id: int) -> str | None:
        """Somebody deleted a comment: the id of the release whose status comment it was."""
        surface = await self._store.surfaces.surface_by_github_id(repo, comment_id, kind="status")
        if surface is None:
            return None
        await self._store.surfaces.save_surface(_without_comment(surface))
        return surface.release_id


def _without_comment(surface: Surface) -> Surface:
    state = _GIVEN_UP if surface.made >= _MOST_MADE else surface.state
    return replace(surface, github_id=None, state=state)
