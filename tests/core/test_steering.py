"""What people's commands do to an open release, and every reason for which one is refused (contract section 4)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.core import commands
from bot.core.causes import Cause
from bot.core.deliveries import RunSeen
from bot.core.effects import CheckSend, ConfirmRun, RerunFailedJobs
from bot.core.events import AdoptAsked, RetryAsked, SendStopped
from bot.core.model import NoteKind, Release, ReleaseWord
from bot.core.states import Cooling, Due, Expecting, Passed
from bot.core.steering import AT_ANY_TIME, NamedRun, No, OpenCommand, Refused, resolve, resolve_adopt
from bot.core.trouble import Trouble, TroubleKind
from tests.core.releases import (
    APPROVAL,
    EE,
    OSS,
    PLACES,
    TWO_EDITIONS,
    WATCH,
    WITH_APPROVAL,
    Journey,
    approval_step,
    dispatch_step,
    plan_of,
    run_seen,
    watched_run,
)

RETRY = commands.Retry(pipeline="release", step="build")
REDO = commands.Redo(pipeline="release", step="build")
SKIP = commands.Skip(pipeline="release", step="build")
APPROVE = commands.Approve(pipeline="release", step="build")
RETRY_ANY = commands.Retry(pipeline="release")
APPROVE_ANY = commands.Approve(pipeline="release")
PAUSE = commands.Pause(pipeline="release")
RESUME = commands.Resume(pipeline="release")
CANCEL = commands.Cancel(pipeline="release")
EVERY = (RETRY, REDO, SKIP, APPROVE, RETRY_ANY, APPROVE_ANY, PAUSE, RESUME, CANCEL)

OUTCOMES: dict[str, tuple[str, str, str]] = {
    "waiting": ("not-failed", "not-failed", "released"),
    "in line": ("not-failed", "not-failed", "released"),
    "due": ("not-failed", "not-failed", "released"),
    "sending": ("send-unknown", "send-unknown", "send-unknown"),
    "finding": ("send-unknown", "send-unknown", "send-unknown"),
    "expecting": ("not-failed", "redo-watched", "released"),
    "running": ("live", "live", "live"),
    "held": ("live", "live", "live"),
    "diagnosing": ("not-failed", "not-failed", "released"),
    "judging a cancel": ("not-failed", "not-failed", "released"),
    "gave way": ("due", "due", "released"),
    "gave way twice": ("cooling", "due", "released"),
    "cooling": ("cooling", "due", "released"),
    "rerunning": ("live", "live", "live"),
    "awaiting approval": ("not-failed", "redo-approval", "released"),
    "failed": ("cooling", "due", "released"),
    "refused": ("due", "due", "released"),
    "timed out": ("live", "live", "live"),
    "never found": ("due", "due", "released"),
    "never appeared": ("expecting", "redo-watched", "released"),
    "two candidates": ("due", "due", "released"),
    "nothing ran": ("not-rerunnable", "due", "released"),
    "barred, due": ("due", "due", "released"),
    "barred, finding": ("send-unknown", "send-unknown", "send-unknown"),
    "barred, expecting": ("expecting", "redo-watched", "released"),
    "barred, running": ("live", "live", "live"),
    "barred, diagnosing": ("diagnosing", "due", "released"),
    "barred, gave way": ("gave-way", "due", "released"),
    "barred, cooling": ("cooling", "due", "released"),
    "barred, rerunning": ("live", "live", "live"),
    "unanswered, due": ("due", "due", "released"),
    "unanswered, diagnosing": ("cooling", "due", "released"),
    "unanswered, judging a cancel": ("cooling", "due", "released"),
    "unanswered, running": ("live", "live", "live"),
    "passed": ("finished", "finished", "finished"),
}
"""For every place: what `retry`, `redo` and `skip` make of the step, or the reason of the refusal."""


def why(release: Release, command: OpenCommand) -> Refused:
    answer = resolve(release, command, "maya", AT_ANY_TIME)
    assert isinstance(answer, Refused), answer
    return answer


def outcome(place: str, command: OpenCommand) -> str:
    journey = PLACES[place]()
    answer = resolve(journey.release, command, "maya", journey.now)
    if isinstance(answer, Refused):
        return str(answer.why)
    journey.hears(answer)
    return str(journey.release.word) if journey.release.word.final else journey.kind()


@pytest.mark.parametrize("place", PLACES)
def test_retry_redo_and_skip_in_every_place(place: str) -> None:
    found = (outcome(place, RETRY), outcome(place, REDO), outcome(place, SKIP))

    assert found == OUTCOMES[place]


@pytest.mark.parametrize("command", EVERY)
def test_on_a_finished_release_every_command_is_refused(command: OpenCommand) -> None:
    assert why(Journey().starts().passes().release, command).why is No.FINISHED


@pytest.mark.parametrize("command", EVERY)
def test_a_release_that_is_being_cancelled_takes_no_more_commands(command: OpenCommand) -> None:
    journey = Journey().starts()
    journey.orders(CANCEL)

    assert why(journey.release, command).why is No.CANCELLING


@pytest.mark.parametrize("command", [RETRY, REDO, SKIP, APPROVE])
def test_a_step_that_does_not_exist_is_named(command: OpenCommand) -> None:
    journey = Journey(plan_of(dispatch_step("other")))

    assert why(journey.release, command) == Refused(No.UNKNOWN_STEP, text="build")


def test_letter_case_does_not_matter_in_the_name_of_a_step() -> None:
    journey = Journey().is_refused()

    assert resolve(
        journey.release, commands.Retry(pipeline="release", step="BUILD"), "maya", journey.now
    ) == RetryAsked(("build",), "maya")


# -- retry ---------------------------------------------------------------------------------------------


def test_retry_runs_the_failed_jobs_again_at_once_beyond_the_budget() -> None:
    journey = Journey().starts().fails(Cause.BROKEN)

    decision = journey.orders(RETRY)

    assert decision.effects == (RerunFailedJobs("build", 7, 1),)
    assert journey.release.steps["build"].reruns_in_all == 0
    assert journey.noted()[-1] is NoteKind.ASKED_RERUN


def test_retry_does_not_wait_for_the_pause_of_an_automatic_re_run() -> None:
    journey = Journey().starts().fails(Cause.TRANSIENT)

    decision = journey.orders(RETRY)

    assert decision.effects == (RerunFailedJobs("build", 7, 1),)


def test_retry_of_a_live_run_is_refused_with_its_link() -> None:
    answer = why(Journey().starts().release, RETRY)

    assert (answer.why, answer.link) == (No.LIVE, f"https://github.com/{OSS}/actions/runs/7")


def test_retry_of_a_refused_dispatch_is_a_new_dispatch_with_a_new_number() -> None:
    journey = Journey().is_refused()

    decision = journey.orders(RETRY)
    journey.sends()

    assert decision.effects == (CheckSend("build", 2),)
    assert [(opened.step, opened.send) for opened in journey.opened] == [("build", 1), ("build", 2)]


@pytest.mark.parametrize("command", [RETRY, REDO, SKIP])
def test_a_send_still_looked_for_blocks_even_while_the_repository_refuses_the_bot(
    command: OpenCommand,
) -> None:
    assert why(PLACES["barred, finding"]().release, command).why is No.SEND_UNKNOWN


def test_retry_of_a_run_that_never_appeared_waits_again_for_the_same_run() -> None:
    journey = PLACES["never appeared"]()
    due = Journey(WATCH).now

    journey.orders(RETRY)

    state = journey.state()
    assert isinstance(state, Expecting)
    assert state.since == due
    assert (state.until - journey.now).total_seconds() == 900


def test_retry_without_a_step_takes_every_step_that_can_be_retried() -> None:
    journey = Journey(TWO_EDITIONS).is_refused("oss-start").is_refused("ee-start")

    assert resolve(journey.release, RETRY_ANY, "maya", journey.now) == RetryAsked(
        ("oss-start", "ee-start"), "maya"
    )


@pytest.mark.parametrize(
    ("place", "reason"),
    [("due", No.NOTHING_TO_RETRY), ("running", No.LIVE), ("nothing ran", No.NOT_RERUNNABLE)],
)
def test_retry_without_a_step_says_why_there_is_nothing_to_retry(place: str, reason: No) -> None:
    assert why(PLACES[place]().release, RETRY_ANY).why is reason


@pytest.mark.parametrize("command", [RETRY, RETRY_ANY, REDO])
def test_retry_and_redo_are_refused_while_paused(command: OpenCommand) -> None:
    journey = Journey().is_refused()
    journey.orders(PAUSE)

    assert why(journey.release, command).why is No.PAUSED


@pytest.mark.parametrize("command", [RETRY, REDO, SKIP, APPROVE])
def test_a_step_that_is_over_stays_over(command: OpenCommand) -> None:
    journey = Journey(WITH_APPROVAL).starts().passes()

    expected = No.NO_APPROVAL if command is APPROVE else No.STEP_OVER
    assert why(journey.release, command).why is expected


# -- redo and skip -------------------------------------------------------------------------------------


def test_redo_is_a_new_dispatch_and_the_new_run_has_its_own_budget() -> None:
    journey = Journey().starts().fails(Cause.UNKNOWN)
    journey.waits(30)
    journey.is_rerun(attempt=2).fails(Cause.UNKNOWN, attempt=2)
    assert journey.kind() == "needs-person"

    journey.orders(REDO)
    journey.starts(run_id=8).fails(Cause.UNKNOWN, run_id=8)

    assert [opened.send for opened in journey.opened] == [1, 2]
    assert isinstance(journey.state(), Cooling)


def test_redo_reads_again_whether_the_tag_exists() -> None:
    journey = Journey().starts().fails()
    journey.orders(REDO)

    journey.hears(SendStopped("build", Trouble(TroubleKind.TAG_EXISTS, "v1.0.3")))

    assert len(journey.opened) == 1
    assert journey.release.word is ReleaseWord.NEEDS_ATTENTION


def test_skip_is_refused_while_the_needs_of_a_step_are_unmet() -> None:
    journey = Journey(TWO_EDITIONS)

    assert why(journey.release, commands.Skip(pipeline="release", step="oss")).why is No.NEEDS_UNMET


def test_a_skipped_step_lets_those_that_need_it_go_on() -> None:
    journey = Journey(TWO_EDITIONS)

    journey.orders(commands.Skip(pipeline="release", step="oss-start"))

    assert (journey.kind("oss-start"), journey.kind("oss")) == ("skipped", "expecting")


# -- adopt ---------------------------------------------------------------------------------------------


def adopting(journey: Journey, named: NamedRun | None) -> Refused | AdoptAsked:
    answer = resolve_adopt(journey.release, "build", named, "maya", journey.now)
    assert isinstance(answer, Refused | AdoptAsked)
    return answer


def named(run: RunSeen | None = None, *, repo: str = OSS, bound_elsewhere: bool = False) -> NamedRun:
    return NamedRun(repo, run or run_seen(9, actor="maya", by="maya"), bound_elsewhere)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (named(repo=EE), No.OTHER_REPOSITORY),
        (named(run_seen(9, workflow="other.yml")), No.OTHER_WORKFLOW),
        (named(run_seen(9, ref="main")), No.OTHER_REF),
        (named(bound_elsewhere=True), No.BOUND_ELSEWHERE),
        (NamedRun(OSS, None), No.NO_SUCH_RUN),
        (None, No.NO_SUCH_RUN),
    ],
)
def test_only_a_run_of_the_step_can_be_adopted(run: NamedRun | None, reason: No) -> None:
    answer = adopting(Journey(), run)

    assert isinstance(answer, Refused)
    assert answer.why is reason


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("sending", No.SEND_UNKNOWN),
        ("running", No.LIVE),
        ("timed out", No.LIVE),
        ("rerunning", No.LIVE),
        ("barred, running", No.LIVE),
        ("awaiting approval", No.ADOPT_APPROVAL),
        ("passed", No.FINISHED),
    ],
)
def test_a_step_with_a_live_run_or_none_at_all_adopts_nothing(place: str, reason: No) -> None:
    answer = adopting(PLACES[place](), named())

    assert isinstance(answer, Refused)
    assert answer.why is reason


def test_a_step_whose_needs_are_unmet_adopts_nothing() -> None:
    journey = Journey(plan_of(dispatch_step("first"), dispatch_step("build", "first")))

    answer = adopting(journey, named())

    assert isinstance(answer, Refused)
    assert answer.why is No.NEEDS_UNMET


@pytest.mark.parametrize(
    "place",
    [
        "due",
        "finding",
        "diagnosing",
        "cooling",
        "failed",
        "refused",
        "never found",
        "two candidates",
        "nothing ran",
    ],
)
def test_an_adopted_run_is_confirmed_before_it_counts(place: str) -> None:
    journey = PLACES[place]()
    answer = adopting(journey, named(run_seen(9, conclusion="success", actor="maya", by="maya")))
    assert isinstance(answer, AdoptAsked)

    decision = journey.hears(answer)

    assert decision.effects == (ConfirmRun("build", 9, 1),)
    assert journey.bound[-1].run_id == 9
    journey.passes(run_id=9)
    assert journey.release.word is ReleaseWord.RELEASED


def test_adopting_while_a_send_is_looked_for_closes_that_send() -> None:
    journey = Journey().loses_the_answer()
    answer = adopting(journey, named())
    assert isinstance(answer, AdoptAsked)

    journey.hears(answer)

    assert [(closed.send, closed.outcome) for closed in journey.closed] == [(1, "adopted")]


def test_a_watch_step_adopts_the_run_of_its_tag() -> None:
    journey = Journey(WATCH)
    answer = adopting(journey, named(replace(watched_run(9), event="workflow_dispatch")))

    assert isinstance(answer, AdoptAsked)


# -- approve -------------------------------------------------------------------------------------------


def test_approve_passes_the_one_step_that_asks() -> None:
    journey = Journey(WITH_APPROVAL).starts().passes()

    journey.orders(APPROVE_ANY, by="noor")

    assert journey.state("go") == Passed(journey.now, "noor")
    assert journey.kind("ship") == "due"


def test_approve_by_name_passes_that_step() -> None:
    journey = Journey(APPROVAL)

    journey.orders(APPROVE)

    assert journey.release.word is ReleaseWord.RELEASED


def test_with_two_questions_open_the_step_has_to_be_named() -> None:
    journey = Journey(plan_of(approval_step("go"), approval_step("publish")))

    assert why(journey.release, APPROVE_ANY) == Refused(No.SEVERAL_TO_APPROVE, text="go, publish")


@pytest.mark.parametrize(("command", "step"), [(APPROVE, "build"), (APPROVE_ANY, None)])
def test_an_environment_is_approved_on_github(command: OpenCommand, step: str | None) -> None:
    answer = why(PLACES["held"]().release, command)

    assert answer == Refused(No.ENVIRONMENT, step, f"https://github.com/{OSS}/actions/runs/7")


@pytest.mark.parametrize(
    ("make", "command", "reason"),
    [
        (Journey, APPROVE_ANY, No.NOTHING_TO_APPROVE),
        (Journey, APPROVE, No.NO_APPROVAL),
        (
            lambda: Journey(plan_of(dispatch_step("first"), approval_step("build", "first"))),
            APPROVE,
            No.NEEDS_UNMET,
        ),
    ],
)
def test_what_asks_nothing_cannot_be_approved(
    make: Callable[[], Journey], command: OpenCommand, reason: No
) -> None:
    assert why(make().release, command).why is reason


def test_an_approved_question_is_over() -> None:
    journey = Journey(plan_of(approval_step("build"), dispatch_step("ship", "build")))
    journey.orders(APPROVE)

    assert why(journey.release, APPROVE).why is No.STEP_OVER


# -- pause and resume ----------------------------------------------------------------------------------


def test_a_paused_release_cannot_be_paused_nor_a_running_one_resumed() -> None:
    journey = Journey()
    assert why(journey.release, RESUME).why is No.NOT_PAUSED
    journey.orders(PAUSE)

    assert why(journey.release, PAUSE).why is No.ALREADY_PAUSED


def test_a_paused_release_goes_on_where_it_stood() -> None:
    journey = Journey()

    paused = journey.orders(PAUSE)
    word = journey.release.word
    resumed = journey.orders(RESUME)

    assert (word, paused.effects) == (ReleaseWord.PAUSED, ())
    assert (journey.release.word, resumed.effects) == (ReleaseWord.RUNNING, (CheckSend("build", 1),))
    assert isinstance(journey.state(), Due)
