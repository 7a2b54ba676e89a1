"""What follows on a failed attempt: its cause is read, and its failed jobs are asked to run again.

Rule: a re-run is made idempotent by comparing attempts; whether there is one at all is decided in `bot.core.runs`.
"""

from collections import Counter
from collections.abc import Sequence

from bot.core.deliveries import RunSeen
from bot.core.effects import JudgeFailure, RerunFailedJobs
from bot.core.events import Judged, RerunAccepted, RerunRefused, RerunUnderWay, RunLevel
from bot.core.facts import Conflict, Forbidden, JobFacts, NotFound, Unauthorized, Unprocessable
from bot.core.model import NoteKind, Release, StepRecord
from bot.core.plan import RunStep
from bot.core.states import BoundRun, Cooling, Passed, run_of
from bot.engine.diagnosis import Diagnosis, FinishedAttempt
from bot.engine.means import Means
from bot.engine.releases import Changed

_MOST_DENIALS = 24
"""Answers with 401 to one re-run, ten minutes with their pauses, until that counts as a refusal."""


class Retries:
    """Performs the two effects of a failure, and counts what comes of them."""

    def __init__(self, means: Means, *, diagnosis: Diagnosis) -> None:
        self._releases = means.releases
        self._github = means.github
        self._metrics = means.metrics
        self._diagnosis = diagnosis
        self._denials: Counter[tuple[str, RerunFailedJobs]] = Counter()
        means.releases.on_change(self.changed)

    async def judge(self, release: Release, step: RunStep, effect: JudgeFailure) -> None:
        """Reads why the attempt failed, and makes that known to its release."""
        run = run_of(release.steps[step.name].state)
        if run is None:
            return
        found = await self._diagnosis.of(
            _finished(step, run.id, run.attempt, run.head_sha),
            release.plan.failures,
            never_rerun=step.never_rerun,
        )
        judged = Judged(
            step.name,
            effect.run_id,
            effect.attempt,
            found.verdict,
            found.tail,
            found.background,
            found.passed,
        )
        changed = await self._releases.happen(release.id, judged)
        self._count_outcome(release.steps[step.name], run, "failed again")
        if changed is not None:
            rerun = isinstance(changed.release.steps[step.name].state, Cooling)
            outcome = "re-run" if rerun else "person"
            self._metrics.failures.labels(cause=str(found.verdict.cause), outcome=outcome).inc()

    async def passed(self, step: RunStep, run: RunSeen, jobs: Sequence[JobFacts]) -> None:
        """Remembers the jobs of an attempt that has succeeded: what failed before on this commit was a flake."""
        await self._diagnosis.remember(_finished(step, run.id, run.attempt, run.head_sha), jobs)

    async def rerun(self, release: Release, step: RunStep, effect: RerunFailedJobs) -> None:
        """Idempotent by comparing attempts: a higher one means that it was done, by us or by a person."""
        run = await self._github.run(step.repo, effect.run_id)
        if run.attempt > effect.attempt:
            await self._releases.happen(release.id, RunLevel(step.name, run, confirmed=True))
            return
        if run.status != "completed":
            await self._releases.happen(release.id, RerunUnderWay(step.name, effect.run_id, effect.attempt))
            return
        try:
            await self._github.rerun_failed_jobs(step.repo, effect.run_id)
        except Unauthorized as error:
            self._denials[release.id, effect] += 1
            if self._denials[release.id, effect] < _MOST_DENIALS:
                raise
            refused = RerunRefused(step.name, effect.run_id, effect.attempt, error.said)
            await self._releases.happen(release.id, refused)
            return
        except (Forbidden, Unprocessable, NotFound, Conflict) as error:
            await self._releases.happen(release.id, _refusal(step, effect, error.said))
            return
        state = release.steps[step.name].state
        if isinstance(state, Cooling):
            self._metrics.reruns.labels(cause=str(state.cause)).inc()
        await self._releases.happen(release.id, RerunAccepted(step.name, effect.run_id, effect.attempt))

    def changed(self, changed: Changed) -> None:
        """A step that has passed may have been mended by a re-run."""
        for name, record in changed.release.steps.items():
            mended = isinstance(record.state, Passed) and not changed.before.steps[name].final
            if mended and record.run is not None:
                self._count_outcome(record, record.run, "passed")

    def _count_outcome(self, before: StepRecord, run: BoundRun, outcome: str) -> None:
        """What came of the last automatic re-run, if the attempt is its own."""
        last = next((note for note in reversed(before.notes) if note.kind is NoteKind.RERUN), None)
        if last is not None and last.attempt == run.attempt - 1:
            self._metrics.rerun_outcomes.labels(cause=last.cause, outcome=outcome).inc()


def _refusal(step: RunStep, effect: RerunFailedJobs, message: str) -> RerunRefused | RerunUnderWay:
    if "already running" in message:
        return RerunUnderWay(step.name, effect.run_id, effect.attempt)
    return RerunRefused(step.name, effect.run_id, effect.attempt, message)


def _finished(step: RunStep, run_id: int, attempt: int, sha: str) -> FinishedAttempt:
    event = "workflow_dispatch" if step.kind == "dispatch" else step.event
    return FinishedAttempt(step.repo, step.workflow, step.ref, event, run_id, attempt, sha)
