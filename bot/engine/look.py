"""Looking: while a repository has a live or awaited run, its runs are listed once in `LOOK_SECONDS`, webhooks or not.

Rule: one listing serves all releases. A run that the listing does not show any more is asked for by its id.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.binding import is_of, runs_of_earlier_sends
from bot.core.deliveries import RunSeen
from bot.core.events import RunLevel, SecondRun
from bot.core.facts import GitHubError, Limited, NotFound, NotInstalled, Unauthorized
from bot.core.model import Release, StepRecord
from bot.core.plan import DispatchStep, RunStep
from bot.core.states import BoundRun, Expecting, Finding, NeedsPerson, Running, run_of, taken_for_deleted
from bot.core.trouble import known_as_gone
from bot.core.wants import watched
from bot.engine.means import Means
from bot.engine.patience import say_it_waits, seconds_until_again
from bot.engine.perform import Performer
from bot.engine.releases import Changed
from bot.engine.sights import Sights
from bot.store import StoreUnavailable

log = structlog.get_logger(__name__)

MOST_PAGES = 3
_OVERLAP = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Watched:
    """One step of one release that has its eyes on a repository."""

    release: Release
    step: RunStep
    record: StepRecord

    @property
    def run(self) -> BoundRun | None:
        return run_of(self.record.state)

    @property
    def is_denied(self) -> bool:
        """Whether GitHub said, asked for the run by its id, that there is none: a listing does not outweigh that."""
        return taken_for_deleted(self.record.state)

    @property
    def awaits(self) -> bool:
        state = self.record.state
        parked = state.parked if isinstance(state, NeedsPerson) else state
        return isinstance(parked, Finding | Expecting)


class Looker:
    """One task per watched repository."""

    def __init__(self, means: Means, *, sights: Sights, performer: Performer) -> None:
        self._releases = means.releases
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._sights = sights
        self._performer = performer
        self._seconds = means.settings.look_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looked_at: dict[str, datetime] = {}
        means.releases.on_change(self.changed)

    def changed(self, changed: Changed) -> None:
        self.watch(watched(changed.release))

    def watch(self, repos: Iterable[str]) -> None:
        """Starts looking at repositories nobody looks at yet; a task ends by itself when nothing is watched."""
        for repo in repos:
            if repo not in self._tasks or self._tasks[repo].done():
                self._tasks[repo] = asyncio.create_task(self._keep_looking(repo), name=f"look {repo}")

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _keep_looking(self, repo: str) -> None:
        while self._watched(repo):
            await self._clock.sleep(self._seconds)
            wait = await self._try_to_look(repo)
            if wait > self._seconds:
                await self._clock.sleep(wait - self._seconds)

    async def _try_to_look(self, repo: str) -> float:
        """Seconds until the next look makes sense."""
        targets = self._watched(repo)
        if not targets:
            return 0.0
        try:
            await self.look(repo, targets)
        except GitHubError as error:
            log.warning("a look failed", repository=repo, error=str(error))
            await self._sights.refused(repo, error)
            return seconds_until_again(error, self._clock, 0.0)
        except StoreUnavailable as error:
            say_it_waits(log, "a look waits for the database", error, repository=repo)
        except Exception:
            log.exception("a look ended oddly", repository=repo)
        return 0.0

    def _watched(self, repo: str) -> tuple[Watched, ...]:
        return tuple(
            Watched(release, step, release.steps[step.name])
            for release in self._releases.open()
            if repo in watched(release)
            for step in release.plan.run_steps
            if step.repo.lower() == repo and not release.steps[step.name].final
        )

    async def look(self, repo: str, targets: tuple[Watched, ...]) -> None:
        """One look: what the listing shows, and each live run that it does not show."""
        began = self._clock.now()
        runs = [target.run for target in targets if not target.is_denied]
        wanted = {run.id for run in runs if run is not None and run.head_sha}
        seen = await self._list(targets[0].step.repo, wanted, self._looked_at.get(repo))
        was_dark = await self._sights.read(repo)
        self._looked_at[repo] = began
        refusals: list[GitHubError] = []
        for target in targets:
            try:
                await self._look_for(target, seen, was_dark=was_dark)
                await self._look_for_a_second(target, seen.values())
            except (Limited, Unauthorized, NotInstalled, StoreUnavailable):
                raise  # the others would hear the same
            except GitHubError as error:  # what GitHub does not tell of one run, it may tell of the others
                refusals.append(error)
            except Exception:
                log.exception(
                    "a look at a step ended oddly", release=target.release.id, step=target.step.name
                )
        if refusals:
            raise refusals[-1]

    async def _look_for(self, target: Watched, seen: dict[int, RunSeen], *, was_dark: bool) -> None:
        run = target.run
        if run is not None and run.id in seen and not target.is_denied:
            await self._compare(target, run, seen[run.id])
        elif run is not None and (run.head_sha or not isinstance(target.record.state, Running)):
            await self._ask(target, run)  # one that was just named is asked for by its confirmation
        elif target.awaits and (was_dark or any(is_of(shown, target.step) for shown in seen.values())):
            await self._performer.seek(target.release, target.step)

    async def _look_for_a_second(self, target: Watched, seen: Iterable[RunSeen]) -> None:
        """The run of a dispatch that was given up may appear when another one has been made."""
        step, record = target.step, target.record
        if not isinstance(step, DispatchStep) or record.sends < 2:
            return
        login = await self._github.app_login()
        late = runs_of_earlier_sends(seen, step, target.release.id, sends=record.sends, app_login=login)
        if late:
            known = await self._store.sends.known(step.repo, step.workflow, [run.id for run in late])
            for run in late:
                if run.id not in known.bindings:
                    await self._releases.happen(target.release.id, SecondRun(step.name, run.id))

    async def _list(self, repo: str, wanted: set[int], last: datetime | None) -> dict[int, RunSeen]:
        seen: dict[int, RunSeen] = {}
        for page in range(1, MOST_PAGES + 1):
            runs = await self._github.runs(repo, page=page)
            seen.update({run.id: run for run in runs})
            oldest = min((run.created_at for run in runs), default=None)
            known = last is not None and oldest is not None and oldest < last - _OVERLAP
            if len(runs) < 100 or (wanted <= seen.keys() and (known or last is None)):
                break
        return seen

    async def _compare(self, target: Watched, known: BoundRun, seen: RunSeen) -> None:
        """Only what differs is news: a quiet look costs no decision."""
        same = (known.attempt, known.status, known.conclusion) == (seen.attempt, seen.status, seen.conclusion)
        if not same or target.is_denied or not known.head_sha:
            confirmed = seen.status != "completed" or target.is_denied  # then it was asked for by its id
            level = RunLevel(target.step.name, seen, confirmed=confirmed)
            await self._releases.happen(target.release.id, level)

    async def _ask(self, target: Watched, known: BoundRun) -> None:
        try:
            seen = await self._github.run(target.step.repo, known.id)
        except NotFound:
            state = target.record.state
            if isinstance(state, NeedsPerson) and known_as_gone(state.trouble):
                return
            event = await self._performer.read_or_miss(target.step, known.id)
            if event is not None:
                await self._releases.happen(target.release.id, event)
            return
        await self._compare(target, known, seen)
