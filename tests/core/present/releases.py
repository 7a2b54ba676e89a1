"""Releases in the states that the tests of `present` need: one public and one private edition."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core.audience import Audience
from bot.core.model import Person, Release, StepRecord, new_release
from bot.core.plan import ApprovalStep, DispatchStep, Plan, WatchStep
from bot.core.states import BoundRun, GaveWay, NeedsPerson, Passed, Running, StepState
from bot.core.trouble import Trouble, TroubleKind

WEB = "https://github.com"
OSS, EE = "acme/widget", "acme/widget-ee"
PUBLIC = Audience("public", {OSS: "public", EE: "private"})
PRIVATE = Audience("private", {OSS: "public", EE: "private"})
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

PLAN = Plan(
    pipeline="release",
    version="1.0.3",
    about="Micro release of both editions",
    permission="maintain",
    group="1.0",
    home=OSS,
    file_repo=OSS,
    steps=(
        DispatchStep(
            name="oss-start",
            needs=(),
            repo=OSS,
            workflow="start.yml",
            ref="develop",
            inputs=(("releaseVersion", "1.0.3"),),
            unless_tag="v1.0.3",
        ),
        WatchStep(name="oss", needs=("oss-start",), repo=OSS, workflow="pre-release.yml", ref="v1.0.3"),
        WatchStep(name="ee", needs=(), repo=EE, workflow="pre-release-ee.yml", ref="v1.0.3"),
        ApprovalStep(name="go", needs=("oss", "ee"), question="Publish the images?"),
        DispatchStep(name="docker", needs=("go",), repo=OSS, workflow="docker.yml", ref="v1.0.3"),
    ),
)


def at(minutes: float) -> datetime:
    """That many minutes after the command."""
    return NOON + timedelta(minutes=minutes)


def bound(
    run_id: int = 7001, *, attempt: int = 1, status: str = "in_progress", conclusion: str | None = None
) -> BoundRun:
    return BoundRun(
        id=run_id,
        attempt=attempt,
        status=status,
        conclusion=conclusion,
        head_sha="5f3a9c0e1b7d4a26880f1c2d3e4f5a6b7c8d9e0f",
        url=f"{WEB}/{OSS}/actions/runs/{run_id}",
        started_at=at(5),
    )


def failed(run_id: int = 7001, *, attempt: int = 1) -> BoundRun:
    return bound(run_id, attempt=attempt, status="completed", conclusion="failure")


def record(state: StepState, *, began: float | None = None, ended: float | None = None) -> StepRecord:
    """A record whose run is the one its state holds."""
    run = state.run if isinstance(state, Running | NeedsPerson | GaveWay) else None
    return StepRecord(
        state=state,
        run=run,
        began_at=None if began is None else at(began),
        ended_at=None if ended is None else at(ended),
    )


def passed(run_id: int, *, began: float, ended: float, attempt: int = 1) -> StepRecord:
    run = bound(run_id, attempt=attempt, status="completed", conclusion="success")
    return replace(record(Passed(at(ended)), began=began, ended=ended), run=run)


def needing(trouble: Trouble, run: BoundRun | None = None, *, began: float = 5) -> StepRecord:
    return replace(record(NeedsPerson(trouble, at(50), run=run), began=began), problems=1)


FAILED = Trouble(
    TroubleKind.FAILED,
    "Maven Central reset the connection in job build / publish",
    (f"{WEB}/{OSS}/actions/runs/7001",),
    "[INFO] Uploading widget.jar\n[ERROR] Connection reset",
)


def release(
    steps: Mapping[str, StepRecord] | None = None, *, plan: Plan = PLAN, turn: bool = True
) -> Release:
    """A release asked for at noon by maya in issue 7, with the given records in place of waiting ones."""
    fresh = new_release("r-4711", plan, issue=7, comment_id=99, starter=Person("maya", 1), asked_at=NOON)
    return replace(fresh, turn=turn, steps={**fresh.steps, **(steps or {})})
