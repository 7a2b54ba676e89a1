"""Comments and reactions to be made once: answers, notices, reactions.

Rule: a post is written down with the deed that it tells of. One that is `sending` when the process ends may
have been made: whoever takes it up again looks on GitHub first (`tries` is above 0).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from bot.store.database import Database
from bot.store.deliveries import finish_delivery
from bot.store.inserting import insert
from bot.store.rows import PostRow, PostState, PostToMake
from bot.store.tables import posts

_OPEN = posts.c.state.in_([PostState.TODO, PostState.SENDING])


class Posts:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(self, new: Sequence[PostToMake], *, ends: tuple[str, str] | None = None) -> None:
        """Posts that belong to no release; a key that exists is ignored. `ends`: the delivery they answer, and its
        outcome, in the same transaction: what was answered is not judged once more."""
        at = self._now()

        def work(connection: Connection) -> None:
            add_posts(connection, new, at=at)
            if ends is not None:
                finish_delivery(connection, *ends)

        await self._database.transact(work)

    async def todo_posts(self, now: datetime) -> tuple[PostRow, ...]:
        """What is due and not done, those that were being sent included; oldest first."""
        query = select(posts).where(_OPEN, posts.c.due_at <= now).order_by(posts.c.seq)
        return await self._database.transact(
            lambda connection: tuple(map(PostRow.from_row, connection.execute(query).mappings()))
        )

    async def next_due(self) -> datetime | None:
        """When the next post is due; None when nothing is to be posted."""
        query = select(func.min(posts.c.due_at)).where(_OPEN)
        return await self._database.transact(lambda connection: connection.execute(query).scalar())

    async def get(self, key: str) -> PostRow | None:
        query = select(posts).where(posts.c.key == key)

        def work(connection: Connection) -> PostRow | None:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else PostRow.from_row(row)

        return await self._database.transact(work)

    async def post_sending(self, seq: int, due_at: datetime) -> None:
        """Before the request leaves: from now on it may have been made. Taken up anew it waits until `due_at`."""
        await self._change(seq, state=PostState.SENDING, tries=posts.c.tries + 1, due_at=due_at)

    async def post_done(self, seq: int, made_id: int | None = None) -> None:
        await self._change(seq, state=PostState.DONE, made_id=made_id)

    async def post_later(self, seq: int, due_at: datetime) -> None:
        """Not made now; again at `due_at`."""
        await self._change(seq, state=PostState.TODO, due_at=due_at)

    async def post_dropped(self, seq: int, why: str) -> None:
        """It cannot be made, ever (a locked issue, a deleted comment)."""
        await self._change(seq, state=PostState.DROPPED, outcome=why)

    async def _change(self, seq: int, **values: object) -> None:
        change = update(posts).where(posts.c.seq == seq).values(values)
        await self._database.transact(lambda connection: connection.execute(change) and None)


def add_posts(connection: Connection, new: Sequence[PostToMake], *, at: datetime) -> None:
    """Within the transaction of what they tell of; a key that exists is ignored."""
    rows = [
        {
            "key": post.key,
            "repo": post.repo.lower(),
            "kind": post.kind,
            "issue": post.issue,
            "comment_id": post.comment_id,
            "body": post.body,
            "release_id": post.release_id,
            "state": PostState.TODO,
            "tries": 0,
            "due_at": at,
        }
        for post in new
    ]
    if rows:
        connection.execute(insert(connection, posts).on_conflict_do_nothing(), rows)
