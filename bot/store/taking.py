"""The two statements that every delivery costs: kept, and finished.

Rule: one statement for any number of deliveries, as the driver takes it. SQL is written by hand here, because
building it anew for every batch took longer than the database needs to carry it out.
"""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection

from bot.store.rows import Arrival, DeliveryState
from bot.store.tables import FreeText, Moment

_MARKS = {"sqlite": "?", "postgresql": "%s"}
_COLUMNS = ("id", "second_key", "event", "payload", "received_at", "state", "tries", "outcome")
MOST_TOGETHER = 250
"""Deliveries in one statement: some milliseconds. PostgreSQL would take 65,535 values, SQLite 32,766."""

Finished = tuple[str, str, bool]
"""A delivery's id, what became of it, and whether it meant nothing to the bot."""


def keep(connection: Connection, arrivals: Sequence[Arrival]) -> set[int]:
    """Insert what is new by its id and by its second key; the places of those within `arrivals`."""
    places: set[int] = set()
    for first in range(0, len(arrivals), MOST_TOGETHER):
        part = arrivals[first : first + MOST_TOGETHER]
        places |= {first + place for place in _keep(connection, part)}
    return places


def _keep(connection: Connection, arrivals: Sequence[Arrival]) -> set[int]:
    text, moment, dialect = FreeText(), Moment(), connection.dialect
    values = [
        value
        for one in arrivals
        for value in (
            one.id,
            one.second_key,
            one.event,
            text.process_bind_param(one.payload, dialect),
            moment.process_bind_param(one.received_at, dialect),
            (DeliveryState.PENDING if one.ignored is None else DeliveryState.IGNORED).value,
            0,
            text.process_bind_param(one.ignored, dialect),
        )
    ]
    kept = connection.exec_driver_sql(_insert(_MARKS[dialect.name], len(arrivals)), tuple(values))
    new = {row[0] for row in kept}
    places: dict[str, int] = {}
    for place, arrival in enumerate(arrivals):
        if arrival.id in new:
            places.setdefault(arrival.id, place)
    return set(places.values())


def finish(connection: Connection, finished: Sequence[Finished]) -> None:
    """Say what became of each."""
    if not finished:
        return
    mark = _MARKS[connection.dialect.name]
    said = FreeText()
    connection.exec_driver_sql(
        f"UPDATE deliveries SET state = {mark}, outcome = {mark} WHERE id = {mark}",  # noqa: S608 - no value in it
        [
            (
                (DeliveryState.IGNORED if ignored else DeliveryState.DONE).value,
                said.process_bind_param(outcome, connection.dialect),
                delivery_id,
            )
            for delivery_id, outcome, ignored in finished
        ],
    )


@lru_cache(maxsize=MOST_TOGETHER)
def _insert(mark: str, rows: int) -> str:
    row = f"({', '.join([mark] * len(_COLUMNS))})"
    return (
        f"INSERT INTO deliveries ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * rows)} "  # noqa: S608 - no value in it
        "ON CONFLICT DO NOTHING RETURNING id"
    )
