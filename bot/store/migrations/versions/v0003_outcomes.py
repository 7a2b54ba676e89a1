"""How jobs and tests ended: what tells a flake from a failure."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.BigInteger()
_TEXT = sa.Text()


def upgrade() -> None:
    op.create_table(
        "job_outcomes",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("repo", _TEXT, nullable=False),
        sa.Column("workflow", _TEXT, nullable=False),
        sa.Column("line", _TEXT, nullable=False),
        sa.Column("job", _TEXT, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sha", _TEXT, nullable=False),
        sa.Column("conclusion", _TEXT, nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=False),
        sa.Column("cause", _TEXT),
        sa.Column("rule", _TEXT),
        sa.Column("healed_at", _MOMENT),
        sa.UniqueConstraint("repo", "run_id", "attempt", "job"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "job_outcomes", ["repo", "ended_at"])
    op.create_index(None, "job_outcomes", ["repo", "workflow", "sha", "job"])
    op.create_index(None, "job_outcomes", ["repo", "line", "job", "ended_at"])
    op.create_table(
        "test_failures",
        sa.Column(
            "outcome_seq", _NUMBER, sa.ForeignKey("job_outcomes.seq"), primary_key=True, autoincrement=False
        ),
        sa.Column("test", _TEXT, primary_key=True),
    )
    op.create_index(None, "test_failures", ["test"])
