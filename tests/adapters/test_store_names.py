"""Which version moved which name last, and which versions were ever started."""

from collections.abc import AsyncIterator

import pytest

from bot.store import Store
from tests.adapters.test_store_given import HOME, commit, opened, release


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        yield store


async def started(store: Store, release_id: str, version: str) -> None:
    (stored,) = await store.releases.start([release(release_id, version=version)])
    await commit(store, stored, take=[(HOME.upper(), "docker", "latest"), (HOME, "docker", version[:3])])


async def test_the_last_to_move_a_name_has_it_and_all_before_it_are_known(store: Store) -> None:
    await started(store, "r1", "1.0.3")
    await started(store, "r2", "1.1.0")

    assert await store.names.moved(HOME) == {
        "latest": ("1.0.3", "1.1.0"),
        "1.0": ("1.0.3",),
        "1.1": ("1.1.0",),
    }


async def test_a_step_that_moves_a_name_again_changes_nothing(store: Store) -> None:
    (stored,) = await store.releases.start([release("r1", version="1.0.3")])
    stored = await commit(store, stored, take=[(HOME, "docker", "latest")])
    await commit(store, stored, take=[(HOME, "docker", "latest")])

    assert await store.names.moved(HOME) == {"latest": ("1.0.3",)}


async def test_names_of_another_repository_are_not_mixed_in(store: Store) -> None:
    await started(store, "r1", "1.0.3")

    assert await store.names.moved("acme/other") == {}


async def test_every_version_that_was_started_is_known_with_its_words(store: Store) -> None:
    await started(store, "r1", "1.0.3")
    await started(store, "r2", "1.1.0")

    assert await store.releases.words(HOME, "RELEASE") == {
        "1.0.3": frozenset({"waiting"}),
        "1.1.0": frozenset({"waiting"}),
    }
    assert await store.releases.words("acme/other", "release") == {}
