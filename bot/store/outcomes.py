"""Writing down how the jobs of an attempt ended, and which failures that heals.

Rules: news may come twice and in any order, and the rows are the same in the end. A job that was not run again is
listed in later attempts as it was (https://docs.github.com/en/rest/actions/workflow-jobs): it counts once, in the
lowest attempt known. Only another attempt of the same job on the same commit heals a failure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, or_, select, update

from bot.core.ledger import FAILED, LONGEST_NAME, MOST_TESTS, AttemptOutcome, JobOutcome
from bot.store.inserting import insert
from bot.store.tables import job_outcomes, storable, test_failures

SUCCESS = "success"
_SKIPPED = "skipped"
_NOTHING = "nothing"
"""Conclusion of the row that only tells that an attempt is known."""


def kept(name: str) -> str:
    """A job's, test's, line's or workflow's name as it is kept: an index has no room for a longer one."""
    return storable(name[:LONGEST_NAME])


def write(connection: Connection, outcome: AttemptOutcome, *, at: datetime) -> None:
    """All of an attempt, within the caller's transaction. `at`: when it became known."""
    outcome = replace(
        outcome, repo=outcome.repo.lower(), workflow=kept(outcome.workflow), line=kept(outcome.line)
    )
    jobs = _without_copies(connection, outcome, _distinct(outcome.jobs))
    if not jobs:
        _note_as_known(connection, outcome, at)
        return
    numbers = _write_jobs(connection, outcome, jobs)
    failed = [
        {"outcome_seq": numbers[job.job], "test": test}
        for job in jobs
        if job.conclusion in FAILED
        for test in dict.fromkeys(map(kept, job.tests[:MOST_TESTS]))
    ]
    if failed:
        connection.execute(insert(connection, test_failures).on_conflict_do_nothing(), failed)
    _heal(connection, outcome, [job.job for job in jobs])


def _distinct(jobs: Iterable[JobOutcome]) -> tuple[JobOutcome, ...]:
    """One outcome for each name. Of jobs that share one the worst counts: the name has passed when all have."""
    found: dict[str, JobOutcome] = {}
    for job in jobs:
        if job.conclusion == _SKIPPED:
            continue
        short = replace(job, job=kept(job.job))
        other = found.get(short.job)
        if other is None or _badness(short) > _badness(other):
            found[short.job] = short
    return tuple(found.values())


def _badness(job: JobOutcome) -> tuple[int, datetime]:
    return (2 if job.conclusion in FAILED else 0 if job.conclusion == SUCCESS else 1), job.ended_at


def _without_copies(
    connection: Connection, outcome: AttemptOutcome, jobs: Sequence[JobOutcome]
) -> tuple[JobOutcome, ...]:
    """Those that ran in this attempt. A copy that was written under a later attempt becomes the job itself."""
    query = select(
        job_outcomes.c.seq,
        job_outcomes.c.attempt,
        job_outcomes.c.job,
        job_outcomes.c.conclusion,
        job_outcomes.c.ended_at,
    ).where(job_outcomes.c.repo == outcome.repo, job_outcomes.c.run_id == outcome.run_id)
    rows = connection.execute(query).all()
    known = {(row.job, row.conclusion, row.ended_at): row for row in rows}
    own = {row.job for row in rows if row.attempt == outcome.attempt}
    ran: list[JobOutcome] = []
    for job in jobs:
        row = known.get((job.job, job.conclusion, job.ended_at))
        if row is not None and row.attempt < outcome.attempt:
            continue
        if row is not None and row.attempt > outcome.attempt and job.job not in own:
            mine = update(job_outcomes).where(job_outcomes.c.seq == row.seq)
            connection.execute(mine.values(attempt=outcome.attempt))
        ran.append(job)
    return tuple(ran)


def _note_as_known(connection: Connection, outcome: AttemptOutcome, at: datetime) -> None:
    """An attempt of which nothing is kept must not be read again and again."""
    row = _row(outcome, JobOutcome(job="", conclusion=_NOTHING, seconds=0, ended_at=at))
    connection.execute(insert(connection, job_outcomes).values(row).on_conflict_do_nothing())


def _write_jobs(
    connection: Connection, outcome: AttemptOutcome, jobs: Sequence[JobOutcome]
) -> dict[str, int]:
    """The number of each job's row, by the job's name."""
    new = insert(connection, job_outcomes)
    judged = new.excluded.cause.is_not(None)
    change = new.on_conflict_do_update(
        index_elements=["repo", "run_id", "attempt", "job"],
        set_={
            "cause": func.coalesce(new.excluded.cause, job_outcomes.c.cause),
            "rule": case((judged, new.excluded.rule), else_=job_outcomes.c.rule),
        },
    )
    returned = connection.execute(
        change.returning(job_outcomes.c.job, job_outcomes.c.seq), [_row(outcome, job) for job in jobs]
    )
    return {row.job: row.seq for row in returned}


def _row(outcome: AttemptOutcome, job: JobOutcome) -> dict[str, object]:
    failed = job.conclusion in FAILED
    return {
        "repo": outcome.repo,
        "workflow": outcome.workflow,
        "line": outcome.line,
        "job": job.job,
        "run_id": outcome.run_id,
        "attempt": outcome.attempt,
        "sha": outcome.sha,
        "conclusion": job.conclusion,
        "milliseconds": max(0, round(job.seconds * 1000)),
        "ended_at": job.ended_at,
        "cause": str(job.cause) if failed and job.cause is not None else None,
        "rule": job.rule if failed else None,
    }


def _heal(connection: Connection, outcome: AttemptOutcome, jobs: Sequence[str]) -> None:
    """Each failure of these jobs on this commit is healed by the first success after it, or by none."""
    failure, success = job_outcomes.c, job_outcomes.alias("success").c
    later = or_(
        and_(success.run_id == failure.run_id, success.attempt > failure.attempt),
        and_(success.run_id != failure.run_id, success.ended_at > failure.ended_at),
    )
    first_after = (
        select(func.min(success.ended_at))
        .where(
            success.repo == failure.repo,
            success.workflow == failure.workflow,
            success.sha == failure.sha,
            success.job == failure.job,
            success.conclusion == SUCCESS,
            later,
        )
        .correlate(job_outcomes)
        .scalar_subquery()
    )
    concerned = (
        failure.repo == outcome.repo,
        failure.workflow == outcome.workflow,
        failure.sha == outcome.sha,
        failure.job.in_(jobs),
        failure.conclusion.in_(sorted(FAILED)),
    )
    connection.execute(update(job_outcomes).where(*concerned).values(healed_at=first_after))
