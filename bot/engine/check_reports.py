"""One check run per step that has a repository and a known commit.

A completed check run cannot be reopened, and a commit cannot be changed: then a new one of the same name is made.
Rule: a check run tells of one piece of work. What ends after another dispatch, attempt or problem has one of its own,
even if nothing was shown in between, so that the buttons of each are good once.
https://docs.github.com/rest/checks/runs#update-a-check-run
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core import present
from bot.core.facts import GitHubError
from bot.core.model import Release, StepRecord
from bot.core.plan import RunStep
from bot.core.states import (
    Diagnosing,
    Due,
    Expecting,
    Finding,
    InLine,
    NeedsPerson,
    Rerunning,
    Sending,
    Waiting,
)
from bot.engine.means import Means
from bot.engine.patience import carried_out_since
from bot.engine.reports import Write
from bot.store import Surface

Body = Mapping[str, object]
_ENDED: Body = {"status": "completed", "conclusion": "cancelled"}
"""Another one tells of the step from now on."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A check run as it should be. `work`: what it tells of."""

    body: Body
    sha: str
    work: str

    @property
    def status(self) -> str:
        return str(self.body["status"])

    @property
    def digest(self) -> str:
        told = [self.body, self.work if self.status == "completed" else None]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class CheckReports:
    """Writes check runs."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._audiences = means.audiences
        self._web_url = means.settings.github_url

    async def pending(self, release: Release, part: str) -> Write | None:
        """The check run of a step as it should be, when it is not. What ends a check run is urgent."""
        step = release.plan.step(part)
        assert step.kind != "approval", "an approval has no commit to stand on"
        surfaces = await self._store.surfaces.surfaces(release.id)
        surface = surfaces.get(("check", part)) or Surface(release.id, "check", part, step.repo)
        sha = await self._sha(release, step, surface)
        if not sha:
            return None
        audience = await self._audiences.of_plan(step.repo, release.plan)
        body = present.check_body(release, part, audience=audience, web_url=self._web_url, head_sha=sha)
        if (surface.sha, surface.state, body["status"]) == (sha, "in_progress", "queued"):
            body["status"] = "in_progress"  # it never goes back, though the next attempt waits for a runner
        wanted = _Wanted(body, sha, _work(release.steps[part]))
        if surface.digest == wanted.digest:
            return None
        return Write(
            lambda: self._write(step, surface, wanted),
            urgent=wanted.status == "completed",
            calm=wanted.status == "queued",
        )

    async def _sha(self, release: Release, step: RunStep, surface: Surface) -> str | None:
        """The commit the check run stands on; None while there is none, or nothing that lasts to say."""
        record = release.steps[step.name]
        match record.state:
            case Waiting() | InLine() | Due() | Sending() | Finding() | Expecting():
                # Work goes on, though its commit is not known yet: what is completed asks for nobody any more.
                return surface.sha if surface.state == "completed" else None
            case Diagnosing() | Rerunning():
                return None
            case NeedsPerson() if record.run is None or not record.run.head_sha:
                return surface.sha or await self._default_head(step.repo)
            case _:
                return (record.run.head_sha if record.run else None) or surface.sha

    async def _default_head(self, repo: str) -> str | None:
        """A problem before any run stands on the head of the default branch."""
        facts = await self._audiences.facts(repo)
        return await self._github.branch_commit(repo, facts.default_branch)

    async def _write(self, step: RunStep, surface: Surface, wanted: _Wanted) -> None:
        over, completed = surface.state == "completed", wanted.status == "completed"
        goes_on = not over or (completed and surface.data.get("work", wanted.work) == wanted.work)
        if surface.github_id is not None and surface.sha == wanted.sha and goes_on:
            made = surface.github_id
            await self._change(step, made, wanted.body)
        else:
            if surface.github_id is not None and not over:
                await self._github.update_check(step.repo, surface.github_id, _ENDED)
            made = await self._create(step, surface, wanted.body, wanted.sha)
        shown = replace(surface, github_id=made, sha=wanted.sha, digest=wanted.digest, state=wanted.status)
        told = {"work": wanted.work, "conclusion": wanted.body.get("conclusion")}
        await self._store.surfaces.save_surface(replace(shown, data=told))

    async def _change(self, step: RunStep, check_id: int, body: Body) -> None:
        # What is left out of a change stays as it was: buttons go away only when they are set to none.
        change = {"actions": [], **{key: value for key, value in body.items() if key != "head_sha"}}
        await self._github.update_check(step.repo, check_id, change)

    async def _create(self, step: RunStep, surface: Surface, body: Body, sha: str) -> int:
        """One that may exist already - its answer was lost - is looked for first."""
        lost = surface.data.get("creating")
        if isinstance(lost, str) and (found := await self._made_before(step, surface, body, lost)):
            if lost == sha:
                await self._change(step, found, body)
                return found
            await self._github.update_check(step.repo, found, _ENDED)  # its commit is not the step's any more
        creating = {**surface.data, "creating": sha}
        told = {**creating, "since": self._clock.now().isoformat()}
        await self._store.surfaces.save_surface(replace(surface, data=told))
        try:
            return await self._github.create_check(step.repo, body)
        except GitHubError:
            await self._store.surfaces.save_surface(replace(surface, data=creating))
            raise

    async def _made_before(self, step: RunStep, surface: Surface, body: Body, sha: str) -> int | None:
        known = await self._github.checks(step.repo, sha, str(body["name"]))
        newer = surface.github_id or 0
        found = [c.id for c in known if c.external_id == body["external_id"] and c.id > newer]
        if not found and await carried_out_since(self._clock, surface.data.get("since")):
            return await self._made_before(step, surface, body, sha)
        return max(found, default=None)


def _work(record: StepRecord) -> str:
    """What a check run tells of: a dispatch, an attempt of a run, a problem."""
    run = record.run
    return f"{record.sends} {run.id if run else 0} {run.attempt if run else 0} {record.problems}"
