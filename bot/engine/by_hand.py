"""Runs that no news has told of yet, seen before a command is judged that would pass over them: re-runs by hand, and
a run that appears long after its dispatch.

Rule: whether a step's run is live is asked of GitHub in that very moment. Where it does not answer, the command is
judged on what is known.
"""

import asyncio

import structlog

from bot.core import commands
from bot.core.events import RunLevel
from bot.core.facts import GitHubError
from bot.core.model import Release
from bot.core.plan import RunStep
from bot.core.states import BoundRun, StepState, missing, run_of
from bot.core.steering import OpenCommand, find_step
from bot.engine.means import Means
from bot.engine.patience import patiently

log = structlog.get_logger(__name__)

_GLANCE = 5.0
"""Seconds in which a run is worth asking for."""


async def see_runs(means: Means, release: Release, command: OpenCommand | commands.Adopt) -> None:
    """The runs of the steps that the command is about, where they were over when they were seen last, or not there."""
    states = ((step, release.steps[step.name].state) for step in _meant(release, command))
    known = [(step, run) for step, state in states if (run := _not_live(state)) is not None]
    await asyncio.gather(*(_see(means, release, step, run) for step, run in known))


def _not_live(state: StepState) -> BoundRun | None:
    run = run_of(state)
    return run if run is not None and (run.over or missing(state)) else None


def _meant(release: Release, command: OpenCommand | commands.Adopt) -> tuple[RunStep, ...]:
    match command:
        case commands.Cancel() | commands.Retry(step=None):
            return release.plan.run_steps
        case (
            commands.Retry(step=str() as name)
            | commands.Redo(step=name)
            | commands.Skip(step=name)
            | commands.Adopt(step=name)
        ):
            step = find_step(release, name)
            return (step,) if step is not None and step.kind != "approval" else ()
        case _:
            return ()


async def _see(means: Means, release: Release, step: RunStep, known: BoundRun) -> None:
    if release.steps[step.name].final:
        return
    try:
        seen = await patiently(means.clock, lambda: means.github.run(step.repo, known.id), seconds=_GLANCE)
    except GitHubError as error:
        log.info("a run could not be read before a command", step=step.name, error=str(error))
        return
    there_after_all = missing(release.steps[step.name].state)
    if there_after_all or seen.attempt > known.attempt or seen.status != "completed":
        level = RunLevel(step.name, seen, confirmed=there_after_all or seen.status != "completed")
        await means.releases.happen(release.id, level)
