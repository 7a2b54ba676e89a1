"""The inbox keeps every delivery once, and nothing that was answered with 202 is lost."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.store import Arrival, DeliveryState, Store, StoreUnavailable
from bot.store.database import Lane
from bot.store.tables import deliveries
from tests.adapters.conftest import EVERY_KIND
from tests.adapters.test_store_given import MINUTE, NOW, arrival, opened, release, start

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", EVERY_KIND, indirect=True)]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        yield store


async def names(store: Store) -> list[str]:
    return [row.id for row in await store.deliveries.pending(1000)]


async def test_a_delivery_comes_back_as_it_came_in(store: Store) -> None:
    sent = Arrival("d1", "workflow_run", '{"name": "Zoë 🚀"}', "run:7:1:completed", NOW)

    assert await store.deliveries.accept(sent)

    (row,) = await store.deliveries.pending(10)
    assert (row.id, row.event, row.payload, row.second_key) == (
        sent.id,
        sent.event,
        sent.payload,
        sent.second_key,
    )
    assert row.received_at == NOW
    assert row.received_at.tzinfo is not None
    assert (row.state, row.tries, row.outcome) == (DeliveryState.PENDING, 0, None)


async def test_the_same_delivery_again_is_not_new(store: Store) -> None:
    assert await store.deliveries.accept(arrival("d1"))
    assert not await store.deliveries.accept(arrival("d1"))
    assert await names(store) == ["d1"]


async def test_a_redelivery_under_another_id_is_known_by_its_second_key(store: Store) -> None:
    assert await store.deliveries.accept(arrival("d1", second_key="comment:5:created"))
    assert not await store.deliveries.accept(arrival("d2", second_key="comment:5:created"))
    assert await names(store) == ["d1"]


async def test_deliveries_without_a_second_key_do_not_shut_each_other_out(store: Store) -> None:
    assert await store.deliveries.accept(arrival("d1"))
    assert await store.deliveries.accept(arrival("d2"))


async def test_of_two_equal_deliveries_at_the_same_moment_one_is_new(store: Store) -> None:
    same_id = [arrival("d1"), arrival("d1")]
    same_key = [arrival("d2", second_key="k"), arrival("d3", second_key="k")]

    answers = await asyncio.gather(*map(store.deliveries.accept, same_id + same_key))

    assert answers == [True, False, True, False]
    assert await names(store) == ["d1", "d2"]


async def test_five_hundred_at_once_are_all_kept_in_the_order_of_arrival(store: Store) -> None:
    wanted = [f"d{number}" for number in range(500)]

    answers = await asyncio.gather(*(store.deliveries.accept(arrival(name)) for name in wanted))

    assert all(answers)
    assert await names(store) == wanted


async def test_concurrent_arrivals_share_commits(store: Store) -> None:
    commits: list[bool] = []
    waiting = [asyncio.create_task(store.deliveries.accept(arrival(f"d{number}"))) for number in range(100)]
    while not all(task.done() for task in waiting):
        before = sum(task.done() for task in waiting)
        await asyncio.sleep(0)
        if sum(task.done() for task in waiting) > before:
            commits.append(True)
    assert len(commits) <= 3


async def test_pending_gives_no_more_than_asked_for_oldest_first(store: Store) -> None:
    for name in ("d1", "d2", "d3"):
        await store.deliveries.accept(arrival(name))
    assert [row.id for row in await store.deliveries.pending(2)] == ["d1", "d2"]


@pytest.mark.parametrize("ignored", [True, False])
async def test_what_is_finished_is_not_pending_but_still_known(store: Store, ignored: bool) -> None:
    await store.deliveries.accept(arrival("d1"))

    await store.deliveries.finish("d1", "nothing to do", ignored=ignored)

    assert await names(store) == []
    assert not await store.deliveries.accept(arrival("d1"))


async def test_a_delivery_that_keeps_failing_is_put_aside(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))

    answers = [await store.deliveries.failed("d1", "no such field", most=3) for _ in range(3)]

    assert answers == [False, False, True]
    assert await names(store) == []


async def test_failures_are_counted_and_their_reason_is_kept(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    await store.deliveries.failed("d1", "no such field \ud800\0")
    (row,) = await store.deliveries.pending(1)
    assert row.tries == 1
    assert (row.outcome or "").startswith("no such field")


async def test_pruning_forgets_only_what_is_old_and_finished(store: Store) -> None:
    for name, age in (("old-done", 10), ("old-pending", 10), ("new-done", 1)):
        await store.deliveries.accept(arrival(name, received_at=NOW - age * MINUTE))
    await store.deliveries.finish("old-done", "done")
    await store.deliveries.finish("new-done", "ignored", ignored=True)

    assert await store.deliveries.prune(NOW - 5 * MINUTE) == 1

    assert await names(store) == ["old-pending"]
    assert not await store.deliveries.accept(arrival("new-done"))
    assert await store.deliveries.accept(arrival("old-done"))


async def test_an_unfinished_delivery_is_pending_again_after_a_restart(database: str) -> None:
    async with opened(database) as before:
        await before.deliveries.accept(arrival("d1", second_key="k"))
    async with opened(database) as after:
        assert await names(after) == ["d1"]
        assert not await after.deliveries.accept(arrival("d2", second_key="k"))


KILLED_AFTER_ACCEPTING = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from bot.store import Arrival, Store

async def main():
    now = lambda: datetime(2026, 11, 17, tzinfo=UTC)
    store = await Store.open(sys.argv[1], now=now)
    await store.deliveries.accept(Arrival("d1", "ping", "{}", None, now()))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_was_accepted_survives_a_kill_right_after(database: str) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_AFTER_ACCEPTING, database)
    assert await child.wait() == -9

    async with opened(database) as store:
        assert await names(store) == ["d1"]


async def test_a_caller_that_gives_up_does_not_take_its_delivery_back(store: Store) -> None:
    impatient = asyncio.create_task(store.deliveries.accept(arrival("d1")))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await store.deliveries.accept(arrival("d2"))

    assert impatient.cancelled()
    assert await names(store) == ["d1", "d2"]


async def test_the_store_says_that_it_is_busy_until_everything_is_written(store: Store) -> None:
    assert not store.busy
    accepting = asyncio.create_task(store.deliveries.accept(arrival("d1")))
    await asyncio.sleep(0)
    assert store.busy
    await accepting
    assert not store.busy


async def test_a_hint_is_finished_with_the_next_commit(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))

    store.deliveries.finish_soon("d1", "concerns no release", ignored=True)
    await store.deliveries.accept(arrival("d2"))

    assert await names(store) == ["d2"]


async def test_a_long_list_of_finished_hints_is_written_in_portions_and_entirely(store: Store) -> None:
    many = [f"d{number}" for number in range(1_100)]
    await asyncio.gather(*(store.deliveries.accept(arrival(name)) for name in many))
    for name in many:
        store.deliveries.finish_soon(name, "concerns no release", ignored=True)

    await store.deliveries.flush()

    assert await names(store) == []


async def test_of_many_doubles_among_many_arrivals_the_first_of_each_is_new(store: Store) -> None:
    wanted = [f"d{number % 700}" for number in range(1_400)]

    answers = await asyncio.gather(*(store.deliveries.accept(arrival(name)) for name in wanted))

    assert answers == [True] * 700 + [False] * 700


@pytest.mark.parametrize(
    "text", ["'); DROP TABLE deliveries; --", "%s %(id)s ? :id", "NUL \0 and half \ud800"]
)
async def test_whatever_a_delivery_says_is_kept_as_text(store: Store, text: str) -> None:
    assert await store.deliveries.accept(Arrival("d1", "push", text, None, NOW))
    store.deliveries.finish_soon("d1", text, ignored=True)
    assert await store.deliveries.accept(Arrival("d2", "push", text, None, NOW))

    (row,) = await store.deliveries.pending(10)
    assert row.id == "d2"
    assert row.payload.startswith(text[:4])


async def state_of(database: str, name: str) -> tuple[str, str | None, int]:
    """As it stands in the database: state, outcome, tries."""
    async with opened(database) as store:
        query = select(deliveries).where(deliveries.c.id == name)
        row = await store.database.transact(lambda connection: connection.execute(query).mappings().one())
        return row["state"], row["outcome"], row["tries"]


async def test_what_became_of_a_delivery_is_kept_with_it(database: str) -> None:
    async with opened(database) as store:
        for name in ("done", "ignored", "failed"):
            await store.deliveries.accept(arrival(name))
        await store.deliveries.finish("done", "a release was started")
        await store.deliveries.finish("ignored", "of no interest", ignored=True)
        await store.deliveries.accept(replace(arrival("nothing"), ignored="concerns no release"))
        for _ in range(5):
            await store.deliveries.failed("failed", "no such field")

    assert await state_of(database, "done") == ("done", "a release was started", 0)
    assert await state_of(database, "ignored") == ("ignored", "of no interest", 0)
    assert await state_of(database, "nothing") == ("ignored", "concerns no release", 0)
    assert await state_of(database, "failed") == ("quarantined", "no such field", 5)


async def test_a_delivery_is_tried_five_times(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    await store.deliveries.accept(arrival("d2"))

    answers = [await store.deliveries.failed("d1", "no such field") for _ in range(5)]

    assert answers == [False] * 4 + [True]
    assert await names(store) == ["d2"]
    assert [row.tries for row in await store.deliveries.pending(2)] == [0]


async def test_a_delivery_that_is_finished_fails_no_more(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    await store.deliveries.finish("d1", "done")

    assert not await store.deliveries.failed("d1", "too late", most=1)
    assert await store.deliveries.prune(NOW + MINUTE) == 1


async def test_the_backlog_counts_what_is_still_to_be_worked_on(store: Store) -> None:
    for name in ("d1", "d2", "d3"):
        await store.deliveries.accept(arrival(name))
    before = await store.deliveries.backlog()

    await store.deliveries.finish("d2", "done")

    assert (before, await store.deliveries.backlog()) == (3, 2)


async def test_which_deliveries_were_taken_before_is_known_whatever_became_of_them(store: Store) -> None:
    for name in ("pending", "finished"):
        await store.deliveries.accept(arrival(name))
    await store.deliveries.finish("finished", "done")

    assert await store.deliveries.known(["pending", "finished", "lost"]) == {"pending", "finished"}


async def test_pruning_keeps_what_is_just_as_old_as_said_and_what_was_put_aside(store: Store) -> None:
    for name in ("done", "aside"):
        await store.deliveries.accept(arrival(name))
    await store.deliveries.finish("done", "done")
    await store.deliveries.failed("aside", "no such field", most=1)

    assert await store.deliveries.prune(NOW) == 0
    assert await store.deliveries.prune(NOW + MINUTE) == 1
    assert not await store.deliveries.accept(arrival("aside"))


async def test_a_hint_is_written_as_finished_without_any_arrival(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    await store.deliveries.accept(arrival("d2"))
    store.deliveries.finish_soon("d1", "heard", ignored=True)
    waiting = await names(store)

    await store.deliveries.flush()

    assert (waiting, await names(store)) == (["d1", "d2"], ["d2"])


async def test_what_means_nothing_is_kept_as_finished_and_known_by_its_id(store: Store) -> None:
    nothing = replace(arrival("d1"), ignored="concerns no release")

    assert await store.deliveries.accept(nothing)

    assert await names(store) == []
    assert not await store.deliveries.accept(arrival("d1"))


async def test_when_a_commit_fails_everybody_who_waited_is_told_and_hints_are_kept_for_the_next(
    store: Store,
) -> None:
    await store.deliveries.accept(arrival("d1"))
    store.deliveries.finish_soon("d1", "heard")
    bad = arrival("d2", received_at=NOW.replace(tzinfo=None))

    async with asyncio.timeout(20):
        answers = await asyncio.gather(
            store.deliveries.accept(bad), store.deliveries.accept(arrival("d3")), return_exceptions=True
        )
        pending = await names(store)
        await store.deliveries.accept(arrival("d3"))

    assert [type(answer) for answer in answers] == [ValueError, ValueError]
    assert (pending, await names(store)) == (["d1"], ["d3"])


async def test_after_the_store_was_closed_a_delivery_is_refused_and_not_left_waiting(database: str) -> None:
    async with opened(database) as store:
        pass
    store.deliveries.finish_soon("d0", "heard")

    async with asyncio.timeout(20):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.deliveries.accept(arrival("d1"))


async def test_a_delivery_finished_within_a_commit_is_done_and_not_ignored(database: str) -> None:
    async with opened(database) as store:
        await store.deliveries.accept(arrival("d1"))
        (stored,) = await start(store, release("r1"))
        await store.releases.commit(
            stored, stored.release, event=None, reasons=(), wake_at=None, finished_delivery="d1"
        )

    assert await state_of(database, "d1") == ("done", "done", 0)


async def test_a_hint_that_was_heard_is_done_and_one_of_no_interest_is_ignored(database: str) -> None:
    async with opened(database) as store:
        for name in ("heard", "of no interest"):
            await store.deliveries.accept(arrival(name))
        store.deliveries.finish_soon("heard", "RunLevel")
        store.deliveries.finish_soon("of no interest", "nothing", ignored=True)
        await store.deliveries.flush()

    assert await state_of(database, "heard") == ("done", "RunLevel", 0)
    assert await state_of(database, "of no interest") == ("ignored", "nothing", 0)


async def test_who_stops_waiting_for_the_writer_stops_it_for_nobody_else(store: Store) -> None:
    held = threading.Event()
    busy = asyncio.create_task(store.database.transact(lambda _: held.wait(30), lane=Lane.DOOR))
    await asyncio.sleep(0)
    kept = asyncio.create_task(store.deliveries.accept(arrival("d1")))
    await asyncio.sleep(0)
    flushing = asyncio.create_task(store.deliveries.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    held.set()
    await busy

    assert await kept
    assert await names(store) == ["d1"]
