"""Releases for the tests of the core, brought to any state by playing a history of events, never by hand.

`Journey` is one release, its clock and everything that was decided about it so far.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.core.causes import Cause, Finding, Verdict
from bot.core.decide import decide
from bot.core.deliveries import RunSeen
from bot.core.draft import Decision, RunBound, SendClosed, SendOpened
from bot.core.effects import Effect, Notice
from bot.core.events import (
    CancelJudged,
    Candidates,
    Event,
    Judged,
    RepositoryBarred,
    RerunAccepted,
    RunLevel,
    SendChecked,
    SendDone,
    SendRefused,
    SendUnknown,
    Tick,
    Unanswered,
    WayFree,
)
from bot.core.model import NoteKind, Person, Release, new_release
from bot.core.plan import ApprovalStep, DispatchStep, Plan, Retry, Step, WatchStep
from bot.core.states import StepState
from bot.core.steering import OpenCommand, Refused, resolve
from bot.core.trouble import Trouble, TroubleKind
from bot.core.wants import wake_at, wanted

OSS, EE = "acme/widget", "acme/widget-ee"
APP = "acme-release[bot]"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
COMMIT = "5f3a9c0e1b7d4a26880f1c2d3e4f5a6b7c8d9e0f"
FIFTEEN_MINUTES, SIX_HOURS, A_DAY = 900.0, 21_600.0, 86_400.0
NO_ACCESS = Trouble(TroubleKind.NO_ACCESS, "the app's installation is suspended")


def plan_of(*steps: Step) -> Plan:
    """A plan of these steps, for version 1.0.3 at the public edition."""
    return Plan(
        pipeline="release",
        version="1.0.3",
        about="Micro release",
        permission="maintain",
        group="1.0",
        steps=steps,
        home=OSS,
        file_repo=OSS,
    )


def dispatch_step(
    name: str = "build", *needs: str, repo: str = OSS, retry: Retry | None = None
) -> DispatchStep:
    return DispatchStep(
        name=name, needs=needs, repo=repo, workflow="build.yml", ref="develop", retry=retry or Retry()
    )


def watch_step(name: str = "build", *needs: str, repo: str = OSS, ref: str = "v1.0.3") -> WatchStep:
    return WatchStep(name=name, needs=needs, repo=repo, workflow="pre-release.yml", ref=ref)


def approval_step(name: str = "build", *needs: str) -> ApprovalStep:
    return ApprovalStep(name=name, needs=needs, question="Publish the images?")


DISPATCH = plan_of(dispatch_step())
IN_LINE = plan_of(replace(dispatch_step(), one_at_a_time="images"))
WATCH = plan_of(watch_step())
APPROVAL = plan_of(approval_step())
TWO_EDITIONS = plan_of(
    replace(dispatch_step("oss-start"), workflow="start.yml", unless_tag="v1.0.3"),
    watch_step("oss", "oss-start"),
    replace(dispatch_step("ee-start", repo=EE), workflow="start.yml", unless_tag="v1.0.3"),
    watch_step("ee", "ee-start", repo=EE),
    replace(dispatch_step("oss-docker", "oss", "ee"), workflow="docker.yml"),
    replace(dispatch_step("ee-docker", "oss", "ee", repo=EE), workflow="docker.yml"),
)
WITH_APPROVAL = plan_of(
    dispatch_step(), approval_step("go", "build"), replace(dispatch_step("ship", "go"), workflow="ship.yml")
)


def run_seen(
    run_id: int = 7,
    *,
    status: str = "in_progress",
    conclusion: str | None = None,
    attempt: int = 1,
    event: str = "workflow_dispatch",
    workflow: str = "build.yml",
    ref: str = "develop",
    title: str = "Build",
    actor: str = APP,
    by: str | None = APP,
    sha: str = COMMIT,
    created: datetime = NOON,
    started: datetime | None = None,
    updated: datetime | None = None,
) -> RunSeen:
    """A run as GitHub shows it: dispatched by the app at noon unless told otherwise; `by` started this attempt."""
    return RunSeen(
        id=run_id,
        attempt=attempt,
        status="completed" if conclusion else status,
        conclusion=conclusion,
        event=event,
        path=f".github/workflows/{workflow}",
        head_branch=ref,
        head_sha=sha,
        display_title=title,
        actor_login=actor,
        triggering_actor_login=by,
        created_at=created,
        run_started_at=started or created,
        updated_at=updated or started or created,
        html_url=f"https://github.com/{OSS}/actions/runs/{run_id}",
    )


def watched_run(run_id: int = 7, **facts: str) -> RunSeen:
    """A run of the workflow that the watch step awaits, started by the push of the tag."""
    seen = run_seen(run_id, event="push", workflow="pre-release.yml", ref="v1.0.3", actor="maya", by="maya")
    return replace(seen, **facts)  # type: ignore[arg-type]


def verdict(cause: Cause) -> Verdict:
    return Verdict(cause, (Finding("build", None, cause, None, "connection reset", None, None),))


@dataclass(slots=True)
class Journey:
    """A release on its way. Each verb makes one thing happen at `now` and returns what was decided."""

    plan: Plan = DISPATCH
    ahead: str | None = None
    now: datetime = NOON
    release: Release = field(init=False)
    notices: list[Notice] = field(default_factory=list)
    opened: list[SendOpened] = field(default_factory=list)
    closed: list[SendClosed] = field(default_factory=list)
    bound: list[RunBound] = field(default_factory=list)

    def __post_init__(self) -> None:
        maya = Person("maya", 1)
        self.release = new_release("r1", self.plan, issue=7, comment_id=99, starter=maya, asked_at=NOON)
        self.hears(Tick(self.ahead))

    def hears(self, event: Event) -> Decision:
        decision = decide(self.release, event, self.now)
        self.release = decision.release
        self.notices.extend(decision.notices)
        self.opened.extend([decision.opened] if decision.opened else [])
        self.closed.extend(decision.closed)
        self.bound.extend(decision.bound)
        return decision

    def waits(self, seconds: float) -> Decision:
        """Time passes, and the release is woken at the end of it."""
        self.now += timedelta(seconds=seconds)
        return self.hears(Tick())

    def orders(self, command: OpenCommand, by: str = "maya") -> Decision:
        """A command that has to be accepted is carried out."""
        event = resolve(self.release, command, by, self.now)
        assert not isinstance(event, Refused), event
        return self.hears(event)

    def state(self, step: str = "build") -> StepState:
        return self.release.steps[step].state

    def kind(self, step: str = "build") -> str:
        return self.state(step).kind

    @property
    def effects(self) -> tuple[Effect, ...]:
        return wanted(self.release, self.now)

    @property
    def wake_at(self) -> datetime | None:
        return wake_at(self.release, self.now)

    def told(self, kind: str) -> int:
        """How many notices of this kind were given."""
        return sum(notice.kind == kind for notice in self.notices)

    def noted(self, step: str = "build") -> list[NoteKind]:
        return [note.kind for note in self.release.steps[step].notes]

    # -- the usual steps of a history ----------------------------------------------------------------

    def sends(self, step: str = "build") -> "Journey":
        self.hears(SendChecked(step, self.now, None))
        return self

    def loses_the_answer(self, step: str = "build") -> "Journey":
        sends = self.sends(step).release.steps[step].sends
        self.hears(SendUnknown(step, sends, "GitHub's answer to the dispatch was lost"))
        return self

    def is_refused(self, step: str = "build") -> "Journey":
        sends = self.sends(step).release.steps[step].sends
        self.hears(SendRefused(step, sends, Trouble(TroubleKind.REFUSED, "no such input")))
        return self

    def starts(self, step: str = "build", run_id: int = 7) -> "Journey":
        sends = self.sends(step).release.steps[step].sends
        self.hears(SendDone(step, sends, run_id, f"https://github.com/{OSS}/actions/runs/{run_id}"))
        self.sees(run_seen(run_id, created=self.now), step=step)
        return self

    def sees(
        self, run: RunSeen, *, step: str = "build", confirmed: bool = True, jobs_ran: bool | None = None
    ) -> Decision:
        return self.hears(RunLevel(step, run, confirmed=confirmed, jobs_ran=jobs_ran))

    def passes(self, step: str = "build", run_id: int = 7, *, attempt: int = 1) -> "Journey":
        seen = run_seen(run_id, conclusion="success", attempt=attempt, started=self.now)
        self.sees(seen, step=step, jobs_ran=True)
        return self

    def ends(self, conclusion: str, step: str = "build", run_id: int = 7, *, attempt: int = 1) -> "Journey":
        self.sees(run_seen(run_id, conclusion=conclusion, attempt=attempt, started=self.now), step=step)
        return self

    def fails(
        self, cause: Cause = Cause.BROKEN, step: str = "build", run_id: int = 7, *, attempt: int = 1
    ) -> "Journey":
        self.ends("failure", step, run_id, attempt=attempt)
        self.hears(Judged(step, run_id, attempt, verdict(cause), "tail"))
        return self

    def is_cancelled(self, step: str = "build", run_id: int = 7) -> "Journey":
        """By a person, on GitHub."""
        self.ends("cancelled", step, run_id)
        self.hears(CancelJudged(step, run_id, 1))
        return self

    def is_rerun(
        self, step: str = "build", run_id: int = 7, *, attempt: int, by: str = APP, started: float = 0.0
    ) -> "Journey":
        """The next attempt is seen in progress; it started `started` seconds from now."""
        began = self.now + timedelta(seconds=started)
        self.sees(run_seen(run_id, attempt=attempt, by=by, started=began), step=step)
        return self

    def finds(self, *runs: RunSeen, step: str = "build", blind: float = 0.0) -> Decision:
        """GitHub is asked for the awaited run; before, it could not be read for `blind` seconds."""
        previous = self.now - timedelta(seconds=blind)
        return self.hears(Candidates(step, self.now, previous, 0.0, runs))


def _cooling() -> Journey:
    return Journey().starts().fails(Cause.TRANSIENT)


def _rerunning() -> Journey:
    journey = _cooling()
    journey.waits(30)
    journey.hears(RerunAccepted("build", 7, 1))
    return journey


def _held() -> Journey:
    journey = Journey().starts()
    journey.sees(run_seen(status="waiting"))
    return journey


def _timed_out() -> Journey:
    journey = Journey().starts()
    journey.waits(SIX_HOURS)
    journey.sees(run_seen())
    return journey


def _awaited_too_long(journey: Journey) -> Journey:
    journey.finds()
    journey.waits(FIFTEEN_MINUTES)
    journey.finds()
    return journey


def _finds_two(journey: Journey) -> Journey:
    journey.finds(run_seen(7), run_seen(8))
    return journey


def barred(journey: Journey) -> Journey:
    journey.hears(RepositoryBarred(OSS, NO_ACCESS))
    return journey


def unanswered(journey: Journey) -> Journey:
    journey.hears(Unanswered("build", "a detail"))
    return journey


def _announced() -> Journey:
    journey = Journey().starts()
    journey.sees(run_seen(conclusion="success"), confirmed=False)
    return journey


def ordered(journey: Journey, command: OpenCommand) -> Journey:
    journey.orders(command)
    return journey


def _gave_way() -> Journey:
    journey = Journey().starts().ends("cancelled")
    journey.hears(CancelJudged("build", 7, 1, "images", others=(6,)))
    return journey


def _gave_way_twice() -> Journey:
    journey = _gave_way()
    journey.hears(WayFree("build", 7, 1))
    journey.starts(run_id=8).ends("cancelled", run_id=8)
    journey.hears(CancelJudged("build", 8, 1, "images", others=(9,)))
    return journey


PLACES: dict[str, Callable[[], Journey]] = {
    "waiting": lambda: Journey(ahead="1.0.2"),
    "in line": lambda: Journey(IN_LINE),
    "due": Journey,
    "sending": lambda: Journey().sends(),
    "finding": lambda: Journey().loses_the_answer(),
    "expecting": lambda: Journey(WATCH),
    "running": lambda: Journey().starts(),
    "held": _held,
    "diagnosing": lambda: Journey().starts().ends("failure"),
    "judging a cancel": lambda: Journey().starts().ends("cancelled"),
    "gave way": _gave_way,
    "gave way twice": _gave_way_twice,
    "cooling": _cooling,
    "rerunning": _rerunning,
    "awaiting approval": lambda: Journey(APPROVAL),
    "failed": lambda: Journey().starts().fails(Cause.BROKEN),
    "refused": lambda: Journey().is_refused(),
    "timed out": _timed_out,
    "never found": lambda: _awaited_too_long(Journey().loses_the_answer()),
    "never appeared": lambda: _awaited_too_long(Journey(WATCH)),
    "two candidates": lambda: _finds_two(Journey().loses_the_answer()),
    "nothing ran": lambda: Journey().starts().ends("skipped"),
    "barred, due": lambda: barred(Journey()),
    "barred, finding": lambda: barred(Journey().loses_the_answer()),
    "barred, expecting": lambda: barred(Journey(WATCH)),
    "barred, running": lambda: barred(Journey().starts()),
    "barred, diagnosing": lambda: barred(Journey().starts().ends("failure")),
    "barred, gave way": lambda: barred(_gave_way()),
    "barred, cooling": lambda: barred(_cooling()),
    "barred, rerunning": lambda: barred(_rerunning()),
    "unanswered, due": lambda: unanswered(Journey()),
    "unanswered, diagnosing": lambda: unanswered(Journey().starts().ends("failure")),
    "unanswered, judging a cancel": lambda: unanswered(Journey().starts().ends("cancelled")),
    "unanswered, running": lambda: unanswered(_announced()),
    "passed": lambda: Journey().starts().passes(),
}
"""Every place a step can be in, reached by the shortest history. The step is `build`, its run 7."""
