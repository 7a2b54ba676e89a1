"""The process ends at one moment of a story, and the story ends as if nothing had been.

A part of the campaign: every kind of moment of the main story, some of every other one, and a few second ends. The
whole is `python -m tests.chaos.crash_campaign`.
"""

import pytest

from tests.chaos.crash_stories import STORIES
from tests.chaos.crash_telling import Walk, one_of_each_kind, some, tell, usually, walk

PARTS = 4
OTHERS = sorted(STORIES.keys() - {"main"})


@pytest.mark.parametrize("part", range(PARTS))
def test_at_every_kind_of_moment_of_the_main_story_the_process_may_end(part: int) -> None:
    places = one_of_each_kind("main")[part::PARTS]
    told = walk(Walk("main", (), tuple(places)))
    assert [(result.where, result.wrong) for result in told if result.wrong] == []
    assert len(told) == len(places)


@pytest.mark.parametrize("story", OTHERS)
def test_whatever_the_story_is_the_process_may_end_in_it(story: str) -> None:
    told = walk(Walk(story, (), tuple(some(story, 2))))
    assert [(result.where, result.wrong) for result in told if result.wrong] == []


def test_the_process_may_end_again_while_it_still_recovers() -> None:
    (dispatch,) = (
        point.place
        for point in usually("retry").points
        if point.name.startswith("before POST") and "dispatches" in point.name
    )
    told = walk(Walk("retry", (dispatch,), tuple(range(dispatch + 1, dispatch + 60, 20))))
    assert [(result.where, result.wrong) for result in told if result.wrong] == []
    assert all(len(result.ends) == 2 for result in told)


def test_what_a_story_meets_is_the_same_each_time_it_is_told() -> None:
    first, second = tell("main"), tell("main")
    assert first.points == second.points
    assert first.mark == second.mark


def test_a_double_tells_what_a_telling_of_its_own_would() -> None:
    places = some("lost-answer", 1)
    for result in walk(Walk("lost-answer", (), tuple(places))):
        assert result.mark == tell("lost-answer", result.ends).mark


def test_no_kind_of_moment_is_left_out() -> None:
    points = usually("main").points
    chosen = {points[place].remains for place in one_of_each_kind("main")}
    assert {point.kind for point in points} == {point.kind for point in points if point.remains in chosen}
    kinds = {point.kind for point in points}
    for kind in (
        "COMMIT",
        "INSERT INTO outbox",
        "UPDATE releases",
        "INSERT INTO journal",
        "INSERT INTO deliveries",
    ):
        assert {f"before {kind}", f"after {kind}"} <= kinds
    assert {kind.split()[1] for kind in kinds} >= {"GET", "POST", "PATCH"}
