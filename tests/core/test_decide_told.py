"""What people are told: the journal's reasons, the facts of a problem and of a note, times and words."""

from collections.abc import Callable

import pytest

from bot.core import commands
from bot.core.causes import Cause
from bot.core.draft import Decision
from bot.core.events import (
    BotStarted,
    Event,
    Judged,
    RerunAccepted,
    RerunRefused,
    RunGone,
    SendDone,
    SendHeldBack,
    SendNotDone,
    SendUnknown,
    Tick,
)
from bot.core.model import Note, NoteKind
from bot.core.plan import Plan
from bot.core.states import (
    AwaitingApproval,
    Cancelled,
    Cooling,
    Due,
    Expecting,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    StepWord,
    word_of,
)
from bot.core.trouble import NOTHING_KNOWN, TroubleKind
from tests.core.releases import (
    A_DAY,
    APPROVAL,
    DISPATCH,
    FIFTEEN_MINUTES,
    NOON,
    PLACES,
    WATCH,
    Journey,
    approval_step,
    ordered,
    plan_of,
    run_seen,
    verdict,
)
from tests.core.test_decide_releases import AT_ONCE, CANCEL
from tests.core.test_decide_table import CHANGES, EVENTS

URL = run_seen().html_url
LOST = "GitHub's answer to the dispatch was lost"


# -- the journal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "event", "after"), CHANGES)
def test_a_step_never_changes_its_kind_without_a_reason_in_the_journal(
    place: str, event: str, after: str
) -> None:
    journey = PLACES[place]()
    kind, word = journey.kind(), word_of(journey.state())

    decision = journey.hears(EVENTS[event](journey))

    changed = (journey.kind(), word_of(journey.state())) != (kind, word)
    assert not changed or any(reason.startswith("build: ") for reason in decision.reasons)
    assert not any("None" in reason for reason in decision.reasons)


@pytest.mark.parametrize("place", AT_ONCE)
def test_what_is_cancelled_says_when_and_why(place: str) -> None:
    journey = PLACES[place]()

    decision = journey.orders(CANCEL)

    assert journey.state() == Cancelled(journey.now)
    assert journey.release.ended_at == journey.now
    assert any(reason.startswith("build: cancelled") for reason in decision.reasons)
    assert decision.reasons[-1] == "cancelled"


@pytest.mark.parametrize("place", ["barred, running", "barred, rerunning", "barred, finding", "timed out"])
def test_what_has_to_be_over_before_the_cancel_says_so_in_the_journal(place: str) -> None:
    journey = PLACES[place]()

    decision = journey.orders(CANCEL)

    assert any(reason.startswith("build: ") for reason in decision.reasons)


def test_a_re_run_in_the_moment_of_a_cancel_is_in_the_journal() -> None:
    journey = PLACES["cooling"]()
    journey.waits(33)

    decision = journey.orders(CANCEL)

    assert any(reason.startswith("build: a re-run") for reason in decision.reasons)


ENDS_OF_A_CANCEL: dict[str, tuple[str, Callable[[Journey], Decision]]] = {
    "its run is over": ("running", lambda journey: journey.sees(run_seen(conclusion="cancelled"))),
    "its run is gone": ("running", lambda journey: journey.hears(RunGone("build", 7))),
    "its re-run never came": ("rerunning", lambda journey: journey.sees(run_seen(conclusion="failure"))),
    "its send was not found": ("finding", lambda journey: journey.finds()),
}


@pytest.mark.parametrize("end", ENDS_OF_A_CANCEL)
def test_whatever_ends_a_cancelled_step_is_in_the_journal_with_its_time(end: str) -> None:
    place, happens = ENDS_OF_A_CANCEL[end]
    journey = ordered(PLACES[place](), CANCEL)
    if place != "running":
        journey.waits(FIFTEEN_MINUTES)

    decision = happens(journey)

    assert journey.state() == Cancelled(journey.now)
    assert [reason.startswith("build: ") for reason in decision.reasons] == [True, False]


def test_a_pass_is_told_with_its_time_and_so_is_the_end_of_the_release() -> None:
    journey = Journey().starts()
    journey.waits(60)

    decision = journey.sees(run_seen(conclusion="success"), jobs_ran=True)

    assert journey.state() == Passed(journey.now)
    assert journey.release.ended_at == journey.now
    assert decision.reasons == ("build: run 7 passed at attempt 1", "released")


def test_the_journal_says_when_a_release_gets_its_turn_and_nothing_while_it_waits() -> None:
    journey = Journey(ahead="1.0.1")

    waits_still = journey.hears(Tick("1.0.2"))
    its_turn = journey.hears(Tick(None))

    assert waits_still.reasons == ()
    assert its_turn.reasons[0].startswith("it is its turn")


@pytest.mark.parametrize("plan", [DISPATCH, WATCH, APPROVAL])
def test_what_becomes_due_says_why(plan: Plan) -> None:
    journey = Journey(plan, ahead="1.0.2")

    decision = journey.hears(Tick(None))

    assert any(reason.startswith("build: ") for reason in decision.reasons)


def test_news_of_a_run_are_in_the_journal_when_its_status_changes_and_only_then() -> None:
    journey = Journey().starts()

    queued_late = journey.sees(run_seen(status="queued"), confirmed=False)
    held = journey.sees(run_seen(status="waiting"))
    url_only = journey.sees(run_seen(status="waiting", sha="0" * 40))

    assert (queued_late.reasons, url_only.reasons) == ((), ())
    assert held.reasons == ("build: run 7 is waiting",)


def test_a_re_run_is_told_with_its_number_and_its_budget() -> None:
    journey = Journey().starts().ends("failure")

    decision = journey.hears(Judged("build", 7, 1, verdict(Cause.TRANSIENT), "tail"))

    assert decision.reasons[0].startswith("build: re-run 1 of 3 (transient): ")


def test_a_next_attempt_and_a_send_held_back_are_in_the_journal() -> None:
    adopted = PLACES["failed"]().sees(run_seen(attempt=2, by="maya", status="queued"), confirmed=False)
    held_back = Journey().hears(SendHeldBack("build", "another send is not bound yet", 3.0))

    assert adopted.reasons == ("build: attempt 2 of run 7",)
    assert held_back.reasons == ("build: another send is not bound yet",)


# -- since when ------------------------------------------------------------------------------------------


def test_what_becomes_due_remembers_since_when() -> None:
    assert Journey().state() == Due(NOON, NOON)
    assert Journey(APPROVAL).state() == AwaitingApproval(NOON, NOON)
    expecting = Journey(WATCH).state()
    assert isinstance(expecting, Expecting)
    assert expecting.since == NOON


def test_a_send_that_has_to_wait_says_since_when_and_what_for() -> None:
    journey = Journey()
    journey.hears(SendHeldBack("build", "another send is not bound yet", 3.0))
    held_back = journey.state()
    journey.waits(3)
    journey.sends()
    journey.waits(1)

    journey.hears(SendNotDone("build", 1, "a rate limit", 60.0))

    refused = journey.state()
    assert isinstance(held_back, Due)
    assert isinstance(refused, Due)
    assert (held_back.why, refused.why) == ("another send is not bound yet", "a rate limit")
    assert (refused.not_before - refused.since).total_seconds() == 61


# -- what a person is called for -------------------------------------------------------------------------

PROBLEMS: dict[str, tuple[Callable[[], Journey], TroubleKind, str, tuple[str, ...]]] = {
    "timed out": (PLACES["timed out"], TroubleKind.TIMED_OUT, "", (URL,)),
    "nothing ran": (PLACES["nothing ran"], TroubleKind.NOTHING_RAN, "skipped", (URL,)),
    "cancelled": (lambda: Journey().starts().is_cancelled(), TroubleKind.CANCELLED, "cancelled", (URL,)),
    "odd": (lambda: Journey().starts().ends("neutral"), TroubleKind.ODD_END, "neutral", (URL,)),
    "never found": (PLACES["never found"], TroubleKind.NEVER_FOUND, LOST, ()),
    "never appeared": (PLACES["never appeared"], TroubleKind.NEVER_APPEARED, "", ()),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_who_is_called_is_told_what_happened_and_where(problem: str) -> None:
    make, kind, detail, links = PROBLEMS[problem]
    state = make().state()

    assert isinstance(state, NeedsPerson)
    assert (state.trouble.kind, state.trouble.detail, state.trouble.links) == (kind, detail, links)


def told(journey: Journey) -> tuple[str, tuple[str, ...], str]:
    state = journey.state()
    assert isinstance(state, NeedsPerson), state
    return state.trouble.detail, state.trouble.links, state.trouble.tail


def test_a_failure_is_told_with_its_headline_its_run_and_the_end_of_its_log() -> None:
    journey = Journey().starts().fails(Cause.BROKEN)

    assert told(journey) == (verdict(Cause.BROKEN).headline, (URL,), "tail")


def test_a_deleted_run_is_told_by_its_number() -> None:
    journey = Journey().starts()

    journey.hears(RunGone("build", 7))

    assert told(journey) == ("run 7", (), "")


def test_a_refused_re_run_is_told_with_what_github_said_and_a_person_s_re_run_is_seen() -> None:
    journey = PLACES["cooling"]()

    journey.hears(RerunRefused("build", 7, 1, "the run is too old"))
    said = told(journey)
    journey.is_rerun(attempt=2, by="maya")

    assert (said, journey.kind()) == (("the run is too old", (URL,), ""), "running")


def test_a_success_in_which_nothing_ran_is_told_with_its_run_and_a_person_s_re_run_is_seen() -> None:
    journey = Journey().starts()
    journey.sees(run_seen(conclusion="success"), jobs_ran=False)
    said = told(journey)

    journey.is_rerun(attempt=2, by="maya")

    assert (said, journey.kind()) == (("", (URL,), ""), "running")


def test_a_re_run_that_never_showed_is_told_with_its_run() -> None:
    journey = PLACES["rerunning"]()
    journey.waits(FIFTEEN_MINUTES)

    journey.sees(run_seen(conclusion="failure"))

    assert told(journey) == ("", (URL,), "")


@pytest.mark.parametrize(
    ("unknown", "why"),
    [
        (SendDone("build", 1, None, None), "GitHub accepted the dispatch and told no run id"),
        (BotStarted(), "the bot was restarted during the send"),
        (SendUnknown("build", 1, LOST), LOST),
    ],
)
def test_a_send_whose_run_was_never_found_says_why_it_was_looked_for(unknown: Event, why: str) -> None:
    journey = Journey().sends()
    journey.hears(unknown)
    journey.waits(FIFTEEN_MINUTES)

    journey.finds()

    assert told(journey) == (why, (), "")


# -- notices and notes -----------------------------------------------------------------------------------


def test_two_approvals_of_one_release_are_asked_separately_and_each_day_anew() -> None:
    journey = Journey(plan_of(approval_step("images"), approval_step("docs")))

    journey.waits(A_DAY)
    journey.waits(A_DAY)

    assert [notice.step for notice in journey.notices] == ["images", "docs"] * 3
    assert len({notice.key for notice in journey.notices}) == 6


def test_every_wait_for_an_environment_is_told_once_for_its_step_and_each_day_anew() -> None:
    journey = PLACES["held"]()
    journey.waits(A_DAY)
    journey.waits(A_DAY)
    journey.sees(run_seen())

    journey.sees(run_seen(status="waiting"))

    assert [notice.step for notice in journey.notices] == ["build"] * 4
    assert len({notice.key for notice in journey.notices}) == 4


def note(journey: Journey) -> Note:
    return journey.release.steps["build"].notes[-1]


def test_a_re_run_is_noted_with_its_cause_and_how_many_there_may_be() -> None:
    journey = Journey().starts().fails(Cause.TRANSIENT)
    first = note(journey)
    headline = verdict(Cause.TRANSIENT).headline

    journey.waits(30)
    journey.hears(RerunAccepted("build", 7, 1))
    journey.is_rerun(attempt=2)
    journey.fails(Cause.TRANSIENT, attempt=2)

    assert first == Note(
        NOON, NoteKind.RERUN, headline, 1, 3, attempt=1, cause="transient", background=NOTHING_KNOWN
    )
    assert (note(journey).number, note(journey).attempt) == (2, 2)


def test_a_failure_that_is_not_re_run_is_noted_with_its_cause_and_what_was_tried() -> None:
    journey = Journey().starts().fails(Cause.UNKNOWN)
    journey.waits(30)
    journey.hears(RerunAccepted("build", 7, 1))
    journey.is_rerun(attempt=2)

    journey.fails(Cause.UNKNOWN, attempt=2)

    headline = verdict(Cause.UNKNOWN).headline
    assert note(journey) == Note(
        journey.now, NoteKind.STOPPED, headline, 1, 1, attempt=2, cause="unknown", background=NOTHING_KNOWN
    )


def test_a_re_run_by_a_person_is_noted_with_its_name_and_attempt() -> None:
    journey = Journey().starts().fails(Cause.BROKEN)

    journey.is_rerun(attempt=2, by="maya")

    assert note(journey) == Note(NOON, NoteKind.ADOPTED_RERUN, by="maya", attempt=2)


def test_a_re_run_that_a_person_asked_for_stays_theirs_when_github_accepts_it() -> None:
    journey = PLACES["failed"]()
    journey.orders(commands.Retry(pipeline="release", step="build"))
    asked = journey.state()

    journey.hears(RerunAccepted("build", 7, 1))

    accepted = journey.state()
    assert isinstance(asked, Cooling)
    assert isinstance(accepted, Rerunning)
    assert asked.by == accepted.by == "maya"


# -- words -----------------------------------------------------------------------------------------------


def test_a_re_run_of_the_bot_says_retrying_until_its_attempt_has_started() -> None:
    journey = PLACES["rerunning"]()
    words = [word_of(journey.state())]

    for status in ("requested", "queued", "in_progress"):
        journey.sees(run_seen(attempt=2, status=status), confirmed=False)
        words.append(word_of(journey.state()))

    assert words == [StepWord.RETRYING] * 3 + [StepWord.RUNNING]


def test_a_run_that_waits_for_a_runner_says_queued() -> None:
    journey = Journey().sends()
    journey.hears(SendDone("build", 1, 7, URL))
    named = word_of(journey.state())

    journey.sees(run_seen(status="queued"))

    assert (named, word_of(journey.state())) == (StepWord.QUEUED, StepWord.QUEUED)


def test_an_attempt_first_heard_of_at_its_end_is_not_over_before_github_confirms_it() -> None:
    journey = PLACES["failed"]()

    journey.sees(run_seen(conclusion="failure", attempt=2, by="maya"), confirmed=False)

    state = journey.state()
    assert isinstance(state, Running)
    assert (state.run.status, state.run.conclusion) == ("queued", None)
    assert (word_of(state), journey.release.steps["build"].run) == (StepWord.QUEUED, state.run)


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_the_step_remembers_its_run_as_it_was_last_seen(conclusion: str) -> None:
    journey = Journey().starts()
    live = journey.release.steps["build"].run

    journey.sees(run_seen(conclusion=conclusion), jobs_ran=True)

    over = journey.release.steps["build"].run
    assert live is not None
    assert over is not None
    assert (live.status, live.conclusion) == ("in_progress", None)
    assert (over.status, over.conclusion) == ("completed", conclusion)
