"""Workflows, their runs, run attempts and jobs, as state; `actions.py` moves them.

Rule: a run is seen through its newest attempt that the API already shows (`Run.seen`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from bot.simulator.repositories import CheckRun, Person, Repository
from bot.simulator.script import Script, Staging

if TYPE_CHECKING:
    from collections.abc import Mapping

WorkflowState = Literal["active", "disabled_manually", "disabled_inactivity", "disabled_fork", "deleted"]


@dataclass(frozen=True, slots=True)
class Input:
    """An input of workflow_dispatch."""

    required: bool = False
    default: str | None = None
    type: Literal["string", "boolean", "choice", "number", "environment"] = "string"
    options: tuple[str, ...] = ()


class RunControl(Protocol):
    """What a person at the run's page can do; `actions.Actions` does it."""

    def finish(self, run: Run, conclusion: str | None = None) -> None: ...
    def approve(self, run: Run, environment: str | None = None, *, by: str | None = None) -> None: ...
    def reject(self, run: Run, environment: str | None = None, *, by: str | None = None) -> None: ...


@dataclass(slots=True, eq=False)
class Workflow:
    id: int
    repository: Repository
    file: str
    name: str
    created_at: datetime
    inputs: dict[str, Input] = field(default_factory=dict)
    dispatchable: bool = True
    on_tag: bool = False
    on_branches: tuple[str, ...] = ()
    run_name: str | None = None
    state: WorkflowState = "active"
    group: str | None = None
    """Its concurrency group: a template, `{input}` and `{ref}` are filled in."""
    cancels_in_progress: bool = False
    jobs_come_late: bool = False
    """A run that waits for its group has no jobs until its turn comes."""
    script: Script = field(default_factory=Script)
    rules: list[Staging] = field(default_factory=list)
    without_trigger: set[str] = field(default_factory=set)
    missing_at: set[str] = field(default_factory=set)
    """Branches and tags that do not hold the file."""

    @property
    def path(self) -> str:
        return f".github/workflows/{self.file}"

    @property
    def runs(self) -> list[Run]:
        """Oldest first, deleted ones left out."""
        return [run for run in self.repository.runs.values() if run.workflow is self and not run.deleted]

    @property
    def run(self) -> Run:
        """The newest run; IndexError when there is none."""
        return self.runs[-1]

    def on_run(
        self, *, attempts: int | None = None, runs: int | None = None, about: str | None = None
    ) -> Staging:
        """Says how runs go from now on: `attempts`/`runs` limit it to the first N, `about` to a version, tag,
        branch or input value. Later rules win over earlier ones."""
        staging = Staging(attempts=attempts, runs=runs, about=about)
        self.rules.append(staging)
        return staging

    def script_for(self, run: Run, attempt: int) -> Script:
        script = self.script
        about = {run.head_branch, run.head_branch.removeprefix("v"), *run.inputs.values()}
        for rule in self.rules:
            if rule.applies(attempt=attempt, run_number=run.number, about=about):
                script = rule.change(script)
        return script

    def can_be_dispatched(self, ref: str) -> bool:
        return self.dispatchable and ref not in self.without_trigger | self.missing_at

    def text(self, ref: str | None = None) -> str:
        """The workflow file, as the contents API serves it."""
        lines = [f"name: {self.name}"]
        if self.run_name:
            lines.append(f"run-name: {self.run_name!r}")
        lines.append("on:")
        if self.on_tag or self.on_branches:
            lines.append("  push:")
            lines += ["    tags: ['v*']"] if self.on_tag else []
            lines += [f"    branches: {list(self.on_branches)}"] if self.on_branches else []
        if self.can_be_dispatched(ref or self.repository.default_branch):
            lines.append("  workflow_dispatch:")
            lines += ["    inputs:"] if self.inputs else []
            for name, given in self.inputs.items():
                lines += _input_text(name, given)
        elif not (self.on_tag or self.on_branches):
            lines.append("  workflow_call:")
        if self.group is not None:
            lines += ["concurrency:", f"  group: {self.group!r}"]
            lines += [f"  cancel-in-progress: {str(self.cancels_in_progress).lower()}"]
        lines.append("jobs:")
        for job in self.script.jobs:
            lines += [f"  {job}:", "    runs-on: ubuntu-latest", "    steps:", f"      - run: ./{job}"]
        return "\n".join(lines) + "\n"


def _input_text(name: str, given: Input) -> list[str]:
    lines = [
        f"      {name}:",
        f"        required: {str(given.required).lower()}",
        f"        type: {given.type}",
    ]
    if given.default is not None:
        lines.append(f"        default: {given.default!r}")
    if given.options:
        lines.append(f"        options: {list(given.options)}")
    return lines


@dataclass(slots=True, eq=False)
class Job:
    id: int
    run_id: int
    attempt: int
    name: str
    check_run: CheckRun
    created_at: datetime
    status: Literal["queued", "pending", "waiting", "in_progress", "completed"] = "queued"
    conclusion: str | None = None
    released: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    log: bytes | None = None

    @property
    def failed(self) -> bool:
        return self.conclusion in ("failure", "cancelled", "timed_out")


@dataclass(slots=True, eq=False)
class Attempt:
    number: int
    triggered_by: Person
    script: Script
    started_at: datetime
    visible_at: datetime
    updated_at: datetime
    status: str = "queued"
    conclusion: str | None = None
    jobs: list[Job] = field(default_factory=list)
    started: bool = False
    let_go: bool = False
    told_conclusion: str | None = None

    def job(self, name: str) -> Job:
        return next(job for job in self.jobs if job.name == name)


@dataclass(frozen=True, slots=True)
class Review:
    """A person's answer to an environment that waited."""

    environment: str
    state: Literal["approved", "rejected"]
    by: Person
    comment: str = ""


@dataclass(slots=True, eq=False)
class Run:
    id: int
    number: int
    workflow: Workflow
    event: str
    head_branch: str
    head_sha: str
    actor: Person
    created_at: datetime
    suite_id: int
    inputs: Mapping[str, str]
    display_title: str
    control: RunControl = field(repr=False)
    attempts: list[Attempt] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    deleted: bool = False
    retryable: bool = True
    logs_expired: bool = False

    @property
    def repository(self) -> Repository:
        return self.workflow.repository

    @property
    def group(self) -> str | None:
        """Its concurrency group, filled in."""
        template = self.workflow.group
        return None if template is None else template.format_map({"ref": self.head_branch, **self.inputs})

    @property
    def attempt(self) -> Attempt:
        """The newest attempt, whether the API shows it yet or not."""
        return self.attempts[-1]

    @property
    def status(self) -> str:
        return self.attempt.status

    @property
    def conclusion(self) -> str | None:
        return self.attempt.conclusion

    def seen(self, now: datetime) -> Attempt | None:
        """The attempt the API shows at that time: a re-run, and a new run, may take a while to appear."""
        if self.deleted:
            return None
        return next((each for each in reversed(self.attempts) if each.visible_at <= now), None)

    def listed(self, now: datetime) -> bool:
        """Listings may lag behind the single run."""
        lag = self.attempts[0].script.listed_after
        return self.seen(now) is not None and self.created_at + lag <= now

    def finish(self, conclusion: str | None = None) -> None:
        """Lets a run that was told to wait go on; `conclusion` overrides how its held jobs end."""
        self.control.finish(self, conclusion)

    def approve(self, environment: str | None = None, *, by: str | None = None) -> None:
        """A reviewer approves the environment (all that wait, if none is named)."""
        self.control.approve(self, environment, by=by)

    def reject(self, environment: str | None = None, *, by: str | None = None) -> None:
        self.control.reject(self, environment, by=by)
