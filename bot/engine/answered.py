"""What was answered before the database's memory began: an older copy of it was put back, or it is a new one.

Rule: what was refused stays refused. What was carried out is carried out once more, for the copy knows nothing of it;
when it is too late for that, nobody is told so. The app's own reactions tell, and nobody else's.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.core.deliveries import CommentCreated
from bot.core.facts import NotFound
from bot.core.intake import may_be_answered
from bot.engine.ports import Clock, GitHub


class Answered:
    """Looks at comments that were found, not delivered."""

    def __init__(self, github: GitHub, clock: Clock, *, ttl: timedelta) -> None:
        self._github = github
        self._clock = clock
        self._ttl = ttl

    @property
    def late_before(self) -> datetime:
        """Commands from before are not carried out any more; their authors are asked to repeat them."""
        return self._clock.now() - self._ttl

    async def already(self, comment: CommentCreated, item: Mapping[str, object]) -> bool:
        """Whether nothing is left to be done for it. `item`: the comment as GitHub lists it.

        Raises `GitHubError` when that cannot be told.
        """
        if not may_be_answered(item):
            return False
        try:
            given = await self._github.own_reactions(comment.repository.full_name, comment.comment_id)
        except NotFound:  # deleted a moment ago
            return False
        return "confused" in given or ("rocket" in given and comment.created_at < self.late_before)
