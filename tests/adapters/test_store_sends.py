"""A send number is opened once; one place has one unknown run at a time; a run belongs to one step."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from bot.core.model import Release
from bot.core.states import BoundRun
from bot.store import RunTaken, SendRepeated, SendState, SendToOpen, SlotTaken, Store, Stored
from tests.adapters.conftest import EVERY_KIND
from tests.adapters.test_store_given import (
    HOME,
    MINUTE,
    NOW,
    Watch,
    cancelled,
    commit,
    opened,
    release,
    released,
    send,
    start,
)

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", EVERY_KIND, indirect=True)]

WORKFLOW = "build.yml"


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        await start(store, release("r1"), release("r2", "1.0.4"))
        yield store


async def write(
    store: Store,
    name: str = "r1",
    *,
    open_send: SendToOpen | None = None,
    close: tuple[str, int, str] | None = None,
    bind: tuple[str, int, str] | None = None,
) -> None:
    """Commit on the newest revision."""
    stored = await store.releases.get(name)
    assert stored is not None
    await commit(
        store, stored, open_send=open_send, close_sends=[close] if close else [], bind=[bind] if bind else []
    )


async def states(store: Store, name: str = "r1", step: str = "oss") -> list[SendState]:
    return [row.state for row in await store.sends.sends_of(name, step)]


async def test_an_open_send_is_seen_by_everybody(store: Store) -> None:
    await write(store, open_send=send(nonce="n1"))
    (row,) = await store.sends.open_sends("acme/WIDGET", WORKFLOW)
    assert (row.key, row.release_id, row.step, row.send) == ("r1:oss:1", "r1", "oss", 1)
    assert (row.repo, row.workflow, row.ref, row.nonce) == ("acme/widget", WORKFLOW, "develop", "n1")
    assert row.state is SendState.OPEN


async def test_an_open_send_is_still_open_after_a_restart(database: str) -> None:
    async with opened(database) as before:
        await start(before, release("r1"))
        await write(before, open_send=send())
    async with opened(database) as after:
        assert await states(after) == [SendState.OPEN]


@pytest.mark.parametrize("close", [None, ("oss", 1, "definitely not done")], ids=["open", "closed"])
async def test_a_send_number_is_never_opened_twice(store: Store, close: tuple[str, int, str] | None) -> None:
    await write(store, open_send=send())
    if close:
        await write(store, close=close)
    with pytest.raises(SendRepeated):
        await write(store, open_send=send())


@pytest.mark.parametrize(
    ("mine", "other"), [(None, None), ("n1", None), (None, "n2")], ids=["no nonce", "mine only", "other only"]
)
async def test_a_place_with_an_unknown_run_is_taken(
    store: Store, mine: str | None, other: str | None
) -> None:
    await write(store, "r2", open_send=send(nonce=other))
    with pytest.raises(SlotTaken) as taken:
        await write(store, open_send=send(nonce=mine, repo="ACME/widget"))
    assert taken.value.holder == "r2:oss:1"
    assert await states(store) == []


async def test_two_sends_that_carry_a_nonce_may_be_open_in_one_place(store: Store) -> None:
    await write(store, "r2", open_send=send(nonce="n2"))
    await write(store, open_send=send(nonce="n1"))
    assert len(await store.sends.open_sends(HOME, WORKFLOW)) == 2


async def test_the_same_step_cannot_have_two_unknown_runs_either(store: Store) -> None:
    await write(store, open_send=send(number=1))
    with pytest.raises(SlotTaken):
        await write(store, open_send=send(number=2))


@pytest.mark.parametrize(
    "elsewhere",
    [send(ref="main"), send(repo="acme/other"), SendToOpen("oss", 1, HOME, "docker.yml", "develop", None)],
    ids=["ref", "repository", "workflow"],
)
async def test_another_place_is_free(store: Store, elsewhere: SendToOpen) -> None:
    await write(store, "r2", open_send=send())
    await write(store, open_send=elsewhere)
    assert await states(store) == [SendState.OPEN]


async def test_a_place_is_free_again_when_its_run_is_known(store: Store) -> None:
    await write(store, "r2", open_send=send())
    await write(store, "r2", bind=(HOME, 7, "oss"))
    await write(store, open_send=send())
    assert await states(store, "r2") == [SendState.BOUND]


async def test_a_place_is_free_again_when_its_send_is_closed(store: Store) -> None:
    await write(store, "r2", open_send=send())
    await write(store, "r2", close=("oss", 1, "GitHub said no"))
    await write(store, open_send=send())
    (row,) = await store.sends.sends_of("r2", "oss")
    assert (row.state, row.outcome) == (SendState.CLOSED, "GitHub said no")


async def test_one_commit_can_close_a_send_and_open_the_next(store: Store) -> None:
    await write(store, open_send=send(number=1))
    await write(store, close=("oss", 1, "rate limit"), open_send=send(number=2))
    assert await states(store) == [SendState.CLOSED, SendState.OPEN]


async def test_of_two_sends_to_one_place_at_the_same_moment_one_is_opened(store: Store) -> None:
    answers = await asyncio.gather(
        write(store, "r1", open_send=send()), write(store, "r2", open_send=send()), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [type(None), SlotTaken]


async def test_binding_a_run_leaves_the_sends_of_other_steps_open(store: Store) -> None:
    await write(store, open_send=send("oss"))
    await write(store, open_send=send("ee", ref="main"))
    await write(store, bind=(HOME, 7, "oss"))
    assert await states(store, step="ee") == [SendState.OPEN]


@pytest.mark.parametrize(("name", "step"), [("r1", "ee"), ("r2", "oss")], ids=["step", "release"])
async def test_a_run_belongs_to_one_step_only(store: Store, name: str, step: str) -> None:
    await write(store, bind=(HOME, 7, "oss"))
    with pytest.raises(RunTaken, match="run 7 of ACME/widget is bound to step oss of release r1") as taken:
        await write(store, name, bind=("ACME/widget", 7, step))
    assert (taken.value.release_id, taken.value.step) == ("r1", "oss")


async def test_binding_a_run_to_its_own_step_again_is_fine(store: Store) -> None:
    await write(store, bind=(HOME, 7, "oss"))
    await write(store, bind=(HOME, 7, "oss"))
    assert await store.sends.bindings(HOME, [7]) == {7: ("r1", "oss")}


async def test_runs_of_two_repositories_may_have_one_number(store: Store) -> None:
    await write(store, bind=(HOME, 7, "oss"))
    await write(store, bind=("acme/other", 7, "ee"))
    assert await store.sends.bindings("acme/other", [7]) == {7: ("r1", "ee")}


async def test_only_runs_that_are_bound_are_told(store: Store) -> None:
    await write(store, bind=(HOME, 2**40, "oss"))
    assert await store.sends.bindings("ACME/WIDGET", [1, 2**40, 3]) == {2**40: ("r1", "oss")}
    assert await store.sends.bindings(HOME, []) == {}


async def test_the_runs_of_a_repository_can_be_listed_for_one_release_or_all(store: Store) -> None:
    await write(store, "r1", bind=(HOME, 7, "oss"))
    await write(store, "r2", bind=(HOME, 8, "oss"))
    assert [row.run_id for row in await store.sends.bound_runs(HOME)] == [7, 8]
    assert [row.run_id for row in await store.sends.bound_runs(HOME, "r2")] == [8]
    assert await store.sends.bound_runs("acme/other") == ()


async def test_nonces_are_remembered_when_their_send_is_over(store: Store) -> None:
    await write(store, open_send=send(nonce="n1"))
    await write(store, close=("oss", 1, "given up"))
    await write(store, open_send=send("ee", 3, nonce="n2"))
    await write(store, "r2", open_send=send("oss", ref="main"))
    known = await store.sends.known(HOME, WORKFLOW, [])
    assert known.nonces == {"n1": "r1:oss:1", "n2": "r1:ee:3"}


async def test_before_a_send_everything_known_of_its_workflow_is_read_at_one_moment(store: Store) -> None:
    await write(store, open_send=send(nonce="n1"))
    await write(store, bind=(HOME, 7, "oss"))
    await write(store, open_send=send("ee", 2, nonce="n2"))
    await write(store, "r2", open_send=send("oss", ref="main"))
    await write(store, "r2", close=("oss", 1, "refused"))
    await write(store, "r2", bind=("acme/other", 8, "ee"))

    known = await store.sends.known("ACME/Widget", WORKFLOW, [7, 8, 9])

    assert [row.key for row in known.open] == ["r1:ee:2"]
    assert known.nonces == {"n1": "r1:oss:1", "n2": "r1:ee:2"}
    assert known.bindings == {7: ("r1", "oss")}


@pytest.mark.parametrize(("repo", "workflow"), [("acme/other", WORKFLOW), (HOME, "docker.yml")])
async def test_of_another_workflow_or_repository_nothing_is_known(
    store: Store, repo: str, workflow: str
) -> None:
    await write(store, open_send=send(nonce="n1"))
    await write(store, "r2", open_send=send(ref="main"))

    known = await store.sends.known(repo, workflow, [])

    assert (known.open, known.nonces, known.bindings) == ((), {}, {})
    assert await store.sends.open_sends(repo, workflow) == ()


async def test_open_sends_are_told_oldest_first_and_those_that_are_over_not_at_all(database: str) -> None:
    watch = Watch()
    async with opened(database, watch) as store:
        await start(store, release("r1"), release("r2", "1.0.4"))
        await write(store, "r2", open_send=send(number=4, ref="main"))
        watch.at += MINUTE
        await write(store, open_send=send(number=3))
        await write(store, open_send=send("ee", ref="old"))
        await write(store, open_send=send("oss", 2, ref="gone"))
        await write(store, close=("oss", 2, "refused"))

        rows = await store.sends.open_sends(HOME, WORKFLOW)
        known = await store.sends.known(HOME, WORKFLOW, [])

    then = NOW + MINUTE
    assert [(row.key, row.opened_at) for row in rows] == [
        ("r2:oss:4", NOW),
        ("r1:ee:1", then),
        ("r1:oss:3", then),
    ]
    assert known.open == rows


async def test_a_run_of_one_repository_is_never_taken_for_that_of_another(store: Store) -> None:
    await write(store, bind=(HOME, 7, "oss"))

    assert await store.sends.bindings("acme/other", [7]) == {}
    assert (await store.sends.known("acme/other", WORKFLOW, [7])).bindings == {}
    assert (await store.sends.known(HOME, WORKFLOW, [8])).bindings == {}


async def test_what_became_of_a_send_is_kept_with_it(store: Store) -> None:
    await write(store, open_send=send())
    await write(store, close=("oss", 1, "not done: 401"))
    await write(store, open_send=send(number=2))
    await write(store, bind=(HOME, 7, "oss"))

    rows = await store.sends.sends_of("r1", "oss")

    assert [(row.send, row.state, row.outcome) for row in rows] == [
        (1, SendState.CLOSED, "not done: 401"),
        (2, SendState.BOUND, "run 7"),
    ]


async def test_a_send_is_listed_for_its_own_step_and_release_only(store: Store) -> None:
    await write(store, open_send=send())

    assert await store.sends.sends_of("r1", "ee") == ()
    assert await store.sends.sends_of("r2", "oss") == ()


async def test_a_bound_run_says_whose_it_is_and_since_when(store: Store) -> None:
    await write(store, bind=(HOME, 7, "oss"))

    (row,) = await store.sends.bound_runs(HOME)

    assert (row.repo, row.run_id, row.release_id, row.step) == ("acme/widget", 7, "r1", "oss")
    assert row.bound_at == NOW


async def test_what_stands_in_the_way_of_a_send_or_a_run_is_named(store: Store) -> None:
    await write(store, open_send=send())
    await write(store, bind=("acme/other", 7, "ee"))

    with pytest.raises(SendRepeated, match="send 1 of step oss of release r1"):
        await write(store, open_send=send())
    with pytest.raises(SlotTaken, match=r"r1:oss:1 of build.yml at develop in acme/Widget"):
        await write(store, "r2", open_send=send())
    with pytest.raises(RunTaken, match="run 7 of acme/other is bound to step ee of release r1") as taken:
        await write(store, "r2", bind=("acme/other", 7, "oss"))
    assert (taken.value.release_id, taken.value.step) == ("r1", "ee")


async def test_bound_runs_are_told_in_the_order_of_binding(database: str) -> None:
    watch = Watch()
    async with opened(database, watch) as store:
        await start(store, release("r1"))
        await write(store, bind=(HOME, 9, "oss"))
        await write(store, bind=(HOME, 8, "oss"))
        watch.at += MINUTE
        await write(store, bind=(HOME, 7, "oss"))

        rows = await store.sends.bound_runs(HOME)

    assert [row.run_id for row in rows] == [8, 9, 7]


# -- what a cancelled release has left -------------------------------------------------------------------------


async def left_by(store: Store, ended: Callable[[Release], Release]) -> None:
    """Run 7 is bound to a release that has ended."""
    await start(store, release("old"))
    await write(store, "old", bind=(HOME, 7, "oss"))
    stored = await newest(store, "old")
    await commit(store, stored, ended(stored.release))


async def newest(store: Store, name: str) -> Stored:
    stored = await store.releases.get(name)
    assert stored is not None
    return stored


async def test_a_run_of_a_cancelled_release_goes_over_to_a_later_one_of_its_version(store: Store) -> None:
    await left_by(store, cancelled)
    assert await store.sends.taken(HOME, [7], version="1.0.3") == {}
    assert await store.sends.bindings(HOME, [7]) == {7: ("old", "oss")}

    await write(store, "r1", bind=(HOME, 7, "ee"))

    assert await store.sends.bindings(HOME, [7]) == {7: ("r1", "ee")}
    assert await store.sends.taken(HOME, [7], version="1.0.3") == {7: ("r1", "ee")}
    with pytest.raises(RunTaken):
        await write(store, "r1", bind=(HOME, 7, "oss"))


async def test_before_a_send_the_run_of_a_cancelled_release_is_nobody_elses(store: Store) -> None:
    await left_by(store, cancelled)

    assert (await store.sends.known(HOME, WORKFLOW, [7])).bindings == {7: ("old", "oss")}


async def test_a_run_of_a_cancelled_release_is_not_for_another_version(store: Store) -> None:
    await left_by(store, cancelled)

    assert await store.sends.taken(HOME, [7], version="1.0.4") == {7: ("old", "oss")}
    with pytest.raises(RunTaken, match="run 7 of acme/Widget is bound to step oss of release old"):
        await write(store, "r2", bind=(HOME, 7, "oss"))


@pytest.mark.parametrize("ended", [released, lambda release: release], ids=["released", "open"])
async def test_a_run_of_a_release_that_is_open_or_released_stays_with_it(
    store: Store, ended: Callable[[Release], Release]
) -> None:
    await left_by(store, ended)

    assert await store.sends.taken(HOME, [7], version="1.0.3") == {7: ("old", "oss")}
    with pytest.raises(RunTaken):
        await write(store, "r1", bind=(HOME, 7, "oss"))


async def test_of_two_releases_that_want_a_left_run_at_the_same_moment_one_gets_it(store: Store) -> None:
    await left_by(store, cancelled)
    await start(store, release("r3"))

    answers = await asyncio.gather(
        write(store, "r1", bind=(HOME, 7, "oss")),
        write(store, "r3", bind=(HOME, 7, "oss")),
        return_exceptions=True,
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "RunTaken"]


def taking_up(name: str, run_id: int = 7) -> Release:
    fresh = release(name)
    found = BoundRun(run_id, 1, "completed", "success", "abc", "", NOW)
    return fresh.with_step("oss", replace(fresh.steps["oss"], found=found))


async def test_what_a_new_release_takes_up_is_its_own_from_the_start(store: Store) -> None:
    await left_by(store, cancelled)
    await start(store, taking_up("new"), taking_up("lost", run_id=8))

    assert await store.sends.bindings(HOME, [7, 8]) == {7: ("new", "oss"), 8: ("lost", "oss")}


async def test_a_release_whose_run_was_bound_meanwhile_is_not_started(store: Store) -> None:
    await write(store, "r1", bind=(HOME, 7, "ee"))

    assert await start(store, taking_up("new")) == ()
    assert await store.sends.bindings(HOME, [7]) == {7: ("r1", "ee")}


async def test_starting_a_release_again_takes_nothing_from_anybody(store: Store) -> None:
    await start(store, taking_up("new"))
    stored = await newest(store, "new")
    await commit(store, stored, cancelled(stored.release))
    await write(store, "r1", bind=(HOME, 7, "ee"))

    (again,) = await start(store, taking_up("new"))

    assert again.release.id == "new"
    assert await store.sends.bindings(HOME, [7]) == {7: ("r1", "ee")}
