"""One check run per step that has a repository and a known commit.

A completed check run cannot be reopened, and a commit cannot be changed: then a new one of the same name is made.
https://docs.github.com/rest/checks/runs#update-a-check-run
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from bot.core import present
from bot.core.model import Release
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
from bot.engine.reports import Write
from bot.store import Surface

Body = Mapping[str, object]


class CheckReports:
    """Writes check runs."""

    def __init__(self, means: Means) -> None:
        self._store = means.store
        self._github = means.github
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
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        if surface.digest == digest:
            return None
        return Write(
            lambda: self._write(step, surface, body, sha, digest),
            urgent=body["status"] == "completed",
            calm=body["status"] == "queued",
        )

    async def _sha(self, release: Release, step: RunStep, surface: Surface) -> str | None:
        """The commit the check run stands on; None while there is none, or nothing that lasts to say."""
        record = release.steps[step.name]
        match record.state:
            case Waiting() | InLine() | Due() | Sending() | Finding() | Expecting():
                return None
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

    async def _write(self, step: RunStep, surface: Surface, body: Body, sha: str, digest: str) -> None:
        over, completed = surface.state == "completed", body["status"] == "completed"
        if surface.github_id is not None and surface.sha == sha and (completed or not over):
            made = surface.github_id
            await self._change(step, made, body)
        else:
            if surface.github_id is not None and not over:
                ended = {"status": "completed", "conclusion": "cancelled"}
                await self._github.update_check(step.repo, surface.github_id, ended)
            made = await self._create(step, surface, body, sha)
        saved = replace(surface, github_id=made, sha=sha, digest=digest, state=str(body["status"]), data={})
        await self._store.surfaces.save_surface(saved)

    async def _change(self, step: RunStep, check_id: int, body: Body) -> None:
        # What is left out of a change stays as it was: buttons go away only when they are set to none.
        change = {"actions": [], **{key: value for key, value in body.items() if key != "head_sha"}}
        await self._github.update_check(step.repo, check_id, change)

    async def _create(self, step: RunStep, surface: Surface, body: Body, sha: str) -> int:
        """One that may exist already - its answer was lost - is looked for first."""
        if surface.data.get("creating") == sha:
            known = await self._github.checks(step.repo, sha, str(body["name"]))
            newer = surface.github_id or 0
            found = [c.id for c in known if c.external_id == body["external_id"] and c.id > newer]
            if found:
                await self._change(step, max(found), body)
                return max(found)
        await self._store.surfaces.save_surface(replace(surface, data={"creating": sha}))
        return await self._github.create_check(step.repo, body)
