"""What people do by hand on GitHub: talk, press buttons, re-run, cancel, tag, and change settings.

Rule: an act that GitHub announces is announced here too; acts do not ask for roles (GitHub's pages would).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import (
    CheckRun,
    Comment,
    Installation,
    Issue,
    Level,
    Person,
    Repository,
    Visibility,
)
from bot.simulator.runs import Run, Workflow
from bot.simulator.shapes import installation_shape, small_repository_shape
from bot.simulator.shapes_issues import hook_check_run_shape
from bot.simulator.talk import add_comment, delete_comment, edit_comment

if TYPE_CHECKING:
    from bot.simulator.world import World

NO_TIME = timedelta(0)


class Hand:
    """One person at a keyboard."""

    def __init__(self, world: World, person: Person) -> None:
        self._world, self.person = world, person

    # -- talking ---------------------------------------------------------------------------------------

    def comments(self, issue: Issue, text: str, *, age: timedelta = NO_TIME) -> Comment:
        """Writes a comment; `age` lets it be older than now."""
        return add_comment(self._world, issue, text, by=self.person, at=self._world.now() - age)

    def edits(self, comment: Comment, text: str) -> None:
        edit_comment(self._world, comment, text, by=self.person)

    def deletes(self, comment: Comment) -> None:
        delete_comment(self._world, comment, by=self.person)

    def locks(self, issue: Issue) -> None:
        issue.locked = True

    # -- check runs ------------------------------------------------------------------------------------

    def presses(self, check: CheckRun, identifier: str) -> None:
        """A button of the check run; only the app that owns it hears of it."""
        self._press(check, "requested_action", {"requested_action": {"identifier": identifier}})

    def rerequests(self, check: CheckRun) -> None:
        """GitHub's own Re-run of a check: the check run itself does not change."""
        self._press(check, "rerequested", {})

    def _press(self, check: CheckRun, action: str, more: JsonObject) -> None:
        if check.app is not self._world.app:
            return
        parts = {"check_run": hook_check_run_shape(self._world, check), **more}
        self._world.hook.announce("check_run", action, parts, repository=check.repository, sender=self.person)

    # -- runs ------------------------------------------------------------------------------------------

    def reruns_failed_jobs(self, run: Run) -> None:
        self._world.actions.rerun_failed_jobs(run, self.person)

    def reruns(self, run: Run) -> None:
        """All jobs."""
        self._world.actions.rerun(run, self.person)

    def cancels(self, run: Run) -> None:
        self._world.actions.cancel(run, self.person)

    def deletes_run(self, run: Run) -> None:
        self._world.actions.delete(run)

    def approves(self, run: Run, environment: str | None = None) -> None:
        self._world.actions.approve(run, environment, by=self.person.login)

    def rejects(self, run: Run, environment: str | None = None) -> None:
        self._world.actions.reject(run, environment, by=self.person.login)

    def starts(self, workflow: Workflow, ref: str | None = None, **inputs: str) -> Run:
        """The button "Run workflow"."""
        place = workflow.repository
        name = ref or place.default_branch
        sha = place.resolve(name)
        if sha is None:
            raise ValueError(
                f"{place.full_name} has neither branch nor tag {name!r}: add it before starting a run"
            )
        return self._world.actions.start(
            workflow, event="workflow_dispatch", ref=name, sha=sha, actor=self.person, inputs=inputs
        )

    # -- git -------------------------------------------------------------------------------------------

    def pushes_tag(
        self, repository: Repository, name: str, *, sha: str | None = None, annotated: bool = False
    ) -> list[Run]:
        """On that commit, or on the head of the default branch; the runs it started."""
        commit = sha or repository.branches[repository.default_branch]
        return self._world.actions.push_tag(repository, name, sha=commit, by=self.person, annotated=annotated)

    def deletes_tag(self, repository: Repository, name: str) -> None:
        del repository.tags[name]

    def pushes(self, repository: Repository, branch: str | None = None, message: str = "A fix") -> list[Run]:
        """A commit on the branch (default: the default branch), so that it moves; the runs it started."""
        name = branch or repository.default_branch
        return self._world.actions.push_branch(repository, name, by=self.person, message=message)

    # -- settings --------------------------------------------------------------------------------------

    def suspends(self, installation: Installation) -> None:
        installation.suspended_at = self._world.now()
        self._announce_installation(installation, "suspend")

    def unsuspends(self, installation: Installation) -> None:
        installation.suspended_at = None
        self._announce_installation(installation, "unsuspend")

    def uninstalls(self, installation: Installation) -> None:
        installation.deleted = True
        self._announce_installation(installation, "deleted")

    def accepts_permissions(self, installation: Installation, **permissions: Level) -> None:
        """An owner accepts what the app asks for; a level taken away comes here too, as `"none"`."""
        installation.permissions |= permissions
        self._announce_installation(installation, "new_permissions_accepted")

    def installs(self, owner: str, *repositories: Repository) -> Installation:
        made = self._world.installation(owner)
        made.repositories += repositories
        self._announce_installation(made, "created")
        return made

    def adds_to_installation(self, installation: Installation, repository: Repository) -> None:
        installation.repositories.append(repository)
        self._announce_repositories(installation, repository, "added")

    def removes_from_installation(self, installation: Installation, repository: Repository) -> None:
        installation.repositories.remove(repository)
        self._announce_repositories(installation, repository, "removed")

    def _announce_installation(self, installation: Installation, action: str) -> None:
        shape = installation_shape(self._world, installation)
        places = [_name_shape(self._world, each) for each in installation.repositories]
        parts: JsonObject = {"installation": shape, "repositories": places}
        hook = self._world.hook
        hook.announce("installation", action, parts, sender=self.person, installation=installation)

    def _announce_repositories(self, installation: Installation, repository: Repository, action: str) -> None:
        changed: dict[str, object] = {"repositories_added": [], "repositories_removed": []}
        changed[f"repositories_{action}"] = [_name_shape(self._world, repository)]
        parts: JsonObject = {
            "installation": installation_shape(self._world, installation),
            "repository_selection": "selected",
            "requester": None,
            **changed,
        }
        hook = self._world.hook
        hook.announce(
            "installation_repositories", action, parts, sender=self.person, installation=installation
        )

    def changes_visibility(self, repository: Repository, visibility: Visibility) -> None:
        repository.visibility = visibility

    def renames(self, repository: Repository, name: str) -> None:
        """The old name answers with redirects from now on."""
        old = repository.full_name.lower()
        del self._world.repositories[old]
        repository.name = name
        self._world.old_names[old] = repository
        self._world.repositories[repository.full_name.lower()] = repository


def _name_shape(world: World, repository: Repository) -> JsonObject:
    whole = small_repository_shape(world, repository)
    return {key: whole[key] for key in ("id", "node_id", "name", "full_name", "private")}
