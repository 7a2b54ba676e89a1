"""What GitHub accounts hold: repositories, commits, tags, issues, comments, check runs, installations.

Rule: plain state. Nothing here schedules, announces or knows HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bot.simulator.runs import Job, Run, Workflow

Visibility = Literal["public", "internal", "private"]
Level = Literal["none", "read", "write", "admin"]

LEVELS: dict[str, int] = {"none": 0, "read": 1, "write": 2, "admin": 3}
# What `permission` says for each built-in role; `role_name` says the role itself.
# https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user
ROLE_PERMISSION = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read"}


@dataclass(slots=True, eq=False)
class Person:
    """A user, an organization or the bot user of an app."""

    id: int
    login: str
    kind: Literal["User", "Organization", "Bot"] = "User"


@dataclass(slots=True, eq=False)
class App:
    """A GitHub App as check runs and comments name it."""

    id: int
    slug: str
    name: str
    client_id: str
    owner: Person
    events: tuple[str, ...] = ()
    permissions: dict[str, Level] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Commit:
    sha: str
    message: str
    author: str
    at: datetime
    parents: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class TagObject:
    """An annotated tag: its ref points here, and this points to the commit."""

    sha: str
    target: str
    message: str
    tagger: str
    at: datetime


@dataclass(slots=True, eq=False)
class Tag:
    name: str
    commit: str
    annotation: TagObject | None = None

    @property
    def object_sha(self) -> str:
        return self.annotation.sha if self.annotation else self.commit


@dataclass(slots=True, eq=False)
class Reaction:
    id: int
    user: Person
    content: str
    at: datetime


@dataclass(slots=True, eq=False)
class Issue:
    id: int
    repository: Repository
    number: int
    title: str
    user: Person
    created_at: datetime
    pull_request: bool = False
    locked: bool = False
    state: Literal["open", "closed"] = "open"
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Comment:
    """A comment on an issue; a deleted one stays here but is gone for the API."""

    id: int
    issue: Issue
    body: str
    user: Person
    created_at: datetime
    updated_at: datetime
    via: App | None = None
    deleted: bool = False
    reactions: list[Reaction] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    def reactions_of(self, login: str) -> list[str]:
        return [reaction.content for reaction in self.reactions if reaction.user.login == login]


@dataclass(slots=True, eq=False)
class CheckAction:
    """A button on a check run."""

    label: str
    description: str
    identifier: str


@dataclass(slots=True, eq=False)
class CheckRun:
    """A check run; those of workflow jobs belong to the app `github-actions`."""

    id: int
    repository: Repository
    app: App
    name: str
    head_sha: str
    suite_id: int
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: list[CheckAction] = field(default_factory=list)
    job: Job | None = None

    @property
    def buttons(self) -> list[str]:
        return [action.identifier for action in self.actions]


@dataclass(frozen=True, slots=True)
class Annotation:
    message: str
    path: str = ".github"
    line: int = 1
    level: Literal["notice", "warning", "failure"] = "failure"
    title: str = ""


@dataclass(slots=True, eq=False)
class Repository:
    id: int
    owner: Person
    name: str
    visibility: Visibility
    default_branch: str
    created_at: datetime
    has_issues: bool = True
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    custom_roles: dict[str, Level] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def private(self) -> bool:
        # GitHub's `private` is true for internal repositories too.
        return self.visibility != "public"

    def commit(
        self, message: str, *, on: str, author: str, at: datetime, files: tuple[str, ...] = ()
    ) -> Commit:
        """Adds a commit that changes `files` to a branch, made if it does not exist."""
        parent = self.branches.get(on)
        text = f"{self.id} {len(self.commits)} {on} {message}"
        made = Commit(
            sha=sha1(text.encode(), usedforsecurity=False).hexdigest(),
            message=message,
            author=author,
            at=at,
            parents=(parent,) if parent else (),
            files=files,
        )
        self.commits[made.sha] = made
        self.branches[on] = made.sha
        return made

    def resolve(self, ref: str) -> str | None:
        """The commit of a branch, tag, `heads/…`, `tags/…`, `refs/…` or SHA; None when there is none."""
        name = ref.removeprefix("refs/")
        if name.startswith("heads/"):
            return self.branches.get(name.removeprefix("heads/"))
        if name.startswith("tags/"):
            tag = self.tags.get(name.removeprefix("tags/"))
            return tag.commit if tag else None
        if name in self.branches:
            return self.branches[name]
        if name in self.tags:
            return self.tags[name].commit
        return name if name in self.commits else None

    def workflow(self, key: str) -> Workflow | None:
        """By file name, path or number, as the API takes it."""
        file = key.removeprefix(".github/workflows/")
        if file in self.workflows:
            return self.workflows[file]
        return next((each for each in self.workflows.values() if str(each.id) == key), None)

    def file(self, path: str, ref: str | None) -> str | None:
        """The text of a file; `REF:PATH` among the files is that ref's own version."""
        if ref is not None and f"{ref}:{path}" in self.files:
            return self.files[f"{ref}:{path}"]
        if path in self.files:
            return self.files[path]
        workflow = self.workflows.get(path.removeprefix(".github/workflows/"))
        if workflow is None or not path.startswith(".github/workflows/") or workflow.state == "deleted":
            return None
        return None if ref in workflow.missing_at else workflow.text(ref)

    def role(self, login: str) -> str:
        """The role's name; on a public repository everybody reads, elsewhere a stranger has none."""
        return self.roles.get(login.lower(), "read" if self.visibility == "public" else "")

    def permission(self, login: str) -> str:
        role = self.role(login)
        return ROLE_PERMISSION[role] if role in ROLE_PERMISSION else self.custom_roles.get(role, "none")


@dataclass(slots=True, eq=False)
class Installation:
    id: int
    account: Person
    permissions: dict[str, Level]
    repositories: list[Repository]
    created_at: datetime
    suspended_at: datetime | None = None
    deleted: bool = False

    def reaches(self, repository: Repository) -> bool:
        return not self.deleted and repository in self.repositories


@dataclass(slots=True, eq=False)
class Token:
    """An installation access token: good for one hour, for some repositories and permissions."""

    text: str
    installation: Installation
    repositories: tuple[Repository, ...]
    permissions: dict[str, Level]
    expires_at: datetime

    def allows(self, name: str, level: str) -> bool:
        granted = self.installation.permissions if name != "metadata" else {"metadata": "read"}
        asked = self.permissions if name != "metadata" else {"metadata": "read"}
        least = min(LEVELS[asked.get(name, "none")], LEVELS[granted.get(name, "none")])
        return least >= LEVELS[level]
