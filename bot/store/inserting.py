"""Inserting what may be there already: the one place where the two engines' SQL has different homes.

Rule: what was inserted is told by RETURNING; a driver's row count says -1 for `INSERT ... ON CONFLICT` on
psycopg.
"""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` of this engine."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
