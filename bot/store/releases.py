"""Releases: starting them, and committing what was decided about them.

Rule: state, journal and outbox change in one transaction, and only from the revision that the decision was
made on.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select

from bot.core.events import Event
from bot.core.model import Release, ReleaseWord
from bot.store.codec import SCHEMA
from bot.store.committing import Change, commit_change
from bot.store.database import Database
from bot.store.deliveries import finish_delivery, was_finished
from bot.store.errors import StoreUnavailable
from bot.store.groups import nearest_ahead
from bot.store.posts import add_posts
from bot.store.rows import JournalRow, PostToMake, SendToOpen, Stored
from bot.store.starting import create_releases, present_of
from bot.store.tables import journal, releases, runs, surfaces

log = structlog.get_logger(__name__)

TOGETHER_OVER = "over"
"""State of the comment that lists releases of one command when it has told that all of them are over."""
GIVEN_UP = "given up"
"""State of a comment that people have deleted as often as it was made."""
_LAST_WORDS = (*(word.value for word in ReleaseWord if word.final), GIVEN_UP)
_ASKS = '"action_required"'
"""A completed check run whose conclusion is kept as this calls for a person: no release ends so."""
_HEARD_WITHIN = timedelta(days=2)
"""A command is carried out within a day of its writing, and the clocks of GitHub and the database may differ."""

Conflicts = Callable[[tuple[Stored, ...]], tuple[str, ...]]
"""Given all open releases of the versions to start, the ids of those that must not be started."""

Posts = Sequence[PostToMake] | Callable[[tuple[Stored, ...]], Sequence[PostToMake]]
"""What to say on GitHub, or how to say it once it is known which releases were started."""


class Releases:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def live(self) -> tuple[Stored, ...]:
        """Every release that is not final, in the order of creation. StoreUnavailable while some are a newer program's:
        what it has written would be read by guessing, and it may be at work again soon."""
        query = select(func.max(releases.c.schema)).where(releases.c.final.is_(False))
        highest = await self._database.transact(lambda connection: connection.execute(query).scalar())
        if highest is not None and highest > SCHEMA:
            raise StoreUnavailable(
                f"there are releases that a newer release-bot has written (schema {highest}, this one knows {SCHEMA}): "
                "start the newer one again"
            )
        return await self._readable(releases.c.final.is_(False))

    async def get(self, release_id: str) -> Stored | None:
        found = await self._stored(releases.c.id == release_id)
        return found[0] if found else None

    async def find(
        self,
        home: str,
        *,
        pipeline: str | None = None,
        version: str | None = None,
        issue: int | None = None,
        open_only: bool = False,
    ) -> tuple[Stored, ...]:
        """Releases of a home repository, newest last. Repository and pipeline whatever their letter case."""
        wanted = [releases.c.home == home.lower()]
        if pipeline is not None:
            wanted.append(releases.c.pipeline == pipeline.lower())
        if version is not None:
            wanted.append(releases.c.version == version)
        if issue is not None:
            wanted.append(releases.c.issue == issue)
        if open_only:
            wanted.append(releases.c.final.is_(False))
        return await self._stored(*wanted)

    async def of_ids(self, ids: Sequence[str]) -> tuple[Release, ...]:
        """Those that exist, in the order of their ids here."""
        found = {one.release.id: one.release for one in await self._stored(releases.c.id.in_(ids))}
        return tuple(found[release_id] for release_id in ids if release_id in found)

    async def of_day(self, home: str, at: datetime) -> tuple[Release, ...]:
        """Every release of a home whose command was written on the date of `at`, UTC; oldest first."""
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        around = releases.c.created_at.between(day - _HEARD_WITHIN, day + timedelta(days=1) + _HEARD_WITHIN)
        found = await self._stored(releases.c.home == home.lower(), around)
        return tuple(
            one.release for one in found if one.release.asked_at.astimezone(UTC).date() == day.date()
        )

    async def words(self, home: str, pipeline: str | None = None) -> dict[str, frozenset[str]]:
        """Of every version that was ever started, by this pipeline or by any: the words of its releases."""
        mine = [releases.c.home == home.lower()]
        if pipeline is not None:
            mine.append(releases.c.pipeline == pipeline.lower())
        query = select(releases.c.version, releases.c.word).where(*mine)

        def work(connection: Connection) -> dict[str, frozenset[str]]:
            found: dict[str, frozenset[str]] = {}
            for version, word in connection.execute(query):
                found[version] = found.get(version, frozenset()) | {word}
            return found

        return await self._database.transact(work)

    async def unreported(self) -> tuple[Release, ...]:
        """Releases that ended while GitHub still shows something older: the last report was cut off."""
        deleted = and_(  # somebody deleted the comment, and it is to be made once more
            surfaces.c.kind.in_(("status", "together")),
            surfaces.c.github_id.is_(None),
            surfaces.c.made > 0,
            surfaces.c.state != GIVEN_UP,
        )
        behind = select(surfaces.c.release_id).where(
            or_(
                and_(surfaces.c.kind == "status", surfaces.c.state.not_in(_LAST_WORDS)),
                and_(surfaces.c.kind == "check", surfaces.c.state != "completed"),
                and_(surfaces.c.kind == "check", surfaces.c.data.contains(_ASKS, autoescape=True)),
                and_(surfaces.c.kind == "together", surfaces.c.state.not_in((TOGETHER_OVER, GIVEN_UP))),
                deleted,
            )
        )
        never = select(surfaces.c.release_id).where(surfaces.c.kind == "status")
        told = select(surfaces.c.step).where(
            surfaces.c.release_id == runs.c.release_id,
            surfaces.c.kind == "check",
            surfaces.c.step == runs.c.step,
        )
        unchecked = select(runs.c.release_id).where(~told.exists())  # it ended when the run was found
        late = or_(releases.c.id.in_(behind), releases.c.id.not_in(never), releases.c.id.in_(unchecked))
        return tuple(stored.release for stored in await self._readable(releases.c.final.is_(True), late))

    async def ahead(self, stored: Stored) -> str | None:
        """Version of the nearest earlier release of the same group that is not final; None: its turn."""
        return await self._database.transact(
            lambda connection: nearest_ahead(connection, stored.release, seq=stored.seq)
        )

    async def start(
        self,
        new: Sequence[Release],
        posts: Posts = (),
        finished_delivery: str | None = None,
        *,
        conflicts: Conflicts | None = None,
    ) -> tuple[Stored, ...]:
        """Create releases, due at once, together with what is said about it and the end of the delivery that
        asked.

        Returns those of `new` that exist now, so the missing ones are those that `conflicts` named. One whose
        id existed before is returned as it is and not asked about. Doing it again changes nothing, also when the
        conflict has passed meanwhile: who was refused has been told so.
        """
        at = self._now()

        def work(connection: Connection) -> tuple[Stored, ...]:
            if finished_delivery is not None and was_finished(connection, finished_delivery):
                return present_of(connection, new)
            started = create_releases(connection, new, conflicts=conflicts, at=at)
            add_posts(connection, posts(started) if callable(posts) else posts, at=at)
            if finished_delivery is not None:
                finish_delivery(connection, finished_delivery, "started")
            return started

        return await self._database.transact(work)

    async def commit(  # noqa: PLR0913 - everything that one transaction writes, by name
        self,
        stored: Stored,
        release: Release,
        *,
        event: Event | None,
        reasons: Sequence[str],
        wake_at: datetime | None,
        at: datetime | None = None,
        open_send: SendToOpen | None = None,
        close_sends: Sequence[tuple[str, int, str]] = (),
        bind: Sequence[tuple[str, int, str]] = (),
        take: Sequence[tuple[str, str, str]] = (),
        posts: Sequence[PostToMake] = (),
        finished_delivery: str | None = None,
    ) -> Stored:
        """Write what was decided on `stored`: all of it or nothing. Returns the release as it is stored now.

        `at`: when it was decided, so that the journal replays to the state however late it is written; now, if left
        out. `close_sends`: step, send number, outcome. `bind`: repository, run id, step; `take`: repository,
        step and name that it moved; closes come first, then
        binds, then the opening. Raises Outdated, SlotTaken, RunTaken or SendRepeated, and StoreUnavailable.
        When the release became final, those that waited for it are due at once.
        """
        change = Change(
            release=release,
            event=event,
            reasons=tuple(reasons),
            wake_at=wake_at,
            open_send=open_send,
            close_sends=tuple(close_sends),
            bind=tuple(bind),
            take=tuple(take),
            posts=tuple(posts),
            finished_delivery=finished_delivery,
            at=at or self._now(),
        )
        return await self._database.transact(lambda connection: commit_change(connection, stored, change))

    async def due(self, now: datetime) -> tuple[str, ...]:
        """Ids of the releases whose time to wake up has come, the longest waiting first."""
        query = select(releases.c.id).where(releases.c.final.is_(False), releases.c.wake_at <= now)
        query = query.order_by(releases.c.wake_at, releases.c.seq)
        return await self._database.transact(lambda connection: tuple(connection.execute(query).scalars()))

    async def next_wake(self) -> datetime | None:
        """When the next release is due; None when none has a time."""
        query = select(func.min(releases.c.wake_at)).where(releases.c.final.is_(False))
        return await self._database.transact(lambda connection: connection.execute(query).scalar())

    async def journal(self, release_id: str) -> tuple[JournalRow, ...]:
        """Every commit of a release, oldest first."""
        query = select(journal).where(journal.c.release_id == release_id).order_by(journal.c.id)
        return await self._database.transact(
            lambda connection: tuple(map(JournalRow.from_row, connection.execute(query).mappings()))
        )

    async def _stored(self, *conditions: ColumnElement[bool]) -> tuple[Stored, ...]:
        return tuple(map(Stored.from_row, await self._rows(*conditions)))

    async def _readable(self, *conditions: ColumnElement[bool]) -> tuple[Stored, ...]:
        """Without rows that something has damaged: one of them must not stop all other releases."""
        found: list[Stored] = []
        for row in await self._rows(*conditions):
            try:
                found.append(Stored.from_row(row))
            except ValueError as error:
                log.error(
                    "a stored release cannot be read and is left alone; the others go on",
                    release=row["id"],
                    home=row["home"],
                    version=row["version"],
                    error=str(error),
                )
        return tuple(found)

    async def _rows(self, *conditions: ColumnElement[bool]) -> Sequence[RowMapping]:
        query = select(releases).where(*conditions).order_by(releases.c.seq)
        return await self._database.transact(lambda connection: connection.execute(query).mappings().all())
