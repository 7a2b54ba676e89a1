"""What is decided about a release is written once, whole, and only on top of what it was decided on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import update

from bot.core.events import SendDone
from bot.core.model import Release
from bot.store import Outdated, PostToMake, SendRepeated, Store, Stored, StoreUnavailable, Surface
from bot.store.codec import SCHEMA
from bot.store.tables import releases
from tests.adapters.test_store_given import (
    HOME,
    MINUTE,
    NOW,
    Watch,
    arrival,
    cancelled,
    comment,
    commit,
    ids,
    opened,
    release,
    released,
    send,
    start,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def store(database: str, watch: Watch) -> AsyncIterator[Store]:
    async with opened(database, watch) as store:
        yield store


async def test_a_started_release_comes_back_and_is_due_at_once(store: Store) -> None:
    (stored,) = await start(store, release("r1"))
    assert stored == Stored(release("r1"), revision=1, seq=stored.seq)
    assert await store.releases.get("r1") == stored
    assert await store.releases.due(NOW) == ("r1",)


async def test_an_unknown_release_is_none(store: Store) -> None:
    assert await store.releases.get("nobody") is None


async def test_starting_the_same_release_again_changes_nothing(store: Store) -> None:
    (first,) = await start(store, release("r1"))
    moved = await commit(store, first, replace(first.release, turn=True))

    assert await start(store, release("r1")) == (moved,)
    assert ids(await store.releases.live()) == ["r1"]


async def test_a_command_and_its_answer_and_its_delivery_are_one_transaction(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))

    await store.releases.start([release("r1")], [comment("answer")], "d1")

    assert await store.deliveries.pending(1) == ()
    assert [post.key for post in await store.posts.todo_posts(NOW)] == ["answer"]


async def test_the_answer_can_depend_on_what_was_started(store: Store) -> None:
    def answer(started: tuple[Stored, ...]) -> list[PostToMake]:
        return [comment(f"started {stored.release.version}") for stored in started]

    await store.releases.start(
        [release("r1", "1.0.3"), release("r2", "0.24.9")], answer, conflicts=lambda _: ("r2",)
    )

    assert [post.key for post in await store.posts.todo_posts(NOW)] == ["started 1.0.3"]


async def test_a_release_in_conflict_is_not_started_while_the_others_are(store: Store) -> None:
    await start(store, release("elsewhere", home="acme/other"))
    asked: list[list[str]] = []

    def conflicts(open_now: tuple[Stored, ...]) -> tuple[str, ...]:
        asked.append(ids(open_now))
        return ("r1",)

    started = await store.releases.start([release("r1"), release("r2", "0.24.9")], conflicts=conflicts)

    assert asked == [["elsewhere"]]
    assert ids(started) == ["r2"]
    assert await store.releases.get("r1") is None


async def test_who_was_refused_does_not_start_when_the_answer_of_the_commit_was_lost(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    new = [release("r1", "1.0.3"), release("r2", "0.24.9")]
    first = await store.releases.start(
        new, [comment("refused")], finished_delivery="d1", conflicts=lambda _: ("r2",)
    )

    again = await store.releases.start(new, [comment("started")], finished_delivery="d1")

    assert ids(first) == ids(again) == ["r1"]
    assert [row.key for row in await store.posts.todo_posts(NOW)] == ["refused"]


async def test_conflicts_are_only_looked_for_among_open_releases_of_the_same_version(store: Store) -> None:
    (over,) = await start(store, release("over"))
    await commit(store, over, released(over.release))
    await start(store, release("another", "1.0.4"))

    def none_open(open_now: tuple[Stored, ...]) -> tuple[str, ...]:
        return tuple("r1" for _ in open_now)

    assert ids(await store.releases.start([release("r1")], conflicts=none_open)) == ["r1"]


async def test_a_release_started_before_is_in_no_conflict_with_itself(store: Store) -> None:
    await start(store, release("r1"))

    def any_open(open_now: tuple[Stored, ...]) -> tuple[str, ...]:
        return tuple("r1" for _ in open_now)

    assert ids(await store.releases.start([release("r1")], conflicts=any_open)) == ["r1"]


async def test_live_releases_are_those_that_are_not_final_in_the_order_of_creation(store: Store) -> None:
    new = await start(store, release("r2"), release("r1"), release("r3"), release("r0"))
    await commit(store, new[0], released(new[0].release))
    await commit(store, new[2], cancelled(new[2].release))
    assert ids(await store.releases.live()) == ["r1", "r0"]


@pytest.mark.parametrize(
    ("home", "wanted", "found"),
    [
        ("acme/widget", {}, ["r1", "r2", "r3", "r4"]),
        ("ACME/WIDGET", {"pipeline": "RELEASE"}, ["r1", "r2", "r4"]),
        (HOME, {"pipeline": "nightly"}, ["r3"]),
        (HOME, {"version": "1.0.3"}, ["r1", "r3", "r4"]),
        (HOME, {"issue": 8}, ["r4"]),
        (HOME, {"version": "1.0.3", "open_only": True}, ["r3", "r4"]),
        ("acme/other", {}, ["r5"]),
        ("acme/nowhere", {}, []),
    ],
)
async def test_releases_are_found_by_what_people_say(
    store: Store, home: str, wanted: dict[str, object], found: list[str]
) -> None:
    new = await start(
        store,
        release("r1"),
        release("r2", "1.0.4"),
        release("r3", pipeline="Nightly"),
        release("r4", issue=8),
        release("r5", home="acme/other"),
    )
    await commit(store, new[0], released(new[0].release))

    assert ids(await store.releases.find(home, **wanted)) == found  # type: ignore[arg-type]


async def test_a_release_waits_for_the_nearest_open_one_of_its_group(store: Store) -> None:
    first, second, third = await start(
        store, release("r1", "1.0.1"), release("r2", "1.0.2"), release("r3", "1.0.3")
    )
    assert await store.releases.ahead(first) is None
    assert await store.releases.ahead(third) == "1.0.2"

    await commit(store, second, released(second.release))

    assert await store.releases.ahead(third) == "1.0.1"


@pytest.mark.parametrize(
    "other",
    [
        release("other", "1.0.1", group="1.1"),
        release("other", "1.0.1", pipeline="nightly"),
        release("other", "1.0.1", home="acme/other"),
    ],
    ids=["group", "pipeline", "home"],
)
async def test_a_release_does_not_wait_for_another_group(store: Store, other: Release) -> None:
    _, mine = await start(store, other, release("r1"))
    assert await store.releases.ahead(mine) is None


@pytest.mark.parametrize("end", [released, cancelled])
async def test_the_end_of_a_release_wakes_those_that_waited_for_it(
    store: Store, watch: Watch, end: type
) -> None:
    first, second, stranger = await start(
        store, release("r1", "1.0.1"), release("r2", "1.0.2"), release("r3", group="2.0")
    )
    second = await commit(store, second, replace(second.release, ahead="1.0.1"))
    await commit(store, stranger)
    watch.at = NOW + MINUTE
    assert await store.releases.due(watch.at) == ("r1",)

    await commit(store, first, end(first.release))

    assert await store.releases.due(watch.at) == ("r2",)
    assert await commit(store, second, replace(second.release, ahead=None, turn=True))


async def test_a_release_that_was_decided_to_wait_while_the_one_ahead_ended_does_not_sleep_on(
    store: Store,
) -> None:
    first, second = await start(store, release("r1", "1.0.1"), release("r2", "1.0.2"))
    await commit(store, first, released(first.release))

    await commit(store, second, replace(second.release, ahead="1.0.1"), wake_at=NOW + 60 * MINUTE)

    assert await store.releases.due(NOW) == ("r2",)


async def test_a_release_that_still_waits_sleeps_as_long_as_was_decided(store: Store) -> None:
    _, second = await start(store, release("r1", "1.0.1"), release("r2", "1.0.2"))
    await commit(store, second, replace(second.release, ahead="1.0.1"), wake_at=NOW + MINUTE)
    assert await store.releases.due(NOW) == ("r1",)


async def test_a_commit_moves_the_release_and_its_journal_by_one_revision(store: Store, watch: Watch) -> None:
    (stored,) = await start(store, release("r1"))
    watch.at = NOW + MINUTE
    next_release = replace(stored.release, turn=True)

    after = await store.releases.commit(
        stored,
        next_release,
        event=SendDone("oss", 1, 7, None),
        reasons=["GitHub accepted the dispatch", "its run is 7"],
        wake_at=None,
    )

    assert after == Stored(next_release, stored.revision + 1, stored.seq)
    assert await store.releases.get("r1") == after
    (line,) = await store.releases.journal("r1")
    assert (line.release_id, line.revision, line.at) == ("r1", after.revision, NOW + MINUTE)
    assert line.event == {"event": "SendDone", "step": "oss", "send": 1, "run_id": 7, "url": None}
    assert line.reasons == ("GitHub accepted the dispatch", "its run is 7")


async def test_a_journal_line_without_an_event_has_none(store: Store) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, await commit(store, stored))
    assert [line.event for line in await store.releases.journal("r1")] == [None, None]


async def test_a_decision_on_an_old_revision_is_refused_and_changes_nothing(store: Store) -> None:
    (stored,) = await start(store, release("r1"))
    newer = await commit(store, stored, replace(stored.release, turn=True))

    with pytest.raises(Outdated):
        await store.releases.commit(
            stored,
            stored.release,
            event=None,
            reasons=(),
            wake_at=None,
            open_send=send(),
            posts=[comment("never")],
        )

    assert await store.releases.get("r1") == newer
    assert await store.posts.todo_posts(NOW) == ()
    assert await store.sends.sends_of("r1", "oss") == ()
    assert len(await store.releases.journal("r1")) == 1


async def test_when_one_part_of_a_commit_is_refused_nothing_of_it_is_written(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    (stored,) = await start(store, release("r1"))
    stored = await commit(store, stored, open_send=send())

    with pytest.raises(SendRepeated):
        await store.releases.commit(
            stored,
            replace(stored.release, turn=True),
            event=None,
            reasons=(),
            wake_at=None,
            open_send=send(),
            bind=[(HOME, 7, "oss")],
            close_sends=[("oss", 1, "gone")],
            posts=[comment("never")],
            finished_delivery="d1",
        )

    assert await store.releases.get("r1") == stored
    assert await store.sends.bound_runs(HOME) == ()
    assert len(await store.sends.open_sends(HOME, "build.yml")) == 1
    assert await store.posts.todo_posts(NOW) == ()
    assert len(await store.deliveries.pending(1)) == 1


async def test_a_commit_can_end_the_delivery_that_caused_it(store: Store) -> None:
    await store.deliveries.accept(arrival("d1"))
    (stored,) = await start(store, release("r1"))
    await store.releases.commit(
        stored, stored.release, event=None, reasons=(), wake_at=None, finished_delivery="d1"
    )
    assert await store.deliveries.pending(1) == ()


@pytest.mark.parametrize(
    ("wake_at", "due"),
    [(None, ()), (NOW - MINUTE, ("r1",)), (NOW, ("r1",)), (NOW + MINUTE, ())],
)
async def test_a_release_is_due_from_its_time_on(
    store: Store, wake_at: datetime | None, due: tuple[str, ...]
) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, stored, wake_at=wake_at)
    assert await store.releases.due(NOW) == due
    assert await store.releases.next_wake() == wake_at


async def test_a_final_release_is_never_due(store: Store) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, stored, released(stored.release), wake_at=NOW)
    assert await store.releases.due(NOW) == ()
    assert await store.releases.next_wake() is None


async def test_the_longest_waiting_release_is_due_first(store: Store) -> None:
    one, two = await start(store, release("r1"), release("r2", group="2.0"))
    await commit(store, one, wake_at=NOW - MINUTE)
    await commit(store, two, wake_at=NOW - 2 * MINUTE)
    assert await store.releases.due(NOW) == ("r2", "r1")
    assert await store.releases.next_wake() == NOW - 2 * MINUTE


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    (stored,) = await start(store, release("r1"))
    with pytest.raises(ValueError, match="without a zone"):
        await commit(store, stored, wake_at=NOW.replace(tzinfo=None))
    assert await store.releases.get("r1") == stored


async def test_releases_and_their_journal_survive_a_restart(database: str) -> None:
    async with opened(database) as before:
        (stored,) = await start(before, release("r1"))
        after = await commit(before, stored, wake_at=NOW)
    async with opened(database) as again:
        assert await again.releases.live() == (after,)
        assert await again.releases.due(NOW) == ("r1",)
        assert len(await again.releases.journal("r1")) == 1


async def test_what_a_decision_says_to_people_is_written_with_it(store: Store, watch: Watch) -> None:
    (stored,) = await start(store, release("r1"))
    watch.at = NOW + MINUTE

    await store.releases.commit(
        stored, stored.release, event=None, reasons=(), wake_at=None, posts=[comment("r1:hello", "Hello.")]
    )

    assert [post.key for post in await store.posts.todo_posts(watch.at)] == ["r1:hello"]
    assert await store.posts.todo_posts(NOW) == ()


@pytest.mark.parametrize("wake_at", [None, NOW - MINUTE, NOW + MINUTE])
async def test_a_release_whose_turn_came_meanwhile_is_woken_at_once_and_not_later_than_it_wanted(
    store: Store, wake_at: datetime | None
) -> None:
    first, second = await start(store, release("r1", "1.0.1"), release("r2", "1.0.2"))
    await commit(store, first, released(first.release))

    await commit(store, second, replace(second.release, ahead="1.0.1"), wake_at=wake_at)

    early = wake_at is not None and wake_at < NOW
    assert await store.releases.due(NOW - MINUTE) == (("r2",) if early else ())
    assert await store.releases.due(NOW) == ("r2",)


async def test_a_decision_on_an_old_revision_says_which(store: Store) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, stored)

    with pytest.raises(Outdated, match=f"release r1 is not at revision {stored.revision}"):
        await commit(store, stored)


STATUS = Surface("r1", "status", "", HOME, github_id=41, made=1, state="released")
CHECK = Surface("r1", "check", "oss", HOME, github_id=500, sha="a" * 40, state="completed")


@pytest.mark.parametrize(
    ("shown", "behind"),
    [
        ((), True),
        ((STATUS,), False),
        ((replace(STATUS, state="running"),), True),
        ((replace(STATUS, github_id=None),), True),
        ((replace(STATUS, github_id=None, state="given up"),), False),
        ((STATUS, replace(STATUS, kind="together", state="over")), False),
        ((STATUS, replace(STATUS, kind="together", state="over", github_id=None)), True),
        ((STATUS, replace(CHECK, state="in_progress")), True),
        ((STATUS, CHECK), False),
        ((STATUS, replace(CHECK, data={"work": "1 5 1 0", "conclusion": "success"})), False),
        ((STATUS, replace(CHECK, data={"work": "1 5 1 0", "conclusion": "action_required"})), True),
    ],
)
async def test_an_ended_release_of_which_github_does_not_show_the_end_is_found_when_the_bot_starts(
    store: Store, shown: tuple[Surface, ...], behind: bool
) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, stored, released(stored.release))
    for surface in shown:
        await store.surfaces.save_surface(surface)

    assert [one.id for one in await store.releases.unreported()] == (["r1"] if behind else [])


@pytest.mark.parametrize(
    ("shown", "behind"),
    [((STATUS,), True), ((STATUS, CHECK), False), ((STATUS, replace(CHECK, step="ee")), True)],
)
async def test_a_run_of_an_ended_release_that_no_check_run_tells_of_is_found_when_the_bot_starts(
    store: Store, shown: tuple[Surface, ...], behind: bool
) -> None:
    (stored,) = await start(store, release("r1"))
    await commit(store, stored, released(stored.release), bind=[(HOME, 5, "oss")])
    for surface in shown:
        await store.surfaces.save_surface(surface)

    assert [one.id for one in await store.releases.unreported()] == (["r1"] if behind else [])


async def test_what_a_newer_program_wrote_meanwhile_is_not_read_by_guessing(store: Store) -> None:
    """A rolling deployment: this process stood by while the newer one was at work, and would take over."""
    await start(store, release("r1"))
    newer = update(releases).values(schema=SCHEMA + 1)
    await store.database.transact(lambda connection: connection.execute(newer) and None)

    with pytest.raises(StoreUnavailable, match="newer release-bot"):
        await store.releases.live()
