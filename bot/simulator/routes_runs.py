"""REST: workflow runs, attempts, jobs, logs, re-runs, cancels, waiting environments."""

from __future__ import annotations

from bot.simulator.call import PAGING, Answer, Call, HttpError, Permission, Routes, not_found, paged
from bot.simulator.clock import stamp
from bot.simulator.ledger import JsonObject
from bot.simulator.routes_actions import asked_workflow
from bot.simulator.run_filters import FILTERS, passes
from bot.simulator.runs import Attempt, Job, Run
from bot.simulator.shapes_actions import approval_shape, job_shape, pending_deployment_shape, run_shape
from bot.simulator.storage import new_link

ROUTES = Routes()
READ, WRITE = Permission("actions"), Permission("actions", "write")
RUNS = "/repos/{owner}/{repo}/actions/runs"
JOBS = "/repos/{owner}/{repo}/actions/jobs"
# https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
MOST_FILTERED = 1_000


@ROUTES.on("GET", RUNS, READ, query=(*PAGING, *FILTERS))
def list_runs(call: Call) -> Answer:
    return _list(call, list(call.repository.runs.values()))


@ROUTES.on(
    "GET",
    "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    READ,
    query=(*PAGING, *FILTERS),
)
def list_workflow_runs(call: Call) -> Answer:
    workflow = asked_workflow(call)
    return _list(call, [run for run in call.repository.runs.values() if run.workflow is workflow])


def _list(call: Call, runs: list[Run]) -> Answer:
    """Newest first."""
    now = call.world.clock.now()
    found: list[JsonObject] = []
    for run in sorted(runs, key=lambda each: (each.created_at, each.id), reverse=True):
        attempt = run.seen(now)
        if attempt is not None and run.listed(now) and passes(call.query, run, attempt):
            found.append(run_shape(call.world, run, attempt))
    if any(name in call.query for name in FILTERS):
        found = found[:MOST_FILTERED]
    return paged(call, found, "workflow_runs")


# -- one run -------------------------------------------------------------------------------------------


def _run(call: Call) -> tuple[Run, Attempt]:
    """The run and its newest attempt the API shows; HttpError 404 when there is none."""
    run = call.repository.runs.get(call.number("run_id"))
    attempt = run.seen(call.world.clock.now()) if run else None
    if run is None or attempt is None:
        raise not_found()
    return run, attempt


def _attempt(call: Call) -> tuple[Run, Attempt]:
    run, newest = _run(call)
    number = call.number("attempt_number")
    if not 1 <= number <= newest.number:
        raise not_found()
    return run, run.attempts[number - 1]


@ROUTES.on("GET", RUNS + "/{run_id}", READ, query=("exclude_pull_requests",))
def show_run(call: Call) -> Answer:
    return Answer(200, run_shape(call.world, *_run(call)))


@ROUTES.on("GET", RUNS + "/{run_id}/attempts/{attempt_number}", READ, query=("exclude_pull_requests",))
def show_attempt(call: Call) -> Answer:
    return Answer(200, run_shape(call.world, *_attempt(call)))


@ROUTES.on("GET", RUNS + "/{run_id}/jobs", READ, query=(*PAGING, "filter"))
def list_jobs(call: Call) -> Answer:
    run, newest = _run(call)
    attempts = run.attempts[: newest.number] if call.query.get("filter") == "all" else [newest]
    jobs = {id(job): job for attempt in attempts for job in attempt.jobs}
    return paged(call, [job_shape(call.world, run, job) for job in jobs.values()], "jobs")


@ROUTES.on("GET", RUNS + "/{run_id}/attempts/{attempt_number}/jobs", READ, query=PAGING)
def list_attempt_jobs(call: Call) -> Answer:
    run, attempt = _attempt(call)
    return paged(call, [job_shape(call.world, run, job) for job in attempt.jobs], "jobs")


@ROUTES.on("GET", RUNS + "/{run_id}/pending_deployments", READ)
def list_pending_deployments(call: Call) -> Answer:
    run, attempt = _run(call)
    waiting = {attempt.script.environments[job.name]: None for job in attempt.jobs if job.status == "waiting"}
    return Answer(200, [pending_deployment_shape(call.world, run, name) for name in waiting])


@ROUTES.on("GET", RUNS + "/{run_id}/approvals", READ)
def list_approvals(call: Call) -> Answer:
    run, _ = _run(call)
    return Answer(200, [approval_shape(call.world, run, review) for review in run.reviews])


# -- one job -------------------------------------------------------------------------------------------


def _job(call: Call) -> tuple[Run, Job]:
    number = call.number("job_id")
    for run in call.repository.runs.values():
        newest = run.seen(call.world.clock.now())
        for attempt in run.attempts[: newest.number] if newest else []:
            for job in attempt.jobs:
                if job.id == number:
                    return run, job
    raise not_found()


@ROUTES.on("GET", JOBS + "/{job_id}", READ)
def show_job(call: Call) -> Answer:
    return Answer(200, job_shape(call.world, *_job(call)))


@ROUTES.on("GET", JOBS + "/{job_id}/logs", READ)
def job_log(call: Call) -> Answer:
    """https://docs.github.com/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run"""
    run, job = _job(call)
    if run.logs_expired:
        raise HttpError(410, "Server Error")
    # An unfinished job has no log yet: the address is given all the same, and leads to BlobNotFound.
    log = job.log if job.status == "completed" else None
    headers = {"Location": new_link(call.world, log), "x-log-asked-at": stamp(call.world.clock.now())}
    return Answer(302, None, headers)


# -- acts ----------------------------------------------------------------------------------------------


@ROUTES.on("POST", RUNS + "/{run_id}/rerun", WRITE, body=("enable_debug_logging",))
def rerun(call: Call) -> Answer:
    call.world.actions.rerun(_run(call)[0], call.world.bot)
    return Answer(201, {})


@ROUTES.on("POST", RUNS + "/{run_id}/rerun-failed-jobs", WRITE, body=("enable_debug_logging",))
def rerun_failed_jobs(call: Call) -> Answer:
    call.world.actions.rerun_failed_jobs(_run(call)[0], call.world.bot)
    return Answer(201, {})


@ROUTES.on("POST", JOBS + "/{job_id}/rerun", WRITE, body=("enable_debug_logging",))
def rerun_job(call: Call) -> Answer:
    run, job = _job(call)
    call.world.actions.rerun_job(run, job, call.world.bot)
    return Answer(201, {})


@ROUTES.on("POST", RUNS + "/{run_id}/cancel", WRITE)
def cancel(call: Call) -> Answer:
    call.world.actions.cancel(_run(call)[0], call.world.bot)
    return Answer(202, {})


@ROUTES.on("POST", RUNS + "/{run_id}/force-cancel", WRITE)
def force_cancel(call: Call) -> Answer:
    call.world.actions.cancel(_run(call)[0], call.world.bot, force=True)
    return Answer(202, {})
