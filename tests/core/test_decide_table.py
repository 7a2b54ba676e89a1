"""The machine as a table: for every place a step can be in and every event, what the step becomes.

What the table does not name changes nothing at all: late, doubled and foreign news leave the release as it is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.causes import Cause
from bot.core.events import (
    BotStarted,
    CancelJudged,
    Candidates,
    Event,
    Judged,
    RepositoryBarred,
    RepositoryOpen,
    RerunAccepted,
    RerunRefused,
    RerunUnderWay,
    RunGone,
    RunLevel,
    SendChecked,
    SendDone,
    SendHeldBack,
    SendNotDone,
    SendRefused,
    SendStopped,
    SendUnknown,
    Tick,
    TurnGiven,
    TurnTaken,
    Unanswered,
    WayFree,
)
from bot.core.plan import WatchStep
from bot.core.states import Behind, NeedsPerson
from bot.core.trouble import Trouble, TroubleKind
from tests.core.releases import EE, NO_ACCESS, OSS, PLACES, Journey, run_seen, verdict

_STOP = Trouble(TroubleKind.TAG_EXISTS, "v1.0.3")
_REFUSED = Trouble(TroubleKind.REFUSED, "no such input")


def _found(journey: Journey, *ids: int) -> Candidates:
    """Runs that fit, as the engine finds them: none is bound, none is younger than the step."""
    runs = tuple(run_seen(run_id, created=journey.now) for run_id in ids)
    if isinstance(journey.plan.steps[0], WatchStep):
        runs = tuple(replace(run, event="push") for run in runs)
    return Candidates("build", journey.now, journey.now, 10.0, runs)


EVENTS: dict[str, Callable[[Journey], Event]] = {
    "a tick": lambda _: Tick(),
    "a restart": lambda _: BotStarted(),
    "send checked": lambda journey: SendChecked("build", journey.now, None),
    "send checked too long ago": lambda journey: SendChecked(
        "build", journey.now - timedelta(seconds=10), None
    ),
    "send held back": lambda _: SendHeldBack("build", "wait", 5.0),
    "send stopped": lambda _: SendStopped("build", _STOP),
    "send done": lambda _: SendDone("build", 1, 9, "https://github.com/acme/widget/actions/runs/9"),
    "send done, no id": lambda _: SendDone("build", 1, None, None),
    "send not done": lambda _: SendNotDone("build", 1, "401", 5.0),
    "send refused": lambda _: SendRefused("build", 1, _REFUSED),
    "send unknown": lambda _: SendUnknown("build", 1, "lost"),
    "outcome of another send": lambda _: SendDone("build", 2, 9, None),
    "no candidate": _found,
    "one candidate": lambda journey: _found(journey, 9),
    "two candidates": lambda journey: _found(journey, 8, 9),
    "a doubtful candidate": lambda journey: replace(_found(journey), doubtful=_found(journey, 9).runs),
    "run queued": lambda _: RunLevel("build", run_seen(status="queued"), confirmed=True),
    "run in progress": lambda _: RunLevel("build", run_seen(), confirmed=True),
    "run held": lambda _: RunLevel("build", run_seen(status="waiting"), confirmed=True),
    "success, announced": lambda _: RunLevel("build", run_seen(conclusion="success"), confirmed=False),
    "success": lambda _: RunLevel("build", run_seen(conclusion="success"), confirmed=True, jobs_ran=True),
    "success, jobs not read": lambda _: RunLevel("build", run_seen(conclusion="success"), confirmed=True),
    "success, nothing ran": lambda _: RunLevel(
        "build", run_seen(conclusion="success"), confirmed=True, jobs_ran=False
    ),
    "failure, announced": lambda _: RunLevel("build", run_seen(conclusion="failure"), confirmed=False),
    "failure": lambda _: RunLevel("build", run_seen(conclusion="failure"), confirmed=True),
    "cancelled": lambda _: RunLevel("build", run_seen(conclusion="cancelled"), confirmed=True),
    "a next attempt": lambda _: RunLevel("build", run_seen(attempt=2, by="maya"), confirmed=False),
    "another run": lambda _: RunLevel(
        "build", run_seen(8, conclusion="success"), confirmed=True, jobs_ran=True
    ),
    "run gone": lambda _: RunGone("build", 7),
    "another run gone": lambda _: RunGone("build", 8),
    "judged transient": lambda _: Judged("build", 7, 1, verdict(Cause.TRANSIENT), ""),
    "judged broken": lambda _: Judged("build", 7, 1, verdict(Cause.BROKEN), ""),
    "judged, other attempt": lambda _: Judged("build", 7, 2, verdict(Cause.BROKEN), ""),
    "cancelled by a person": lambda _: CancelJudged("build", 7, 1),
    "cancelled for a group": lambda _: CancelJudged("build", 7, 1, "images", others=(6,)),
    "cancelled for a group, begun": lambda _: CancelJudged("build", 7, 1, "images", began=True),
    "cancelled, other attempt": lambda _: CancelJudged("build", 7, 2, "images"),
    "the way is free": lambda _: WayFree("build", 7, 1),
    "the way of another attempt is free": lambda _: WayFree("build", 7, 2),
    "its turn": lambda _: TurnGiven("build"),
    "another one's turn": lambda _: TurnTaken("build", Behind(OSS, "release", "0.24.9", "build")),
    "re-run accepted": lambda _: RerunAccepted("build", 7, 1),
    "re-run refused": lambda _: RerunRefused("build", 7, 1, "too old"),
    "re-run under way": lambda _: RerunUnderWay("build", 7, 1),
    "re-run under way, other attempt": lambda _: RerunUnderWay("build", 7, 2),
    "re-run of another attempt": lambda _: RerunAccepted("build", 7, 2),
    "unanswered": lambda _: Unanswered("build", "a detail"),
    "barred": lambda _: RepositoryBarred(OSS, NO_ACCESS),
    "another barred": lambda _: RepositoryBarred(EE, NO_ACCESS),
    "open": lambda _: RepositoryOpen(OSS.upper()),
    "another open": lambda _: RepositoryOpen(EE),
}

BECOMES: dict[str, dict[str, str]] = {
    "waiting": {
        "a tick": "due",
    },
    "in line": {
        "its turn": "due",
        "another one's turn": "in-line",
        "barred": "no-access",
    },
    "due": {
        "send checked": "sending",
        "send held back": "due",
        "send stopped": "tag-exists",
        "unanswered": "unanswered",
        "barred": "no-access",
    },
    "sending": {
        "a restart": "finding",
        "send done": "running",
        "send done, no id": "finding",
        "send not done": "due",
        "send refused": "refused",
        "send unknown": "finding",
    },
    "finding": {
        "one candidate": "running",
        "two candidates": "two-candidates",
        "a doubtful candidate": "doubtful-run",
        "barred": "no-access",
    },
    "expecting": {
        "no candidate": "expecting",
        "a doubtful candidate": "expecting",
        "one candidate": "running",
        "two candidates": "two-candidates",
        "barred": "no-access",
    },
    "running": {
        "run held": "running",
        "success, announced": "running",
        "success": "passed",
        "success, jobs not read": "running",
        "success, nothing ran": "nothing-ran",
        "failure, announced": "running",
        "failure": "diagnosing",
        "cancelled": "diagnosing",
        "a next attempt": "running",
        "run gone": "deleted",
        "barred": "no-access",
    },
    "held": {
        "run queued": "running",
        "run in progress": "running",
        "success, announced": "running",
        "success": "passed",
        "success, jobs not read": "running",
        "success, nothing ran": "nothing-ran",
        "failure, announced": "running",
        "failure": "diagnosing",
        "cancelled": "diagnosing",
        "a next attempt": "running",
        "run gone": "deleted",
        "barred": "no-access",
    },
    "diagnosing": {
        "a next attempt": "running",
        "run gone": "deleted",
        "judged transient": "cooling",
        "judged broken": "failed",
        "unanswered": "unanswered",
        "barred": "no-access",
    },
    "judging a cancel": {
        "cancelled by a person": "cancelled",
        "cancelled for a group": "gave-way",
        "cancelled for a group, begun": "group-cancelled",
        "a next attempt": "running",
        "run gone": "deleted",
        "unanswered": "unanswered",
        "barred": "no-access",
    },
    "gave way": {
        "the way is free": "due",
        "a next attempt": "running",
        "run gone": "deleted",
        "barred": "no-access",
    },
    "gave way twice": {
        "another run gone": "deleted",
    },
    "cooling": {
        "a next attempt": "running",
        "run gone": "deleted",
        "re-run accepted": "rerunning",
        "re-run refused": "rerun-refused",
        "barred": "no-access",
    },
    "rerunning": {
        "a next attempt": "running",
        "run gone": "deleted",
        "barred": "no-access",
    },
    "awaiting approval": {},
    "failed": {
        "a next attempt": "running",
        "run gone": "deleted",
    },
    "refused": {},
    "timed out": {
        "run held": "running",
        "success, announced": "timed-out",
        "success": "passed",
        "success, jobs not read": "timed-out",
        "success, nothing ran": "nothing-ran",
        "failure, announced": "timed-out",
        "failure": "diagnosing",
        "cancelled": "diagnosing",
        "a next attempt": "running",
        "run gone": "deleted",
    },
    "never found": {
        "one candidate": "running",
    },
    "never appeared": {
        "one candidate": "running",
    },
    "two candidates": {},
    "nothing ran": {
        "a next attempt": "running",
        "run gone": "deleted",
    },
    "barred, due": {
        "open": "due",
    },
    "barred, finding": {
        "one candidate": "running",
        "open": "finding",
    },
    "barred, expecting": {
        "one candidate": "running",
        "open": "expecting",
    },
    "barred, running": {
        "a next attempt": "running",
        "run gone": "deleted",
        "open": "running",
    },
    "barred, diagnosing": {
        "a next attempt": "running",
        "run gone": "deleted",
        "open": "diagnosing",
    },
    "barred, gave way": {
        "a next attempt": "running",
        "run gone": "deleted",
        "open": "gave-way",
    },
    "barred, cooling": {
        "a next attempt": "running",
        "run gone": "deleted",
        "open": "cooling",
    },
    "barred, rerunning": {
        "a next attempt": "running",
        "run gone": "deleted",
        "open": "rerunning",
    },
    "unanswered, due": {
        "send checked": "sending",
        "send checked too long ago": "due",
        "send held back": "due",
        "send stopped": "tag-exists",
    },
    "unanswered, diagnosing": {
        "a next attempt": "running",
        "run gone": "deleted",
        "judged transient": "cooling",
        "judged broken": "failed",
    },
    "unanswered, judging a cancel": {
        "cancelled by a person": "cancelled",
        "cancelled for a group": "gave-way",
        "cancelled for a group, begun": "group-cancelled",
        "a next attempt": "running",
        "run gone": "deleted",
    },
    "unanswered, running": {
        "run held": "running",
        "success": "passed",
        "success, nothing ran": "nothing-ran",
        "failure": "diagnosing",
        "cancelled": "diagnosing",
        "a next attempt": "running",
        "run gone": "deleted",
    },
    "passed": {},
}
"""The step's next state by its kind, or the kind of trouble where a person is needed."""


def _place(journey: Journey) -> str:
    state = journey.state()
    return str(state.trouble.kind) if isinstance(state, NeedsPerson) else state.kind


CHANGES = [(place, event, after) for place, row in BECOMES.items() for event, after in row.items()]
STALE = [(place, event) for place in PLACES for event in EVENTS if event not in BECOMES[place]]


@pytest.mark.parametrize(("place", "event", "after"), CHANGES)
def test_what_happened_moves_the_step(place: str, event: str, after: str) -> None:
    journey = PLACES[place]()

    journey.hears(EVENTS[event](journey))

    assert _place(journey) == after


@pytest.mark.parametrize(("place", "event"), STALE)
def test_what_is_stale_or_foreign_changes_nothing(place: str, event: str) -> None:
    journey = PLACES[place]()
    before = journey.release

    decision = journey.hears(EVENTS[event](journey))

    assert decision.release == before
    assert (decision.notices, decision.opened, decision.closed, decision.bound) == ((), None, (), ())


@pytest.mark.parametrize(("place", "event", "after"), CHANGES)
def test_hearing_it_a_second_time_changes_nothing_more(place: str, event: str, after: str) -> None:
    journey = PLACES[place]()
    twice = EVENTS[event](journey)
    journey.hears(twice)
    once = journey.release

    decision = journey.hears(twice)

    assert decision.release == once
    assert (decision.notices, decision.opened, decision.closed) == ((), None, ())
