"""GitHub Actions as people and the API use it: start, re-run, cancel, approve, tag.

Rule: asks are checked and refused here; how jobs then advance is `timeline.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha1
from typing import TYPE_CHECKING

from bot.simulator.repositories import Annotation, Person, Repository, Tag, TagObject
from bot.simulator.runs import Attempt, Job, Review, Run, Workflow
from bot.simulator.timeline import Timeline

if TYPE_CHECKING:
    from bot.simulator.world import World

CANCEL_TAKES = timedelta(seconds=5)
# https://docs.github.com/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
RERUN_DAYS = timedelta(days=30)
MOST_RERUNS = 50
REJECTED = "The deployment was rejected or didn't satisfy other protection rules."


class RefusedError(Exception):
    """GitHub does not do this now: the HTTP status and the message it gives."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Actions:
    def __init__(self, world: World) -> None:
        self._world = world
        self._timeline = Timeline(world)

    # -- starting and tagging --------------------------------------------------------------------------

    def start(
        self,
        workflow: Workflow,
        *,
        event: str,
        ref: str,
        sha: str,
        actor: Person,
        inputs: Mapping[str, str] | None = None,
    ) -> Run:
        """A new run; `ref` is the branch's or tag's short name."""
        world = self._world
        given = {name: i.default for name, i in workflow.inputs.items() if i.default is not None}
        values = {**given, **(inputs or {})}
        run = Run(
            id=world.new_id("run"),
            number=sum(each.workflow is workflow for each in workflow.repository.runs.values()) + 1,
            workflow=workflow,
            event=event,
            head_branch=ref,
            head_sha=sha,
            actor=actor,
            created_at=world.now(),
            suite_id=world.new_id("suite"),
            inputs=values,
            display_title=_title(workflow, values, event, sha),
            control=self,
        )
        workflow.repository.runs[run.id] = run
        attempt = self._timeline.new_attempt(run, actor)
        attempt.jobs = [self._timeline.new_job(run, attempt, name) for name in attempt.script.jobs]
        if attempt.script.startup_failure:
            # No job, and no webhook: https://docs.github.com/webhooks does not promise one, and none comes.
            attempt.jobs = []
            attempt.status, attempt.conclusion = "completed", "startup_failure"
            return run
        world.agenda.at(attempt.visible_at, lambda: self._timeline.begin(run, attempt))
        return run

    def push_tag(
        self, repository: Repository, name: str, *, sha: str, by: Person, annotated: bool = False
    ) -> list[Run]:
        """Makes the tag and starts every workflow that waits for tags."""
        annotation = None
        if annotated:
            number = sha1(f"tag {name} {sha}".encode(), usedforsecurity=False).hexdigest()
            annotation = TagObject(number, sha, f"Release {name}", by.login, self._world.now())
        repository.tags[name] = Tag(name, sha, annotation)
        started = [each for each in repository.workflows.values() if each.on_tag and each.state == "active"]
        return [self.start(each, event="push", ref=name, sha=sha, actor=by) for each in started]

    def push_branch(self, repository: Repository, branch: str, *, by: Person, message: str) -> list[Run]:
        commit = repository.commit(message, on=branch, author=by.login, at=self._world.now())
        started = [
            w for w in repository.workflows.values() if branch in w.on_branches and w.state == "active"
        ]
        return [self.start(each, event="push", ref=branch, sha=commit.sha, actor=by) for each in started]

    # -- re-running and ending -------------------------------------------------------------------------

    def rerun(self, run: Run, by: Person) -> None:
        """All jobs."""
        self._rerun(run, by, set)

    def rerun_failed_jobs(self, run: Run, by: Person) -> None:
        """Failed jobs and those that need them; RefusedError 403 if the run is live, too old or has none."""
        failed = {job.name for job in run.attempt.jobs if job.failed}
        if run.attempt.status == "completed" and not failed:
            raise RefusedError(403, "This workflow run cannot be retried")
        skipped = {job.name for job in run.attempt.jobs if job.conclusion == "skipped"}
        after = run.attempt.script.after(failed)
        self._rerun(run, by, lambda _: after | skipped)

    def rerun_job(self, run: Run, job: Job, by: Person) -> None:
        self._rerun(run, by, lambda _: run.attempt.script.after({job.name}))

    def _rerun(self, run: Run, by: Person, choose: Callable[[tuple[str, ...]], set[str]]) -> None:
        before = run.attempt
        if before.status != "completed":
            raise RefusedError(403, "This workflow is already running")
        if self._world.now() - run.created_at > RERUN_DAYS:
            old = "Unable to retry this workflow run because it was created over a month ago"
            raise RefusedError(403, old)
        if not run.retryable or before.conclusion == "startup_failure":
            raise RefusedError(403, "This workflow run cannot be retried")
        if len(run.attempts) > MOST_RERUNS:
            # Over the limit the call is accepted and no attempt comes.
            # https://docs.github.com/actions/reference/limits
            return
        again = choose(before.script.jobs)
        attempt = self._timeline.new_attempt(run, by, lag=self._world.rerun_lag)
        for job in before.jobs:
            if job.name in again:
                attempt.jobs.append(self._timeline.new_job(run, attempt, job.name))
            else:
                attempt.jobs.append(self._kept_job(run, attempt, job))
        self._world.after(timedelta(0), lambda: self._timeline.begin(run, attempt))

    def _kept_job(self, run: Run, attempt: Attempt, job: Job) -> Job:
        if self._world.rerun_keeps_job_ids:
            return job
        copy = self._timeline.new_job(run, attempt, job.name)
        copy.status, copy.conclusion, copy.log = "completed", job.conclusion, job.log
        copy.started_at, copy.completed_at, copy.released = job.started_at, job.completed_at, True
        copy.check_run.status, copy.check_run.conclusion = "completed", job.conclusion
        return copy

    def cancel(self, run: Run, by: Person, *, force: bool = False) -> None:
        """Ends what is not over, some seconds later; RefusedError(409) when nothing is to cancel."""
        attempt = run.attempt
        if attempt.status == "completed":
            raise RefusedError(409, "Cannot cancel a workflow run that is completed.")
        if attempt.script.ignores_cancel and not force:
            return
        message = f"The run was canceled by @{by.login}."
        self._world.after(CANCEL_TAKES, lambda: self._timeline.call_off(run, attempt, message))

    def finish(self, run: Run, conclusion: str | None = None) -> None:
        attempt = run.attempt
        attempt.let_go, attempt.told_conclusion = True, conclusion
        for job in attempt.jobs:
            if job.name in attempt.script.held and job.status == "in_progress":
                self._timeline.finish_job(run, attempt, job)

    def approve(self, run: Run, environment: str | None = None, *, by: str | None = None) -> None:
        for job, name in self._waiting(run, environment):
            run.reviews.append(Review(name, "approved", self._reviewer(run, by)))
            job.status = job.check_run.status = "queued"
            self._timeline.release(run, run.attempt, job)
        self._timeline.show(run.attempt)

    def reject(self, run: Run, environment: str | None = None, *, by: str | None = None) -> None:
        for job, name in self._waiting(run, environment):
            run.reviews.append(Review(name, "rejected", self._reviewer(run, by)))
            job.check_run.annotations.append(Annotation(REJECTED))
            self._timeline.complete(run, run.attempt, job, "failure", None)
        self._timeline.settle(run, run.attempt)

    def _waiting(self, run: Run, environment: str | None) -> list[tuple[Job, str]]:
        script = run.attempt.script
        found = [(job, script.environments[job.name]) for job in run.attempt.jobs if job.status == "waiting"]
        return [(job, name) for job, name in found if environment in (None, name)]

    def _reviewer(self, run: Run, login: str | None) -> Person:
        return self._world.account(login) if login else run.repository.owner

    def delete(self, run: Run) -> None:
        run.deleted = True
        self._timeline.gone(run.attempt)


def _title(workflow: Workflow, inputs: Mapping[str, str], event: str, sha: str) -> str:
    if workflow.run_name:
        return workflow.run_name.format_map(dict(inputs))
    return workflow.repository.commits[sha].message if event == "push" else workflow.name
