"""The summary of a day: what is said when the last of its releases is over.

Rule: a day is the releases of one home whose commands were written on one date (UTC). Each release asks at its end;
the one that ended last is answered, and one that was alone is not. A day has one summary: when another release begins
after it, that one's end edits it. The first release of the day owns it.
"""

from collections.abc import Sequence

from bot.core import present
from bot.core.days import ended, is_last
from bot.core.model import Release
from bot.engine.living import Living, LivingComments, given_up
from bot.engine.means import Means
from bot.store import Surface

_TOLD = "told"


class Days:
    """Sums days up."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._audiences = means.audiences
        self._web_url = means.settings.github_url
        self._comments = LivingComments(means)

    async def sum_up(self, release: Release) -> None:
        """Writes the summary, if it is this release that has to. Raises `GitHubError`."""
        home = release.plan.home
        day = await self._store.releases.of_day(home, release.asked_at)
        if not is_last(release, day):
            return
        owner = day[0]
        known = (await self._store.surfaces.surfaces(owner.id)).get(("day", ""))
        surface = known or Surface(owner.id, "day", "", home)
        if not given_up(surface):
            living = Living(home, release.issue, owner.asked_at, await self._body(day), _TOLD)
            await self._comments.write(surface, living)

    async def _body(self, day: Sequence[Release]) -> str:
        home = day[0].plan.home
        comments = await self._store.surfaces.status_comments([one.id for one in day])
        audience = await self._audiences.of_plans(home, [one.plan for one in day])
        over = [one for known in day if (one := ended(known, comments.get(known.id))) is not None]
        return present.day_comment(over, audience, web_url=self._web_url)
