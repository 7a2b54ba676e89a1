"""Listening without webhooks: new comments of the home repositories are listed, so that no command is ever lost.

A command whose delivery was lost is found within five looks and at least five times within `COMMAND_TTL_SECONDS`
(contract, promise 2). What is found goes through the same inbox, under the same second key.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from bot.core.deliveries import CommentCreated, RepositorySeen
from bot.core.facts import GitHubError
from bot.core.intake import comment_from_listing, edit_key, second_key
from bot.engine.answered import Answered
from bot.engine.inbox import Inbox
from bot.engine.means import Means
from bot.engine.orders import SILENT_AFTER
from bot.markdown import command_lines
from bot.store import Arrival, StoreUnavailable

log = structlog.get_logger(__name__)

_OVERLAP = timedelta(seconds=60)
_AT_ONCE = 8
"""Homes that are listed at the same time."""
_LEAST_PAUSE = 1.0
_MOST_REMEMBERED = 20_000
"""Comments looked at; forgetting them costs a look into the inbox's keys, nothing more."""


class Listener:
    """Lists the comments of each home once in a while."""

    def __init__(self, means: Means, *, inbox: Inbox) -> None:
        self._settings = means.settings
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._audiences = means.audiences
        self._inbox = inbox
        self._ttl = timedelta(seconds=means.settings.command_ttl_seconds)
        self._answered = Answered(means.github, means.clock, ttl=self._ttl)
        self._since: dict[str, datetime] = {}
        self._stored: set[str] = set()
        """Homes of which the next process knows that this one could list them."""
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._seen: set[int] = set()

    @property
    def _pause(self) -> float:
        return min(2 * self._settings.look_seconds, self._settings.command_ttl_seconds / 6)

    async def run(self) -> None:
        """Until cancelled: rounds at a steady pace, in which no home waits for another one."""
        listed = {row.repo: row.listed_until for row in await self._store.homes.homes()}
        for home in await self._homes():
            self._since.setdefault(home, self._start(listed.get(home.lower())))
        while True:
            began = self._clock.now()
            await asyncio.gather(*(self._try_to_listen(home) for home in await self._homes()))
            spent = (self._clock.now() - began).total_seconds()
            await self._clock.sleep(max(self._pause - max(spent, 0.0), _LEAST_PAUSE))

    def _start(self, listed_until: datetime | None) -> datetime:
        """While no comments could be read, other processes may have come and gone; what is too old gets no answer."""
        now = self._clock.now()
        return max(min(listed_until or now, now) - self._ttl, now - SILENT_AFTER)

    async def _try_to_listen(self, home: str) -> None:
        now = self._clock.now()
        start = self._since.setdefault(home, now - self._ttl)
        try:
            async with self._places:
                await self._listen(home, start)
            long = now - start > max(2 * self._ttl, 4 * _OVERLAP)
            if long or home not in self._stored:
                await self._store.homes.home_listed(home, now)
                self._stored.add(home)
            if long:
                self._since[home] = now - self._ttl
        except GitHubError as error:
            log.warning("comments could not be listed", home=home, error=str(error))
        except StoreUnavailable as error:
            log.warning("listening has to wait for the database", home=home, error=str(error))
        except Exception:
            log.exception("listening failed oddly", home=home)

    async def _homes(self) -> tuple[str, ...]:
        if self._settings.homes:
            return self._settings.homes
        return tuple(row.full_name for row in await self._store.homes.homes())

    async def _listen(self, home: str, since: datetime) -> None:
        items = await self._github.home_comments(home, since=since)
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.clear()
        fresh = [item for item in items if item.get("id") not in self._seen]
        if not fresh:
            return
        facts = await self._audiences.facts(home)
        if self._settings.homes and facts.full_name.lower() != home.lower():
            log.warning("a home has another name now; its comments wait", home=home, name=facts.full_name)
            return
        repository = RepositorySeen(
            id=facts.id,
            full_name=facts.full_name,
            visibility=facts.visibility,  # type: ignore[arg-type]
        )
        untold: list[GitHubError] = []
        for item in fresh:
            try:
                await self._take(repository, item)
            except GitHubError as error:  # of this comment; those behind it do not wait
                untold.append(error)
        if untold:
            raise untold[0]

    async def _take(self, repository: RepositorySeen, item: Mapping[str, object]) -> None:
        comment = comment_from_listing(repository, item)
        if isinstance(comment, CommentCreated) and command_lines(comment.body):
            await self._hear(repository, item, comment)
        number = item.get("id")
        if isinstance(number, int):
            self._seen.add(number)  # not before it is kept: what could not be written is looked at again

    async def _hear(
        self, repository: RepositorySeen, item: Mapping[str, object], comment: CommentCreated
    ) -> None:
        if await self._store.deliveries.told(edit_key(repository.id, comment.comment_id)):
            return
        if await self._answered.already(comment, item):
            return
        payload = _delivery(repository, item, comment)
        arrival = Arrival(
            id=f"listed-{repository.id}-{comment.comment_id}",
            event="issue_comment",
            payload=json.dumps(payload),
            second_key=second_key("issue_comment", payload),
            received_at=self._clock.now(),
        )
        if await self._store.deliveries.accept(arrival):
            log.info("a command was found whose delivery was lost", home=repository.full_name)
            self._inbox.put(arrival.id, arrival.event, payload)


def _delivery(
    repository: RepositorySeen, item: Mapping[str, object], comment: CommentCreated
) -> Mapping[str, object]:
    """The listed comment in the shape of the delivery that was lost."""
    issue: dict[str, object] = {"number": comment.issue_number}
    if comment.is_pull_request:
        issue["pull_request"] = {}
    return {
        "action": "created",
        "comment": dict(item),
        "issue": issue,
        "repository": {
            "id": repository.id,
            "full_name": repository.full_name,
            "private": repository.visibility != "public",
            "visibility": repository.visibility,
        },
        "sender": item.get("user"),
    }
