"""What GitHub shows of each release: its status comment, and the newest check run of each step.

Rule: a button counts once, and only on the newest check run of its step; saving a surface cannot make it
count again.
"""

import json
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Connection, case, select, update

from bot.store.database import Database
from bot.store.inserting import insert
from bot.store.rows import Surface
from bot.store.tables import surfaces


class Surfaces:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def surfaces(self, release_id: str) -> dict[tuple[str, str], Surface]:
        """By kind and step; the status comment is `("status", "")`."""
        query = select(surfaces).where(surfaces.c.release_id == release_id)
        return await self._database.transact(
            lambda connection: {
                (row["kind"], row["step"]): Surface.from_row(row)
                for row in connection.execute(query).mappings()
            }
        )

    async def status_comments(self, release_ids: Sequence[str]) -> dict[str, int]:
        """Ids of the status comments that are known, by release."""
        mine = (surfaces.c.kind == "status", surfaces.c.release_id.in_(release_ids))
        query = select(surfaces.c.release_id, surfaces.c.github_id).where(*mine)
        query = query.where(surfaces.c.github_id.is_not(None))
        return await self._database.transact(lambda connection: dict(connection.execute(query).all()))

    async def save_surface(self, surface: Surface) -> None:
        """Create or replace it. Its used buttons are kept, and forgotten when `github_id` is another."""
        await self._database.transact(lambda connection: _save(connection, surface))

    async def surface_by_github_id(
        self, repo: str, github_id: int, *, kind: Literal["status", "check", "together", "day"] | None = None
    ) -> Surface | None:
        """Comments and check runs are numbered apart: say which `kind` an id is of."""
        query = select(surfaces).where(surfaces.c.repo == repo.lower(), surfaces.c.github_id == github_id)
        if kind is not None:
            query = query.where(surfaces.c.kind == kind)

        def work(connection: Connection) -> Surface | None:
            row = connection.execute(query.limit(1)).mappings().one_or_none()
            return None if row is None else Surface.from_row(row)

        return await self._database.transact(work)

    async def use_button(
        self, release_id: str, step: str, github_id: int, identifier: str, *, delivery: str = ""
    ) -> bool:
        """True the first time, and only when `github_id` is the newest check run of the step.

        A `delivery` that was handled halfway when the process died is still the first time.
        """
        mine = (
            surfaces.c.release_id == release_id,
            surfaces.c.kind == "check",
            surfaces.c.step == step,
            surfaces.c.github_id == github_id,
        )
        use = f"{identifier} {delivery}".strip()

        def work(connection: Connection) -> bool:
            text = connection.execute(select(surfaces.c.used_buttons).where(*mine).with_for_update()).scalar()
            if text is None:
                return False
            used: list[str] = json.loads(text)
            if any(earlier.partition(" ")[0] == identifier for earlier in used):
                return bool(delivery) and use in used
            used_now = json.dumps([*used, use])
            connection.execute(update(surfaces).where(*mine).values(used_buttons=used_now))
            return True

        return await self._database.transact(work)


def _save(connection: Connection, surface: Surface) -> None:
    row = {
        "release_id": surface.release_id,
        "kind": surface.kind,
        "step": surface.step,
        "repo": surface.repo.lower(),
        "github_id": surface.github_id,
        "sha": surface.sha,
        "digest": surface.digest,
        "state": surface.state,
        "made": surface.made,
        "used_buttons": json.dumps(surface.used_buttons),
        "data": json.dumps(surface.data),
    }
    new = insert(connection, surfaces).values(row)
    same = surfaces.c.github_id == new.excluded.github_id
    keys = {"release_id", "kind", "step"}
    changed: dict[str, ColumnElement[object]] = {name: new.excluded[name] for name in row.keys() - keys}
    changed["used_buttons"] = case((same, surfaces.c.used_buttons), else_="[]")
    connection.execute(new.on_conflict_do_update(index_elements=sorted(keys), set_=changed))
