"""Going on with a version that was begun before: what is tagged is not started again, what has run is not run again.

Rule: only what certainly is the step's own work is taken up; where there is a doubt, nothing is started and a person is
told. A run counts by its workflow, tag, commit and the app that started it, never by its age alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.binding import dispatched_by, is_of
from bot.core.deliveries import RunSeen
from bot.core.draft import bound_run
from bot.core.model import Release, StepRecord
from bot.core.plan import DispatchStep, Plan, RunStep, same_repository
from bot.core.problems import Problem, ProblemKind
from bot.core.states import Skipped
from bot.core.steering import plain_ref


@dataclass(frozen=True, slots=True)
class Left:
    """What there is of a version: steps whose tag exists, and by step the run that a release of it takes up.

    `watched`: runs that steps which only watch would bind as things stand now.
    """

    skipped: tuple[str, ...] = ()
    runs: Mapping[str, RunSeen] = field(default_factory=dict)
    watched: Mapping[str, RunSeen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owned:
    """Which step each run belongs to, as far as it is known. `taken`: those that cannot be had."""

    steps: Mapping[int, str]
    taken: frozenset[int]


def tag_of(step: RunStep, plan: Plan) -> str | None:
    """The tag of this version that the step runs on; None where its ref is none, or one for all versions."""
    if step.ref.startswith("refs/heads/"):
        return None
    ref = plain_ref(step.ref)
    tags = {other.unless_tag for other in plan.run_steps if isinstance(other, DispatchStep)}
    named = re.search(rf"(?<![0-9.]){re.escape(plan.version)}(?![0-9A-Za-z]|\.[0-9A-Za-z])", ref)
    return ref if ref in tags or named else None


def run_to_take_up(
    step: DispatchStep, plan: Plan, runs: Sequence[RunSeen], owned: Owned, *, app_login: str, commit: str
) -> RunSeen | Problem | None:
    """The run that has done, or is doing, what the step would start; None: it has to be started."""
    done = [
        run
        for run in runs
        if is_of(run, step)
        and dispatched_by(run, app_login)
        and run.head_sha == commit
        and run.id not in owned.taken
        and (run.status != "completed" or run.conclusion == "success")
    ]
    twins = [other.name for other in plan.run_steps if _same_place(step, other)]
    if len(twins) > 1:
        nobodys = [run for run in done if owned.steps.get(run.id) not in twins]
        if nobodys:
            what = f"{_runs(nobodys)} may be of any of the steps that start `{step.workflow}` on `{step.ref}`"
            return _problem(step, f"{what}; delete it on GitHub to have it done again", nobodys)
        done = [run for run in done if owned.steps[run.id] == step.name]
    live = [run for run in done if run.status != "completed"]
    if len(live) > 1 or (live and len(done) > 1):
        what = f"more than one run of `{step.workflow}` on `{step.ref}` counts, and not all are over"
        return _problem(step, f"{what}; wait until they are, or cancel what is not wanted", done)
    return max(done, key=lambda run: (run.created_at, run.id), default=None)


def _same_place(one: DispatchStep, other: RunStep) -> bool:
    return (
        isinstance(other, DispatchStep)
        and same_repository(one.repo, other.repo)
        and one.workflow == other.workflow
        and plain_ref(one.ref) == plain_ref(other.ref)
    )


def _runs(runs: Sequence[RunSeen]) -> str:
    return " and ".join(f"run {run.id}" for run in runs)


def _problem(step: DispatchStep, detail: str, runs: Sequence[RunSeen]) -> Problem:
    return Problem(ProblemKind.RUN, (step.name,), step.repo, detail, tuple(run.html_url for run in runs))


def nothing_left(plan: Plan) -> Problem:
    """There is nothing that could be gone on with."""
    detail = f"no tag of `{plan.version}` exists; start it without `--continue`"
    return Problem(ProblemKind.NOTHING_TO_CONTINUE, (), None, detail)


def nothing_to_do(plan: Plan, left: Left) -> Problem | None:
    """All that the release would do is done by its tags."""
    if any(step.name not in left.skipped for step in plan):
        return None
    detail = f"every step of `{plan.version}` is one whose tag exists"
    return Problem(ProblemKind.NOTHING_TO_CONTINUE, (), None, detail)


def continued(release: Release, left: Left, *, at: datetime, by: str) -> Release:
    """The new release, with what is left of the version before anything of it begins."""
    steps = dict(release.steps)
    for name in left.skipped:
        steps[name] = StepRecord(state=Skipped(at, by, tagged=True), began_at=at, ended_at=at)
    for name, run in left.runs.items():
        steps[name] = replace(steps[name], found=bound_run(run))
    return replace(release, steps=steps)
