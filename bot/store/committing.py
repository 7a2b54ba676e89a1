"""One commit of one release: everything a decision changes, written together.

Rule: first the revision is checked, then places are freed, then runs are bound, then the next send is opened.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update
from sqlalchemy import insert as plain_insert

from bot.core.events import Event
from bot.core.model import Release
from bot.store.codec import event_to_json
from bot.store.deliveries import finish_delivery
from bot.store.errors import Outdated
from bot.store.groups import nearest_ahead, wake_group
from bot.store.names import take_names
from bot.store.posts import add_posts
from bot.store.rows import PostToMake, SendToOpen, Stored
from bot.store.sends import bind_run, close_send, open_send
from bot.store.starting import release_row
from bot.store.tables import journal, releases


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a decision wants written, at `at`."""

    release: Release
    event: Event | None
    reasons: tuple[str, ...]
    wake_at: datetime | None
    open_send: SendToOpen | None
    close_sends: tuple[tuple[str, int, str], ...]
    bind: tuple[tuple[str, int, str], ...]
    take: tuple[tuple[str, str, str], ...]
    posts: tuple[PostToMake, ...]
    finished_delivery: str | None
    at: datetime


def commit_change(connection: Connection, stored: Stored, change: Change) -> Stored:
    release_id = stored.release.id
    now_stored = _advance(connection, stored, change)
    for step, send, outcome in change.close_sends:
        close_send(connection, release_id, step=step, send=send, outcome=outcome)
    for repo, run_id, step in change.bind:
        bind_run(connection, release_id, repo=repo, run_id=run_id, step=step, at=change.at)
    take_names(connection, release_id, change.release.version, change.take, at=change.at)
    if change.open_send is not None:
        open_send(connection, release_id, change.open_send, at=change.at)
    _write_journal(connection, now_stored, change)
    add_posts(connection, change.posts, at=change.at)
    if change.release.word.final and not stored.release.word.final:
        wake_group(connection, change.release, seq=stored.seq, at=change.at)
    if change.finished_delivery is not None:
        finish_delivery(connection, change.finished_delivery, "done")
    return now_stored


def _advance(connection: Connection, stored: Stored, change: Change) -> Stored:
    revision = stored.revision + 1
    row = release_row(change.release) | {
        "revision": revision,
        "wake_at": _wake_at(connection, stored, change),
    }
    mine = (releases.c.id == stored.release.id, releases.c.revision == stored.revision)
    if connection.execute(update(releases).where(*mine).values(row)).rowcount != 1:
        raise Outdated(f"release {stored.release.id} is not at revision {stored.revision} any more")
    return Stored(change.release, revision, stored.seq)


def _wake_at(connection: Connection, stored: Stored, change: Change) -> datetime | None:
    """A release that was decided on as one that waits, while the one before it ended, must not sleep on."""
    release = change.release
    if release.word.final:
        return None
    if release.ahead is not None and nearest_ahead(connection, release, seq=stored.seq) is None:
        return change.at if change.wake_at is None else min(change.wake_at, change.at)
    return change.wake_at


def _write_journal(connection: Connection, stored: Stored, change: Change) -> None:
    line = {
        "release_id": stored.release.id,
        "revision": stored.revision,
        "at": change.at,
        "event": None if change.event is None else event_to_json(change.event),
        "reasons": json.dumps(change.reasons),
    }
    connection.execute(plain_insert(journal).values(line))
