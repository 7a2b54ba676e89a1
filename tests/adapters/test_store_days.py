"""What the reports of a whole day are made of: the releases of one date, of one command, and their comments."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.core.model import Release
from bot.store import TOGETHER_OVER, Store, Surface
from tests.adapters.test_store_given import HOME, NOW, Watch, commit, opened, release, released, start

pytestmark = pytest.mark.anyio


@pytest.fixture
async def watch() -> Watch:
    return Watch()


@pytest.fixture
async def store(database: str, watch: Watch) -> AsyncIterator[Store]:
    async with opened(database, watch) as store:
        yield store


async def begin(store: Store, watch: Watch, *new: Release, late: timedelta = timedelta()) -> None:
    """Each is stored `late` after its command was written."""
    for one in new:
        watch.at = one.asked_at + late
        await start(store, one)


def asked(name: str, at: datetime, *, home: str = HOME) -> Release:
    return replace(release(name, name, home=home), asked_at=at)


async def test_the_releases_of_a_date_are_those_whose_commands_were_written_on_it(
    store: Store, watch: Watch
) -> None:
    midnight = datetime(2026, 11, 17, tzinfo=UTC)
    instants = {
        "1.0.0": midnight - timedelta(microseconds=1),
        "1.0.1": midnight,
        "1.0.2": midnight + timedelta(hours=23, minutes=59),
        "1.0.3": midnight + timedelta(days=1),
    }
    late = timedelta(hours=3)
    await begin(store, watch, *(asked(name, at) for name, at in instants.items()), late=late)
    await begin(store, watch, asked("1.0.4", NOW, home="acme/other"))

    of_the_day = await store.releases.of_day("ACME/widget", NOW)

    assert [one.version for one in of_the_day] == ["1.0.1", "1.0.2"]


async def test_a_date_is_one_of_utc(store: Store, watch: Watch) -> None:
    late_in_the_west = datetime(2026, 11, 16, 22, 0, tzinfo=timezone(-timedelta(hours=8)))
    await begin(store, watch, asked("1.0.0", late_in_the_west))

    assert [one.version for one in await store.releases.of_day(HOME, NOW)] == ["1.0.0"]
    assert await store.releases.of_day(HOME, NOW - timedelta(days=1)) == ()


@pytest.mark.parametrize("minutes", [-90, 90])
async def test_clocks_that_differ_move_no_release_to_another_day(
    store: Store, watch: Watch, minutes: float
) -> None:
    edge = datetime(2026, 11, 17, 0 if minutes < 0 else 23, 30, tzinfo=UTC)
    await begin(store, watch, asked("1.0.0", edge), late=timedelta(minutes=minutes))

    assert [one.version for one in await store.releases.of_day(HOME, NOW)] == ["1.0.0"]


async def test_releases_come_in_the_order_of_their_ids_and_those_that_never_were_are_left_out(
    store: Store,
) -> None:
    await start(store, release("r1", "1.0.1"), release("r2", "1.0.2"))

    found = await store.releases.of_ids(("r2", "never", "r1"))

    assert [one.id for one in found] == ["r2", "r1"]
    assert await store.releases.of_ids(()) == ()


async def test_status_comments_are_told_where_they_are_known(store: Store) -> None:
    await start(store, release("r1", "1.0.1"), release("r2", "1.0.2"), release("r3", "1.0.3"))
    for surface in (
        Surface("r1", "status", "", HOME, github_id=41),
        Surface("r1", "together", "", HOME, github_id=42),
        Surface("r2", "status", "", HOME),
        Surface("r3", "status", "", HOME, github_id=43),
    ):
        await store.surfaces.save_surface(surface)

    assert await store.surfaces.status_comments(["r1", "r2", "never"]) == {"r1": 41}


@pytest.mark.parametrize(("state", "behind"), [("open", True), (TOGETHER_OVER, False), ("given up", False)])
async def test_a_list_that_has_not_told_the_end_is_found_when_the_bot_starts(
    store: Store, state: str, behind: bool
) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, stored, released(stored.release))
    await store.surfaces.save_surface(Surface("r1", "status", "", HOME, github_id=41, state="released"))
    await store.surfaces.save_surface(Surface("r1", "together", "", HOME, state=state))

    assert [one.id for one in await store.releases.unreported()] == (["r1"] if behind else [])


async def test_the_comment_of_a_list_is_found_by_its_id(store: Store) -> None:
    await start(store, release("r1"))
    surface = Surface("r1", "together", "", "acme/widget", github_id=42)
    await store.surfaces.save_surface(surface)

    assert await store.surfaces.surface_by_github_id(HOME, 42, kind="together") == surface
    assert await store.surfaces.surface_by_github_id(HOME, 42, kind="status") is None
