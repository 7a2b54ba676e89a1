"""What GitHub sent while the door was away: its own log of deliveries is read, and what is missing is taken in.

Rule: this only makes sooner what looking and listening do anyway - except for clicks, which the log alone remembers.
Whatever goes wrong here is tried again later and stops nothing: a server may have no such log at all.
https://docs.github.com/rest/apps/webhooks#list-deliveries-for-an-app-webhook
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.core.deliveries import CommentCreated
from bot.core.facts import GitHubError, Limited, LoggedDelivery, NotFound, Unauthorized
from bot.core.intake import comment_from_listing, read_delivery, second_key
from bot.engine.answered import Answered
from bot.engine.inbox import Inbox
from bot.engine.means import Means
from bot.engine.patience import seconds_until_again
from bot.engine.ports import GitHub
from bot.store import Arrival, StoreUnavailable

log = structlog.get_logger(__name__)

KEPT = timedelta(days=3)
"""GitHub forgets older deliveries. https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""
MOST_AT_ONCE = 100
"""Deliveries fetched in one round; the next round comes soon when there are more."""
MOST_PAGES = 300
_PLACE = "app/hook/deliveries"
"""Under this name the store keeps up to which delivery the log was read; no repository can have it."""
_OVERLAP = timedelta(minutes=5)
"""The log need not show deliveries in the order of their times, and lags."""
_A_MOMENT = timedelta(seconds=1)
_TICK, _SOON, _WITHOUT_LOG = 60.0, 5.0, 3600.0
_ODD = 30.0
"""Seconds that a pause may be longer than asked for: beyond that the process was not running."""
_MOST_TRIES = 3
_MOST_REMEMBERED = 20_000

_ORDERS: Mapping[str, frozenset[str] | None] = {
    "issue_comment": frozenset({"created", "deleted"}),
    "check_run": frozenset({"requested_action", "rerequested"}),
    "installation": None,
    "installation_repositories": None,
}
"""What people did: taken in to the last one. None: every action."""
_HINTS = frozenset({"workflow_run", "workflow_job"})
"""Runs are looked at anyway, so these fill what is left of a round and are then forgotten."""


class Recovery:
    """Reads the delivery log at the start, after any time in which the process stood still, and now and then."""

    def __init__(self, means: Means, *, inbox: Inbox) -> None:
        self._settings = means.settings
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._audiences = means.audiences
        self._metrics = means.metrics
        self._inbox = inbox
        self._ttl = timedelta(seconds=means.settings.command_ttl_seconds)
        self._answered = Answered(means.github, means.clock, ttl=self._ttl)
        self._homes: dict[str, int] = {}
        self._missed: dict[str, LoggedDelivery] = {}
        self._judged: set[str] = set()
        self._tries: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()
        """Of commands how often GitHub could not say whether they were edited since."""

    async def run(self) -> None:
        """Until cancelled."""
        # A database that never saw the log knows nothing older than a command may be.
        read_until = await self._store.homes.sight(_PLACE) or self._clock.now() - self._ttl + _OVERLAP
        while True:
            pause = min(300.0, self._ttl.total_seconds() / 3)
            try:
                read_until = await self._round(read_until)
                if self._missed:
                    tried = min(self._waits[guid] for guid in self._missed)
                    pause = min(pause, _SOON * 2.0 ** min(tried, 10))
            except NotFound:
                log.info("GitHub keeps no log of deliveries here: what is missed is found by looking")
                pause = max(pause, _WITHOUT_LOG)
            except GitHubError as error:
                log.warning("the log of deliveries could not be read", error=str(error))
                pause = seconds_until_again(error, self._clock, pause)
            except StoreUnavailable as error:
                log.warning("the log of deliveries has to wait for the database", error=str(error))
            except Exception:
                log.exception("reading the log of deliveries failed oddly")
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        """Shorter when the process turns out to have stood still: deliveries may have met a closed door."""
        began = self._clock.now()
        while (left := seconds - (self._clock.now() - began).total_seconds()) > 0:
            tick, slept_at = min(left, _TICK), self._clock.now()
            await self._clock.sleep(tick)
            away = (self._clock.now() - slept_at).total_seconds() - tick
            if away > _ODD:
                log.info("the process stood still; the log of deliveries is read", seconds=round(away))
                return

    async def _round(self, read_until: datetime) -> datetime:
        """Reads what the log has got since, and takes a part of it in; up to when the log is done with."""
        newest = await self._list(max(read_until - _OVERLAP, self._clock.now() - KEPT), read_until)
        batch = sorted(
            self._missed.values(),
            key=lambda it: (it.event in _HINTS, self._waits[it.guid], it.delivered_at, it.id),
        )
        taken, comments = 0, _Comments(self._github, self._answered)
        for logged in batch[:MOST_AT_ONCE]:
            taken += await self._fetch(logged, comments)
        if all(it.event in _HINTS or self._waits[it.guid] for it in self._missed.values()):
            for logged in tuple(self._missed.values()):
                if logged.event in _HINTS:
                    self._done_with(logged)
        if taken:
            log.info("deliveries that were missed are taken in", deliveries=taken, left=len(self._missed))
        if self._missed:
            return read_until
        await self._store.homes.saw(_PLACE, newest)
        return newest

    # -- the list ------------------------------------------------------------------------------------

    async def _list(self, since: datetime, newest: datetime) -> datetime:
        """Notes what was sent since then and never arrived; the time of the newest delivery there is."""
        homes = await self._home_ids()
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._github.logged_deliveries(cursor=cursor)
            fresh = {
                logged.guid: logged
                for logged in page.deliveries
                if logged.delivered_at >= since and self._is_used(logged, homes)
            }
            for guid in fresh.keys() - await self._known(fresh):
                self._missed.setdefault(guid, fresh[guid])
            newest = max((newest, *(logged.delivered_at for logged in page.deliveries)))
            cursor = page.cursor
            if cursor is None or all(logged.delivered_at < since for logged in page.deliveries):
                return newest
        log.warning("the log of deliveries is too long to be read to its end", pages=MOST_PAGES)
        return newest

    async def _home_ids(self) -> frozenset[int] | None:
        """The only repositories whose comments are commands; None: all are, or it cannot be told."""
        for home in self._settings.homes:
            if home not in self._homes:
                try:
                    self._homes[home] = (await self._audiences.facts(home)).id
                except GitHubError:
                    return None
        return frozenset(self._homes.values()) or None

    def _is_used(self, logged: LoggedDelivery, homes: frozenset[int] | None) -> bool:
        if logged.event == "issue_comment" and homes is not None and logged.repository_id not in homes:
            return False
        actions = _ORDERS.get(logged.event, frozenset())
        return logged.event in _HINTS or actions is None or logged.action in actions

    async def _known(self, logged: Mapping[str, LoggedDelivery]) -> Iterable[str]:
        """Those that came in at the door, or were looked at here."""
        asked = logged.keys() - self._judged - self._missed.keys()
        stored = await self._store.deliveries.known(asked) if asked else frozenset[str]()
        return stored | (logged.keys() & self._judged)

    # -- one of them ---------------------------------------------------------------------------------

    async def _fetch(self, logged: LoggedDelivery, comments: "_Comments") -> bool:
        """Whether it was new. Raises what concerns all of them, not this one alone."""
        if logged.event == "check_run" and self._clock.now() - logged.delivered_at > self._ttl:
            log.info("a click on a button came too late to be carried out", delivery=logged.guid)
            self._done_with(logged)
            return False
        try:
            payload = await self._github.logged_payload(logged.id)
        except (Limited, Unauthorized):
            raise
        except GitHubError as error:
            self._tries[logged.guid] += 1
            if isinstance(error, NotFound) or self._tries[logged.guid] >= _MOST_TRIES:
                log.warning("a missed delivery cannot be read", delivery=logged.guid, error=str(error))
                self._done_with(logged)
            return False
        if not await self._stands(logged, payload, comments):
            return False
        arrival = Arrival(
            id=logged.guid,
            event=logged.event,
            payload=json.dumps(payload),
            second_key=second_key(logged.event, payload),
            received_at=self._clock.now(),
        )
        new = await self._store.deliveries.accept(arrival)
        self._done_with(logged)
        self._metrics.count_delivery(logged.event, "recovered" if new else "known")
        if new:
            self._inbox.put(arrival.id, arrival.event, payload)
        return new

    async def _stands(
        self, logged: LoggedDelivery, payload: Mapping[str, object], comments: "_Comments"
    ) -> bool:
        """Whether it can be taken in: a comment edited since is not a command, whatever the log says it was."""
        happening = read_delivery(logged.event, payload)
        if not isinstance(happening, CommentCreated) or self._inbox.means_nothing(logged.event, payload):
            return True
        try:
            stands = await comments.stand(happening)
        except GitHubError as error:
            log.warning("a missed command has to wait", delivery=logged.guid, error=str(error))
            self._waits[logged.guid] += 1
            # Who is late is only asked to repeat it, edited or not.
            return happening.created_at < self._answered.late_before
        if not stands:
            log.info("a missed command was edited, deleted or answered since", delivery=logged.guid)
            self._done_with(logged)
        return stands

    def _done_with(self, logged: LoggedDelivery) -> None:
        self._missed.pop(logged.guid, None)
        self._tries.pop(logged.guid, None)
        self._waits.pop(logged.guid, None)
        if len(self._judged) > _MOST_REMEMBERED:
            self._judged.clear()
        self._judged.add(logged.guid)


class _Comments:
    """Comments as they are now; for the length of one round, in which many may be of one repository."""

    def __init__(self, github: GitHub, answered: Answered) -> None:
        self._github = github
        self._answered = answered
        self._listed: dict[str, tuple[datetime, Mapping[object, Mapping[str, object]]]] = {}

    async def stand(self, comment: CommentCreated) -> bool:
        """Whether it is there, still a command and not answered. Raises `GitHubError` when that cannot be told."""
        repo, since = comment.repository.full_name, comment.created_at - _A_MOMENT
        listed_since, items = self._listed.get(repo, (None, {}))
        if listed_since is None or since < listed_since or comment.comment_id not in items:
            # The longest unchanged come first: one that was not edited is listed, however many came after it.
            found = await self._github.home_comments(repo, since=since)
            items = {item.get("id"): item for item in found}
            self._listed[repo] = (since, items)
        item = items.get(comment.comment_id)
        if item is None:
            return False
        now = comment_from_listing(comment.repository, item)
        return isinstance(now, CommentCreated) and not await self._answered.already(now, item)
