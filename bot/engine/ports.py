"""What the engine needs from the world, named by need. `bot.github` and `bot.app` fill these in."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from bot.core.deliveries import RunSeen
from bot.core.facts import (
    AnnotationFacts,
    CheckFacts,
    CommentFacts,
    CommitFacts,
    Dispatched,
    JobFacts,
    LogPage,
    RepositoryFacts,
    RoleFacts,
    WorkflowFacts,
)


class Clock(Protocol):
    """Time as an argument: aware UTC, and a way to let it pass."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class GitHub(Protocol):
    """Every call the bot makes, by name. Each raises `bot.core.facts.GitHubError`, nothing else.

    Reads are not retried here: whoever asks decides how long it is worth trying.
    """

    async def app_login(self) -> str: ...

    async def logged_deliveries(self, *, cursor: str | None = None) -> LogPage:
        """A page of GitHub's own log of webhook deliveries, newest first; NotFound where there is none."""
        ...

    async def logged_payload(self, delivery_id: int) -> Mapping[str, object]: ...

    async def repository(self, repo: str) -> RepositoryFacts: ...

    async def role(self, repo: str, login: str) -> RoleFacts: ...

    async def file(self, repo: str, path: str, *, ref: str | None = None) -> str: ...

    async def workflows(self, repo: str) -> tuple[WorkflowFacts, ...]: ...

    async def tag_commit(self, repo: str, tag: str) -> str | None: ...

    async def tags(self, repo: str, *, prefix: str) -> tuple[str, ...]: ...

    async def branch_commit(self, repo: str, branch: str) -> str | None: ...

    async def last_change(self, repo: str, path: str, *, sha: str) -> CommitFacts | None: ...

    async def runs(self, repo: str, *, page: int) -> tuple[RunSeen, ...]: ...

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
    ) -> tuple[RunSeen, ...]: ...

    async def run(self, repo: str, run_id: int) -> RunSeen: ...

    async def jobs(self, repo: str, run_id: int, attempt: int) -> tuple[JobFacts, ...]: ...

    async def suite_checks(self, repo: str, run_id: int) -> tuple[int, ...]: ...

    async def annotations(self, repo: str, check_run_id: int) -> tuple[AnnotationFacts, ...]: ...

    async def job_log(self, repo: str, job_id: int) -> bytes: ...

    async def prepare_dispatch(self, repo: str) -> None:
        """Everything `dispatch` needs but its own request: a crash in between leaves less in doubt."""
        ...

    async def dispatch(
        self,
        repo: str,
        workflow: str,
        ref: str,
        inputs: Mapping[str, str],
        *,
        send_by: datetime,
        unless: Callable[[], str | None] = ...,
    ) -> Dispatched: ...

    async def rerun_failed_jobs(self, repo: str, run_id: int) -> None: ...

    async def cancel_run(self, repo: str, run_id: int, *, force: bool = False) -> None: ...

    async def create_comment(self, repo: str, issue: int, body: str) -> int: ...

    async def edit_comment(self, repo: str, comment_id: int, body: str) -> None: ...

    async def issue_comments(self, repo: str, issue: int, *, since: datetime) -> tuple[CommentFacts, ...]: ...

    async def home_comments(self, repo: str, *, since: datetime) -> tuple[Mapping[str, object], ...]: ...

    async def react(self, repo: str, comment_id: int, content: str) -> None: ...

    async def own_reactions(self, repo: str, comment_id: int) -> frozenset[str]: ...

    async def create_check(self, repo: str, body: Mapping[str, object]) -> int: ...

    async def update_check(self, repo: str, check_id: int, body: Mapping[str, object]) -> None: ...

    async def checks(self, repo: str, sha: str, name: str) -> tuple[CheckFacts, ...]: ...
