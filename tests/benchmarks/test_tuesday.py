"""The simulated Tuesday measures what it says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.quarter_people import passes
from benchmarks.tuesday_bot import by_bot
from benchmarks.tuesday_figures import Wrong, by_inputs, wrong_names
from benchmarks.tuesday_github import Switches, stage_day
from benchmarks.tuesday_old import by_old_flow
from benchmarks.tuesday_world import BUILD, IMAGES, MORNING, PLACES, REPOS, TAKES, VERSIONS, Place, Tuesday
from bot.simulator.clock import VirtualClock
from bot.simulator.world import World


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("workflow", [BUILD, IMAGES])
def test_a_run_without_a_failure_is_as_long_as_the_day_says(seed: int, workflow: str) -> None:
    least, most = TAKES[workflow]
    for place in PLACES:
        assert least <= Tuesday(seed).length(place, workflow) / timedelta(minutes=1) <= most


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_bound_is_the_images_of_one_edition_after_the_first_build(seed: int) -> None:
    tuesday = Tuesday(seed)
    images = max(
        sum((tuesday.length(Place(version, repo), IMAGES) for version in VERSIONS), timedelta())
        for repo in REPOS
    )

    assert tuesday.bound() >= tuesday.bound_without_order()
    assert images < tuesday.bound() < images + timedelta(minutes=80)


def world_with_images(*versions: str, latest: set[str]) -> World:
    """Images of the public edition come out in that order."""
    clock = VirtualClock(MORNING)
    world = World(clock)
    world.hook.active = False
    for name in REPOS:
        world.add_repository(name)
    stage_day(world, Tuesday(1))
    place = world.repository(REPOS[0])
    place.workflows[IMAGES].rules.clear()
    for version in versions:
        world.hand("ada").pushes_tag(place, f"v{version}")
        switches = Switches(latest=version in latest, series=True, lts=False)
        world.hand("ada").starts(place.workflows[IMAGES], f"v{version}", **switches.inputs())
        passes(clock, world, until=clock.now() + timedelta(hours=2))
    return world


def test_a_name_that_goes_back_to_an_older_version_is_counted() -> None:
    world = world_with_images("1.2.0", "1.1.1", latest={"1.1.1", "1.2.0"})

    assert wrong_names(world, by_inputs) == Wrong(moves=1, ends=1)


def test_a_name_that_was_left_behind_is_counted() -> None:
    world = world_with_images("1.1.1", "1.2.0", latest={"1.1.1"})

    assert wrong_names(world, by_inputs) == Wrong(moves=0, ends=1)


def test_names_that_only_go_forward_are_not_counted() -> None:
    world = world_with_images("1.1.1", "1.2.0", latest={"1.1.1", "1.2.0"})

    assert wrong_names(world, by_inputs) == Wrong(moves=0, ends=0)


def test_the_old_flow_lives_through_the_same_day_twice() -> None:
    assert replace(by_old_flow(Tuesday(2)), spent=0) == replace(by_old_flow(Tuesday(2)), spent=0)


async def test_the_bot_releases_four_versions_with_every_name_where_it_belongs() -> None:
    day = await by_bot(Tuesday(2))

    assert sorted(day.walls) == sorted(VERSIONS)
    assert day.wall is not None
    assert Tuesday(2).bound() <= day.wall
    assert (day.dispatches, day.doubled) == (16, 0)
    assert day.wrong == {"": Wrong(0, 0)}
