"""Bringing the tables up to date when the program starts.

Rules: all steps in the caller's one transaction, so a half-done migration does not exist; one process at a time,
the others wait for it; and never a step back - data written by a newer program is refused, not guessed at.
"""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select

from bot.store.codec import SCHEMA
from bot.store.errors import StoreRefused
from bot.store.tables import releases

_LOCK = 0x72656C65617365  # "release"
"""The advisory lock of whoever migrates; it ends with the transaction, so a pooler cannot strand it."""


def upgrade(connection: Connection, name: str) -> None:
    """Create or migrate the tables; StoreRefused when they are not ours or newer than this program."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = Config()
    config.set_main_option("script_location", "bot.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    present = MigrationContext.configure(connection).get_current_revision()
    if present is None and inspect(connection).get_table_names():
        raise StoreRefused(f"The database {name} belongs to another program: name another one.")
    if present not in {None, *(script.revision for script in scripts.walk_revisions())}:
        raise _newer(name, found=str(present), known=str(newest))
    if present != newest:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    highest = connection.execute(select(func.max(releases.c.schema))).scalar()
    if highest is not None and highest > SCHEMA:
        raise _newer(name, found=f"releases {highest}", known=f"releases {SCHEMA}")


def _newer(name: str, *, found: str, known: str) -> StoreRefused:
    return StoreRefused(
        f"The database {name} was written by a newer release-bot (schema {found}, this program knows "
        f"{known}): start the newer program, or restore a backup."
    )
