"""Reading why an attempt failed: failed jobs, their annotations, the tails of their logs, and what is remembered.

Missing logs never block: what cannot be read makes the cause `unknown`. For each failed attempt GitHub is asked for
its jobs, for two things of each of at most six failed jobs, and for at most three things more.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bot.core.background import background_of, decisive_of, job_of
from bot.core.cancel_words import person_of
from bot.core.causes import MOST_FLAKY_JOBS, Cause, Finding, Rule, Verdict, at_fault, judge_job, verdict_of
from bot.core.evidence import Evidence, FailedJob
from bot.core.excerpts import excerpt, failing_path
from bot.core.facts import AnnotationFacts, GitHubError, JobFacts, Limited, Unauthorized
from bot.core.ledger import (
    FAILED,
    REMEMBERED,
    AttemptOutcome,
    JobOutcome,
    Memory,
    line_of,
)
from bot.core.log_text import clean_tail
from bot.core.plan import FailureRule
from bot.core.trouble import Background, Touch
from bot.engine.ports import Clock, GitHub
from bot.engine.worth_reading import worth_reading
from bot.pipeline.rules import rules_of
from bot.store import Store

MOST_JOBS_READ = 6
"""Failed jobs whose logs are read; more than five at once have one common reason."""
MOST_PASSED = 300
"""Jobs that succeeded whose names are told with a failed attempt."""


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """The attempt of a run that is over; `event` is what started the run."""

    repo: str
    workflow: str
    ref: str
    event: str
    run_id: int
    attempt: int
    sha: str


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """`tail`: the lines of the log that tell it; `passed`: the jobs that succeeded."""

    verdict: Verdict
    tail: str
    background: Background
    passed: tuple[str, ...]


class Diagnosis:
    """Finds the cause of a failed attempt, and remembers how each of its jobs ended."""

    def __init__(self, github: GitHub, store: Store, clock: Clock) -> None:
        self._github = github
        self._store = store
        self._clock = clock

    async def of(
        self, failed: FinishedAttempt, own: tuple[FailureRule, ...], *, never_rerun: tuple[str, ...] = ()
    ) -> Diagnosed:
        """Why it failed, by the `own` rules of the pipeline and the shipped ones. `GitHubError` when the jobs cannot be
        read.
        """
        rules = rules_of(own)
        jobs = await self._github.jobs(failed.repo, failed.run_id, failed.attempt)
        evidence = await self._evidence(failed.repo, jobs)
        verdict = await _judged(evidence, rules, {})
        memories = await self._memories(failed, verdict.findings)
        known = {job: memory.flakes for job, memory in memories.items() if memory.flakes}
        if known:
            verdict = await _judged(evidence, rules, known)
        few = len(evidence.jobs) <= MOST_FLAKY_JOBS
        if few and verdict.cause is Cause.UNKNOWN and await self._passed_before(failed):
            verdict = _as_flaky(verdict)
        await self.remember(failed, jobs, verdict)
        background = background_of(
            verdict, jobs, evidence.jobs, memories=memories, never_rerun=never_rerun, own=own
        )
        background = replace(background, ended_by=await self._ended_by(failed.repo, jobs))
        bad = {job.name for job in jobs if job.conclusion != "success"}  # several jobs can share a name
        passed = tuple(job.name for job in jobs if job.name not in bad)[:MOST_PASSED]
        decisive = decisive_of(verdict)
        job = job_of(decisive, evidence.jobs) if decisive else None
        if job is None or decisive is None:
            return Diagnosed(verdict, "", background, passed)
        touched = await self._touched(failed, job, decisive)
        return Diagnosed(verdict, excerpt(job, decisive), replace(background, touched=touched), passed)

    async def observe(self, attempt: FinishedAttempt, own: tuple[FailureRule, ...]) -> None:
        """Remembers how the jobs of an attempt ended that belongs to no release. Raises `GitHubError`."""
        jobs = await self._github.jobs(attempt.repo, attempt.run_id, attempt.attempt)
        failed = any(job.conclusion in FAILED for job in jobs)
        verdict = (
            await _judged(await self._evidence(attempt.repo, jobs), rules_of(own), {}) if failed else None
        )
        await self.remember(attempt, jobs, verdict)

    async def remember(
        self, attempt: FinishedAttempt, jobs: Sequence[JobFacts], verdict: Verdict | None = None
    ) -> None:
        """Writes down how the jobs of a finished attempt ended: what failed now and passes later was a flake."""
        findings = {found.job: found for found in verdict.findings} if verdict else {}
        outcomes = tuple(_outcome(job, findings.get(job.name)) for job in jobs if job.completed_at)
        await self._store.ledger.record(
            AttemptOutcome(
                repo=attempt.repo,
                workflow=attempt.workflow,
                line=line_of(attempt.ref),
                run_id=attempt.run_id,
                attempt=attempt.attempt,
                sha=attempt.sha,
                jobs=tuple(outcome for outcome in outcomes if outcome is not None),
            )
        )

    # -- reading -----------------------------------------------------------------------------------

    async def _evidence(self, repo: str, jobs: Sequence[JobFacts]) -> Evidence:
        failed = [job for job in jobs if job.conclusion in FAILED]
        read = await asyncio.gather(*(self._job(repo, job) for job in failed[:MOST_JOBS_READ]))
        rest = [_bare(job) for job in failed[MOST_JOBS_READ:]]
        return Evidence(jobs=(*read, *rest), total_jobs=len(jobs), startup_failure=False)

    async def _job(self, repo: str, job: JobFacts) -> FailedJob:
        notes, log = await asyncio.gather(self._annotations(repo, job), self._log(repo, job))
        messages, paths = tuple(note.message for note in notes), tuple(note.path for note in notes)
        return replace(_bare(job), annotations=messages, log_tail=log, paths=paths)

    async def _annotations(self, repo: str, job: JobFacts) -> tuple[AnnotationFacts, ...]:
        number = job.check_run_id
        if number is None:
            return ()
        read = partial(self._github.annotations, repo, number)
        return await worth_reading(self._github, self._clock, repo, read) or ()

    async def _ended_by(self, repo: str, jobs: Sequence[JobFacts]) -> str:
        """Who cancelled the run after a job had failed: GitHub calls it failed, and says who at a cancelled job.

        https://docs.github.com/actions/how-tos/manage-workflow-runs/cancel-a-workflow-run
        """
        stopped = next((job for job in jobs if job.conclusion == "cancelled"), None)
        if stopped is None or all(job.conclusion == "cancelled" for job in jobs):
            return ""
        return person_of(note.message for note in await self._annotations(repo, stopped))

    async def _log(self, repo: str, job: JobFacts) -> str | None:
        read = partial(self._github.job_log, repo, job.id)
        text = await worth_reading(self._github, self._clock, repo, read)
        return clean_tail(text) or None if text is not None else None

    async def _passed_before(self, failed: FinishedAttempt) -> bool:
        """The same workflow succeeded on the same commit: what failed now is flaky by proof."""
        read = partial(
            self._github.workflow_runs,
            failed.repo,
            failed.workflow,
            event=failed.event,
            head_sha=failed.sha,
            status="success",
        )
        runs = await worth_reading(self._github, self._clock, failed.repo, read) or ()
        return any(other.id != failed.run_id and other.conclusion == "success" for other in runs)

    async def _touched(self, failed: FinishedAttempt, job: FailedJob, decisive: Finding) -> Touch | None:
        """Who changed last what does not compile or does not pass, where the log names the file."""
        path = failing_path(job, decisive)
        if path is None or decisive.cause not in {Cause.BROKEN, Cause.UNKNOWN}:
            return None
        try:
            commit = await self._github.last_change(failed.repo, path, sha=failed.sha)
        except (Limited, Unauthorized):
            raise
        except GitHubError:  # good to know, and not worth waiting for
            return None
        return Touch(commit.author, path, commit.sha, commit.at) if commit else None

    # -- remembering -------------------------------------------------------------------------------

    async def _memories(self, failed: FinishedAttempt, findings: Sequence[Finding]) -> dict[str, Memory]:
        since = self._clock.now() - REMEMBERED
        return {
            found.job: await self._store.ledger.memory(
                repo=failed.repo,
                workflow=failed.workflow,
                line=line_of(failed.ref),
                job=found.job,
                tests=found.tests,
                rule=found.rule,
                since=since,
                without_run=failed.run_id,
            )
            for found in findings[:MOST_JOBS_READ]
        }


async def _judged(evidence: Evidence, rules: Sequence[Rule], known: Mapping[str, Collection[str]]) -> Verdict:
    """As `causes.judge`, with a breath before each job: GitHub and people wait for nothing else meanwhile."""
    findings: list[Finding] = []
    for job in at_fault(evidence.jobs):
        await asyncio.sleep(0)
        findings.append(judge_job(job, rules, known.get(job.name, ())))
    return verdict_of(evidence, findings)


def _outcome(job: JobFacts, finding: Finding | None) -> JobOutcome | None:
    if job.conclusion is None or job.completed_at is None:
        return None
    return JobOutcome(
        job=job.name,
        conclusion=job.conclusion,
        seconds=job.seconds,
        ended_at=job.completed_at,
        cause=finding.cause if finding else None,
        rule=finding.rule if finding else None,
        tests=finding.tests if finding else (),
    )


def _bare(job: JobFacts) -> FailedJob:
    return FailedJob(
        name=job.name,
        conclusion=job.conclusion or "",
        step=job.failed_step,
        annotations=(),
        log_tail=None,
        job_id=job.id,
        url=job.url,
    )


def _as_flaky(verdict: Verdict) -> Verdict:
    findings = tuple(
        replace(finding, cause=Cause.FLAKY, about="passed on this very commit before")
        if finding.cause is Cause.UNKNOWN
        else finding
        for finding in verdict.findings
    )
    return replace(verdict, cause=Cause.FLAKY, findings=findings)
