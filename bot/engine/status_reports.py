"""The one status comment of a release."""

from bot.core import present
from bot.core.model import Release, ReleaseWord
from bot.engine.living import Living, LivingComments, given_up, is_shown
from bot.engine.means import Means
from bot.engine.reports import Write
from bot.store import Surface


class StatusReports:
    """Writes status comments."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._audiences = means.audiences
        self._web_url = means.settings.github_url
        self._comments = LivingComments(means)

    async def pending(self, release: Release, part: str) -> Write | None:
        """The comment as it should be, when it is not. A call for a person and the last word are urgent."""
        home = release.plan.home
        surfaces = await self._store.surfaces.surfaces(release.id)
        surface = surfaces.get(("status", part)) or Surface(release.id, "status", part, home)
        if given_up(surface):
            return None
        audience = await self._audiences.of_plan(home, release.plan)
        body = present.status_comment(release, audience, web_url=self._web_url)
        living = Living(home, release.issue, release.asked_at, body, str(release.word))
        if is_shown(surface, living):
            return None
        weighty = release.word.final or release.word is ReleaseWord.NEEDS_ATTENTION
        urgent = surface.github_id is None or (weighty and surface.state != str(release.word))
        return Write(lambda: self._comments.write(surface, living), urgent=urgent)

    async def comment_deleted(self, repo: str, comment_id: int) -> str | None:
        """Somebody deleted a comment: the id of the release that has to be shown again."""
        return await self._comments.deleted(repo, comment_id)
