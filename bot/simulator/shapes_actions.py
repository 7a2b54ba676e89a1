"""GitHub's JSON for workflows, workflow runs, jobs and waiting environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.simulator.clock import stamp, stamp_or_none
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import Repository
from bot.simulator.runs import Attempt, Job, Review, Run, Workflow
from bot.simulator.shapes import node_id, person_shape, repository_url, small_repository_shape, web_url

if TYPE_CHECKING:
    from bot.simulator.world import World


def workflow_shape(world: World, workflow: Workflow) -> JsonObject:
    web = web_url(world, workflow.repository)
    return {
        "id": workflow.id,
        "node_id": node_id("W", workflow.id),
        "name": workflow.name,
        "path": workflow.path,
        "state": workflow.state,
        "created_at": stamp(workflow.created_at),
        "updated_at": stamp(workflow.created_at),
        "url": f"{repository_url(world, workflow.repository)}/actions/workflows/{workflow.id}",
        "html_url": f"{web}/blob/{workflow.repository.default_branch}/{workflow.path}",
        "badge_url": f"{web}/workflows/{workflow.name}/badge.svg",
    }


def run_shape(world: World, run: Run, attempt: Attempt) -> JsonObject:
    """The run as that attempt shows it."""
    repository = run.repository
    url = f"{repository_url(world, repository)}/actions/runs/{run.id}"
    suite = f"{repository_url(world, repository)}/check-suites/{run.suite_id}"
    previous = f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None
    return {
        "id": run.id,
        "name": run.workflow.name,
        "node_id": node_id("WFR", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.workflow.path,
        "display_title": run.display_title,
        "run_number": run.number,
        "event": run.event,
        "status": attempt.status,
        "conclusion": attempt.conclusion,
        "workflow_id": run.workflow.id,
        "check_suite_id": run.suite_id,
        "check_suite_node_id": node_id("CS", run.suite_id),
        "url": url,
        "html_url": f"{web_url(world, repository)}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": stamp(run.created_at),
        "updated_at": stamp(attempt.updated_at),
        "actor": person_shape(world, run.actor),
        "run_attempt": attempt.number,
        "referenced_workflows": [],
        "run_started_at": stamp(attempt.started_at),
        "triggering_actor": person_shape(world, attempt.triggered_by),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": suite,
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": previous,
        "workflow_url": f"{repository_url(world, repository)}/actions/workflows/{run.workflow.id}",
        "head_commit": _head_commit_shape(repository, run.head_sha),
        "repository": small_repository_shape(world, repository),
        "head_repository": small_repository_shape(world, repository),
    }


def _head_commit_shape(repository: Repository, sha: str) -> JsonObject:
    commit = repository.commits[sha]
    who = {"name": commit.author, "email": f"{commit.author}@users.noreply.github.com"}
    return {
        "id": sha,
        "tree_id": sha[::-1],
        "message": commit.message,
        "timestamp": stamp(commit.at),
        "author": who,
        "committer": who,
    }


def job_shape(world: World, run: Run, job: Job) -> JsonObject:
    repository = repository_url(world, run.repository)
    web = web_url(world, run.repository)
    step = {
        "name": job.name,
        "status": "in_progress" if job.status == "in_progress" else "queued",
        "conclusion": None,
        "number": 1,
        "started_at": stamp_or_none(job.started_at),
        "completed_at": None,
    }
    if job.status == "completed":
        ended = stamp_or_none(job.completed_at)
        step |= {"status": "completed", "conclusion": job.conclusion, "completed_at": ended}
    return {
        "id": job.id,
        "run_id": run.id,
        "workflow_name": run.workflow.name,
        "head_branch": run.head_branch,
        "run_url": f"{repository}/actions/runs/{run.id}",
        "run_attempt": job.attempt,
        "node_id": node_id("CR", job.id),
        "head_sha": run.head_sha,
        "url": f"{repository}/actions/jobs/{job.id}",
        "html_url": f"{web}/actions/runs/{run.id}/job/{job.id}",
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": stamp(job.created_at),
        "started_at": stamp(job.started_at or job.created_at),
        "completed_at": stamp_or_none(job.completed_at),
        "name": job.name,
        "steps": [step] if job.started_at else [],
        # Not the job's own id: the two differ on older runs, so a client has to read this address.
        "check_run_url": f"{repository}/check-runs/{job.check_run.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1 if job.started_at else None,
        "runner_name": "GitHub Actions 1" if job.started_at else None,
        "runner_group_id": 0 if job.started_at else None,
        "runner_group_name": "GitHub Actions" if job.started_at else None,
    }


def environment_shape(world: World, run: Run, name: str) -> JsonObject:
    place = run.repository
    number = sum(name.encode()) + place.id
    return {
        "id": number,
        "node_id": node_id("EN", number),
        "name": name,
        "url": f"{repository_url(world, place)}/environments/{name}",
        "html_url": f"{web_url(world, place)}/deployments/activity_log?environments_filter={name}",
    }


def pending_deployment_shape(world: World, run: Run, environment: str) -> JsonObject:
    reviewer = {"type": "User", "reviewer": person_shape(world, run.repository.owner)}
    return {
        "environment": environment_shape(world, run, environment),
        "wait_timer": 0,
        "wait_timer_started_at": None,
        "current_user_can_approve": False,
        "reviewers": [reviewer],
    }


def approval_shape(world: World, run: Run, review: Review) -> JsonObject:
    made = {"created_at": stamp(run.created_at), "updated_at": stamp(run.created_at)}
    return {
        "environments": [{**environment_shape(world, run, review.environment), **made}],
        "state": review.state,
        "user": person_shape(world, review.by),
        "comment": review.comment,
    }
