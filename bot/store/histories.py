"""Asking the ledger: the histories of a failed job in one question, and the list of flakes in another.

Rule: names are cut here as they were when they were written; answers carry names as they were asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    cast,
    desc,
    distinct,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)

from bot.core.causes import Cause
from bot.core.ledger import FAILED, NEVER_SEEN, Flake, History, Memory, line_order
from bot.store.outcomes import SUCCESS, kept
from bot.store.tables import FreeText, job_outcomes, test_failures

_failure = job_outcomes.c
_passed = job_outcomes.alias("passed").c
_test = test_failures.c.test
_FAILED = _failure.conclusion.in_(sorted(FAILED))
_HEALED = _failure.healed_at.is_not(None)
_LOST = func.sum(case((_HEALED, _failure.milliseconds), else_=0))
_ATTEMPT = _failure.run_id * 1000 + _failure.attempt
"""One number for each attempt: the engines have no common way to count two columns as one."""
_NOT_HERE = (Cause.TRANSIENT, Cause.BROKEN)
_JOB, _RULE, _TEST = "job", "rule", "test"


@dataclass(frozen=True, slots=True)
class Question:
    """What `Ledger.memory` is asked."""

    repo: str
    workflow: str
    line: str
    job: str
    tests: tuple[str, ...]
    rule: str | None
    since: datetime
    without_run: int


def memory_of(connection: Connection, asked: Question) -> Memory:
    """One statement, whatever is asked."""
    here = _failure.line == kept(asked.line)
    others = and_(
        _FAILED,
        _failure.repo == asked.repo.lower(),
        _failure.ended_at >= asked.since,
        _failure.run_id != asked.without_run,
    )
    job = and_(here, _failure.workflow == kept(asked.workflow), _failure.job == kept(asked.job))
    parts = [_history(_JOB, here).where(others, job)]
    if asked.rule is not None:
        parts.append(_history(_RULE, here).where(others, _failure.rule == asked.rule))
    if asked.tests:
        parts.append(_histories_of_tests(asked.tests, here).where(others))
    rows = connection.execute(union_all(*parts)).all()
    known = {(row.kind, row.test): _from_row(row) for row in rows}
    tests = {name: known[_TEST, kept(name)] for name in asked.tests if (_TEST, kept(name)) in known}
    return Memory(known[_JOB, None], known.get((_RULE, None), NEVER_SEEN), tests)


def _history(kind: str, here: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return select(literal(kind).label("kind"), cast(null(), FreeText).label("test"), *_sums(here))


def _histories_of_tests(tests: Sequence[str], here: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    query = select(literal(_TEST).label("kind"), _test, *_sums(here))
    query = query.join_from(job_outcomes, test_failures, test_failures.c.outcome_seq == _failure.seq)
    return query.where(_test.in_({kept(test) for test in tests})).group_by(_test)


def _sums(here: ColumnElement[bool]) -> tuple[ColumnElement[Any], ...]:
    """The columns of a `History`; `here`: the line whose streak counts."""
    passed_since = exists().where(
        _passed.repo == _failure.repo,
        _passed.line == _failure.line,
        _passed.workflow == _failure.workflow,
        _passed.job == _failure.job,
        _passed.conclusion == SUCCESS,
        _passed.ended_at > _failure.ended_at,
    )
    in_a_row = and_(here, not_(passed_since.correlate(job_outcomes)))
    return (
        func.count(_failure.seq).label("seen"),
        func.count(_failure.healed_at).label("healed"),
        func.max(_failure.ended_at).label("last"),
        _LOST.label("lost"),
        func.count(distinct(case((in_a_row, _ATTEMPT)))).label("streak"),
    )


def _from_row(row: Row[*tuple[Any, ...]]) -> History:
    return History(row.seen, row.healed, row.last, _seconds(row.lost), row.streak)


def _seconds(milliseconds: int | None) -> float:
    """PostgreSQL adds up whole numbers to a decimal one, and nothing to NULL."""
    return int(milliseconds or 0) / 1000


def flakes_of(
    connection: Connection, repos: Sequence[str], *, since: datetime, most: int
) -> tuple[Flake, ...]:
    """See `Ledger.flakes`. Sorted here, as the engines have different ideas of the alphabet."""
    asked = {repo.lower(): repo for repo in repos}
    group = (_failure.repo, _failure.line, _failure.workflow, _failure.job, _test)
    one_rule = case((func.min(_failure.rule) == func.max(_failure.rule), func.min(_failure.rule)))
    healed, lost = func.count(_failure.healed_at), _LOST
    query = (
        select(
            *group,
            one_rule.label("rule"),
            healed.label("healed"),
            func.count().label("failures"),
            func.max(case((_HEALED, _failure.ended_at))).label("last"),
            lost.label("lost"),
        )
        .join_from(job_outcomes, test_failures, test_failures.c.outcome_seq == _failure.seq, isouter=True)
        .where(_FAILED, or_(_failure.cause.is_(None), _failure.cause.not_in(_NOT_HERE)))
        .where(_failure.repo.in_(asked), _failure.ended_at >= since)
        .group_by(*group)
        .having(healed > 0)
        .order_by(desc("healed"), desc("lost"))
        .limit(most)
    )
    found = (_flake(row, asked[row.repo]) for row in connection.execute(query))
    return tuple(sorted(found, key=_place))


def _flake(row: Row[*tuple[Any, ...]], repo: str) -> Flake:
    return Flake(
        repo=repo,
        line=row.line,
        workflow=row.workflow,
        job=row.job,
        test=row.test,
        rule=row.rule if row.test is None else None,
        healed=row.healed,
        failures=row.failures,
        last=row.last,
        seconds=_seconds(row.lost),
    )


def _place(flake: Flake) -> tuple[object, ...]:
    return (
        flake.repo.lower(),
        line_order(flake.line),
        -flake.healed,
        -flake.seconds,
        flake.test or flake.job,
        flake.workflow,
        flake.job,
    )
