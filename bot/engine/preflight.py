"""Everything that can be known before the first dispatch, checked in every repository, all problems at once.

Rule: the person's own access comes before anything else of a repository; who cannot read it is told 'no access' and
nothing more (contract section 3).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from types import MappingProxyType

from bot.core.facts import GitHubError, NotFound, NotInstalled, RepositoryFacts, WorkflowFacts
from bot.core.model import Person, Release
from bot.core.plan import DispatchStep, Plan, RunStep, WatchStep, same_repository
from bot.core.problems import KnownRelease, Problem, ProblemKind
from bot.engine.audiences import Audiences
from bot.engine.patience import patiently
from bot.engine.ports import Clock, GitHub
from bot.engine.roles import Roles
from bot.engine.sendcheck import ref_exists
from bot.engine.triggers import trigger_problems

_OFF = {
    "missing": "does not exist",
    "disabled_manually": "is disabled",
    "disabled_inactivity": "was disabled by GitHub for inactivity",
    "disabled_fork": "is disabled in this fork",
    "deleted": "was deleted",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A plan with its default branches filled in, and what stands in its way."""

    plan: Plan
    problems: tuple[Problem, ...]


class Preflight:
    """Checks plans for one command. Answers are kept for its length, so several versions cost little more than one."""

    def __init__(self, github: GitHub, clock: Clock, audiences: Audiences, roles: Roles) -> None:
        self._github = github
        self._clock = clock
        self._audiences = audiences
        self._roles = roles
        self._states: dict[str, asyncio.Future[tuple[WorkflowFacts, ...]]] = {}
        self._texts: dict[tuple[str, str, str], asyncio.Future[str | None]] = {}
        self._asked: dict[tuple[str, ...], asyncio.Future[tuple[Problem, ...]]] = {}

    async def access(self, person: Person, plan: Plan, role: str) -> tuple[Problem, ...]:
        """The person's role in every repository of the pipeline."""
        found = await asyncio.gather(
            *(self._roles.problem(person, repo, role, _steps_in(plan, repo)) for repo in plan.repositories)
        )
        return tuple(problem for problem in found if problem is not None)

    async def check(
        self,
        plan: Plan,
        barred: Iterable[Problem],
        open_releases: Iterable[Release],
        *,
        tagged: bool = False,
    ) -> Checked:
        """Everything else; a repository that the person may not read is not looked into.

        `tagged`: the tags of the version may exist already.
        """
        closed = unread(barred)
        plan, missing = await self._with_default_branches(plan, closed)
        closed |= unread(missing)
        steps = [step for step in plan.run_steps if step.repo.lower() not in closed]
        found = await asyncio.gather(*(self._step(step, tagged=tagged) for step in steps))
        problems = [*missing, *(problem for problems in found for problem in problems)]
        rivals = [release for release in open_releases if release.version == plan.version]
        problems += same_work(plan, rivals, closed, await self._names_now(plan, rivals))
        return Checked(plan, _merged(problems))

    async def _names_now(self, plan: Plan, rivals: Iterable[Release]) -> Mapping[str, str]:
        """What GitHub calls the repositories now, by their names in the plans: a renamed one is still the same."""
        ours = {repo.lower() for repo in plan.repositories}
        theirs = {repo.lower() for release in rivals for repo in release.plan.repositories}
        if theirs <= ours:
            return {}
        names: dict[str, str] = {}
        for repo in sorted(ours | theirs):
            with contextlib.suppress(GitHubError):
                names[repo] = (await self._audiences.facts(repo, within=timedelta())).full_name.lower()
        return names

    async def _with_default_branches(self, plan: Plan, closed: set[str]) -> tuple[Plan, tuple[Problem, ...]]:
        repos = [repo for repo in plan.repositories if repo.lower() not in closed]
        found = await asyncio.gather(*(self._repository(plan, repo) for repo in repos))
        facts = {repo.lower(): fact for repo, fact in zip(repos, found, strict=True)}
        steps = tuple(
            replace(step, ref=fact.default_branch)
            if isinstance(step, DispatchStep)
            and not step.ref
            and isinstance(fact := facts.get(step.repo.lower()), RepositoryFacts)
            else step
            for step in plan.steps
        )
        return replace(plan, steps=steps), tuple(f for f in found if isinstance(f, Problem))

    async def _repository(self, plan: Plan, repo: str) -> RepositoryFacts | Problem:
        names = _steps_in(plan, repo)
        try:
            facts = await patiently(self._clock, lambda: self._audiences.facts(repo))
        except (NotInstalled, NotFound):
            return Problem(ProblemKind.INSTALLATION, names, repo, f"the app is not installed on {repo}")
        except GitHubError:
            return Problem(ProblemKind.UNVERIFIED, names, repo, "GitHub could not be read")
        if facts.archived and names:
            return Problem(ProblemKind.INSTALLATION, names, repo, f"{repo} is archived")
        return facts

    async def _step(self, step: RunStep, *, tagged: bool) -> tuple[Problem, ...]:
        checks: list[tuple[tuple[str, ...], Callable[[], Awaitable[tuple[Problem, ...]]]]] = [
            (("workflow", step.repo, step.workflow), lambda: self._workflow(step))
        ]
        if isinstance(step, DispatchStep):
            ref = "" if step.needs else step.ref
            checks.append(
                (("trigger", step.name, ref, *chain(*step.inputs)), lambda: self._trigger(step, ref))
            )
            if not step.needs:
                checks.append((("ref", step.repo, step.ref), lambda: self._ref(step)))
            if step.unless_tag and not tagged:
                checks.append((("tag", step.repo, step.unless_tag), lambda: self._tag(step)))
        found = await asyncio.gather(*(self._once(key, step, ask) for key, ask in checks))
        return tuple(problem for problems in found for problem in problems)

    async def _once(
        self, key: tuple[str, ...], step: RunStep, ask: Callable[[], Awaitable[tuple[Problem, ...]]]
    ) -> tuple[Problem, ...]:
        """Each question is asked once per command, whoever comes first; every asking step gets the answer."""
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(self._asked_safely(step, ask))
        return tuple(replace(problem, steps=(step.name,)) for problem in await self._asked[key])

    async def _asked_safely(
        self, step: RunStep, ask: Callable[[], Awaitable[tuple[Problem, ...]]]
    ) -> tuple[Problem, ...]:
        try:
            return await patiently(self._clock, ask)
        except NotInstalled as error:
            return (_problem(ProblemKind.INSTALLATION, step, str(error)),)
        except GitHubError:
            return (_problem(ProblemKind.UNVERIFIED, step, "GitHub could not be read"),)

    async def _workflow(self, step: RunStep) -> tuple[Problem, ...]:
        states = await self._workflow_states(step.repo)
        state = states.get(step.workflow, "missing")
        if state == "active":
            return ()
        what = _OFF.get(state, "is not active")
        return (_problem(ProblemKind.WORKFLOW, step, f"`{step.workflow}` {what}"),)

    async def _workflow_states(self, repo: str) -> Mapping[str, str]:
        """The state of each workflow file, listed once per repository and command."""
        key = repo.lower()
        if key not in self._states:
            self._states[key] = asyncio.ensure_future(self._github.workflows(repo))
        try:
            found = await self._states[key]
        except GitHubError:
            self._states.pop(key, None)
            raise
        return {facts.path.rsplit("/", 1)[-1]: facts.state for facts in found}

    async def _trigger(self, step: DispatchStep, ref: str) -> tuple[Problem, ...]:
        text = await self._workflow_text(step, ref)
        if text is None:
            return await self._missing_there(step, ref)
        return tuple(_problem(ProblemKind.WORKFLOW, step, what) for what in trigger_problems(text, step))

    async def _workflow_text(self, step: DispatchStep, ref: str) -> str | None:
        """The workflow file, read once per ref and command; None where there is none."""
        key = step.repo.lower(), step.workflow, ref
        if key not in self._texts:
            self._texts[key] = asyncio.ensure_future(self._read(step, ref))
        try:
            return await self._texts[key]
        except GitHubError:
            self._texts.pop(key, None)
            raise

    async def _read(self, step: DispatchStep, ref: str) -> str | None:
        try:
            return await self._github.file(step.repo, f".github/workflows/{step.workflow}", ref=ref or None)
        except NotFound:
            return None

    async def _missing_there(self, step: DispatchStep, ref: str) -> tuple[Problem, ...]:
        """A workflow that other branches have; whether ref and workflow exist at all is asked apart from it."""
        known = step.workflow in await self._workflow_states(step.repo)
        if not (known and ref and await ref_exists(self._github, step.repo, ref)):
            return ()
        return (_problem(ProblemKind.WORKFLOW, step, f"`{step.workflow}` does not exist at `{ref}`"),)

    async def _ref(self, step: DispatchStep) -> tuple[Problem, ...]:
        if await ref_exists(self._github, step.repo, step.ref):
            return ()
        return (_problem(ProblemKind.REF, step, f"there is no branch or tag `{step.ref}`"),)

    async def _tag(self, step: DispatchStep) -> tuple[Problem, ...]:
        tag = step.unless_tag or ""
        if await self._github.tag_commit(step.repo, tag) is None:
            return ()
        return (_problem(ProblemKind.TAG, step, f"the tag `{tag}` exists already"),)


def unread(problems: Iterable[Problem]) -> set[str]:
    """Repositories, in lower case, that could not be looked into or must not be."""
    open_to_all = {ProblemKind.ROLE, ProblemKind.WORKFLOW, ProblemKind.REF, ProblemKind.OPEN_RELEASE}
    return {p.repo.lower() for p in problems if p.repo and p.kind not in open_to_all}


def same_work(
    plan: Plan,
    open_releases: Iterable[Release],
    closed: Iterable[str] = (),
    names_now: Mapping[str, str] = MappingProxyType({}),
) -> list[Problem]:
    """Open releases of this version, from whatever home or pipeline, that use one of the same workflows.

    `names_now`: what repositories are called now, by their names in the plans.
    """
    problems = []

    def same_workflow(one: RunStep, other: RunStep) -> bool:
        here, there = (names_now.get(step.repo.lower(), step.repo) for step in (one, other))
        return same_repository(here, there) and one.workflow == other.workflow

    hidden = set(closed)
    for release in open_releases:
        if release.version != plan.version or release.word.final:
            continue
        shared = [
            step
            for step in plan.run_steps
            if step.repo.lower() not in hidden
            and any(same_workflow(step, other) for other in release.plan.run_steps)
        ]
        detail = f"a release of {plan.version} is already open"
        if shared and same_repository(release.plan.home, plan.home):
            known = KnownRelease(release.pipeline, release.version, release.issue)
            problems.append(Problem(ProblemKind.OPEN_RELEASE, (), None, detail, release=known))
        elif shared:
            detail += " from another repository"
            problems += (_problem(ProblemKind.OPEN_RELEASE, step, detail) for step in shared)
    return problems


def _steps_in(plan: Plan, repo: str) -> tuple[str, ...]:
    return tuple(step.name for step in plan.run_steps if same_repository(step.repo, repo))


def _problem(kind: ProblemKind, step: DispatchStep | WatchStep, detail: str) -> Problem:
    return Problem(kind, (step.name,), step.repo, detail)


def _merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The same problem of several steps is told once."""
    merged: dict[Problem, tuple[str, ...]] = {}
    for problem in problems:
        key = replace(problem, steps=())
        merged[key] = tuple(dict.fromkeys((*merged.get(key, ()), *problem.steps)))
    return tuple(replace(problem, steps=steps) for problem, steps in merged.items())
