"""What the bot asks GitHub about workflows, their runs, jobs and logs.

Rule: a read changes nothing and is not repeated here; whoever asks decides how long it is worth trying.
"""

from datetime import datetime

from bot.core.deliveries import RunSeen
from bot.core.facts import AnnotationFacts, JobFacts, NotFound, WorkflowFacts
from bot.core.intake import Fields, run_from_http
from bot.github import reading
from bot.github.paging import PAGE, Reader, stamp
from bot.github.routes import file_name, route

_MOST_ANNOTATIONS = 50
_LOG_TAIL_BYTES = 256 * 1024


class RunReads(Reader):
    """The part of `GitHubCalls` that looks at GitHub Actions."""

    async def workflows(self, repo: str) -> tuple[WorkflowFacts, ...]:
        """Read: all pages. https://docs.github.com/rest/actions/workflows#list-repository-workflows"""
        return await self._pages(
            repo, "/repos/{repo}/actions/workflows", "workflows", reading.workflow_from_http
        )

    async def runs(self, repo: str, *, page: int) -> tuple[RunSeen, ...]:
        """Read: one page of 100, newest first. https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository"""
        to = route("/repos/{repo}/actions/runs", repo=repo).asking({"per_page": PAGE, "page": page})
        return await self._client.read(
            repo, to, lambda got: tuple(map(run_from_http, reading.items(got.data, "workflow_runs")))
        )

    async def workflow_runs(
        self,
        repo: str,
        workflow: str,
        *,
        event: str | None,
        branch: str | None = None,
        head_sha: str | None = None,
        created_from: datetime | None = None,
        actor: str | None = None,
        status: str | None = None,
    ) -> tuple[RunSeen, ...]:
        """Read: all pages. https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow"""
        wanted = {"event": event, "branch": branch, "head_sha": head_sha, "actor": actor, "status": status}
        if created_from is not None:
            wanted["created"] = f">={stamp(created_from)}"
        runs = await self._pages(
            repo,
            "/repos/{repo}/actions/workflows/{workflow}/runs",
            "workflow_runs",
            run_from_http,
            query={name: value for name, value in wanted.items() if value is not None},
            workflow=file_name(workflow),
        )
        # A run created while the pages are read moves the last one of a page to the next.
        return tuple({run.id: run for run in runs}.values())

    async def run(self, repo: str, run_id: int) -> RunSeen:
        """Read. https://docs.github.com/rest/actions/workflow-runs#get-a-workflow-run"""
        return await self._one(
            repo,
            "/repos/{repo}/actions/runs/{run_id}",
            lambda data: run_from_http(reading.mapping(data)),
            run_id=run_id,
        )

    async def jobs(self, repo: str, run_id: int, attempt: int) -> tuple[JobFacts, ...]:
        """Read: all pages, at most 1,000. https://docs.github.com/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt"""
        return await self._pages(
            repo,
            "/repos/{repo}/actions/runs/{run_id}/attempts/{attempt}/jobs",
            "jobs",
            reading.job_from_http,
            run_id=run_id,
            attempt=attempt,
        )

    async def suite_checks(self, repo: str, run_id: int) -> tuple[int, ...]:
        """Read: the ids of the check runs in the run's suite, its jobs' and what GitHub says beside them.

        https://docs.github.com/rest/checks/runs#list-check-runs-in-a-check-suite
        """
        suite = await self._one(
            repo,
            "/repos/{repo}/actions/runs/{run_id}",
            lambda data: Fields(reading.mapping(data)).number("check_suite_id"),
            run_id=run_id,
        )
        return await self._pages(
            repo,
            "/repos/{repo}/check-suites/{suite}/check-runs",
            "check_runs",
            reading.id_from_http,
            suite=suite,
        )

    async def annotations(self, repo: str, check_run_id: int) -> tuple[AnnotationFacts, ...]:
        """Read: failures, then warnings, at most 50. https://docs.github.com/rest/checks/runs#list-check-run-annotations"""
        found = await self._pages(
            repo,
            "/repos/{repo}/check-runs/{check_run_id}/annotations",
            None,
            reading.annotation_from_http,
            check_run_id=check_run_id,
        )
        wanted = [note for level in ("failure", "warning") for its, note in found if its == level]
        return tuple(wanted[:_MOST_ANNOTATIONS])

    async def job_log(self, repo: str, job_id: int) -> bytes:
        """Read: the last 256 KiB; empty if there is no log (not written yet, expired, lost).

        GitHub points to another host for one minute; no token goes there.
        https://docs.github.com/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
        """
        to = route("/repos/{repo}/actions/jobs/{job_id}/logs", repo=repo, job_id=job_id)
        try:
            answer = await self._client.redirect(repo, to)
        except NotFound:
            return b""
        if answer.status != 302:
            return answer.body[-_LOG_TAIL_BYTES:]
        return await self._client.wire.download(answer.headers.get("location", ""), most=_LOG_TAIL_BYTES)
