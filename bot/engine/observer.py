"""Observing: finished runs of the workflows and branches that `observe:` names feed the memory of flakes.

Rule: no release is needed, nothing is re-run, and nothing of it is urgent: a delivery only makes the next round come
sooner, and whatever GitHub refuses is left for a later one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.deliveries import RunChanged, RunSeen
from bot.core.facts import GitHubError
from bot.core.job_names import fits
from bot.core.plan import FailureRule
from bot.engine.alarm import Alarm
from bot.engine.diagnosis import Diagnosis, FinishedAttempt
from bot.engine.means import Means
from bot.engine.pipelines import Book, Bookshelf

log = structlog.get_logger(__name__)

LOOKS_PER_ROUND = 10
"""A round comes once in so many looks, or when a delivery tells of an observed run."""
LOOKS_BACK = timedelta(days=3)
MOST_ATTEMPTS = 30
"""Attempts that are read in one round; the rest is left for the next."""
MOST_EARLIER = 4
"""Attempts of one run that are read besides its newest."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """One workflow of one repository, and the branches that count."""

    repo: str
    workflow: str
    branches: tuple[str, ...]
    failures: tuple[FailureRule, ...]

    @property
    def key(self) -> tuple[str, str]:
        return (self.repo.lower(), self.workflow)


class Observer:
    """Reads what observed workflows have done. `run` it beside the engine's other parts."""

    def __init__(self, means: Means, *, diagnosis: Diagnosis) -> None:
        self._settings = means.settings
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._diagnosis = diagnosis
        self._shelf = Bookshelf(means.github, means.clock, means.settings.pipelines)
        self._alarm = Alarm(means.clock)
        self._watched: frozenset[tuple[str, str]] = frozenset()

    def cares_about(self, changed: RunChanged) -> bool:
        """Whether a delivery tells of an observed run that is over."""
        key = (changed.repository.full_name.lower(), changed.run.path.rsplit("/", 1)[-1])
        return changed.run.status == "completed" and key in self._watched

    def ring(self) -> None:
        """There is news: the next round comes now."""
        self._alarm.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            watches = [watch for home in await self._homes() for watch in await self._watches(home)]
            self._watched = frozenset(watch.key for watch in watches)
            left = MOST_ATTEMPTS
            for watch in watches:
                left -= await self._try_to_observe(watch, left)
            await self._alarm.wait(self._settings.look_seconds * LOOKS_PER_ROUND)

    async def _homes(self) -> tuple[str, ...]:
        if self._settings.homes:
            return self._settings.homes
        return tuple(row.full_name for row in await self._store.homes.homes())

    async def _watches(self, home: str) -> tuple[_Watch, ...]:
        try:
            book = await self._shelf.book(home)
        except GitHubError as error:
            log.info("the pipeline file could not be read", home=home, error=str(error))
            return ()
        if not isinstance(book, Book):
            return ()
        return tuple(
            _Watch(each.repo or home, each.workflow, each.branches, pipeline.failures)
            for pipeline in book.pipelines
            for each in pipeline.observed
        )

    async def _try_to_observe(self, watch: _Watch, most: int) -> int:
        """How many attempts were read."""
        read = 0
        try:
            for attempt in await self._new_attempts(watch):
                if read >= most:
                    break
                await self._diagnosis.observe(attempt, watch.failures)
                read += 1
        except GitHubError as error:
            log.info(
                "an observed workflow could not be read",
                repository=watch.repo,
                workflow=watch.workflow,
                error=str(error),
            )
        return read

    async def _new_attempts(self, watch: _Watch) -> tuple[FinishedAttempt, ...]:
        """What is not remembered yet, the oldest first."""
        runs = await self._github.workflow_runs(
            watch.repo,
            watch.workflow,
            event=None,
            created_from=_day(self._clock.now() - LOOKS_BACK),
            status="completed",
        )
        wanted = [run for run in runs if _counts(run, watch)]
        known = await self._store.ledger.recorded(watch.repo, [run.id for run in wanted])
        wanted.sort(key=lambda run: (run.created_at, run.id))
        return tuple(
            FinishedAttempt(
                watch.repo, watch.workflow, run.head_branch or "", run.event, run.id, number, run.head_sha
            )
            for run in wanted
            for number in _attempts(run)
            if (run.id, number) not in known
        )


def _counts(run: RunSeen, watch: _Watch) -> bool:
    """A run that somebody cancelled, or that never started, says nothing about its jobs.

    Nor does one of a pull request: anybody can name the branch of a fork `main`, and let tests fail and pass there.
    https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request
    """
    over = run.conclusion in {"success", "failure", "timed_out"} and not run.event.startswith("pull_request")
    return over and run.head_branch is not None and any(fits(run.head_branch, p) for p in watch.branches)


def _attempts(run: RunSeen) -> Iterator[int]:
    yield from range(max(1, run.attempt - MOST_EARLIER), run.attempt + 1)


def _day(at: datetime) -> datetime:
    """The same question all day long: GitHub does not count an answer that has not changed."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
