"""Opening a PostgreSQL database that several processes share.

Rule: nothing outlives a transaction, so a pooler may stand before the server and hand out another connection for
each one: no prepared statements, no SET, no session locks, no LISTEN. What a transaction needs is set within it.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection, Engine, create_engine, event, exc

from bot.store.database import Database, Lane
from bot.store.errors import StoreRefused
from bot.store.schema import upgrade
from bot.store.threads import Pool

_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL idle_in_transaction_session_timeout = '5s';
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '20s'
"""
"""One trip to the server. A process that is stopped in mid-transaction holds its locks for no longer than five
seconds: the lease must be free for others when it is over.
https://www.postgresql.org/docs/current/runtime-config-client.html
"""
_PATIENT = """
SET LOCAL idle_in_transaction_session_timeout = '10min';
SET LOCAL lock_timeout = '1min';
SET LOCAL statement_timeout = 0
"""
_AGAIN_SECONDS = 0.5

# Strings: the driver's settings, as libpq knows them.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_CONNECTION = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "fallback_application_name": "release-bot",
    "client_encoding": "utf8",
}

_DEFINITE = (
    (r"password authentication failed|no password supplied", "refuses the login: check user and password"),
    (r'role "[^"]*" (does not exist|is not permitted to log in)', "does not know the user: check the user"),
    (r'database "[^"]*" does not exist', "does not exist: create it, or name another one"),
    (r"no pg_hba\.conf entry|permission denied for database", "refuses this user or machine: allow it there"),
    (r"SSL|certificate", "cannot be spoken to with this sslmode"),
)
"""What a server says when asking again cannot help; a failed login carries no code, only words."""


async def open_postgres(url: str, *, patience: float) -> Database:
    """Open and migrate. A server that cannot be reached is asked again for `patience` seconds."""
    name, engine = _engine(url)
    threads = Pool(len(Lane))
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    try:
        while True:
            try:
                await threads.run(partial(_made_ready, engine, name))
                return Database(engine, threads, name)
            except exc.SQLAlchemyError as error:
                if loop.time() >= end or not _may_pass(error):
                    raise _refusal(name, error) from None  # the cause may show what was given
            await asyncio.sleep(_AGAIN_SECONDS)
    except BaseException:
        await threads.run(engine.dispose)
        await threads.close()
        raise


def _made_ready(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        _prepare(connection, name)


def be_patient(connection: Connection) -> None:
    """For work on the whole database: this transaction may take its time, on whatever engine."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_PATIENT)


def _engine(url: str) -> tuple[str, Engine]:
    try:
        import psycopg  # noqa: PLC0415 - an extra: only who uses PostgreSQL needs it
        from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415
    except ImportError as error:
        raise StoreRefused(
            f"PostgreSQL needs a driver that cannot be loaded ({error}): "
            "install it with pip install '.[postgres]' in the checkout."
        ) from error
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise StoreRefused(
            "The database's URL cannot be read: write postgresql://user:password@server:5432/name."
        ) from None
    conninfo = make_conninfo(url, **{key: value for key, value in _CONNECTION.items() if key not in given})

    def connect() -> psycopg.Connection:
        # Transactions are begun below, by name.
        return psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)

    engine = create_engine(
        "postgresql+psycopg://",
        creator=connect,
        use_native_hstore=False,
        pool_size=len(Lane),
        max_overflow=0,
        pool_pre_ping=True,  # a connection that the server or a pooler closed meanwhile is replaced unseen
    )
    event.listen(engine, "begin", _begin)
    return _name(given), engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(_BEGIN)


def _name(given: Mapping[str, object]) -> str:
    """The URL without user and password."""
    host = str(given.get("host") or given.get("hostaddr") or "")
    port = f":{given['port']}" if given.get("port") and host and "/" not in host else ""
    place = "" if "/" in host else host
    return f"postgresql://{place}{port}/{given.get('dbname') or given.get('user') or ''}"


def _prepare(connection: Connection, name: str) -> None:
    be_patient(connection)
    query = "SELECT {0}('server_encoding'), {0}('transaction_read_only'), {0}('synchronous_commit')"
    encoding, read_only, commits = connection.exec_driver_sql(query.format("current_setting")).one()
    if encoding != "UTF8":
        raise StoreRefused(f"The database {name} keeps text as {encoding}: create it with encoding UTF8.")
    if read_only == "on":
        raise StoreRefused(f"The database {name} is read-only: name the primary server.")
    if commits == "off":
        raise StoreRefused(
            f"The database {name} may lose what it has committed: set synchronous_commit to on for it."
        )
    upgrade(connection, name)


def _may_pass(error: exc.SQLAlchemyError) -> bool:
    """Whether asking again may help: no answer, starting up, too many connections, a broken connection."""
    if not isinstance(error, exc.OperationalError):
        return False
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return str(code)[:2] in {"08", "53", "57"}
    return not any(re.search(words, str(error.orig)) for words, _ in _DEFINITE)


def _refusal(name: str, error: exc.SQLAlchemyError) -> StoreRefused:
    reason = _reason(error)
    for words, text in _DEFINITE:
        if re.search(words, reason):
            return StoreRefused(f"The database {name} {text} ({reason}).")
    match getattr(getattr(error, "orig", None), "sqlstate", None):
        case "42501":
            text = f"The database {name} lets this user make no tables ({reason}): grant it that."
        case "55P03":
            text = f"The database {name} is being migrated by another process that does not end: look there."
        case _:
            text = f"The database {name} cannot be reached or used ({reason}): start it, or mend the URL."
    return StoreRefused(text)


def _reason(error: exc.SQLAlchemyError) -> str:
    """The server's own words on one line, without the driver's introduction."""
    words = " ".join(str(getattr(error, "orig", None) or error).split())
    return re.split(r" failed: |FATAL: +", words)[-1].removesuffix(".")
