"""What a bound run's levels mean: passed, failed, re-run within the budget, timed out, held, gone (promise 4)."""

from dataclasses import replace

import pytest

from bot.core import commands
from bot.core.causes import Cause
from bot.core.effects import ConfirmRun, JudgeFailure, RerunFailedJobs
from bot.core.events import Judged, RepositoryOpen, RerunAccepted, RerunRefused, RerunUnderWay, RunGone
from bot.core.model import NoteKind, ReleaseWord
from bot.core.plan import MOST_RERUNS, Retry
from bot.core.states import Cooling, NeedsPerson, Running
from bot.core.trouble import Background, TroubleKind
from tests.core.releases import (
    A_DAY,
    FIFTEEN_MINUTES,
    OSS,
    PLACES,
    SIX_HOURS,
    Journey,
    barred,
    dispatch_step,
    plan_of,
    run_seen,
    verdict,
)


def trouble(journey: Journey) -> TroubleKind:
    state = journey.state()
    assert isinstance(state, NeedsPerson), state
    return state.trouble.kind


def generous(**budget: int) -> Journey:
    """A release whose step has this budget of automatic re-runs and no other; no pause between them."""
    none = {"transient": 0, "flaky": 0, "unknown": 0, "broken": 0}
    return Journey(plan_of(dispatch_step(retry=Retry(**{**none, **budget}, wait=0.0)))).starts()


def fail_again(journey: Journey, cause: Cause, attempt: int) -> None:
    """The attempt fails; where the bot re-runs it, the next attempt starts."""
    journey.fails(cause, attempt=attempt)
    if journey.kind() == "cooling":
        journey.hears(RerunAccepted("build", 7, attempt))
        journey.is_rerun(attempt=attempt + 1)


# -- passing -------------------------------------------------------------------------------------------


def test_an_announced_end_is_only_confirmed_and_passes_nothing() -> None:
    journey = Journey().starts()

    decision = journey.sees(run_seen(conclusion="success"), confirmed=False, jobs_ran=True)

    assert journey.kind() == "running"
    assert decision.effects == (ConfirmRun("build", 7, 1),)


def test_a_confirmed_success_passes_the_step_and_ends_the_release() -> None:
    journey = Journey().starts().passes()

    assert journey.release.word is ReleaseWord.RELEASED
    assert (journey.effects, journey.wake_at, journey.told("released")) == ((), None, 1)


@pytest.mark.parametrize("conclusion", ["success", "skipped"])
def test_a_run_in_which_nothing_ran_passes_nothing(conclusion: str) -> None:
    journey = Journey().starts()

    journey.sees(run_seen(conclusion=conclusion), jobs_ran=False)

    assert trouble(journey) is TroubleKind.NOTHING_RAN


def test_a_success_whose_jobs_were_not_read_is_confirmed_again() -> None:
    journey = Journey().starts().fails(Cause.TRANSIENT)

    decision = journey.sees(run_seen(conclusion="success", attempt=2, by="maya"))

    assert journey.kind() == "running"
    assert decision.effects == (ConfirmRun("build", 7, 2),)


def test_a_success_of_an_older_attempt_passes_nothing() -> None:
    journey = Journey().starts()
    journey.is_rerun(attempt=2)
    before = journey.release

    journey.sees(run_seen(conclusion="success", attempt=1), jobs_ran=True)

    assert journey.release == before


def test_news_of_an_attempt_in_progress_after_its_end_change_nothing() -> None:
    journey = Journey().starts().ends("failure")
    before = journey.release

    journey.sees(run_seen(status="in_progress"))
    journey.sees(run_seen(status="queued"), confirmed=False)

    assert journey.release == before


@pytest.mark.parametrize(
    ("conclusion", "kind"),
    [
        ("startup_failure", TroubleKind.STARTUP_FAILURE),
        ("action_required", TroubleKind.ODD_END),
        ("neutral", TroubleKind.ODD_END),
        ("stale", TroubleKind.ODD_END),
        ("something new", TroubleKind.ODD_END),
    ],
)
def test_an_end_that_is_neither_success_nor_failure_needs_a_person(
    conclusion: str, kind: TroubleKind
) -> None:
    journey = Journey().starts().ends(conclusion)

    assert trouble(journey) is kind
    assert journey.told("person") == 1


def test_a_run_that_a_person_cancelled_is_not_fought_over() -> None:
    journey = Journey().starts().is_cancelled()

    assert trouble(journey) is TroubleKind.CANCELLED
    assert journey.told("person") == 1


def test_a_deleted_run_needs_a_person_once() -> None:
    journey = Journey().starts()

    journey.hears(RunGone("build", 7))
    journey.hears(RunGone("build", 7))

    assert (trouble(journey), journey.told("person")) == (TroubleKind.DELETED, 1)


def test_a_run_that_was_over_when_github_denied_it_is_over_when_it_is_shown_again() -> None:
    journey = Journey().starts().ends("failure")
    journey.hears(RunGone("build", 7))
    assert trouble(journey) is TroubleKind.DELETED

    journey.ends("failure")

    run = journey.release.steps["build"].run
    assert run is not None
    assert run.over
    assert journey.effects == (JudgeFailure("build", 7, 1),)


# -- failing and re-running ------------------------------------------------------------------------------


@pytest.mark.parametrize("conclusion", ["failure", "timed_out"])
def test_a_failure_is_judged_before_anybody_is_called(conclusion: str) -> None:
    journey = Journey().starts().ends(conclusion)

    assert journey.effects == (JudgeFailure("build", 7, 1),)
    assert (journey.release.word, journey.told("person")) == (ReleaseWord.RUNNING, 0)


@pytest.mark.parametrize(
    ("cause", "budget"), [(Cause.TRANSIENT, 3), (Cause.FLAKY, 2), (Cause.UNKNOWN, 1), (Cause.BROKEN, 0)]
)
def test_each_cause_has_its_own_budget(cause: Cause, budget: int) -> None:
    journey = Journey(plan_of(dispatch_step(retry=Retry(wait=0.0)))).starts()

    for attempt in range(1, budget + 2):
        assert journey.kind() == "running"
        fail_again(journey, cause, attempt)

    assert (trouble(journey), journey.release.steps["build"].reruns_in_all) == (TroubleKind.FAILED, budget)
    assert journey.told("person") == 1


def test_one_cause_does_not_use_the_budget_of_another() -> None:
    journey = generous(transient=1, flaky=1)

    fail_again(journey, Cause.TRANSIENT, 1)
    fail_again(journey, Cause.FLAKY, 2)
    assert journey.kind() == "running"
    fail_again(journey, Cause.TRANSIENT, 3)

    assert trouble(journey) is TroubleKind.FAILED


def fail_in(journey: Journey, job: str, attempt: int, *, cause: Cause = Cause.UNKNOWN) -> None:
    """As `fail_again`; every other job of the run has passed in that attempt."""
    passed = tuple(name for name in ("compile", "test", "publish") if name != job)
    journey.ends("failure", attempt=attempt)
    journey.hears(Judged("build", 7, attempt, verdict(cause), "", Background(failed=(job,)), passed))
    if journey.kind() == "cooling":
        journey.hears(RerunAccepted("build", 7, attempt))
        journey.is_rerun(attempt=attempt + 1)


def test_a_job_that_met_the_network_before_it_passed_was_flaky_all_the_same() -> None:
    journey = Journey(plan_of(dispatch_step(retry=Retry(wait=0.0)))).starts()

    fail_in(journey, "test", 1)
    fail_in(journey, "test", 2, cause=Cause.TRANSIENT)
    fail_in(journey, "publish", 3)

    assert journey.kind() == "running"


def test_a_job_that_passed_when_a_person_ran_it_again_was_flaky_all_the_same() -> None:
    journey = Journey(plan_of(dispatch_step(retry=Retry(wait=0.0)))).starts()

    fail_in(journey, "compile", 1)
    fail_in(journey, "compile", 2)
    assert trouble(journey) is TroubleKind.FAILED
    journey.is_rerun(attempt=3, by="maya")
    fail_in(journey, "publish", 3)

    assert journey.kind() == "running"


def test_never_more_than_ten_re_runs_in_all() -> None:
    journey = generous(transient=20, flaky=20)

    for attempt in range(1, MOST_RERUNS + 2):
        fail_again(journey, (Cause.TRANSIENT, Cause.FLAKY)[attempt % 2], attempt)

    assert (trouble(journey), journey.release.steps["build"].reruns_in_all) == (TroubleKind.FAILED, 10)


def test_a_new_run_of_the_step_does_not_give_it_ten_more() -> None:
    journey = generous(transient=20)
    for attempt in range(1, MOST_RERUNS + 2):
        fail_again(journey, Cause.TRANSIENT, attempt)

    journey.orders(commands.Redo(pipeline="release", step="build"))
    journey.starts(run_id=8).fails(Cause.TRANSIENT, run_id=8)

    assert trouble(journey) is TroubleKind.FAILED


def test_the_pause_before_a_re_run_doubles_each_time() -> None:
    journey = Journey().starts()
    pauses = []
    for attempt in (1, 2, 3):
        journey.fails(Cause.TRANSIENT, attempt=attempt)
        state = journey.state()
        assert isinstance(state, Cooling)
        pauses.append((state.until - journey.now).total_seconds())
        journey.now = state.until
        journey.hears(RerunAccepted("build", 7, attempt))
        journey.is_rerun(attempt=attempt + 1)

    least = [30, 60, 120]
    assert all(short <= pause <= short * 1.1 for short, pause in zip(least, pauses, strict=True)), pauses


def test_what_failed_together_does_not_come_back_together() -> None:
    times = set()
    for number in range(5):
        journey = Journey()
        journey.release = replace(journey.release, id=f"r{number}")
        state = journey.starts().fails(Cause.TRANSIENT).state()
        assert isinstance(state, Cooling)
        times.add(state.until)

    assert len(times) == 5


def test_the_failed_jobs_are_run_again_when_the_pause_is_over_and_not_before() -> None:
    journey = Journey().starts().fails(Cause.TRANSIENT)

    journey.waits(29)
    early = journey.effects
    journey.waits(4)

    assert (early, journey.effects) == ((), (RerunFailedJobs("build", 7, 1),))


def test_a_re_run_that_github_accepted_is_seen_as_the_next_attempt() -> None:
    journey = PLACES["rerunning"]()
    wanted = journey.effects

    journey.is_rerun(attempt=2)

    assert wanted == (ConfirmRun("build", 7, 2),)
    assert (journey.kind(), journey.noted()) == ("running", [NoteKind.RERUN])


def test_a_re_run_that_never_shows_needs_a_person_and_is_adopted_when_it_does() -> None:
    journey = PLACES["rerunning"]()

    journey.waits(FIFTEEN_MINUTES)
    journey.sees(run_seen(conclusion="failure"))
    lost = trouble(journey)
    journey.is_rerun(attempt=2)

    assert (lost, journey.kind()) == (TroubleKind.RERUN_LOST, "running")


def test_a_refused_re_run_needs_a_person() -> None:
    journey = Journey().starts().fails(Cause.TRANSIENT)

    journey.hears(RerunRefused("build", 7, 1, "the run is too old"))

    assert trouble(journey) is TroubleKind.RERUN_REFUSED


@pytest.mark.parametrize(("seconds", "kind"), [(29, "cooling"), (30, "rerunning")])
def test_a_run_that_is_over_and_still_runs_half_a_minute_later_is_being_re_run(
    seconds: float, kind: str
) -> None:
    journey = Journey().starts().fails(Cause.TRANSIENT)
    cooling = journey.release.steps["build"].state
    assert isinstance(cooling, Cooling)

    journey.waits((cooling.until - journey.now).total_seconds() + seconds)
    journey.hears(RerunUnderWay("build", 7, 1))

    assert journey.kind() == kind


@pytest.mark.parametrize("place", ["diagnosing", "cooling", "failed", "nothing ran"])
def test_a_re_run_by_a_person_is_adopted_wherever_the_step_stands(place: str) -> None:
    journey = PLACES[place]()

    journey.is_rerun(attempt=2, by="maya")
    journey.passes(attempt=2)

    assert journey.release.word is ReleaseWord.RELEASED
    assert NoteKind.ADOPTED_RERUN in journey.noted()


def test_a_re_run_by_a_person_neither_uses_nor_refills_the_budget() -> None:
    journey = Journey().starts().fails(Cause.UNKNOWN)
    journey.is_rerun(attempt=2, by="maya")
    journey.fails(Cause.UNKNOWN, attempt=2)
    second = journey.kind()
    journey.waits(30)
    journey.hears(RerunAccepted("build", 7, 2))
    journey.is_rerun(attempt=3)
    journey.fails(Cause.UNKNOWN, attempt=3)
    journey.is_rerun(attempt=4, by="maya")
    journey.fails(Cause.UNKNOWN, attempt=4)

    assert second == "cooling"
    assert trouble(journey) is TroubleKind.FAILED


@pytest.mark.parametrize(("ours", "left"), [(0, {}), (1, {Cause.TRANSIENT: 1}), (2, {Cause.TRANSIENT: 2})])
def test_when_a_person_is_quicker_only_the_re_runs_of_the_bot_stay_counted(
    ours: int, left: dict[Cause, int]
) -> None:
    journey = generous(transient=3)
    for attempt in range(1, ours + 1):
        fail_again(journey, Cause.TRANSIENT, attempt)
    journey.fails(Cause.TRANSIENT, attempt=ours + 1)

    journey.is_rerun(attempt=ours + 2, by="maya")

    record = journey.release.steps["build"]
    assert {cause: used for cause, used in record.reruns.items() if used} == left
    assert record.reruns_in_all == ours


def test_a_re_run_of_ours_before_that_of_a_person_stays_counted() -> None:
    journey = Journey().starts().fails(Cause.UNKNOWN)

    journey.is_rerun(attempt=3, by="maya")
    journey.fails(Cause.UNKNOWN, attempt=3)

    assert trouble(journey) is TroubleKind.FAILED


def test_a_judgement_of_an_older_attempt_is_ignored() -> None:
    journey = Journey().starts().ends("failure")
    journey.is_rerun(attempt=2, by="maya")
    journey.ends("failure", attempt=2)

    journey.hears(Judged("build", 7, 1, verdict(Cause.BROKEN), ""))

    assert journey.kind() == "diagnosing"


# -- time ----------------------------------------------------------------------------------------------


def test_a_run_over_its_time_is_looked_at_before_a_person_is_called() -> None:
    journey = Journey().starts()

    journey.waits(SIX_HOURS)
    wanted, told = journey.effects, journey.told("person")
    journey.sees(run_seen())

    assert (wanted, told) == ((ConfirmRun("build", 7, 1),), 0)
    assert (trouble(journey), journey.told("person")) == (TroubleKind.TIMED_OUT, 1)


def test_a_run_that_succeeds_after_its_time_still_passes_the_step() -> None:
    journey = PLACES["timed out"]()

    announced = journey.sees(run_seen(conclusion="success"), confirmed=False)
    journey.passes()

    assert announced.effects == (ConfirmRun("build", 7, 1),)
    assert journey.release.word is ReleaseWord.RELEASED


def test_every_attempt_has_its_own_time() -> None:
    journey = PLACES["timed out"]()

    journey.is_rerun(attempt=2, by="maya")

    assert journey.wake_at is not None
    assert (journey.wake_at - journey.now).total_seconds() == SIX_HOURS


def test_the_timeout_stands_still_while_github_waits_for_an_environment() -> None:
    journey = Journey().starts()
    journey.waits(3_600)
    journey.sees(run_seen(status="waiting", updated=journey.now))
    journey.waits(2 * A_DAY)
    journey.sees(run_seen(status="waiting"))
    held = journey.kind()
    journey.sees(run_seen())

    assert held == "running"
    assert journey.wake_at is not None
    assert (journey.wake_at - journey.now).total_seconds() == SIX_HOURS - 3_600


def test_the_time_in_which_it_waited_before_anybody_looked_does_not_count() -> None:
    journey = Journey().starts()
    waited_from = journey.now
    journey.waits(SIX_HOURS + 3_600)

    journey.sees(run_seen(status="waiting", updated=waited_from))
    journey.sees(run_seen())

    assert journey.kind() == "running"
    assert journey.wake_at is not None
    assert (journey.wake_at - journey.now).total_seconds() == SIX_HOURS


def test_the_time_runs_again_once_the_environment_is_approved_and_the_run_is_queued() -> None:
    journey = PLACES["held"]()
    journey.waits(A_DAY)

    journey.sees(run_seen(status="queued"))

    assert journey.wake_at is not None
    assert (journey.wake_at - journey.now).total_seconds() == SIX_HOURS


def test_an_environment_calls_a_person_at_once_and_again_every_day() -> None:
    journey = PLACES["held"]()
    told = [journey.told("environment")]
    for _ in range(2):
        assert journey.wake_at is not None
        assert (journey.wake_at - journey.now).total_seconds() == A_DAY
        journey.waits(A_DAY)
        told.append(journey.told("environment"))

    assert told == [1, 2, 3]
    assert journey.release.word is ReleaseWord.RUNNING


def test_the_times_of_two_waits_for_an_environment_add_up() -> None:
    journey = Journey().starts()
    for _ in range(2):
        journey.sees(run_seen(status="waiting"))
        journey.waits(3_600)
        journey.sees(run_seen())

    assert journey.wake_at is not None
    assert (journey.wake_at - journey.now).total_seconds() == SIX_HOURS


def test_a_run_is_held_until_github_confirms_that_it_is_not() -> None:
    journey = PLACES["held"]()

    journey.sees(run_seen(status="queued"), confirmed=False)

    state = journey.state()
    assert isinstance(state, Running)
    assert state.run.held


def test_late_news_of_a_run_do_not_undo_the_need_to_confirm_its_end() -> None:
    journey = Journey().starts()
    journey.sees(run_seen(conclusion="success"), confirmed=False)

    decision = journey.sees(run_seen(), confirmed=False)

    assert decision.effects == (ConfirmRun("build", 7, 1),)


# -- a repository that refuses the bot -------------------------------------------------------------------


def test_a_barred_repository_calls_a_person_once_and_the_step_goes_on_by_itself() -> None:
    journey = barred(barred(Journey().starts()))
    told = journey.told("person")

    decision = journey.hears(RepositoryOpen(OSS))

    assert told == 1
    assert isinstance(journey.state(), Running)
    assert decision.effects == (ConfirmRun("build", 7, 1),)
