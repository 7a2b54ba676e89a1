"""Reactions and new comments on their way to GitHub: each is made once, late rather than twice, and never lost.

Rule: a post is a row before it is a request. A comment whose request may have been carried out is looked for by its
marker before it is made again.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Coroutine
from datetime import datetime, timedelta

import structlog

from bot.core import present
from bot.core.effects import Notice
from bot.core.facts import Forbidden, GitHubError, NotFound, Unprocessable
from bot.core.model import Release
from bot.engine.alarm import Alarm
from bot.engine.days import Days
from bot.engine.means import Means
from bot.engine.patience import (
    CARRIED_OUT_WITHIN,
    longest_pause,
    patiently,
    say_it_waits,
    seconds_until_again,
)
from bot.engine.releases import Changed
from bot.store import PostRow, StoreUnavailable

log = structlog.get_logger(__name__)

_GIVE_UP_AFTER = timedelta(days=1)
_UNDER_WAY_PAUSE = 1.0
_GLANCE = 20.0
"""Seconds in which a reaction that has no row is worth another try: as long as a role is asked for."""
_DATABASE_PAUSE = 5.0
"""Seconds until a database that could not be written is tried again: what was posted is not posted in a loop."""


class Poster:
    """Sends what the posts table holds; posts of one repository's issue go out in their order."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._audiences = means.audiences
        self._days = Days(means)
        self._web_url = means.settings.github_url
        self._alarm = Alarm(means.clock)
        self._under_way: set[int] = set()
        self._failures: Counter[int] = Counter()
        """Of posts that wait for another try: one that fails before its own request has no `tries` yet."""
        self._first_failed: dict[int, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes: defaultdict[tuple[str, str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    def ring(self) -> None:
        self._alarm.ring()

    def changed(self, changed: Changed) -> None:
        if changed.decision.notices:
            self.ring()

    def react_soon(self, repo: str, comment_id: int, content: str) -> None:
        """A reaction that is not worth a row: `eyes` says only that the bot has seen the comment."""
        self._spawn(self._react(repo, comment_id, content))

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                now = self._clock.now()
                for post in await self._store.posts.todo_posts(now):
                    if post.seq not in self._under_way:
                        self._under_way.add(post.seq)
                        self._spawn(self._deliver(post))
                due = await self._store.posts.next_due()
                left = None if due is None else (due - now).total_seconds()
                # What is due now is under way, and rings at its end; until then there is nothing to do but wait.
                await self._alarm.wait(_UNDER_WAY_PAUSE if left is not None and left <= 0 else left)
        finally:
            for task in self._tasks:
                task.cancel()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _react(self, repo: str, comment_id: int, content: str) -> None:
        try:
            async with self._lanes[repo.lower(), "reaction", comment_id]:  # the last reaction comes after it
                await patiently(
                    self._clock, lambda: self._github.react(repo, comment_id, content), seconds=_GLANCE
                )
        except GitHubError as error:
            log.info("a reaction could not be made", content=content, error=str(error))

    async def _deliver(self, post: PostRow) -> None:
        lane = self._lanes[post.repo.lower(), post.kind, post.comment_id or post.issue or 0]
        try:
            async with lane:
                await self._try(post)
        except StoreUnavailable as error:
            say_it_waits(log, "a post waits for the database", error, key=post.key)
            await self._clock.sleep(_DATABASE_PAUSE)
        except Exception:
            log.exception("a post failed oddly", key=post.key)
            await self._again(post, 60.0)
        finally:
            self._under_way.discard(post.seq)
            self.ring()

    async def _try(self, post: PostRow) -> None:
        try:
            made = await self._make(post)
        except NotFound as error:
            await self._store.posts.post_dropped(post.seq, str(error))
            self._forget(post)
        except GitHubError as error:
            lasted = (self._clock.now() - self._first_failed.get(post.seq, self._clock.now())).total_seconds()
            longest = longest_pause(error, lasted=lasted)
            pause = min(longest, 2.0 ** min(max(post.tries, self._failures[post.seq]), 10))
            self._failures[post.seq] += 1
            # 422 is also the answer when too much is written: https://docs.github.com/rest/issues/comments
            if isinstance(error, Forbidden | Unprocessable):
                pause = max(pause, 60.0)
            log.warning("a post has to wait", key=post.key, error=str(error), again_in=pause)
            await self._again(post, seconds_until_again(error, self._clock, pause))
        else:
            await self._store.posts.post_done(post.seq, made)
            self._forget(post)

    async def _again(self, post: PostRow, seconds: float) -> None:
        now = self._clock.now()
        if now - self._first_failed.setdefault(post.seq, now) > _GIVE_UP_AFTER:
            await self._store.posts.post_dropped(post.seq, "given up after a day")
            self._forget(post)
            return
        await self._store.posts.post_later(post.seq, now + timedelta(seconds=seconds))

    def _forget(self, post: PostRow) -> None:
        del self._failures[post.seq]  # a Counter does not mind when there is none
        self._first_failed.pop(post.seq, None)

    async def _make(self, post: PostRow) -> int | None:
        if post.kind == "reaction":
            assert post.comment_id is not None
            await self._github.react(post.repo, post.comment_id, post.body)
            return None
        body = await self._body(post)
        if body is None:
            return None
        return await self._comment(post, body)

    async def _comment(self, post: PostRow, body: str) -> int:
        assert post.issue is not None
        marker = f"<!-- post {hashlib.sha256(post.key.encode()).hexdigest()[:16]} -->"
        if post.tries:
            since = post.due_at - timedelta(days=2)
            for comment in await self._github.issue_comments(post.repo, post.issue, since=since):
                if comment.by_app and comment.body.rstrip().endswith(marker):
                    return comment.id
        await self._store.posts.post_sending(post.seq, self._clock.now() + CARRIED_OUT_WITHIN)
        return await self._github.create_comment(post.repo, post.issue, f"{body}\n\n{marker}")

    async def _body(self, post: PostRow) -> str | None:
        """A notice is put into words when it leaves, with what is true and visible then; None: no post is left."""
        if post.kind == "comment":
            return post.body
        stored = await self._store.releases.get(post.release_id or "")
        if stored is None:
            return None
        release = stored.release
        kind, _, step = post.body.partition(" ")
        if kind == "day":
            await self._days.sum_up(release)
            return None
        audience = await self._audiences.of_plan(release.plan.home, release.plan)
        url = await self._status_url(release)
        notice = Notice(post.key, kind, step or None)
        return present.notice_comment(release, notice, audience, web_url=self._web_url, status_url=url)

    async def _status_url(self, release: Release) -> str | None:
        surface = (await self._store.surfaces.surfaces(release.id)).get(("status", ""))
        if surface is None or surface.github_id is None:
            return None
        home = release.plan.home
        return f"{self._web_url}/{home}/issues/{release.issue}#issuecomment-{surface.github_id}"
