"""What is left of a version that was begun before: which runs are a step's own work, and which leave a doubt."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.continuing import Left, Owned, continued, run_to_take_up, tag_of
from bot.core.deliveries import RunSeen
from bot.core.model import Person, new_release
from bot.core.plan import Plan
from bot.core.problems import Problem, ProblemKind
from bot.core.states import Skipped
from tests.core.releases import (
    APP,
    COMMIT,
    NOON,
    TWO_EDITIONS,
    approval_step,
    dispatch_step,
    plan_of,
    run_seen,
    watch_step,
)

STEP = replace(dispatch_step("images"), ref="v1.0.3")
TWIN = replace(STEP, name="full")
PLAN = plan_of(STEP, approval_step("go"), watch_step("oss"))
TWINS = plan_of(STEP, TWIN)
LATER = NOON + timedelta(minutes=1)


def run(number: int = 7, *, live: bool = False, **more: object) -> RunSeen:
    over = {} if live else {"status": "completed", "conclusion": "success"}
    return run_seen(number, **{"ref": "v1.0.3", **over, **more})  # type: ignore[arg-type]


def chosen(
    *runs: RunSeen,
    plan: Plan = PLAN,
    steps: dict[int, str] | None = None,
    taken: tuple[int, ...] = (),
) -> int | ProblemKind | None:
    owned = Owned(steps or {}, frozenset(taken))
    found = run_to_take_up(STEP, plan, runs, owned, app_login=APP, commit=COMMIT)
    if isinstance(found, Problem):
        return found.kind
    return None if found is None else found.id


@pytest.mark.parametrize("live", [True, False])
def test_the_run_of_this_app_on_the_commit_of_the_tag_is_taken_up(live: bool) -> None:
    assert chosen(run(live=live)) == 7


@pytest.mark.parametrize(
    "other",
    [
        run(conclusion="failure"),
        run(conclusion="cancelled"),
        run(conclusion="skipped"),
        run(actor="maya"),
        run(event="push"),
        run(workflow="other.yml"),
        run(ref="v1.0.4"),
        run(sha="0" * 40),
    ],
    ids=["failed", "cancelled", "skipped", "person", "event", "workflow", "tag", "moved tag"],
)
def test_what_has_not_done_the_work_of_the_step_is_not_taken_up(other: RunSeen) -> None:
    assert chosen(other) is None


def test_the_run_of_a_release_that_is_open_or_released_is_not_taken_up() -> None:
    assert chosen(run(7), run(8), taken=(8,), steps={8: "images"}) == 7


def test_of_several_that_have_passed_the_newest_is_taken_up() -> None:
    assert chosen(run(8, created=LATER), run(9, created=NOON), run(7, created=LATER)) == 8


@pytest.mark.parametrize(
    "runs",
    [(run(7), run(8, live=True)), (run(7, live=True), run(8, live=True))],
    ids=["passed and live", "two live"],
)
def test_a_live_run_beside_another_one_that_counts_is_a_problem_with_links_to_both(
    runs: tuple[RunSeen, RunSeen],
) -> None:
    found = run_to_take_up(STEP, PLAN, runs, Owned({}, frozenset()), app_login=APP, commit=COMMIT)

    assert isinstance(found, Problem)
    assert (found.kind, found.steps, found.repo) == (ProblemKind.RUN, ("images",), STEP.repo)
    assert found.links == tuple(one.html_url for one in runs)


def test_a_failed_run_beside_a_live_one_leaves_no_doubt() -> None:
    assert chosen(run(7, conclusion="failure"), run(8, live=True)) == 8


def test_of_steps_with_the_same_workflow_and_tag_each_has_the_run_it_had_before() -> None:
    assert chosen(run(7), run(8), plan=TWINS, steps={7: "full", 8: "images"}) == 8
    assert chosen(run(7), plan=TWINS, steps={7: "full"}) is None


@pytest.mark.parametrize("steps", [{}, {7: "renamed"}])
def test_of_steps_with_the_same_workflow_and_tag_a_run_of_nobody_leaves_a_doubt(
    steps: dict[int, str],
) -> None:
    assert chosen(run(7), plan=TWINS, steps=steps) is ProblemKind.RUN
    assert chosen(run(7), plan=PLAN, steps=steps) == 7


@pytest.mark.parametrize(
    ("ref", "tag"),
    [
        ("v1.0.3", "v1.0.3"),
        ("refs/tags/v1.0.3", "v1.0.3"),
        ("release-1.0.3-images", "release-1.0.3-images"),
        ("develop", None),
        ("refs/heads/v1.0.3", None),
        ("v1.0.30", None),
        ("v11.0.3", None),
        ("v1.0.3.1", None),
        ("tools-v2", None),
    ],
)
def test_the_tag_of_a_version_is_one_that_names_it(ref: str, tag: str | None) -> None:
    assert tag_of(replace(STEP, ref=ref), PLAN) == tag
    assert tag_of(replace(watch_step("oss"), ref=ref), PLAN) == tag


def test_a_tag_that_another_step_must_not_find_is_one_of_the_version_however_it_is_called() -> None:
    start = replace(dispatch_step("start"), unless_tag="one-oh-three")

    assert tag_of(replace(STEP, ref="one-oh-three"), plan_of(start, STEP)) == "one-oh-three"


def test_a_release_that_goes_on_begins_with_what_is_left() -> None:
    fresh = new_release("r1", TWO_EDITIONS, issue=7, comment_id=9, starter=Person("maya", 1), asked_at=NOON)
    left = Left(skipped=("oss-start",), runs={"oss-docker": run(7)}, watched={"oss": run(8)})

    release = continued(fresh, left, at=LATER, by="maya")

    assert release.steps["oss-start"].state == Skipped(LATER, "maya", tagged=True)
    found = release.steps["oss-docker"].found
    assert found is not None
    assert (found.id, found.conclusion) == (7, "success")
    untouched = {name for name in release.steps if release.steps[name] == fresh.steps[name]}
    assert untouched == {"oss", "ee-start", "ee", "ee-docker"}
    assert not release.word.final
