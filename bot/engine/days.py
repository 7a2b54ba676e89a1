"""The summary of a day: what is said when the last of its releases is over.

Rule: a day is the releases of one home whose commands were written on one date (UTC). Each release asks at its end;
the one that ended last is answered, and one that was alone is not.
"""

from bot.core import present
from bot.core.days import ended, is_last
from bot.core.model import Release
from bot.engine.means import Means


class Days:
    """Puts days into words."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._audiences = means.audiences
        self._web_url = means.settings.github_url

    async def summary(self, release: Release) -> str | None:
        """The comment that this release has to write; None when there is nothing to say, or another one says it."""
        home = release.plan.home
        day = await self._store.releases.of_day(home, release.asked_at)
        if not is_last(release, day):
            return None
        comments = await self._store.surfaces.status_comments([one.id for one in day])
        audience = await self._audiences.of_plans(home, [one.plan for one in day])
        over = [one for known in day if (one := ended(known, comments.get(known.id))) is not None]
        return present.day_comment(over, audience, web_url=self._web_url)
