"""One process is at work on a shared database, and nothing that an earlier one still writes can follow."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.store import LeaseLost, Store, StoreUnavailable
from tests.adapters.test_store_given import (
    Watch,
    arrival,
    at_work,
    commit,
    opened,
    release,
    start,
    url_of,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(ready_url: str) -> AsyncIterator[Store]:
    """One that nobody has put to work."""
    async with one_more(ready_url) as store:
        yield store


@asynccontextmanager
async def one_more(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url, now=Watch())
    try:
        yield store
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A transaction of the engine that stands still until `go_on` is set."""

    done: asyncio.Task[None]
    go_on: threading.Event


@asynccontextmanager
async def held_up(store: Store) -> AsyncIterator[HeldUp]:
    reached, go_on = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE pulse SET at = at")
        reached.set()
        go_on.wait()
        connection.exec_driver_sql("UPDATE pulse SET at = at")

    task = asyncio.create_task(store.database.transact(work))
    try:
        await asyncio.to_thread(reached.wait)
        yield HeldUp(task, go_on)
    finally:
        go_on.set()
        await asyncio.gather(task, return_exceptions=True)


async def _took(store: Store) -> int | None:
    try:
        return await store.leases.take("new", 60)
    except StoreUnavailable:  # the one before has its row still
        return None


async def test_a_lease_is_held_by_one_and_its_epoch_counts_who_held_it(store: Store) -> None:
    assert await store.leases.held() is None
    assert await store.leases.take("a", 60) == 1
    assert await store.leases.take("b", 60) is None
    held = await store.leases.held()
    assert held is not None
    assert (held.holder, held.epoch, held.over) == ("a", 1, False)


async def test_a_lease_that_is_over_by_the_database_s_clock_can_be_taken(store: Store) -> None:
    await store.leases.take("a", 0)
    assert await store.leases.take("b", 60) == 2
    assert not await store.leases.renew("a", 1, 60)


async def test_a_lease_that_ran_out_unseen_can_be_renewed(store: Store) -> None:
    await store.leases.take("a", 0)
    assert await store.leases.renew("a", 1, 60)
    assert await store.leases.take("b", 60) is None


async def test_a_renewed_lease_runs_out_again(store: Store) -> None:
    await store.leases.take("a", 60)
    assert await store.leases.renew("a", 1, 0)
    assert await store.leases.take("b", 60) == 2


async def test_a_lease_lasts_as_long_as_was_said_by_the_database_s_clock(store: Store) -> None:
    await store.leases.take("a", 60)
    first = await store.leases.held()
    await store.leases.renew("a", 1, 600)
    renewed = await store.leases.held()

    assert first is not None
    assert renewed is not None
    assert first.until is not None
    assert renewed.until is not None
    assert 540 <= (renewed.until - first.until).total_seconds() < 570


async def test_whoever_never_heard_that_it_got_the_lease_gets_it_again(store: Store) -> None:
    await store.leases.take("a", 60)
    assert await store.leases.take("a", 60) == 2


async def test_a_lease_that_was_given_up_is_free_at_once(store: Store) -> None:
    await store.leases.take("a", 60)
    await store.leases.give_up("a", 1)
    assert not await store.leases.renew("a", 1, 60)
    assert await store.leases.take("b", 60) == 2


async def test_a_late_goodbye_does_not_end_the_lease_of_the_next(store: Store) -> None:
    await store.leases.take("a", 0)
    await store.leases.take("b", 60)
    await store.leases.give_up("a", 1)
    assert await store.leases.take("c", 60) is None


async def test_of_many_that_ask_at_once_one_gets_the_lease(ready_url: str) -> None:
    async with one_more(ready_url) as one, one_more(ready_url) as two, one_more(ready_url) as three:
        for _ in range(5):
            answers = await asyncio.gather(
                *(store.leases.take(f"{number}", 60) for number, store in enumerate((one, two, three)))
            )
            assert sum(answer is not None for answer in answers) == 1
            held = await one.leases.held()
            assert held is not None
            await one.leases.give_up(held.holder, held.epoch)


async def test_whoever_stands_by_takes_deliveries_in_and_touches_nothing_else(store: Store) -> None:
    assert await store.deliveries.accept(arrival("d1"))
    await store.check()
    with pytest.raises(LeaseLost, match="stands by"):
        await store.releases.live()
    with pytest.raises(LeaseLost):
        await store.deliveries.finish("d1", "done")


async def test_what_a_standby_took_in_is_pending_for_the_one_at_work(ready_url: str) -> None:
    async with opened(ready_url) as leader, one_more(ready_url) as standby:
        await standby.deliveries.accept(arrival("d1"))
        assert not await leader.deliveries.accept(arrival("d1"))
        assert [row.id for row in await leader.deliveries.pending(5)] == ["d1"]


async def test_after_a_takeover_the_one_before_writes_nothing_and_is_told_once(ready_url: str) -> None:
    told: list[str] = []
    async with one_more(ready_url) as old, one_more(ready_url) as new:
        epoch = await old.leases.take("old", 0)
        assert epoch is not None
        old.fence(epoch, lambda: told.append("lost"))
        (stored,) = await start(old, release("r1"))
        await at_work(new, "new")

        for _ in range(2):
            with pytest.raises(LeaseLost, match="another process is at work"):
                await commit(old, stored)

        assert told == ["lost"]
        assert await new.releases.get("r1") == stored
        assert await commit(new, stored)


async def test_what_an_earlier_term_had_asked_for_is_not_done_in_the_next(store: Store) -> None:
    """A write waits for its turn while its process loses the lease and gets it again."""
    epoch = await at_work(store)
    async with held_up(store) as before:
        store.fence(epoch - 1, lambda: None)
        late = asyncio.create_task(start(store, release("r1")))
        await asyncio.sleep(0)
        store.fence(epoch, lambda: None)
        before.go_on.set()

        with pytest.raises(LeaseLost):
            await late
    assert await store.releases.live() == ()


async def test_a_takeover_waits_for_the_commit_under_way(ready_url: str) -> None:
    """The one before is held up inside its transaction; it may finish that one, and it is its last."""
    async with one_more(ready_url) as old, one_more(ready_url) as new:
        epoch = await old.leases.take("old", 0)
        assert epoch is not None
        old.fence(epoch, lambda: None)
        async with held_up(old) as writing:
            taking = asyncio.create_task(new.leases.take("new", 60))
            done, _ = await asyncio.wait({taking}, timeout=0.3)
            assert not done
            writing.go_on.set()

            await writing.done
            assert await taking == 2


async def test_a_process_that_is_stopped_inside_a_transaction_does_not_keep_the_lease(ready_url: str) -> None:
    """The server ends the transaction of a client that says nothing for five seconds."""
    async with one_more(ready_url) as old, one_more(ready_url) as new:
        epoch = await old.leases.take("old", 0)
        assert epoch is not None
        old.fence(epoch, lambda: None)
        async with held_up(old) as stopped:
            async with asyncio.timeout(20):
                while await _took(new) is None:
                    pass  # each try waits for the row itself

            stopped.go_on.set()
            with pytest.raises(StoreUnavailable):
                await stopped.done


async def test_a_file_with_one_owner_needs_no_lease(tmp_path: Path) -> None:
    async with one_more(url_of(tmp_path)) as store:
        assert await store.releases.live() == ()
        assert await store.leases.take("a", 60) == 1
        assert await store.leases.take("b", 60) == 2
        assert await store.leases.renew("a", 1, 60)
        store.unfence()
        assert await store.deliveries.pending(1) == ()
        held = await store.leases.held()
        assert held is not None
        assert (held.holder, held.until, held.over) == ("b", None, False)
