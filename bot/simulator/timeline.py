"""How a run attempt advances: jobs wait, start, end and release the next, as the script says.

Rule: the one place that moves a job or an attempt; every move is announced as GitHub announces it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.simulator.concurrency import Groups, Turn
from bot.simulator.repositories import Annotation, CheckRun, Person
from bot.simulator.runs import Attempt, Job, Run
from bot.simulator.shapes_actions import job_shape, run_shape, workflow_shape
from bot.simulator.shapes_issues import hook_check_run_shape

if TYPE_CHECKING:
    from bot.simulator.world import World


class Timeline:
    def __init__(self, world: World) -> None:
        self._world = world
        self._groups = Groups()

    # -- making ----------------------------------------------------------------------------------------

    def new_attempt(self, run: Run, by: Person, *, lag: timedelta = timedelta(0)) -> Attempt:
        number = len(run.attempts) + 1
        script = run.workflow.script_for(run, number)
        now = self._world.now()
        late = script.appears_after if number == 1 else lag
        attempt = Attempt(number, by, script, started_at=now, visible_at=now + late, updated_at=now)
        run.attempts.append(attempt)
        return attempt

    def new_job(self, run: Run, attempt: Attempt, name: str) -> Job:
        world = self._world
        check = self._new_check(run, name)
        job = Job(world.new_id("job"), run.id, attempt.number, name, check, created_at=world.now())
        check.job = job
        check.details_url = f"{world.urls.web}/{run.repository.full_name}/actions/runs/{run.id}/job/{job.id}"
        return job

    def _new_check(self, run: Run, name: str) -> CheckRun:
        world = self._world
        check = CheckRun(
            id=world.new_id("check_run"),
            repository=run.repository,
            app=world.actions_app,
            name=name,
            head_sha=run.head_sha,
            suite_id=run.suite_id,
            started_at=world.now(),
        )
        run.repository.check_runs[check.id] = check
        return check

    # -- advancing -------------------------------------------------------------------------------------

    def begin(self, run: Run, attempt: Attempt) -> None:
        waits, gives_way = self._groups.enter(run, attempt)
        if waits:
            self._pend(run, attempt)
        if attempt.number == 1:
            # `requested` does not occur on a re-run.
            # https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#workflow_run
            self._announce_run(run, "requested")
        if gives_way is not None:
            message = f"Canceling since a higher priority waiting request for '{run.group}' exists"
            self.call_off(gives_way.run, gives_way.attempt, message)
        if not waits:
            self.settle(run, attempt)

    def _pend(self, run: Run, attempt: Attempt) -> None:
        """Waits for its concurrency group."""
        for job in attempt.jobs:
            if job.status == "queued":
                job.status = job.check_run.status = "pending"
        if run.workflow.jobs_come_late and attempt.number == 1:
            for job in attempt.jobs:
                del run.repository.check_runs[job.check_run.id]
            attempt.jobs = []
        attempt.status, attempt.updated_at = "pending", self._world.now()

    def _unpend(self, turn: Turn) -> None:
        """Its turn has come."""
        run, attempt = turn.run, turn.attempt
        if not attempt.jobs:
            attempt.jobs = [self.new_job(run, attempt, name) for name in attempt.script.jobs]
        for job in attempt.jobs:
            if job.status == "pending":
                job.status = job.check_run.status = "queued"
        attempt.status = "queued"
        self.settle(run, attempt)

    def call_off(self, run: Run, attempt: Attempt, message: str) -> None:
        """Ends what is not over, and says why at each job that is cut off - or beside them, where none has come yet."""
        if attempt.status == "completed":
            return
        for job in attempt.jobs:
            if job.status != "completed":
                job.check_run.annotations.append(Annotation(message))
                self.complete(run, attempt, job, "cancelled", None)
        if not attempt.jobs:
            check = self._new_check(run, run.workflow.name)
            check.status, check.conclusion, check.completed_at = "completed", "cancelled", self._world.now()
            check.annotations.append(Annotation(message))
        self.settle(run, attempt)

    def gone(self, attempt: Attempt) -> None:
        """The attempt is over or does not exist any more: whoever waited for it in its group goes on."""
        following = self._groups.leave(attempt)
        if following is not None:
            self._unpend(following)

    def settle(self, run: Run, attempt: Attempt) -> None:
        """Releases or skips jobs whose needs are over; ends the attempt when all jobs are."""
        if attempt.status == "completed":
            return
        changed = True
        while changed:
            changed = False
            for job in attempt.jobs:
                if job.status == "queued" and not job.released:
                    changed = self._consider(run, attempt, job) or changed
        if all(job.status == "completed" for job in attempt.jobs):
            self._end(run, attempt)

    def _consider(self, run: Run, attempt: Attempt, job: Job) -> bool:
        needs = [attempt.job(name) for name in attempt.script.needs_of(job.name)]
        if any(need.status != "completed" for need in needs):
            return False
        outcome = attempt.script.outcome(job.name)
        if any(need.conclusion != "success" for need in needs) or outcome.conclusion == "skipped":
            self.complete(run, attempt, job, "skipped", None)
        else:
            self.release(run, attempt, job)
        return True

    def release(self, run: Run, attempt: Attempt, job: Job) -> None:
        job.released = True
        environment = attempt.script.environments.get(job.name)
        approved = {review.environment for review in run.reviews if review.state == "approved"}
        if environment is not None and environment not in approved:
            job.status = job.check_run.status = "waiting"
            self.show(attempt)
            self._announce_job(run, job, "waiting")
            return
        self._announce_job(run, job, "queued")
        self._world.after(attempt.script.queue, lambda: self._start_job(run, attempt, job))

    def _start_job(self, run: Run, attempt: Attempt, job: Job) -> None:
        if job.status != "queued" or run.deleted:
            return
        job.status = job.check_run.status = "in_progress"
        job.started_at = self._world.now()
        self.show(attempt)
        if not attempt.started:
            attempt.started = True
            self._announce_run(run, "in_progress")
        self._announce_job(run, job, "in_progress")
        if job.name not in attempt.script.held or attempt.let_go:
            self._world.after(attempt.script.time_of(job.name), lambda: self.finish_job(run, attempt, job))

    def finish_job(self, run: Run, attempt: Attempt, job: Job) -> None:
        if job.status != "in_progress" or run.deleted:
            return
        outcome = attempt.script.outcome(job.name)
        conclusion, log = outcome.conclusion, outcome.log
        if job.name in attempt.script.held and attempt.told_conclusion:
            conclusion = attempt.told_conclusion
        job.check_run.annotations = list(outcome.annotations)
        if conclusion == "success" and attempt.script.tag and job is attempt.jobs[-1]:
            conclusion, log = self._push_release_tag(
                run, attempt.script.tag, attempt.script.annotated_tag, log
            )
        self.complete(run, attempt, job, conclusion, log)
        self.settle(run, attempt)

    def complete(self, run: Run, attempt: Attempt, job: Job, conclusion: str, log: bytes | None) -> None:
        now = self._world.now()
        job.status, job.conclusion, job.completed_at, job.log = "completed", conclusion, now, log
        job.check_run.status, job.check_run.conclusion = "completed", conclusion
        job.check_run.completed_at = now
        self.show(attempt)
        self._announce_job(run, job, "completed")

    def show(self, attempt: Attempt) -> None:
        """What the run says about itself follows from its jobs."""
        statuses = {job.status for job in attempt.jobs}
        if "waiting" in statuses and "in_progress" not in statuses:
            attempt.status = "waiting"
        else:
            attempt.status = "in_progress" if statuses & {"in_progress", "completed"} else "queued"
        attempt.updated_at = self._world.now()

    def _end(self, run: Run, attempt: Attempt) -> None:
        attempt.status = "completed"
        attempt.conclusion = attempt.script.conclusion or _conclusion(
            [job.conclusion for job in attempt.jobs]
        )
        attempt.updated_at = self._world.now()
        if attempt.number == 1 or self._world.announces_rerun_completion:
            self._announce_run(run, "completed")
        self.gone(attempt)

    def _push_release_tag(
        self, run: Run, template: str, annotated: bool, log: bytes | None
    ) -> tuple[str, bytes | None]:
        name = template.format_map(dict(run.inputs))
        place = run.repository
        if name in place.tags:
            return "failure", f"fatal: tag '{name}' already exists\n".encode()
        branch = f"releases/{name}"
        place.branches[branch] = run.head_sha
        commit = place.commit(f"Release {name}", on=branch, author=run.actor.login, at=self._world.now())
        self._world.actions.push_tag(place, name, sha=commit.sha, by=run.actor, annotated=annotated)
        return "success", log

    # -- announcing ------------------------------------------------------------------------------------

    def _announce_run(self, run: Run, action: str) -> None:
        if run.attempt.script.silent or run.deleted:
            return
        parts: dict[str, object] = {
            "workflow_run": run_shape(self._world, run, run.attempt),
            "workflow": workflow_shape(self._world, run.workflow),
        }
        self._world.hook.announce(
            "workflow_run", action, parts, repository=run.repository, sender=run.attempt.triggered_by
        )

    def _announce_job(self, run: Run, job: Job, action: str) -> None:
        if run.attempt.script.silent or run.deleted:
            return
        parts: dict[str, object] = {"workflow_job": job_shape(self._world, run, job)}
        hook, sender = self._world.hook, run.attempt.triggered_by
        hook.announce("workflow_job", action, parts, repository=run.repository, sender=sender)
        if action in ("queued", "completed"):
            check: dict[str, object] = {"check_run": hook_check_run_shape(self._world, job.check_run)}
            about = "created" if action == "queued" else "completed"
            hook.announce("check_run", about, check, repository=run.repository, sender=sender)


def _conclusion(of_jobs: list[str | None]) -> str:
    if not of_jobs:
        return "cancelled"  # called off before it had any
    for bad in ("failure", "timed_out"):
        if bad in of_jobs:
            return "failure"
    if "cancelled" in of_jobs:
        return "cancelled"
    return "success" if "success" in of_jobs else "skipped"
