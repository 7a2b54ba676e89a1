"""Status comments and check runs: rendered from the state, compared with what was published, and made equal.

Rule: reporting converges and can never fail a release. It may be late, or impossible (a locked issue, a deleted
comment).
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

import structlog

from bot.core import present
from bot.core.facts import Forbidden, GitHubError, NotFound, Unprocessable
from bot.core.model import Due, Expecting, Finding, NeedsPerson, Release, ReleaseWord, Sending, Waiting
from bot.core.plan import RunStep
from bot.engine.audiences import Audiences
from bot.engine.patience import seconds_until_again
from bot.engine.ports import Clock, GitHub
from bot.engine.releases import Changed
from bot.store import Store, Surface

log = structlog.get_logger(__name__)

Kind = Literal["status", "check"]
_MOST_PAUSE = 900.0
_MOST_MADE = 2
"""A status comment that somebody deleted is created once more, then no longer (contract section 5)."""


class Reports:
    """One task per release while something of it is to be published."""

    def __init__(
        self,
        *,
        store: Store,
        github: GitHub,
        clock: Clock,
        audiences: Audiences,
        web_url: str,
        edit_seconds: float,
    ) -> None:
        self._store = store
        self._github = github
        self._clock = clock
        self._audiences = audiences
        self._web_url = web_url
        self._pace = timedelta(seconds=edit_seconds)
        self._wanted: dict[str, Release] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._news: dict[tuple[str, str], asyncio.Event] = {}
        self._edited_at: dict[str, datetime] = {}

    def changed(self, changed: Changed) -> None:
        self.publish(changed.release)

    def publish(self, release: Release) -> None:
        """Makes GitHub show this release as it is, in its time."""
        self._wanted[release.id] = release
        for part in ("", *(step.name for step in release.plan.run_steps)):
            key = (release.id, part)
            if key in self._tasks:
                self._news[key].set()
            else:
                self._news[key] = asyncio.Event()
                self._tasks[key] = asyncio.create_task(self._keep_publishing(key), name=f"report {key}")

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_publishing(self, key: tuple[str, str]) -> None:
        """Publishes until what is shown is what is true; failures wait longer each time."""
        tries = 0
        try:
            while True:
                self._news[key].clear()
                tries, wait = await self._try(key, tries)
                if wait:
                    await self._clock.sleep(wait)
                elif not self._news[key].is_set():
                    return
        finally:
            del self._tasks[key], self._news[key]
            if not any(release_id == key[0] for release_id, _ in self._tasks):
                release = self._wanted.pop(key[0], None)
                if release is not None and release.word.final:
                    self._edited_at.pop(key[0], None)

    async def _try(self, key: tuple[str, str], tries: int) -> tuple[int, float]:
        """Failed tries so far, and the seconds to wait before the next one (0: all is published)."""
        release = self._wanted[key[0]]
        try:
            wait = await (self._check(release, key[1]) if key[1] else self._status(release))
        except GitHubError as error:
            pause = min(_MOST_PAUSE, 2.0 ** min(tries, 10))
            if isinstance(error, Forbidden | Unprocessable):
                pause = max(pause, 30.0)
            wait = seconds_until_again(error, self._clock, pause)
            log.warning(
                "a report has to wait", release=release.id, step=key[1], error=str(error), again_in=wait
            )
            return tries + 1, wait
        except Exception:
            log.exception("a report failed oddly", release=release.id, step=key[1])
            return tries + 1, 60.0
        return 0, wait

    # -- the status comment --------------------------------------------------------------------------

    async def _status(self, release: Release) -> float:
        surface = await self._surface(release, "status", "", release.plan.home)
        if surface.state == "given up":
            return 0.0
        audience = await self._audiences.of_plan(release.plan.home, release.plan)
        release = self._wanted[release.id]
        body = present.status_comment(release, audience, web_url=self._web_url)
        digest = _digest(body)
        if surface.digest == digest and surface.github_id is not None:
            return 0.0
        wait = self._too_early(release, surface)
        if wait > 0:
            return await self._until(release, wait)
        await self._write_status(release, surface, body, digest)
        return 0.0

    async def _until(self, release: Release, wait: float) -> float:
        """Waits for its time, or for a state that is written at once."""
        news = self._news[release.id, ""]
        slept = asyncio.ensure_future(self._clock.sleep(wait))
        heard = asyncio.ensure_future(news.wait())
        try:
            await asyncio.wait({slept, heard}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            slept.cancel()
            heard.cancel()
            await asyncio.gather(slept, heard, return_exceptions=True)
        news.set()
        return 0.0

    def _too_early(self, release: Release, surface: Surface) -> float:
        """Seconds until the next edit; a final state and a call for a person are written at once."""
        last = self._edited_at.get(release.id)
        urgent = release.word.final or release.word is ReleaseWord.NEEDS_ATTENTION
        if last is None or surface.github_id is None or (urgent and surface.state != str(release.word)):
            return 0.0
        return (last + self._pace - self._clock.now()).total_seconds()

    async def _write_status(self, release: Release, surface: Surface, body: str, digest: str) -> None:
        home = release.plan.home
        if surface.github_id is not None:
            try:
                await self._github.edit_comment(home, surface.github_id, body)
            except NotFound:
                surface = replace(surface, github_id=None)
                if surface.made >= _MOST_MADE:
                    await self._store.surfaces.save_surface(replace(surface, state="given up"))
                    return
        if surface.github_id is None:
            surface = await self._create_status(release, surface, body)
        self._edited_at[release.id] = self._clock.now()
        await self._store.surfaces.save_surface(replace(surface, digest=digest, state=str(release.word)))

    async def _create_status(self, release: Release, surface: Surface, body: str) -> Surface:
        """A comment that may exist already - its answer was lost - is found by its marker."""
        home, marker = release.plan.home, body.rstrip().splitlines()[-1]
        if surface.data.get("creating"):
            found = [
                comment.id
                for comment in await self._github.issue_comments(home, release.issue, since=release.asked_at)
                if comment.by_app and comment.body.rstrip().endswith(marker)
            ]
            if found:
                return replace(surface, github_id=found[-1], data={}, made=surface.made + 1)
        surface = replace(surface, data={"creating": True})
        await self._store.surfaces.save_surface(surface)
        try:
            made = await self._github.create_comment(home, release.issue, body)
        except GitHubError as error:
            if error.definite:
                await self._store.surfaces.save_surface(replace(surface, data={}))
            raise
        return replace(surface, github_id=made, data={}, made=surface.made + 1)

    async def comment_deleted(self, repo: str, comment_id: int) -> str | None:
        """Somebody deleted a status comment: the release's id, when it is to be published again."""
        surface = await self._store.surfaces.surface_by_github_id(repo, comment_id, kind="status")
        if surface is None:
            return None
        gone = replace(surface, github_id=None)
        if surface.made >= _MOST_MADE:
            gone = replace(gone, state="given up")
        await self._store.surfaces.save_surface(gone)
        return surface.release_id

    # -- check runs ----------------------------------------------------------------------------------

    async def _check(self, release: Release, name: str) -> float:
        step = release.plan.step(name)
        assert step.kind != "approval"
        surface = await self._surface(release, "check", name, step.repo)
        sha = await self._sha(release, step, surface)
        if sha is None:
            return 0.0
        audience = await self._audiences.of_plan(step.repo, release.plan)
        release = self._wanted[release.id]
        body = present.check_body(release, name, audience=audience, web_url=self._web_url, head_sha=sha)
        digest = _digest(json.dumps(body, sort_keys=True))
        if surface.digest == digest:
            return 0.0
        await self._write_check(step, surface, body, sha, digest)
        return 0.0

    async def _sha(self, release: Release, step: RunStep, surface: Surface) -> str | None:
        """The commit the check run stands on; None while there is none, or nothing new to say."""
        record = release.steps[step.name]
        match record.state:
            case Waiting() | Due() | Sending() | Finding() | Expecting():
                return None
            case NeedsPerson() if record.run is None or not record.run.head_sha:
                return surface.sha or await self._default_head(step.repo)
            case _:
                return (record.run.head_sha if record.run else "") or surface.sha

    async def _default_head(self, repo: str) -> str | None:
        facts = await self._audiences.facts(repo)
        return await self._github.branch_commit(repo, facts.default_branch)

    async def _write_check(
        self, step: RunStep, surface: Surface, body: Mapping[str, object], sha: str, digest: str
    ) -> None:
        """A completed check run cannot be reopened, and a commit cannot be changed: then a new one is made.

        https://docs.github.com/rest/checks/runs#update-a-check-run
        """
        over, completed = surface.state == "completed", body["status"] == "completed"
        same = surface.github_id is not None and surface.sha == sha and (completed or not over)
        if same and surface.github_id is not None:
            change = {key: value for key, value in body.items() if key != "head_sha"}
            await self._github.update_check(step.repo, surface.github_id, change)
            made = surface.github_id
        else:
            if surface.github_id is not None and not over:
                ended = {"status": "completed", "conclusion": "cancelled"}
                await self._github.update_check(step.repo, surface.github_id, ended)
            made = await self._create_check(step, surface, body, sha)
        saved = replace(surface, github_id=made, sha=sha, digest=digest, state=str(body["status"]), data={})
        await self._store.surfaces.save_surface(saved)

    async def _create_check(
        self, step: RunStep, surface: Surface, body: Mapping[str, object], sha: str
    ) -> int:
        if surface.data.get("creating") == sha:
            known = await self._github.checks(step.repo, sha, str(body["name"]))
            found = [
                check.id
                for check in known
                if check.external_id == body["external_id"] and check.id > (surface.github_id or 0)
            ]
            if found:
                made = max(found)
                change = {key: value for key, value in body.items() if key != "head_sha"}
                await self._github.update_check(step.repo, made, change)
                return made
        await self._store.surfaces.save_surface(replace(surface, data={"creating": sha}))
        return await self._github.create_check(step.repo, body)

    async def _surface(self, release: Release, kind: Kind, step: str, repo: str) -> Surface:
        known = (await self._store.surfaces.surfaces(release.id)).get((kind, step))
        return known if known is not None else Surface(release.id, kind, step, repo)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
