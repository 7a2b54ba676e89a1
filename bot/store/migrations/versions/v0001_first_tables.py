"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.BigInteger()
_TEXT = sa.Text()


def upgrade() -> None:
    _inbox()
    _releases()
    _sends()
    _reports()
    _looks()


def _inbox() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", _TEXT, nullable=False, unique=True),
        sa.Column("second_key", _TEXT, unique=True),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("outcome", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "deliveries", ["state", "seq"])


def _releases() -> None:
    op.create_table(
        "releases",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", _TEXT, nullable=False, unique=True),
        sa.Column("home", _TEXT, nullable=False),
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("issue", sa.BigInteger(), nullable=False),
        sa.Column("group_key", _TEXT, nullable=False),
        sa.Column("word", _TEXT, nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("wake_at", _MOMENT),
        sa.Column("created_at", _MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "releases", ["final", "wake_at"])
    op.create_index(None, "releases", ["home", "pipeline", "version"])
    op.create_index(None, "releases", ["version", "final"])
    op.create_table(
        "journal",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("release_id", _TEXT, sa.ForeignKey("releases.id"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("event", _TEXT),
        sa.Column("reasons", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "journal", ["release_id", "id"])


def _sends() -> None:
    op.create_table(
        "outbox",
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("release_id", _TEXT, sa.ForeignKey("releases.id"), nullable=False),
        sa.Column("step", _TEXT, nullable=False),
        sa.Column("send", sa.Integer(), nullable=False),
        sa.Column("repo", _TEXT, nullable=False),
        sa.Column("workflow", _TEXT, nullable=False),
        sa.Column("ref", _TEXT, nullable=False),
        sa.Column("nonce", _TEXT),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("outcome", _TEXT),
        sa.UniqueConstraint("release_id", "step", "send"),
    )
    op.create_index(None, "outbox", ["repo", "workflow", "state"])
    op.create_table(
        "runs",
        sa.Column("repo", _TEXT, primary_key=True),
        sa.Column("run_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("release_id", _TEXT, sa.ForeignKey("releases.id"), nullable=False),
        sa.Column("step", _TEXT, nullable=False),
        sa.Column("bound_at", _MOMENT, nullable=False),
    )
    op.create_index(None, "runs", ["release_id"])


def _reports() -> None:
    op.create_table(
        "posts",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("key", _TEXT, nullable=False, unique=True),
        sa.Column("repo", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("issue", sa.BigInteger()),
        sa.Column("comment_id", sa.BigInteger()),
        sa.Column("body", _TEXT, nullable=False),
        sa.Column("release_id", _TEXT),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("made_id", sa.BigInteger()),
        sa.Column("outcome", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "posts", ["state", "due_at"])
    op.create_table(
        "surfaces",
        sa.Column("release_id", _TEXT, sa.ForeignKey("releases.id"), primary_key=True),
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("step", _TEXT, primary_key=True),
        sa.Column("repo", _TEXT, nullable=False),
        sa.Column("github_id", sa.BigInteger()),
        sa.Column("sha", _TEXT),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("used_buttons", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.create_index(None, "surfaces", ["github_id"])


def _looks() -> None:
    op.create_table(
        "homes",
        sa.Column("repo", _TEXT, primary_key=True),
        sa.Column("full_name", _TEXT, nullable=False),
        sa.Column("repository_id", sa.BigInteger()),
        sa.Column("installation_id", sa.BigInteger()),
        sa.Column("listed_until", _MOMENT),
    )
    op.create_table(
        "sights",
        sa.Column("repo", _TEXT, primary_key=True),
        sa.Column("read_at", _MOMENT, nullable=False),
    )
    op.create_table(
        "strangers",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("repo", _TEXT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "strangers", ["repo", "at"])
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
