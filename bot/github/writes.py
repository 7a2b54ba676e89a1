"""Everything the bot changes on GitHub, by name.

Rule: each is sent at most once. *once* calls (not safe to repeat) go over a connection of their own;
*idempotent* ones may be asked for again by the caller. Only `Unreachable(sent=True)` leaves a doubt.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.core.facts import Dispatched, Unreachable
from bot.github import reading
from bot.github.answers import body_of
from bot.github.client import Client, Write
from bot.github.http import Answer
from bot.github.limits import Rank
from bot.github.routes import file_name, route
from bot.github.tokens import Purpose


class Writes:
    """The write half of `GitHubCalls`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def dispatch(
        self,
        repo: str,
        workflow: str,
        ref: str,
        inputs: Mapping[str, str],
        *,
        send_by: datetime,
        unless: Callable[[], str | None] = lambda: None,
    ) -> Dispatched:
        """Once; not sent at all after `send_by`, which is Unreachable(sent=False), nor when `unless` says why not
        right before it leaves, which is Withheld.

        `return_run_details` is never sent: the newest version tells the run's id by itself, and an older
        server refuses the key. https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event
        """
        name = file_name(workflow)
        write = Write(
            method="POST",
            repo=repo,
            to=route("/repos/{repo}/actions/workflows/{workflow}/dispatches", repo=repo, workflow=name),
            purpose=Purpose.DRIVE,
            rank=Rank.DRIVE,
            body={"ref": ref, "inputs": dict(inputs)},
            once=True,
            send_by=send_by,
            unless=unless,
        )
        return await self._client.write(write, lambda answer: _dispatched(answer, str(write)))

    async def prepare_dispatch(self, repo: str) -> None:
        """Everything `dispatch` needs but its own request. Raises NotInstalled when the app may not dispatch there."""
        await self._client.prepare(repo, Purpose.DRIVE, Rank.DRIVE)

    async def rerun_failed_jobs(self, repo: str, run_id: int) -> None:
        """Once: the caller tells by the run's attempt whether it was done.

        https://docs.github.com/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run
        """
        await self._drive_run(repo, run_id, "rerun-failed-jobs", once=True)

    async def cancel_run(self, repo: str, run_id: int, *, force: bool = False) -> None:
        """Idempotent; Conflict when it is over. `force` is for a run that the first request did not stop.

        https://docs.github.com/rest/actions/workflow-runs#cancel-a-workflow-run
        """
        await self._drive_run(repo, run_id, "force-cancel" if force else "cancel", once=False)

    async def create_comment(self, repo: str, issue: int, body: str) -> int:
        """Once. https://docs.github.com/rest/issues/comments#create-an-issue-comment"""
        return await self._report_id(
            "POST", repo, "/repos/{repo}/issues/{issue}/comments", {"body": body}, once=True, issue=issue
        )

    async def edit_comment(self, repo: str, comment_id: int, body: str) -> None:
        """Idempotent. https://docs.github.com/rest/issues/comments#update-an-issue-comment"""
        await self._report_id(
            "PATCH", repo, "/repos/{repo}/issues/comments/{comment_id}", {"body": body}, comment_id=comment_id
        )

    async def react(self, repo: str, comment_id: int, content: str) -> None:
        """Idempotent: 200 instead of 201 when it is there. https://docs.github.com/rest/reactions/reactions#create-reaction-for-an-issue-comment"""
        await self._report_id(
            "POST",
            repo,
            "/repos/{repo}/issues/comments/{comment_id}/reactions",
            {"content": content},
            rank=Rank.REACT,
            comment_id=comment_id,
        )

    async def create_check(self, repo: str, body: Mapping[str, object]) -> int:
        """Once. https://docs.github.com/rest/checks/runs#create-a-check-run"""
        return await self._report_id("POST", repo, "/repos/{repo}/check-runs", body, once=True)

    async def update_check(self, repo: str, check_id: int, body: Mapping[str, object]) -> None:
        """Idempotent. https://docs.github.com/rest/checks/runs#update-a-check-run"""
        await self._report_id("PATCH", repo, "/repos/{repo}/check-runs/{check_id}", body, check_id=check_id)

    async def _drive_run(self, repo: str, run_id: int, act: str, *, once: bool) -> None:
        write = Write(
            method="POST",
            repo=repo,
            to=route("/repos/{repo}/actions/runs/{run_id}/" + act, repo=repo, run_id=run_id),
            purpose=Purpose.DRIVE,
            rank=Rank.DRIVE,
            once=once,
        )
        await self._client.write(write, lambda _: None)

    async def _report_id(
        self,
        method: str,
        repo: str,
        template: str,
        body: Mapping[str, object],
        *,
        rank: Rank = Rank.REPORT,
        once: bool = False,
        **parts: int,
    ) -> int:
        """The id of what was written."""
        to = route(template, repo=repo, **parts)
        write = Write(
            method=method, repo=repo, to=to, purpose=Purpose.REPORT, rank=rank, body=body, once=once
        )
        return await self._client.write(
            write, lambda answer: reading.id_from_http(body_of(answer, str(write)))
        )


def _dispatched(answer: Answer, call: str) -> Dispatched:
    match answer.status:
        case 204:  # a server that does not tell the run's id
            return Dispatched(None, None)
        case 200:
            return reading.dispatched_from_http(reading.mapping(body_of(answer, call)))
        case status:
            raise Unreachable(f"GitHub answered {call} with {status}, which it never does", sent=True)
