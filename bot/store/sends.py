"""The outbox of dispatches, and which workflow run belongs to which step.

Rule: a send number is opened once and never again; it holds its (repository, workflow, ref) until its run is
known or it is closed. A run belongs to one step, for good: only a release of the same version may have what a
cancelled one has left. The functions write within the transaction of a release's commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from bot.core.model import ReleaseWord
from bot.core.sends import GIVEN_UP
from bot.store.database import Database
from bot.store.errors import RunTaken, SendRepeated, SlotTaken
from bot.store.inserting import insert
from bot.store.rows import BoundRunRow, SendRow, SendState, SendToOpen
from bot.store.tables import outbox, releases, runs


class Sends:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_sends(self, repo: str, workflow: str) -> tuple[SendRow, ...]:
        """Sends of this workflow whose run is not known, whatever release they belong to; oldest first."""
        return await self._sends(
            outbox.c.repo == repo.lower(), outbox.c.workflow == workflow, outbox.c.state == SendState.OPEN
        )

    async def sends_of(self, release_id: str, step: str) -> tuple[SendRow, ...]:
        """Every send of a step, in the order of their numbers."""
        return await self._sends(outbox.c.release_id == release_id, outbox.c.step == step)

    async def bindings(self, repo: str, run_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Release and step of those of these runs that are bound."""
        found = await self._bound(runs.c.repo == repo.lower(), runs.c.run_id.in_(set(run_ids)))
        return {row.run_id: (row.release_id, row.step) for row in found}

    async def taken(self, repo: str, run_ids: Sequence[int], *, version: str) -> dict[int, tuple[str, str]]:
        """As `bindings`, but without what a release of this version may have: the runs of a cancelled one."""
        mine = (runs.c.repo == repo.lower(), runs.c.run_id.in_(set(run_ids)))
        found = await self._bound(*mine, runs.c.release_id.not_in(_cancelled(version)))
        return {row.run_id: (row.release_id, row.step) for row in found}

    async def known(self, repo: str, workflow: str, run_ids: Sequence[int]) -> "KnownSends":
        """All of it at one moment: a send that is bound meanwhile is seen either as open or by its run."""
        place = (outbox.c.repo == repo.lower(), outbox.c.workflow == workflow)
        lost = outbox.c.outcome.in_(GIVEN_UP)
        waiting = or_(outbox.c.state == SendState.OPEN, outbox.c.nonce.is_not(None), lost)
        sends = select(outbox).where(*place, waiting).order_by(outbox.c.opened_at, outbox.c.send)
        mine = select(runs).where(runs.c.repo == repo.lower(), runs.c.run_id.in_(set(run_ids)))

        def work(connection: Connection) -> KnownSends:
            rows = tuple(map(SendRow.from_row, connection.execute(sends).mappings()))
            bound = map(BoundRunRow.from_row, connection.execute(mine).mappings())
            return KnownSends(
                open=tuple(row for row in rows if row.state is SendState.OPEN),
                given_up=tuple(row for row in rows if row.outcome in GIVEN_UP),
                nonces={row.nonce: row.key for row in rows if row.nonce is not None},
                bindings={row.run_id: (row.release_id, row.step) for row in bound},
            )

        return await self._database.transact(work)

    async def bound_runs(self, repo: str, release_id: str | None = None) -> tuple[BoundRunRow, ...]:
        """Every run of the repository that is bound (to this release), in the order of binding."""
        mine = [] if release_id is None else [runs.c.release_id == release_id]
        return await self._bound(runs.c.repo == repo.lower(), *mine)

    async def _sends(self, *conditions: ColumnElement[bool]) -> tuple[SendRow, ...]:
        query = select(outbox).where(*conditions).order_by(outbox.c.opened_at, outbox.c.send)
        return await self._database.transact(
            lambda connection: tuple(map(SendRow.from_row, connection.execute(query).mappings()))
        )

    async def _bound(self, *conditions: ColumnElement[bool]) -> tuple[BoundRunRow, ...]:
        query = select(runs).where(*conditions).order_by(runs.c.bound_at, runs.c.run_id)
        return await self._database.transact(
            lambda connection: tuple(map(BoundRunRow.from_row, connection.execute(query).mappings()))
        )


@dataclass(frozen=True, slots=True)
class KnownSends:
    """What is known of one workflow's sends: the open ones, those that were looked for in vain, the key behind each
    nonce, the owners of its runs.
    """

    open: tuple[SendRow, ...]
    given_up: tuple[SendRow, ...]
    nonces: Mapping[str, str]
    bindings: Mapping[int, tuple[str, str]]


def send_key(release_id: str, step: str, send: int) -> str:
    return f"{release_id}:{step}:{send}"


def open_send(connection: Connection, release_id: str, send: SendToOpen, *, at: datetime) -> None:
    """SendRepeated when the number was opened before; SlotTaken when another send may still get its run."""
    key = send_key(release_id, send.step, send.send)
    place = {"repo": send.repo.lower(), "workflow": send.workflow, "ref": send.ref}
    row = {
        "key": key,
        "release_id": release_id,
        "step": send.step,
        "send": send.send,
        **place,
        "nonce": send.nonce,
        "state": SendState.OPEN,
        "opened_at": at,
    }
    new = insert(connection, outbox).values(row).on_conflict_do_nothing().returning(outbox.c.key)
    if connection.execute(new).scalar() is None:
        raise SendRepeated(f"send {send.send} of step {send.step} of release {release_id} was opened before")
    same_place = and_(*(outbox.c[name] == value for name, value in place.items()))
    others = select(outbox.c.key, outbox.c.nonce).where(
        same_place, outbox.c.state == SendState.OPEN, outbox.c.key != key
    )
    for holder, nonce in connection.execute(others):
        if send.nonce is None or nonce is None:
            raise SlotTaken(holder, repo=send.repo, workflow=send.workflow, ref=send.ref)


def close_send(connection: Connection, release_id: str, *, step: str, send: int, outcome: str) -> None:
    """The send no longer holds its place: its run is known, was given up, or certainly never came to be."""
    mine = update(outbox).where(outbox.c.key == send_key(release_id, step, send))
    connection.execute(mine.values(state=SendState.CLOSED, outcome=outcome))


def bind_run(
    connection: Connection, release_id: str, *, repo: str, run_id: int, step: str, at: datetime
) -> None:
    """Give the run to the step, and mark the step's open send as bound; RunTaken when another step has it.

    Binding it again to the same step changes nothing. What a cancelled release of the same version has left is
    handed over.
    """
    row = {"repo": repo.lower(), "run_id": run_id, "release_id": release_id, "step": step, "bound_at": at}
    connection.execute(insert(connection, runs).values(row).on_conflict_do_nothing())
    mine = and_(runs.c.repo == repo.lower(), runs.c.run_id == run_id)
    holder, held_step = connection.execute(select(runs.c.release_id, runs.c.step).where(mine)).one()
    if (holder, held_step) != (release_id, step):
        version = connection.execute(
            select(releases.c.version).where(releases.c.id == release_id)
        ).scalar_one()
        left = update(runs).where(mine, runs.c.release_id.in_(_cancelled(version)))
        if connection.execute(left.values(row)).rowcount != 1:
            raise RunTaken(repo=repo, run_id=run_id, release_id=holder, step=held_step)
    bound = update(outbox).where(
        outbox.c.release_id == release_id, outbox.c.step == step, outbox.c.state == SendState.OPEN
    )
    connection.execute(bound.values(state=SendState.BOUND, outcome=f"run {run_id}"))


def is_taken(connection: Connection, repo: str, run_id: int, *, version: str) -> bool:
    """Whether a release of this version cannot have the run."""
    query = select(runs.c.run_id).where(
        runs.c.repo == repo.lower(), runs.c.run_id == run_id, runs.c.release_id.not_in(_cancelled(version))
    )
    return connection.execute(query).scalar() is not None


def _cancelled(version: str) -> Select[tuple[str]]:
    """Releases of this version that ended as cancelled, of whatever home."""
    return select(releases.c.id).where(
        releases.c.version == version,
        releases.c.word == ReleaseWord.CANCELLED.value,
    )
