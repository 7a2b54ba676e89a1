"""Creating releases, inside the transaction of the command that asked for them.

Rule: what is open is looked at in the same transaction, so of two commands for one version only one can win. The
same holds for runs that a new release takes up: they are its own from the start.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from bot.core.model import Release
from bot.store.codec import SCHEMA, release_to_json
from bot.store.inserting import insert
from bot.store.rows import Stored
from bot.store.sends import bind_run, is_taken
from bot.store.tables import releases


def create_releases(
    connection: Connection,
    new: Sequence[Release],
    *,
    conflicts: Callable[[tuple[Stored, ...]], tuple[str, ...]] | None,
    at: datetime,
) -> tuple[Stored, ...]:
    """Those of `new` that exist afterwards, in the order of creation."""
    ids = [release.id for release in new]
    existing = select(releases.c.id).where(releases.c.id.in_(ids))
    known = set(connection.execute(existing).scalars())
    refused: set[str] = set()
    if conflicts is not None:
        refused = set(conflicts(_open_releases(connection, new))) - known
    for release in new:
        found = _found(release)
        late = any(is_taken(connection, repo, run, version=release.version) for repo, run, _ in found)
        if release.id in known | refused or late:
            continue
        row = release_row(release) | {"revision": 1, "wake_at": at, "created_at": at}
        connection.execute(insert(connection, releases).values(row).on_conflict_do_nothing())
        for repo, run_id, step in found:
            bind_run(connection, release.id, repo=repo, run_id=run_id, step=step, at=at)
    return present_of(connection, new)


def present_of(connection: Connection, new: Sequence[Release]) -> tuple[Stored, ...]:
    """Those of `new` that exist, in the order of creation."""
    present = select(releases).where(releases.c.id.in_([release.id for release in new]))
    return tuple(map(Stored.from_row, connection.execute(present.order_by(releases.c.seq)).mappings()))


def _found(release: Release) -> tuple[tuple[str, int, str], ...]:
    """Repository, id and step of each run that the release is going to take up."""
    return tuple(
        (step.repo, record.found.id, step.name)
        for step, record in release.items()
        if record.found is not None and step.kind != "approval"
    )


def release_row(release: Release) -> dict[str, object]:
    """The columns that follow from the release itself."""
    return {
        "id": release.id,
        "home": release.plan.home.lower(),
        "pipeline": release.pipeline.lower(),
        "version": release.version,
        "issue": release.issue,
        "group_key": release.plan.group,
        "word": release.word.value,
        "final": release.word.final,
        "state": release_to_json(release),
        "schema": SCHEMA,
    }


def _open_releases(connection: Connection, new: Sequence[Release]) -> tuple[Stored, ...]:
    """All open releases of these versions, from whatever home, except the given ones themselves."""
    query = select(releases).where(
        releases.c.version.in_({release.version for release in new}),
        releases.c.id.not_in([release.id for release in new]),
        releases.c.final.is_(False),
    )
    return tuple(map(Stored.from_row, connection.execute(query.order_by(releases.c.seq)).mappings()))
