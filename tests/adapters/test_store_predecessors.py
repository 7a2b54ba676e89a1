"""What a new release learns from those before it: the newest that were released, and nothing else."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, update

from bot.core.model import Release
from bot.store import Store
from bot.store.tables import releases
from tests.adapters.test_store_given import HOME, Watch, cancelled, commit, opened, release, released, start

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database, Watch()) as store:
        yield store


async def ended(store: Store, new: Release, end: Release) -> None:
    (stored,) = await start(store, new)
    await commit(store, stored, end)


async def known(store: Store, *, home: str = HOME, pipeline: str = "release", most: int = 30) -> list[str]:
    return [found.id for found in await store.predecessors.released(home, pipeline, most=most)]


async def test_the_newest_that_were_released_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in range(4):
        new = release(f"r{number}", f"1.0.{number}")
        await ended(store, new, released(new))

    assert await known(store, most=3) == ["r3", "r2", "r1"]
    (newest,) = await store.predecessors.released(HOME, "release", most=1)
    assert newest == released(release("r3", "1.0.3"))


async def test_what_is_open_or_was_cancelled_or_belongs_elsewhere_teaches_nothing(store: Store) -> None:
    good, bad = release("good", "1.0.1"), release("bad", "1.0.2")
    other, foreign = release("other", pipeline="images"), release("foreign", home="acme/gadget")
    for new, end in ((good, released(good)), (bad, cancelled(bad)), (other, released(other))):
        await ended(store, new, end)
    await ended(store, foreign, released(foreign))
    await start(store, release("open", "1.0.5"))

    assert await known(store) == ["good"]
    assert await known(store, home=HOME.upper(), pipeline="RELEASE") == ["good"]


async def test_a_release_that_cannot_be_read_any_more_stops_nobody(store: Store) -> None:
    for name, version in (("old", "1.0.1"), ("new", "1.0.2")):
        made = release(name, version)
        await ended(store, made, released(made))
    spoilt = update(releases).where(releases.c.id == "old").values(state='{"plan": 1}')

    def spoil(connection: Connection) -> None:
        connection.execute(spoilt)

    await store.database.transact(spoil)
    assert await known(store) == ["new"]
