"""What follows on a run that somebody or something cancelled: who it was, and when its way is free.

Rule: a person's cancel is never fought, and whatever cannot be read counts as one. Only what GitHub itself called
off for a concurrency group, before a job had begun, is sent again (`bot.core.gave_way`).
"""

import asyncio
import contextlib
from datetime import timedelta
from functools import partial

import structlog

from bot.core.background import guarded_job
from bot.core.cancel_words import began, cancelled_by, cut_off, group_of
from bot.core.effects import AwaitOthers, JudgeCancel
from bot.core.events import CancelJudged, RunLevel, WayFree
from bot.core.facts import JobFacts, NotFound
from bot.core.gave_way import stands_behind
from bot.core.model import Release
from bot.core.plan import RunStep
from bot.core.states import GaveWay
from bot.engine.means import Means
from bot.engine.sights import Sights
from bot.engine.worth_reading import worth_reading

log = structlog.get_logger(__name__)

MOST_JOBS_READ = 6
"""Jobs whose annotations are read: GitHub writes the same at each of them."""
MOST_OTHERS = 50
_SAID_LATER = 3.0
"""Seconds that GitHub has to write down who cancelled, where it says nothing at first."""
_LIVE_FOR = timedelta(days=7)
"""Older runs that are still live wait for somebody's approval, not for their turn."""


class Cancels:
    """Performs the two effects of a cancelled run."""

    def __init__(self, means: Means, *, sights: Sights) -> None:
        self._releases = means.releases
        self._github = means.github
        self._clock = means.clock
        self._sights = sights

    async def judge(self, release: Release, step: RunStep, effect: JudgeCancel) -> None:
        """Reads who cancelled the attempt, and makes that known to its release."""
        jobs, said = await self._who(step, effect)
        if group_of(said) is None:
            await self._clock.sleep(_SAID_LATER)
            jobs, said = await self._who(step, effect)
        group, ours = group_of(said), cancelled_by(said, await self._github.app_login())
        begun, others = began(jobs), tuple[int, ...]()
        if group and not begun:
            others = await self._others(step, effect.run_id)
        log.info(
            "a run was cancelled",
            release=release.id,
            step=step.name,
            run=effect.run_id,
            group=group,
            began=begun,
            ours=ours,
            others=others,
        )
        cut_in_two = guarded_job([job for job in jobs if job.began], step.never_rerun)
        judged = CancelJudged(
            step.name, effect.run_id, effect.attempt, group or "", begun, others, ours, cut_in_two
        )
        await self._releases.happen(release.id, judged)

    async def await_others(self, release: Release, step: RunStep, effect: AwaitOthers) -> None:
        """Says that the way is free when every run it gave way to is over, unless a person was quicker."""
        state = release.steps[step.name].state
        if not isinstance(state, GaveWay) or stands_behind(release, step.name, self._releases.open()):
            return
        for run_id in state.others:
            if await self._is_live(step.repo, run_id):
                return
        with contextlib.suppress(NotFound):
            own = await self._github.run(step.repo, effect.run_id)
            if own.attempt > effect.attempt:
                await self._releases.happen(release.id, RunLevel(step.name, own, confirmed=True))
                return
        await self._releases.happen(release.id, WayFree(step.name, effect.run_id, effect.attempt))

    # -- reading -----------------------------------------------------------------------------------

    async def _who(self, step: RunStep, effect: JudgeCancel) -> tuple[tuple[JobFacts, ...], tuple[str, ...]]:
        """The jobs of the attempt, and what GitHub says at those that were cut off."""
        jobs = await self._github.jobs(step.repo, effect.run_id, effect.attempt)
        await self._sights.read(step.repo)
        checks = tuple(job.check_run_id for job in cut_off(jobs) if job.check_run_id is not None)
        if not jobs and effect.attempt == 1:
            # A run that waited as a whole may have no jobs yet: then it is said beside them, in its check suite, which
            # tells nothing of which attempt.
            read = partial(self._github.suite_checks, step.repo, effect.run_id)
            checks = await worth_reading(self._github, self._clock, step.repo, read) or ()
        notes = await asyncio.gather(*(self._said(step.repo, check) for check in checks[:MOST_JOBS_READ]))
        return jobs, tuple(message for messages in notes for message in messages)

    async def _said(self, repo: str, check_run_id: int) -> tuple[str, ...]:
        read = partial(self._github.annotations, repo, check_run_id)
        notes = await worth_reading(self._github, self._clock, repo, read) or ()
        return tuple(note.message for note in notes)

    async def _others(self, step: RunStep, run_id: int) -> tuple[int, ...]:
        """The runs it may have given way to, the newest first: the live ones of its workflow, and whatever else of
        the repository waits for a group, since workflows can share one.
        """
        since = self._clock.now() - _LIVE_FOR
        read = partial(self._github.workflow_runs, step.repo, step.workflow, event=None, created_from=since)
        same = await worth_reading(self._github, self._clock, step.repo, read) or ()
        newest = await self._github.runs(step.repo, page=1)
        live = {run.id for run in same if run.status != "completed"}
        live |= {run.id for run in newest if run.status == "pending"}
        return tuple(sorted(live - {run_id}, reverse=True)[:MOST_OTHERS])

    async def _is_live(self, repo: str, run_id: int) -> bool:
        try:
            run = await self._github.run(repo, run_id)
        except NotFound:
            await self._github.repository(repo)  # a run that was deleted, and not the repository out of reach
            await self._sights.read(repo)
            return False
        await self._sights.read(repo)
        return run.status != "completed"
