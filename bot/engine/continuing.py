"""Reading what there is of a version that was begun before: its tags, and the runs on them.

Rule: GitHub says what exists, so a database that was lost costs nothing; the store says whose a run is.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from bot.core.binding import runs_of_watch
from bot.core.continuing import Left, Owned, nothing_left, nothing_to_do, run_to_take_up, tag_of
from bot.core.deliveries import RunSeen
from bot.core.facts import GitHubError, NotFound, NotInstalled
from bot.core.model import ReleaseWord
from bot.core.plan import DispatchStep, Plan, RunStep, WatchStep
from bot.core.problems import KnownRelease, Problem, ProblemKind
from bot.engine.means import Means
from bot.engine.patience import patiently


@dataclass(frozen=True, slots=True)
class _Of:
    """What there is of one step."""

    step: str
    tagged: bool = False
    skipped: bool = False
    run: RunSeen | None = None
    watched: RunSeen | None = None
    problem: Problem | None = None


class Leftovers:
    """Finds what `--continue` can go on with."""

    def __init__(self, means: Means) -> None:
        self._github = means.github
        self._clock = means.clock
        self._sends = means.store.sends
        self._releases = means.store.releases

    async def of(self, plan: Plan, closed: Collection[str]) -> tuple[Left, tuple[Problem, ...]]:
        """What is left, and what stands in the way. `closed`: repositories that must not be looked into."""
        over = await self.released(plan)
        if over is not None:
            return Left(), (over,)
        steps = [step for step in plan.run_steps if step.repo.lower() not in closed]
        found = await asyncio.gather(*(self._safely(plan, step) for step in steps))
        left = Left(
            skipped=tuple(of.step for of in found if of.skipped),
            runs={of.step: of.run for of in found if of.run is not None},
            watched={of.step: of.watched for of in found if of.watched is not None},
        )
        problems = [of.problem for of in found if of.problem is not None]
        if not problems and not closed:
            none = None if any(of.tagged for of in found) else nothing_left(plan)
            problems = [problem for problem in (none, nothing_to_do(plan, left)) if problem is not None]
        return left, tuple(problems)

    async def parameters(self, home: str, *, pipeline: str, version: str) -> tuple[tuple[str, str], ...]:
        """What the newest release of a version was begun with; nothing where the store knows of none."""
        before = await self._releases.find(home, pipeline=pipeline, version=version)
        return before[-1].release.plan.parameters if before else ()

    async def released(self, plan: Plan) -> Problem | None:
        """What the newest release of a version has brought to its end is not done once more."""
        before = await self._releases.find(plan.home, pipeline=plan.pipeline, version=plan.version)
        last = before[-1].release if before else None
        if last is None or last.word is not ReleaseWord.RELEASED:
            return None
        known = KnownRelease(last.pipeline, last.version, last.issue, last.ended_at)
        return Problem(ProblemKind.RELEASED, (), None, f"`{plan.version}` was released", release=known)

    async def _safely(self, plan: Plan, step: RunStep) -> _Of:
        try:
            return await patiently(self._clock, lambda: self._of_step(plan, step))
        except NotInstalled as error:
            kind, detail = ProblemKind.INSTALLATION, str(error)
        except GitHubError:
            kind, detail = ProblemKind.UNVERIFIED, "GitHub could not be read"
        return _Of(step.name, problem=Problem(kind, (step.name,), step.repo, detail))

    async def _of_step(self, plan: Plan, step: RunStep) -> _Of:
        if isinstance(step, DispatchStep) and step.unless_tag is not None:
            tagged = await self._github.tag_commit(step.repo, step.unless_tag) is not None
            if tagged:
                return _Of(step.name, tagged=True, skipped=True)
        tag = tag_of(step, plan)
        commit = await self._github.tag_commit(step.repo, tag) if tag is not None else None
        if tag is None or commit is None:
            return _Of(step.name)
        if isinstance(step, WatchStep):
            return await self._watched(plan, step, tag, commit)
        return await self._dispatched(plan, step, tag, commit)

    async def _dispatched(self, plan: Plan, step: DispatchStep, tag: str, commit: str) -> _Of:
        app_login = await self._github.app_login()
        runs = await self._runs(step, tag, event="workflow_dispatch", actor=app_login)
        owned = await self._owned(plan, step, runs)
        found = run_to_take_up(step, plan, runs, owned, app_login=app_login, commit=commit)
        if isinstance(found, Problem):
            return _Of(step.name, tagged=True, problem=found)
        return _Of(step.name, tagged=True, run=found)

    async def _watched(self, plan: Plan, step: WatchStep, tag: str, commit: str) -> _Of:
        runs = await self._runs(step, tag, event=step.event)
        owned = await self._owned(plan, step, runs)
        since = self._clock.now()
        found = runs_of_watch(runs, step, since=since, tag_commit=commit, bound=owned.taken)
        return _Of(step.name, tagged=True, watched=found[0] if len(found) == 1 else None)

    async def _runs(
        self, step: RunStep, tag: str, *, event: str, actor: str | None = None
    ) -> tuple[RunSeen, ...]:
        try:
            return await self._github.workflow_runs(
                step.repo, step.workflow, event=event, branch=tag, actor=actor
            )
        except NotFound:  # a workflow that is not there is told by preflight
            return ()

    async def _owned(self, plan: Plan, step: RunStep, runs: tuple[RunSeen, ...]) -> Owned:
        ids = [run.id for run in runs]
        taken = await self._sends.taken(step.repo, ids, version=plan.version)
        owners = await self._sends.bindings(step.repo, ids)
        return Owned({run: name for run, (_, name) in owners.items()}, frozenset(taken))
