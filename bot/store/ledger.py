"""The memory of jobs and tests: how they ended, which failures healed, and what that cost.

Rule: what the engine asks and writes is fenced; the list of flakes may be read by anybody at any time.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from bot.core.ledger import AttemptOutcome, Flake, Memory
from bot.store.database import Database, Lane
from bot.store.histories import Question, flakes_of, memory_of
from bot.store.outcomes import write
from bot.store.tables import job_outcomes, test_failures


class Ledger:
    """`now` gives aware UTC: when an attempt became known of which nothing is kept."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def record(self, outcome: AttemptOutcome) -> None:
        """Remember how the finished jobs of an attempt ended. The same again changes nothing; causes may come later."""
        at = self._now()
        await self._database.transact(lambda connection: write(connection, outcome, at=at))

    async def recorded(self, repo: str, run_ids: Sequence[int]) -> frozenset[tuple[int, int]]:
        """Those attempts of these runs that are known, as (run id, attempt), whatever was kept of them."""
        query = select(job_outcomes.c.run_id, job_outcomes.c.attempt).distinct()
        query = query.where(job_outcomes.c.repo == repo.lower(), job_outcomes.c.run_id.in_(run_ids))
        return await self._database.transact(
            lambda connection: frozenset((row.run_id, row.attempt) for row in connection.execute(query))
        )

    async def memory(
        self,
        *,
        repo: str,
        workflow: str,
        line: str,
        job: str,
        tests: Sequence[str],
        rule: str | None,
        since: datetime,
        without_run: int,
    ) -> Memory:
        """What is known since then about a job that has just failed in the run `without_run`, which does not count.

        Tests and the rule are followed over the whole repository, the job on this line only; a streak is always that
        of this line. Tests that never failed before are left out.
        """
        question = Question(repo, workflow, line, job, tuple(tests), rule, since, without_run)
        return await self._database.transact(lambda connection: memory_of(connection, question))

    async def flakes(self, repos: Sequence[str], *, since: datetime, most: int = 200) -> tuple[Flake, ...]:
        """What failed since then and passed later on the same commit, by repository, line, workflow, job and test.

        Ordered by repository and line, the worst of each first; when there are more than `most`, those that healed
        most often are kept. Network trouble and what was really broken is no flake. Needs no lease.
        """
        return await self._database.transact(
            lambda connection: flakes_of(connection, repos, since=since, most=most), lane=Lane.READING
        )

    async def repositories(self) -> tuple[str, ...]:
        """Those of which something is remembered, in lower case. Needs no lease."""
        query = select(job_outcomes.c.repo).distinct()
        return await self._database.transact(
            lambda connection: tuple(sorted(connection.execute(query).scalars())), lane=Lane.READING
        )

    async def prune(self, before: datetime) -> None:
        """Forget what ended before this time."""
        old = job_outcomes.c.ended_at < before
        numbers = select(job_outcomes.c.seq).where(old)

        def work(connection: Connection) -> None:
            connection.execute(delete(test_failures).where(test_failures.c.outcome_seq.in_(numbers)))
            connection.execute(delete(job_outcomes).where(old))

        await self._database.transact(work)
