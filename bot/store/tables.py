"""The tables, once, for both engines.

Rule: portable types only. Times are aware UTC, kept as whole microseconds since 1970, because SQLite has no
type for them and forgets the zone; JSON is kept as text. Repositories are keyed in lower case, as GitHub
compares them. A change here needs a new file in `migrations/versions`.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware time. A naive one is refused with ValueError: nobody could say which zone was meant."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value.isoformat()}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class FreeText(TypeDecorator[str]):
    """Text from outside. What a database cannot keep (NUL, halves of surrogate pairs) is replaced, never
    refused.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """Text from outside as `FreeText` keeps it; as many characters as before."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


# A plain INTEGER is what SQLite makes an alias of the row id; elsewhere 64 bits are wanted.
_Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),  # X-GitHub-Delivery
    Column("second_key", Text, unique=True),
    Column("event", Text, nullable=False),
    Column("payload", FreeText, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("state", Text, nullable=False),  # pending | done | ignored | quarantined
    Column("tries", Integer, nullable=False),
    Column("outcome", FreeText),
    Index(None, "state", "seq"),
    sqlite_autoincrement=True,
)

releases = Table(
    "releases",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("home", Text, nullable=False),
    Column("pipeline", Text, nullable=False),  # lower case: names are unique whatever their case
    Column("version", Text, nullable=False),
    Column("issue", BigInteger, nullable=False),
    Column("group_key", FreeText, nullable=False),
    Column("word", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("wake_at", Moment),
    Column("created_at", Moment, nullable=False),
    Index(None, "final", "wake_at"),
    Index(None, "home", "pipeline", "version"),
    Index(None, "version", "final"),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("event", Text),
    Column("reasons", Text, nullable=False),
    Index(None, "release_id", "id"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),  # RELEASE:STEP:SEND
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("send", Integer, nullable=False),
    Column("repo", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("nonce", Text),
    Column("state", Text, nullable=False),  # open | bound | closed
    Column("opened_at", Moment, nullable=False),
    Column("outcome", FreeText),
    UniqueConstraint("release_id", "step", "send"),
    Index(None, "repo", "workflow", "state"),
)

runs = Table(
    "runs",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("bound_at", Moment, nullable=False),
    Index(None, "release_id"),
)

posts = Table(
    "posts",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("repo", Text, nullable=False),
    Column("kind", Text, nullable=False),  # comment | notice | reaction
    Column("issue", BigInteger),
    Column("comment_id", BigInteger),
    Column("body", FreeText, nullable=False),
    Column("release_id", Text),  # what a notice tells of
    Column("state", Text, nullable=False),  # todo | sending | done | dropped
    Column("tries", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("made_id", BigInteger),
    Column("outcome", FreeText),
    Index(None, "state", "due_at"),
    sqlite_autoincrement=True,
)

surfaces = Table(
    "surfaces",
    metadata,
    Column("release_id", Text, ForeignKey("releases.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # status | check | together | day
    Column("step", Text, primary_key=True),  # empty for comments
    Column("repo", Text, nullable=False),
    Column("github_id", BigInteger),
    Column("sha", Text),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("made", Integer, nullable=False),
    Column("used_buttons", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "github_id"),
)

homes = Table(
    "homes",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("repository_id", BigInteger),
    Column("installation_id", BigInteger),
    Column("listed_until", Moment),
)

sights = Table(
    "sights",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("read_at", Moment, nullable=False),
)

strangers = Table(
    "strangers",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=True),
    Column("repo", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "repo", "at"),
    sqlite_autoincrement=True,
)

job_outcomes = Table(
    "job_outcomes",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=True),
    Column("repo", Text, nullable=False),
    Column("workflow", FreeText, nullable=False),
    Column("line", FreeText, nullable=False),
    Column(
        "job", FreeText, nullable=False
    ),  # empty: the attempt is known, and there is nothing to keep of it
    Column("run_id", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("sha", Text, nullable=False),
    Column("conclusion", Text, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("cause", Text),
    Column("rule", FreeText),
    Column("healed_at", Moment),  # when the same job first passed on the same commit after this failure
    UniqueConstraint("repo", "run_id", "attempt", "job"),
    Index(None, "repo", "ended_at"),
    Index(None, "repo", "workflow", "sha", "job"),
    Index(None, "repo", "line", "job", "ended_at"),
    sqlite_autoincrement=True,
)

test_failures = Table(
    "test_failures",
    metadata,
    Column("outcome_seq", _Number, ForeignKey("job_outcomes.seq"), primary_key=True, autoincrement=False),
    Column("test", FreeText, primary_key=True),
    Index(None, "test"),
)

moved_names = Table(  # a line for each time a step moved a name such as `latest` to its version
    "moved_names",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=True),
    Column("repo", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("moved_at", Moment, nullable=False),
    UniqueConstraint("repo", "name", "release_id", "step"),
    sqlite_autoincrement=True,
)

pulse = Table(  # one row, written to learn whether writing works
    "pulse",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
)

leases = Table(  # who is at work on a database that several processes share
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),  # empty: given up
    Column("epoch", BigInteger, nullable=False),
    Column("until", Moment),  # by the database's clock; none where the file itself is the lease
)
