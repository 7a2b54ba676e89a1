"""Reading why an attempt failed: failed jobs, their annotations, the tails of their logs, and what passed before.

Missing logs never block: what cannot be read makes the cause `unknown`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bot.core.causes import Cause, Rule, Verdict, judge
from bot.core.evidence import Evidence, FailedJob
from bot.core.facts import GitHubError, JobFacts, Limited, Unauthorized, Unreachable
from bot.core.log_text import clean_tail
from bot.core.model import BoundRun
from bot.core.plan import RunStep
from bot.engine.patience import patiently
from bot.engine.ports import Clock, GitHub

T = TypeVar("T")

MOST_JOBS_READ = 6
"""Failed jobs whose logs are read; more than five at once have one common reason."""
TAIL_LINES = 30
_WORTH_SECONDS = 10.0
"""How long logs and annotations are asked for when GitHub fails to give them."""
_FAILED = frozenset({"failure", "timed_out", "startup_failure", "action_required"})


class Diagnosis:
    """Finds the cause of a failed attempt."""

    def __init__(self, github: GitHub, rules: tuple[Rule, ...], clock: Clock) -> None:
        self._github = github
        self._clock = clock
        self._rules = rules

    async def of(self, step: RunStep, run: BoundRun) -> tuple[Verdict, str]:
        """The verdict and the tail of the first failed job's log. Raises `GitHubError` when the jobs cannot be read."""
        jobs = await self._github.jobs(step.repo, run.id, run.attempt)
        failed = [job for job in jobs if job.conclusion in _FAILED]
        read = await asyncio.gather(*(self._job(step.repo, job) for job in failed[:MOST_JOBS_READ]))
        rest = [_bare(job) for job in failed[MOST_JOBS_READ:]]
        evidence = Evidence(jobs=(*read, *rest), total_jobs=len(jobs), startup_failure=False)
        verdict = judge(evidence, self._rules)
        if verdict.cause is Cause.UNKNOWN and await self._passed_before(step, run):
            verdict = judge(evidence, self._rules, known_flakes={job.name for job in failed})
            if verdict.cause is Cause.UNKNOWN:
                verdict = _as_flaky(verdict)
        tail = next((job.log_tail for job in read if job.log_tail), "") or ""
        return verdict, "\n".join(line.removeprefix("##[group]") for line in tail.split("\n")[-TAIL_LINES:])

    async def _job(self, repo: str, job: JobFacts) -> FailedJob:
        notes, log = await asyncio.gather(self._annotations(repo, job), self._log(repo, job))
        return replace(_bare(job), annotations=notes, log_tail=log)

    async def _annotations(self, repo: str, job: JobFacts) -> tuple[str, ...]:
        number = job.check_run_id
        if number is None:
            return ()
        return await self._worth_reading(repo, lambda: self._github.annotations(repo, number)) or ()

    async def _log(self, repo: str, job: JobFacts) -> str | None:
        text = await self._worth_reading(repo, lambda: self._github.job_log(repo, job.id))
        return clean_tail(text) or None if text is not None else None

    async def _worth_reading(self, repo: str, read: Callable[[], Awaitable[T]]) -> T | None:
        """None for what GitHub does not have, or keeps failing to give while it answers for the repository."""
        try:
            return await patiently(self._clock, read, seconds=_WORTH_SECONDS)
        except (Limited, Unauthorized):
            raise
        except Unreachable:
            await self._github.repository(repo)
            return None
        except GitHubError:
            return None

    async def _passed_before(self, step: RunStep, run: BoundRun) -> bool:
        """The same workflow succeeded on the same commit: what failed now is flaky by proof."""
        runs = await self._github.workflow_runs(
            step.repo, step.workflow, event=_event(step), head_sha=run.head_sha, status="success"
        )
        return any(other.id != run.id and other.conclusion == "success" for other in runs)


def _event(step: RunStep) -> str:
    return "workflow_dispatch" if step.kind == "dispatch" else step.event


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
