"""Random histories: whatever is lost, doubled, late or reordered, the promises of the contract hold.

A failure prints the shortest history that shows it, and the seed: `pytest --hypothesis-seed=N` plays it again.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.core import commands
from bot.core.events import Tick
from bot.core.model import ReleaseWord
from bot.core.plan import Plan, Retry, WatchStep
from bot.core.states import AwaitingApproval, NeedsPerson, Waiting
from tests.core.releases import (
    APPROVAL,
    DISPATCH,
    TWO_EDITIONS,
    WATCH,
    WITH_APPROVAL,
    dispatch_step,
    plan_of,
    watch_step,
)
from tests.core.toy_world import COMMANDS, CONCLUSIONS, ToyWorld

RIVALS = plan_of(
    replace(dispatch_step("one"), nonce="id"),
    replace(dispatch_step("two"), nonce="id"),
    dispatch_step("three", retry=Retry(5, 5, 5, 5, 0.0)),
)
BRANCH = plan_of(dispatch_step("start"), watch_step("build", "start", ref="develop"))
PLANS = (DISPATCH, WATCH, TWO_EDITIONS, WITH_APPROVAL, RIVALS, BRANCH, APPROVAL)
CLOCK = (1, 5, 30, 60, 900, 3_600, 21_600, 86_400)
ACTIONS = (
    *("perform", "answer", "work", "work", "work") * 4,
    *("move", "look", "time") * 3,
    *("hint", "hint again", "restart", "lose", "person", "command", "adopt", "bar", "unbar", "turn"),
)
Act = tuple[str, int]
ACTS = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 251))


def act(world: ToyWorld, what: str, number: int) -> None:
    steps = world.plan.steps
    step = steps[number % len(steps)]
    match what:
        case "perform" if world.effects:
            world.perform(world.effects[number % len(world.effects)], number // 3)
        case "answer":
            world.deliver(number)
        case "work" if world.effects:
            world.perform(world.effects[number % len(world.effects)], number // 5)
            world.deliver(number)
        case "move":
            _move(world, number)
        case "look":
            world.look()
        case "time":
            world.pass_time(CLOCK[number % len(CLOCK)])
        case "hint" | "hint again":
            world.hint(number, keep=what == "hint again")
        case "restart":
            world.restart()
        case "lose" if world.pending:
            world.pending.pop(number % len(world.pending))
        case "person":
            _person(world, number)
        case "command":
            world.order(COMMANDS[number % len(COMMANDS)](step.name))
        case "adopt" if world.homes:
            world.adopt(step.name, 101 + number % len(world.homes))
        case "bar":
            world.bar(world.plan.repositories[number % len(world.plan.repositories)])
        case "unbar":
            world.unbar(world.plan.repositories[number % len(world.plan.repositories)])
        case "turn":
            world.ahead = None
            world.hear(Tick())


def _move(world: ToyWorld, number: int) -> None:
    """GitHub goes on with a run, or somebody pushes what a watch step awaits."""
    live = world.live()
    if live and number % 4:
        run_id = live[number % len(live)]
        statuses = ("in_progress", "waiting", "queued")
        if number % 3 == 0:
            world.progress(run_id, statuses[number // 3 % 3])
        else:
            world.conclude(run_id, CONCLUSIONS[number // 3 % len(CONCLUSIONS)])
        return
    awaited = [step for step in world.plan.steps if isinstance(step, WatchStep)]
    if awaited:
        world.start_run(awaited[number % len(awaited)], actor="maya")


def _person(world: ToyWorld, number: int) -> None:
    """Somebody works on GitHub by hand: re-runs, cancels, deletes."""
    over, live = world.over(), world.live()
    if over and number % 3 == 0:
        world.again(over[number % len(over)], "maya")
    elif live and number % 3 == 1:
        world.conclude(live[number % len(live)], "cancelled")
    elif over:
        del world.runs[over[number % len(over)]]


def bring_to_rest(world: ToyWorld) -> None:
    """The faults stop and people answer: every wait comes to its end within bounded steps."""
    world.ahead = None
    world.restart()
    for repo in world.plan.repositories:
        world.unbar(repo)
    for _ in range(400):
        if world.release.word.final or _only_people_are_awaited(world):
            return
        world.order(commands.Resume(pipeline="release"))
        world.order(commands.Approve(pipeline="release"))
        for run_id in world.live():
            world.conclude(run_id, "success")
        world.look()
        for _ in range(4):
            for effect in world.effects:
                world.perform(effect, 0)
            while world.pending:
                world.deliver(0)
        world.pass_time(61)
    raise AssertionError(f"never came to rest: {[record.state for record in world.release.steps.values()]}")


def _only_people_are_awaited(world: ToyWorld) -> bool:
    release = world.release
    if release.word is not ReleaseWord.NEEDS_ATTENTION:
        return False
    idle = Waiting | NeedsPerson | AwaitingApproval
    return all(record.final or isinstance(record.state, idle) for record in release.steps.values())


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.steps[-1].name + f"-{len(plan.steps)}")
@settings(
    max_examples=150,
    print_blob=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(acts=st.lists(ACTS, min_size=20, max_size=90))
def test_the_promises_hold_in_every_history(plan: Plan, acts: list[Act]) -> None:
    world = ToyWorld(plan, ahead="1.0.2" if len(acts) % 4 == 0 else None)
    for what, number in acts:
        act(world, what, number)
    bring_to_rest(world)

    assert world.release.word in {ReleaseWord.RELEASED, ReleaseWord.CANCELLED, ReleaseWord.NEEDS_ATTENTION}
    assert world.replayed() == world.release
