"""The one comment that lists the releases which one command started.

Rule: what all of them are comes from the database, whichever of them has changed. The first one that exists owns it.
"""

from bot.core import present
from bot.core.model import Release
from bot.engine.living import Living, LivingComments, given_up, is_shown
from bot.engine.means import Means
from bot.engine.reports import Write
from bot.store import TOGETHER_OVER, Surface

_STILL_OPEN = "open"


class TogetherReports:
    """Writes it when there are two releases or more."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._audiences = means.audiences
        self._web_url = means.settings.github_url
        self._comments = LivingComments(means)

    async def pending(self, release: Release, part: str) -> Write | None:
        """The comment as it should be, when it is not; `part` says nothing. The last word of all is urgent."""
        del part
        releases = await self._store.releases.of_ids(release.together)
        if len(releases) < 2:
            return None
        surface = await self._surface(releases[0])
        if given_up(surface):
            return None
        living = await self._living(releases)
        if is_shown(surface, living):
            return None
        over = living.state == TOGETHER_OVER
        urgent = surface.github_id is None or (over and surface.state != TOGETHER_OVER)
        return Write(lambda: self._comments.write(surface, living), urgent=urgent)

    async def _surface(self, owner: Release) -> Surface:
        """It is written down before it is shown: what could not be shown in time is found when the bot starts again."""
        known = (await self._store.surfaces.surfaces(owner.id)).get(("together", ""))
        if known is not None:
            return known
        surface = Surface(owner.id, "together", "", owner.plan.home, state=_STILL_OPEN)
        await self._store.surfaces.save_surface(surface)
        return surface

    async def _living(self, releases: tuple[Release, ...]) -> Living:
        owner, home = releases[0], releases[0].plan.home
        comments = await self._store.surfaces.status_comments([release.id for release in releases])
        audience = await self._audiences.of_plans(home, [release.plan for release in releases])
        listed = [(release, comments.get(release.id)) for release in releases]
        body = present.together_comment(listed, audience, web_url=self._web_url)
        over = all(release.word.final for release in releases)
        return Living(home, owner.issue, owner.asked_at, body, TOGETHER_OVER if over else _STILL_OPEN)
