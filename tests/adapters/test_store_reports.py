"""Posts are made once, buttons count once, and what was seen is never older than what was seen before."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.store import PostState, PostToMake, Store, Surface
from tests.adapters.test_store_given import HOME, MINUTE, NOW, comment, opened, release, start

pytestmark = pytest.mark.anyio

CHECK = Surface(
    "r1", "check", "oss", "acme/widget", github_id=500, sha="a" * 40, digest="d", state="completed"
)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        await start(store, release("r1"))
        yield store


async def todo(store: Store) -> list[str]:
    return [post.key for post in await store.posts.todo_posts(NOW)]


async def test_a_post_comes_back_as_it_was_asked_for(store: Store) -> None:
    eyes = PostToMake(key="eyes:5", repo=HOME, kind="reaction", comment_id=5, body="eyes")
    await store.posts.add([eyes, comment("refusal", "No \ud800 such step.")])

    first, second = await store.posts.todo_posts(NOW)

    assert (first.key, first.repo, first.kind, first.comment_id) == ("eyes:5", "acme/widget", "reaction", 5)
    assert (first.body, first.issue, first.state, first.tries) == ("eyes", None, PostState.TODO, 0)
    assert (second.kind, second.issue, second.body) == ("comment", 7, "No ? such step.")


async def test_a_post_whose_key_exists_is_ignored(store: Store) -> None:
    await store.posts.add([comment("k", "first")])
    await store.posts.add([comment("k", "second"), comment("k", "third"), comment("other")])
    assert [post.body for post in await store.posts.todo_posts(NOW)] == ["first", "Hello."]


async def test_a_post_that_was_made_is_not_made_again(store: Store) -> None:
    await store.posts.add([comment("k")])
    (post,) = await store.posts.todo_posts(NOW)
    await store.posts.post_sending(post.seq, NOW)
    await store.posts.post_done(post.seq, 321)
    await store.posts.add([comment("k")])

    assert await todo(store) == []
    made = await store.posts.get("k")
    assert made is not None
    assert (made.state, made.made_id) == (PostState.DONE, 321)


async def test_a_post_under_way_when_the_process_ended_is_taken_up_as_one_that_may_exist(
    database: str,
) -> None:
    async with opened(database) as before:
        await before.posts.add([comment("k")])
        (post,) = await before.posts.todo_posts(NOW)
        await before.posts.post_sending(post.seq, NOW)
    async with opened(database) as after:
        (again,) = await after.posts.todo_posts(NOW)
        assert (again.key, again.state, again.tries) == ("k", PostState.SENDING, 1)


async def test_a_post_can_wait_for_its_time(store: Store) -> None:
    await store.posts.add([comment("k")])
    (post,) = await store.posts.todo_posts(NOW)
    await store.posts.post_later(post.seq, NOW + MINUTE)
    assert await todo(store) == []
    assert await store.posts.next_due() == NOW + MINUTE
    assert [late.key for late in await store.posts.todo_posts(NOW + MINUTE)] == ["k"]


async def test_a_post_that_cannot_be_made_is_dropped_with_the_reason(store: Store) -> None:
    await store.posts.add([comment("k")])
    (post,) = await store.posts.todo_posts(NOW)
    await store.posts.post_dropped(post.seq, "the issue is locked")
    dropped = await store.posts.get("k")
    assert dropped is not None
    assert (dropped.state, dropped.outcome) == (PostState.DROPPED, "the issue is locked")
    assert await store.posts.next_due() is None


async def test_an_unknown_post_is_none(store: Store) -> None:
    assert await store.posts.get("k") is None


async def test_surfaces_come_back_by_kind_and_step(store: Store) -> None:
    status = Surface("r1", "status", "", "acme/widget", github_id=40, made=1, data={"seen": [1, 2]})
    await store.surfaces.save_surface(status)
    await store.surfaces.save_surface(CHECK)
    assert await store.surfaces.surfaces("r1") == {("status", ""): status, ("check", "oss"): CHECK}
    assert await store.surfaces.surfaces("r2") == {}


async def test_saving_a_surface_again_replaces_it(store: Store) -> None:
    await store.surfaces.save_surface(CHECK)
    newer = replace(CHECK, digest="e", state="in_progress", made=2, data={"a": None})
    await store.surfaces.save_surface(newer)
    assert await store.surfaces.surfaces("r1") == {("check", "oss"): newer}


async def test_a_surface_is_found_by_its_number_on_github(store: Store) -> None:
    await store.surfaces.save_surface(CHECK)
    await store.surfaces.save_surface(Surface("r1", "status", "", HOME, github_id=500))
    assert await store.surfaces.surface_by_github_id(HOME, 500, kind="check") == CHECK
    assert await store.surfaces.surface_by_github_id("acme/other", 500) is None
    assert await store.surfaces.surface_by_github_id(HOME, 501) is None


async def test_a_button_counts_once(store: Store) -> None:
    await store.surfaces.save_surface(CHECK)
    pressed = [store.surfaces.use_button("r1", "oss", 500, "retry") for _ in range(3)]
    assert await asyncio.gather(*pressed) == [True, False, False]
    assert await store.surfaces.use_button("r1", "oss", 500, "skip")


async def test_a_button_of_an_older_check_run_or_another_step_does_not_count(store: Store) -> None:
    await store.surfaces.save_surface(CHECK)
    await store.surfaces.save_surface(replace(CHECK, github_id=600))
    assert not await store.surfaces.use_button("r1", "oss", 500, "retry")
    assert not await store.surfaces.use_button("r1", "ee", 600, "retry")
    assert not await store.surfaces.use_button("r2", "oss", 600, "retry")


async def test_saving_a_surface_does_not_bring_a_used_button_back(store: Store) -> None:
    await store.surfaces.save_surface(CHECK)
    await store.surfaces.use_button("r1", "oss", 500, "retry")
    await store.surfaces.save_surface(replace(CHECK, digest="newer"))
    assert not await store.surfaces.use_button("r1", "oss", 500, "retry")


async def test_a_new_check_run_has_fresh_buttons(store: Store) -> None:
    await store.surfaces.save_surface(CHECK)
    await store.surfaces.use_button("r1", "oss", 500, "retry")
    known = (await store.surfaces.surfaces("r1"))[("check", "oss")]
    await store.surfaces.save_surface(replace(known, github_id=600))
    assert await store.surfaces.use_button("r1", "oss", 600, "retry")


async def test_a_home_is_remembered_once_whatever_its_letter_case(store: Store) -> None:
    await store.homes.remember_home("Acme/Widget", repository_id=1, installation_id=9)
    await store.homes.home_listed("acme/widget", NOW)
    await store.homes.remember_home("acme/Widget")
    (home,) = await store.homes.homes()
    assert (home.repo, home.full_name) == ("acme/widget", "acme/Widget")
    assert (home.repository_id, home.installation_id, home.listed_until) == (1, 9, NOW)


async def test_how_far_comments_were_listed_never_goes_back(store: Store) -> None:
    await store.homes.remember_home(HOME)
    await store.homes.home_listed(HOME, NOW)
    await store.homes.home_listed(HOME, NOW - MINUTE)
    assert [home.listed_until for home in await store.homes.homes()] == [NOW]


async def test_when_a_repository_was_read_never_goes_back(store: Store) -> None:
    assert await store.homes.sight(HOME) is None
    await store.homes.saw(HOME, NOW)
    await store.homes.saw("ACME/widget", NOW - MINUTE)
    await store.homes.saw("acme/other", NOW - MINUTE)
    assert await store.homes.sight(HOME) == NOW
    assert await store.homes.sights() == {"acme/widget": NOW, "acme/other": NOW - MINUTE}


async def test_strangers_are_counted_per_repository_and_time(store: Store) -> None:
    for minutes in (90, 30, 10):
        await store.homes.count_stranger(HOME, NOW - minutes * MINUTE)
    await store.homes.count_stranger("acme/other", NOW)
    assert await store.homes.strangers("ACME/WIDGET", NOW - 60 * MINUTE) == 2
    assert await store.homes.strangers(HOME, NOW - 120 * MINUTE) == 3
