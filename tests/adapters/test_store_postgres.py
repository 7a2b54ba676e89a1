"""PostgreSQL: refused at once when it cannot be used, healed when it was away, and the door waits for nobody."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from bot.store import Store, StoreRefused, StoreUnavailable
from bot.store.database import Lane
from bot.store.opening import open_database
from tests.adapters.test_store_given import Watch, arrival, at_work, commit, opened, release, start
from tests.pooler import Pooler
from tests.postgres import PostgresServer, name_of, pooled

pytestmark = pytest.mark.anyio


async def refusal(url: str) -> str:
    with pytest.raises(StoreRefused) as refused:
        await open_database(url, patience=0)
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_a_database_that_does_not_exist_is_refused(postgres: PostgresServer) -> None:
    told = await refusal(postgres.url("nowhere"))
    assert "postgresql:///nowhere does not exist: create it" in told


async def test_an_unknown_user_is_refused(ready_url: str) -> None:
    told = await refusal(ready_url.replace("postgres@", "nobody:top-secret@"))
    assert "check the user" in told
    assert "top-secret" not in told


async def test_a_server_that_cannot_be_reached_is_refused_without_the_password() -> None:
    told = await refusal("postgresql://bot:top-secret@127.0.0.1:1/bot")
    assert "postgresql://127.0.0.1:1/bot cannot be reached" in told
    assert "Connection refused" in told
    assert "top-secret" not in told


async def test_a_server_that_is_late_is_waited_for(postgres: PostgresServer) -> None:
    """The database is made while the bot asks for it; so it looks when a server is starting."""
    name = "late"
    postgres.tell(f"CREATE DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        opening = asyncio.create_task(open_database(postgres.url(name), patience=20))
        done, _ = await asyncio.wait({opening}, timeout=0.3)
        assert not done
        postgres.tell(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await (await opening).close()
    finally:
        postgres.tell(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    "url", ["postgresql://bot:top-secret@[::1/bot", "postgresql://bot:top-secret@host/bot?nonsense=1"]
)
async def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    told = await refusal(url)
    assert "cannot be read" in told
    assert "top-secret" not in told


async def test_another_program_s_database_is_refused(postgres: PostgresServer, postgres_url: str) -> None:
    postgres.tell("CREATE TABLE recipes (name text)", database=name_of(postgres_url))
    assert "belongs to another program" in await refusal(postgres_url)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("default_transaction_read_only = on", "is read-only: name the primary server"),
        ("synchronous_commit = off", "may lose what it has committed"),
    ],
)
async def test_a_database_that_cannot_keep_promises_is_refused(
    postgres: PostgresServer, postgres_url: str, setting: str, words: str
) -> None:
    postgres.tell(f'ALTER DATABASE "{name_of(postgres_url)}" SET {setting}')
    assert words in await refusal(postgres_url)


async def test_a_database_that_cannot_hold_every_letter_is_refused(postgres: PostgresServer) -> None:
    postgres.tell("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        assert "create it with encoding UTF8" in await refusal(postgres.url("latin"))
    finally:
        postgres.drop(postgres.url("latin"))


@pytest.fixture
def worker(postgres: PostgresServer, postgres_url: str) -> Iterator[str]:
    """URL for a role that may read and write rows, and make nothing."""
    database = name_of(postgres_url)
    postgres.tell("CREATE ROLE worker LOGIN")
    grant = "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO worker"
    postgres.tell(grant, database=database)
    postgres.tell("ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO worker", database=database)
    yield postgres_url.replace("postgres@", "worker@")
    postgres.tell("DROP OWNED BY worker", database=database)
    postgres.tell("DROP ROLE worker")


async def test_a_role_that_can_make_no_tables_is_refused_until_they_are_there(
    worker: str, postgres_url: str
) -> None:
    assert "lets this user make no tables" in await refusal(worker)
    await (await Store.open(postgres_url, now=Watch())).close()
    async with opened(worker) as store:
        await start(store, release("r1"))
        assert await store.deliveries.accept(arrival("d1"))


async def test_a_connection_that_was_ended_is_replaced_unseen(
    postgres: PostgresServer, ready_url: str
) -> None:
    async with opened(ready_url) as store:
        await start(store, release("r1"))
        await store.deliveries.accept(arrival("d1"))
        ended = postgres.tell(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            database=name_of(ready_url),
        )
        assert ended != [(0,)]
        assert len(await store.releases.live()) == 1
        assert await store.deliveries.accept(arrival("d2"))
        await store.check()


async def test_a_connection_that_ends_inside_a_transaction_changes_nothing(
    postgres: PostgresServer, ready_url: str
) -> None:
    async with opened(ready_url) as store:
        (stored,) = await start(store, release("r1"))

        def cut_off(connection: Connection) -> None:
            connection.exec_driver_sql("UPDATE releases SET revision = 99")
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            postgres.tell(f"SELECT pg_terminate_backend({pid}, 5000)")
            connection.exec_driver_sql("UPDATE releases SET revision = 100")

        with pytest.raises(StoreUnavailable, match="terminating connection"):
            await store.database.transact(cut_off)
        assert await store.releases.get("r1") == stored


@pytest.fixture
def through_pooler(postgres: PostgresServer, ready_url: str) -> Iterator[tuple[str, Pooler]]:
    with pooled(postgres, ready_url) as found:
        yield found


async def test_a_commit_whose_answer_was_lost_is_told_and_stays(through_pooler: tuple[str, Pooler]) -> None:
    url, pooler = through_pooler
    async with opened(url) as store:
        (stored,) = await start(store, release("r1"))
        pooler.lose_answer_to = b"COMMIT\0"
        with pytest.raises(StoreUnavailable):
            await commit(store, stored, replace(stored.release, turn=True))
        found = await store.releases.get("r1")
        assert found is not None
        assert (found.revision, found.release.turn) == (stored.revision + 1, True)


async def test_a_pooler_gives_every_transaction_another_connection(
    through_pooler: tuple[str, Pooler],
) -> None:
    url, pooler = through_pooler
    async with opened(url) as store:
        before = pooler.handed_out
        seen = {await store.database.transact(_backend, lane=Lane.PULSE) for _ in range(6)}
        assert len(seen) == 3
        assert pooler.handed_out >= before + 6


def _backend(connection: Connection) -> object:
    return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()


async def test_the_door_does_not_wait_for_a_slow_engine(ready_url: str) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT 1")
        reached.set()
        go_on.wait()

    async with opened(ready_url) as store:
        working = asyncio.create_task(store.database.transact(slow))
        await asyncio.to_thread(reached.wait)
        try:
            async with asyncio.timeout(5):
                assert await store.deliveries.accept(arrival("d1"))
                await store.check()
            assert not working.done()
        finally:
            go_on.set()
            await working


async def test_doors_that_get_the_same_deliveries_in_another_order_keep_each_once(ready_url: str) -> None:
    """Each waits for the other's first delivery: PostgreSQL ends one of them, which begins again."""
    here_first, there_first = threading.Event(), threading.Event()
    tries: list[str] = []

    async with opened(ready_url) as one:
        two = await Store.open(ready_url, now=Watch())

        def keeping(first: str, second: str, mine: threading.Event, other: threading.Event) -> object:
            def work(connection: Connection) -> None:
                tries.append(first)
                _insert(connection, first)
                mine.set()
                other.wait()
                _insert(connection, second)

            return work

        try:
            await asyncio.gather(
                one.database.transact(keeping("d1", "d2", here_first, there_first), lane=Lane.DOOR),  # type: ignore[arg-type]
                two.database.transact(keeping("d2", "d1", there_first, here_first), lane=Lane.DOOR),  # type: ignore[arg-type]
            )
        finally:
            await two.close()
        assert len(tries) > 2
        assert {row.id for row in await one.deliveries.pending(5)} == {"d1", "d2"}


def _insert(connection: Connection, name: str) -> None:
    connection.exec_driver_sql(
        "INSERT INTO deliveries (id, event, payload, received_at, state, tries)"
        " VALUES (%s, 'ping', '{}', 0, 'pending', 0) ON CONFLICT DO NOTHING",
        (name,),
    )


async def test_the_same_delivery_at_two_doors_at_once_is_new_at_one(ready_url: str) -> None:
    one, two = [await Store.open(ready_url, now=Watch()) for _ in range(2)]
    try:
        for number in range(20):
            both = (
                store.deliveries.accept(arrival(f"d{number}", second_key=f"k{number}"))
                for store in (one, two)
            )
            assert sorted(await asyncio.gather(*both)) == [False, True]
    finally:
        await one.close()
        await two.close()


async def test_transactions_of_the_engine_keep_their_order(ready_url: str) -> None:
    async with opened(ready_url) as store:
        order: list[int] = []
        await asyncio.gather(
            *(store.database.transact(lambda _, number=number: order.append(number)) for number in range(50))  # type: ignore[misc]
        )
        assert order == list(range(50))


async def test_a_second_process_can_open_the_database_while_the_first_is_at_work(ready_url: str) -> None:
    async with opened(ready_url) as first:
        second = await Store.open(ready_url, now=Watch())
        try:
            await start(first, release("r1"))
            await first.leases.give_up("this test", 1)
            await at_work(second, "second")
            assert [stored.release.id for stored in await second.releases.live()] == ["r1"]
        finally:
            await second.close()
