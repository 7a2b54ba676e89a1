"""Which run is a step's run, and which runs nobody knows of (contract, section 3 and promise 1)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.binding import OpenSend, is_of, nonce_of, runs_of_send, runs_of_watch, shown_nonce, strays
from bot.core.deliveries import RunSeen
from bot.engine.starting import release_id
from tests.core.releases import APP, COMMIT, NOON, dispatch_step, run_seen, watch_step, watched_run

STEP = dispatch_step()
SEND = OpenSend("r1:build:1", "develop", None, NOON)
EXACT = OpenSend("r1:oss:1", "develop", "r1-oss-1", NOON)
RIVAL = OpenSend("r2:build:1", "develop", None, NOON)


def found(
    *runs: RunSeen,
    send: OpenSend = SEND,
    rivals: tuple[OpenSend, ...] = (),
    bound: tuple[int, ...] = (),
    nonces: dict[str, str] | None = None,
) -> list[int]:
    fitting = runs_of_send(runs, STEP, send, app_login=APP, bound=bound, nonces=nonces or {}, rivals=rivals)
    return [run.id for run in fitting]


# -- the run of a dispatch -------------------------------------------------------------------------------


def test_a_run_of_this_app_younger_than_the_send_is_its_run() -> None:
    assert found(run_seen(7), rivals=(SEND,)) == [7]


@pytest.mark.parametrize(
    "other",
    [
        run_seen(7, actor="maya"),
        run_seen(7, event="push"),
        run_seen(7, workflow="other.yml"),
        run_seen(7, ref="main"),
        run_seen(7, created=NOON - timedelta(seconds=11)),
        replace(run_seen(7), head_branch=None),
    ],
)
def test_the_run_of_somebody_or_something_else_is_no_candidate(other: RunSeen) -> None:
    assert found(other) == []


def test_a_clock_ten_seconds_off_hides_no_run() -> None:
    assert found(run_seen(7, created=NOON - timedelta(seconds=10))) == [7]


def test_a_run_that_is_bound_is_no_candidate() -> None:
    assert found(run_seen(7), run_seen(8), bound=(7,)) == [8]


def test_all_that_fit_are_named() -> None:
    assert found(run_seen(7), run_seen(8)) == [7, 8]


def test_while_another_send_of_the_same_ref_is_open_only_a_nonce_can_tell() -> None:
    shows = run_seen(7, title="Build r1-oss-1")

    assert found(run_seen(7), rivals=(RIVAL,)) == []
    assert found(shows, run_seen(8), send=EXACT, rivals=(RIVAL, EXACT)) == [7]


def test_a_send_of_another_ref_is_no_rival() -> None:
    assert found(run_seen(7), rivals=(replace(RIVAL, ref="main"),)) == [7]


def test_a_run_that_shows_the_nonce_beats_those_that_show_none() -> None:
    assert found(run_seen(7), run_seen(8, title="r1-oss-1"), send=EXACT) == [8]


def test_a_run_that_shows_the_nonce_of_another_send_belongs_to_that_one() -> None:
    assert found(run_seen(7, title="r2-oss-1"), nonces={"r2-oss-1": "r2:oss:1"}) == []


@pytest.mark.parametrize("title", ["rwlqhzhboxtlu-build-2", "Build 2.0.0 (rwlqhzhboxtlu-a-step-12)"])
def test_a_run_that_shows_a_nonce_from_before_an_older_copy_belongs_to_no_send(title: str) -> None:
    mine = replace(SEND, nonce=nonce_of(release_id(3001, "release", "2.0.0"), "build", 1))

    assert found(run_seen(7, title=title), send=mine) == []
    assert found(run_seen(7, title=title)) == []
    assert found(run_seen(7, title="reproducible-build-2"), send=mine) == [7]


def test_a_nonce_is_known_by_its_form() -> None:
    nonce = nonce_of(release_id(3001, "release", "2.0.0"), "build-it_2", 12)

    assert shown_nonce(run_seen(7, title=f"Build {nonce}"), {}) == nonce


def test_where_the_workflow_prints_no_nonce_the_run_is_found_without_it() -> None:
    assert found(run_seen(7), send=EXACT, rivals=(EXACT,)) == [7]


@pytest.mark.parametrize("title", ["Build r1-oss-12", "r1-oss-1-2", "xr1-oss-1", "R1-OSS-1"])
def test_a_name_that_only_resembles_the_nonce_is_not_taken_for_it(title: str) -> None:
    others = {"r1-oss-1": "r1:oss:1", "r1-oss-12": "r1:oss:12", "r1-oss-1-2": "r1:oss-1:2"}

    assert shown_nonce(run_seen(7, title=title), others) != "r1:oss:1"


@pytest.mark.parametrize("title", ["r1-oss-1", "Build (r1-oss-1)", "1.0.3: r1-oss-1.", "release-r1-oss-1"])
def test_the_nonce_is_found_wherever_it_stands_in_the_name(title: str) -> None:
    assert shown_nonce(run_seen(7, title=title), {"r1-oss-1": "r1:oss:1"}) == "r1:oss:1"


def test_a_nonce_that_is_the_end_of_another_is_not_taken_for_it() -> None:
    nonces = {"x-1": "x:1", "r1-x-1": "r1:x:1"}

    assert shown_nonce(run_seen(7, title="r1-x-1"), nonces) == "r1:x:1"
    assert shown_nonce(run_seen(7, title="Build x-1"), nonces) == "x:1"


@pytest.mark.parametrize("ref", ["develop", "refs/heads/develop"])
def test_a_branch_written_in_full_is_the_same_branch(ref: str) -> None:
    assert is_of(run_seen(), replace(STEP, ref=ref))


# -- strays ----------------------------------------------------------------------------------------------


def sorted_out(
    *runs: RunSeen,
    bound: tuple[int, ...] = (),
    nonces: dict[str, str] | None = None,
    open_sends: tuple[OpenSend, ...] = (),
) -> tuple[list[int], list[int]]:
    """The ids of the strange and of the expected ones."""
    result = strays(runs, app_login=APP, bound=bound, nonces=nonces or {}, open_sends=open_sends)
    return [run.id for run in result.strange], [run.id for run in result.expected]


def test_a_run_of_this_app_that_nobody_knows_of_is_strange() -> None:
    assert sorted_out(run_seen(7)) == ([7], [])


def test_bound_runs_and_those_of_people_are_no_strays() -> None:
    assert sorted_out(run_seen(7), run_seen(8, actor="maya"), run_seen(9, event="push"), bound=(7,)) == (
        [],
        [],
    )


def test_every_run_is_looked_at_whatever_stands_before_it() -> None:
    assert sorted_out(run_seen(8, actor="maya"), run_seen(7), run_seen(9), bound=(7,)) == ([9], [])


def test_a_run_ten_seconds_before_a_send_by_another_clock_is_expected() -> None:
    early = run_seen(7, created=NOON - timedelta(seconds=10))

    assert sorted_out(early, open_sends=(SEND,)) == ([], [7])


def test_a_run_that_an_open_send_may_have_made_is_expected() -> None:
    assert sorted_out(run_seen(7), open_sends=(SEND,)) == ([], [7])


@pytest.mark.parametrize("run", [run_seen(7, ref="main"), run_seen(7, created=NOON - timedelta(seconds=11))])
def test_a_run_that_no_open_send_can_have_made_is_strange(run: RunSeen) -> None:
    assert sorted_out(run, open_sends=(SEND,)) == ([7], [])


def test_a_run_with_a_nonce_that_nobody_knows_is_strange_whatever_is_open() -> None:
    assert sorted_out(run_seen(7, title="rwlqhzhboxtlu-build-2"), open_sends=(SEND,)) == ([7], [])


def test_a_run_with_a_nonce_is_expected_only_by_the_send_of_that_nonce() -> None:
    run, nonces = run_seen(7, title="r1-oss-1"), {"r1-oss-1": "r1:oss:1"}

    assert sorted_out(run, nonces=nonces, open_sends=(EXACT,)) == ([], [7])
    assert sorted_out(run, nonces=nonces, open_sends=(SEND,)) == ([7], [])


# -- the run of a watch step -----------------------------------------------------------------------------


def watched(
    *runs: RunSeen, ref: str = "v1.0.3", tag: str | None = COMMIT, bound: tuple[int, ...] = ()
) -> list[int]:
    fitting = runs_of_watch(runs, watch_step(ref=ref), since=NOON, tag_commit=tag, bound=bound)
    return [run.id for run in fitting]


def pushed(run_id: int, seconds: float) -> RunSeen:
    return replace(watched_run(run_id, head_branch="develop"), created_at=NOON + timedelta(seconds=seconds))


def test_of_a_tag_the_run_of_its_commit_counts_and_an_older_one_too() -> None:
    older = replace(watched_run(7), created_at=NOON - timedelta(days=3))

    assert watched(older) == [7]


@pytest.mark.parametrize(
    "other",
    [
        watched_run(7, head_sha="0" * 40),
        watched_run(7, event="workflow_dispatch"),
        watched_run(7, head_branch="v1.0.4"),
        watched_run(7, path=".github/workflows/other.yml"),
    ],
)
def test_of_a_tag_another_commit_event_ref_or_workflow_does_not_count(other: RunSeen) -> None:
    assert watched(other) == []


def test_of_a_tag_two_runs_of_its_commit_are_two_candidates() -> None:
    assert watched(watched_run(7), watched_run(8)) == [7, 8]
    assert watched(watched_run(7), watched_run(8), bound=(7,)) == [8]


def test_of_a_branch_the_first_run_created_after_the_step_became_due_counts() -> None:
    runs = (pushed(6, -1), pushed(8, 40), pushed(7, 20))

    assert watched(*runs, ref="develop", tag=None) == [7]


def test_of_a_branch_nothing_counts_that_was_there_before() -> None:
    assert watched(pushed(6, -1), ref="develop", tag=None) == []


def test_of_a_branch_a_run_of_the_very_second_counts() -> None:
    run = pushed(7, 0)

    fitting = runs_of_watch(
        [run],
        watch_step(ref="develop"),
        since=NOON + timedelta(milliseconds=700),
        tag_commit=None,
        bound=(),
    )
    assert [run.id for run in fitting] == [7]


def test_of_a_branch_two_runs_of_one_second_are_two_candidates() -> None:
    assert watched(pushed(7, 5), pushed(8, 5), ref="develop", tag=None) == [7, 8]
