"""Concurrency groups: releases of one home repository, pipeline and group go one after the other.

Rule: the order is the order of creation, and whoever waits is woken by the commit that ends the one before.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update

from bot.core.model import Release
from bot.store.tables import releases


def nearest_ahead(connection: Connection, release: Release, *, seq: int) -> str | None:
    """Version of the nearest earlier release of the group that is not final."""
    query = select(releases.c.version).where(_open_in_group(release), releases.c.seq < seq)
    query = query.order_by(releases.c.seq.desc()).limit(1)
    return connection.execute(query).scalar()


def wake_group(connection: Connection, release: Release, *, seq: int, at: datetime) -> None:
    """Whoever came after this release in its group is due now."""
    later = update(releases).where(_open_in_group(release), releases.c.seq > seq)
    connection.execute(later.values(wake_at=at))


def _open_in_group(release: Release) -> ColumnElement[bool]:
    return and_(
        releases.c.home == release.plan.home.lower(),
        releases.c.pipeline == release.pipeline.lower(),
        releases.c.group_key == release.plan.group,
        releases.c.final.is_(False),
    )
