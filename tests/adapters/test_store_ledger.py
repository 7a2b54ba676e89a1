"""What the ledger remembers: a failure that healed is proof, whatever came first, and nothing counts twice."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from bot.core.causes import Cause
from bot.core.ledger import LONGEST_NAME, MOST_TESTS, AttemptOutcome, Flake, History, JobOutcome, Memory
from bot.store import Store, StoreRefused, StoreUnavailable, open_ledger
from bot.store.tables import job_outcomes, test_failures
from tests.adapters.test_store_given import MINUTE, NOW, opened, url_of

pytestmark = pytest.mark.anyio

REPO = "Acme/Widget"
LONG_AGO = NOW - timedelta(days=30)
SLOW = "com.acme.SlowTest.waits()"
OTHER = "com.acme.OtherTest.works()"


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        yield store


def job(
    conclusion: str = "failure",
    minute: float = 0,
    *tests: str,
    name: str = "build",
    cause: Cause | None = None,
    rule: str | None = None,
    seconds: float = 60,
) -> JobOutcome:
    """A job that ended so many minutes after the start of the test's day."""
    return JobOutcome(name, conclusion, seconds, NOW + minute * MINUTE, cause, rule, tests)


def attempt(
    run: int,
    number: int,
    *jobs: JobOutcome,
    sha: str = "a",
    line: str = "1.0",
    workflow: str = "build.yml",
    repo: str = REPO,
) -> AttemptOutcome:
    return AttemptOutcome(repo, workflow, line, run, number, sha * 40, jobs)


async def record(store: Store, *outcomes: AttemptOutcome) -> None:
    for outcome in outcomes:
        await store.ledger.record(outcome)


async def known(
    store: Store,
    *tests: str,
    rule: str | None = None,
    job: str = "build",
    line: str = "1.0",
    workflow: str = "build.yml",
    repo: str = REPO,
    since: datetime = LONG_AGO,
    without_run: int = 0,
) -> Memory:
    return await store.ledger.memory(
        repo=repo,
        workflow=workflow,
        line=line,
        job=job,
        tests=tests,
        rule=rule,
        since=since,
        without_run=without_run,
    )


async def healed(store: Store) -> tuple[int, int]:
    """How many failures of the job healed, of how many."""
    history = (await known(store)).job
    return history.healed, history.seen


async def everything(store: Store) -> object:
    """All that is kept, but for the order in which it came."""

    def read(connection: Connection) -> object:
        joined = select(*job_outcomes.columns[1:], test_failures.c.test).outerjoin_from(
            job_outcomes, test_failures
        )
        return sorted(map(repr, connection.execute(joined)))

    return await store.database.transact(read)


# -- recording -----------------------------------------------------------------------------------------


async def test_a_failure_that_passed_on_the_same_commit_has_healed(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1, SLOW)), attempt(7, 2, job("success", 5)))
    memory = await known(store, SLOW)
    proof = History(seen=1, healed=1, last=NOW + MINUTE, seconds=60.0, streak=0)
    assert memory == Memory(job=proof, tests={SLOW: proof})
    assert memory.flakes == {SLOW}


async def test_another_run_on_the_same_commit_proves_it_as_well(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1)), attempt(8, 1, job("success", 5)))
    assert await healed(store) == (1, 1)


@pytest.mark.parametrize("first", ["failure first", "success first"])
@pytest.mark.parametrize(
    "success",
    [
        attempt(8, 1, job("success", 5), sha="b"),
        attempt(8, 1, job("success", 5, name="test")),
        attempt(8, 1, job("success", 5), workflow="nightly.yml"),
        attempt(8, 1, job("success", 5), repo="acme/widget-ee"),
        attempt(8, 1, job("success", 0)),
        attempt(8, 1, job("success", 1)),
        attempt(7, 2, job("neutral", 5)),
        attempt(7, 2, job("skipped", 5)),
        attempt(7, 2, job("cancelled", 5)),
    ],
    ids=[
        "of another commit",
        "of another job",
        "of another workflow",
        "of another repository",
        "of another run that ended before",
        "of another run that ended in the same second",
        "that is none",
        "that did not run",
        "that was cancelled",
    ],
)
async def test_no_other_success_heals(store: Store, success: AttemptOutcome, first: str) -> None:
    news = [attempt(7, 1, job("failure", 1)), success]
    await record(store, *(news if first == "failure first" else reversed(news)))
    assert (await healed(store))[0] == 0


async def test_a_success_before_the_failure_heals_nothing(store: Store) -> None:
    await record(store, attempt(7, 1, job("success", 1)), attempt(7, 2, job("failure", 5)))
    assert await healed(store) == (0, 1)


@pytest.mark.parametrize("conclusion", ["timed_out", "startup_failure"])
async def test_a_job_can_fail_in_other_ways(store: Store, conclusion: str) -> None:
    await record(store, attempt(7, 1, job(conclusion, 1)), attempt(7, 2, job("success", 5)))
    assert await healed(store) == (1, 1)


@pytest.mark.parametrize("conclusion", ["cancelled", "skipped", "neutral", "success"])
async def test_what_did_not_fail_is_no_failure(store: Store, conclusion: str) -> None:
    await record(store, attempt(7, 1, job(conclusion, 1, SLOW)))
    assert await known(store, SLOW) == Memory()


STORY = (
    attempt(7, 1, job("failure", 1, SLOW), job("success", 2, name="lint"), job("failure", 3, name="docs")),
    # only `build` was run again: the others are listed as they were
    attempt(7, 2, job("failure", 6, OTHER), job("success", 2, name="lint"), job("failure", 3, name="docs")),
    attempt(7, 3, job("success", 9), job("success", 2, name="lint"), job("success", 8, name="docs")),
    attempt(8, 1, job("failure", 12), job("success", 11, name="docs")),
)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=lambda o: "".join(map(str, o)))
async def test_news_in_any_order_and_twice_leave_the_same_rows(tmp_path: Path, order: Sequence[int]) -> None:
    async with opened(url_of(tmp_path)) as mixed:
        await record(mixed, *(STORY[place] for place in (*order, *order)))
        (tmp_path / "straight").mkdir()
        async with opened(url_of(tmp_path / "straight")) as straight:
            await record(straight, *STORY)
            assert await everything(mixed) == await everything(straight)
        assert await healed(mixed) == (2, 3)
        assert (await known(mixed, job="docs")).job.seen == 1


async def test_a_job_that_was_not_run_again_counts_once(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, SLOW), job("failure", 2, name="docs")),
        attempt(7, 2, job("failure", 1, SLOW), job("success", 9, name="docs")),
    )
    assert (await known(store, SLOW)).tests[SLOW].seen == 1
    assert await healed(store) == (0, 1)


async def test_a_copy_that_came_first_gives_way_to_the_job_itself(store: Store) -> None:
    await record(
        store,
        attempt(7, 2, job("failure", 1, SLOW), job("success", 9, name="docs")),
        attempt(7, 1, job("failure", 1, SLOW), job("failure", 2, name="docs")),
        attempt(7, 3, job("success", 12), job("success", 9, name="docs")),
    )
    history = (await known(store, SLOW)).tests[SLOW]
    assert (history.seen, history.healed) == (1, 1)
    assert await store.ledger.recorded(REPO, [7]) == {(7, 1), (7, 2), (7, 3)}


async def test_causes_may_come_later_and_stay(store: Store) -> None:
    bare = attempt(7, 1, job("failure", 1))
    judged = attempt(7, 1, job("failure", 1, SLOW, cause=Cause.FLAKY, rule="flaky-test"))
    await record(store, bare, judged)
    after = await everything(store)
    await record(store, bare, judged, bare)
    assert await everything(store) == after
    memory = await known(store, SLOW, rule="flaky-test")
    assert (memory.job.seen, memory.rule.seen, memory.tests[SLOW].seen) == (1, 1, 1)


async def test_a_better_judgement_replaces_the_first(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, cause=Cause.TRANSIENT, rule="network")),
        attempt(7, 1, job("failure", 1, cause=Cause.UNKNOWN)),
        attempt(7, 2, job("success", 3)),
    )
    assert (await known(store, rule="network")).rule.seen == 0
    assert len(await flakes(store)) == 1


@pytest.mark.parametrize("step", [1, -1], ids=["listed first", "listed last"])
async def test_of_jobs_that_share_a_name_the_worst_counts(store: Store, step: int) -> None:
    await record(
        store,
        attempt(7, 1, *[job("success", 3), job("failure", 2)][::step]),
        # the one that failed ran again, and was cancelled; the success is that of the first attempt
        attempt(7, 2, *[job("success", 3), job("cancelled", 4)][::step]),
    )
    assert await healed(store) == (0, 1)
    await record(store, attempt(7, 3, *[job("success", 3), job("success", 7)][::step]))
    assert await healed(store) == (1, 1)


async def test_jobs_that_share_a_name_have_passed_when_all_have(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1), job("failure", 2)))
    await record(store, attempt(7, 2, job("cancelled", 4), job("success", 5)))
    assert await healed(store) == (0, 1)


async def test_a_failure_is_healed_by_the_first_success_after_it(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1)))
    for run, minute in ((9, 9), (8, 5), (10, 12)):
        await record(store, attempt(run, 1, job("success", minute)))
    times = select(job_outcomes.c.healed_at).where(job_outcomes.c.run_id == 7)
    assert await store.database.transact(lambda c: c.execute(times).scalars().all()) == [NOW + 5 * MINUTE]


async def test_jobs_that_did_not_run_are_not_kept(store: Store) -> None:
    await record(store, attempt(7, 1, job("success", 1)))
    before = await everything(store)
    await record(store, attempt(7, 1, job("success", 1), job("skipped", 1, name="publish")))
    assert await everything(store) == before


async def test_names_from_outside_are_cut_and_still_found(store: Store) -> None:
    name, test = "build \0\ud800 " + "ä" * 400, "🚀\0\ud800" * 200
    await record(
        store,
        attempt(7, 1, job("failure", 1, test, name=name), line="x" * 400),
        attempt(7, 2, job("success", 2, name=name), line="x" * 400),
    )
    memory = await known(store, test, job=name, line="x" * 400)
    assert (memory.job.healed, memory.flakes) == (1, frozenset({test}))
    (flake,) = await flakes(store)
    assert (len(flake.job), len(flake.test or "")) == (LONGEST_NAME, LONGEST_NAME)


async def test_of_many_failed_tests_some_are_remembered(store: Store) -> None:
    names = [f"test {number}" for number in range(MOST_TESTS + 1)]
    await record(store, attempt(7, 1, job("failure", 1, *names, names[0])))
    assert list((await known(store, *names)).tests) == names[:MOST_TESTS]


async def test_which_attempts_are_known_can_be_asked(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1)),
        attempt(7, 2, job("success", 4)),
        attempt(8, 1, job("success", 4)),
        attempt(9, 1, job("success", 4), repo="acme/other"),
    )
    assert await store.ledger.recorded("ACME/widget", [7, 8, 9]) == {(7, 1), (7, 2), (8, 1)}
    assert await store.ledger.recorded(REPO, [8]) == {(8, 1)}
    assert await store.ledger.recorded(REPO, []) == frozenset()


@pytest.mark.parametrize(
    "jobs", [(), (job("skipped", 3),), (job("failure", 1),)], ids=["no jobs", "all skipped", "only copies"]
)
async def test_an_attempt_of_which_nothing_is_kept_is_known_all_the_same(
    store: Store, jobs: tuple[JobOutcome, ...]
) -> None:
    await record(store, attempt(7, 1, job("failure", 1)))
    before = await known(store)
    await record(store, attempt(7, 2, *jobs), attempt(7, 2, *jobs))
    assert await store.ledger.recorded(REPO, [7]) == {(7, 1), (7, 2)}
    assert await known(store) == before
    assert await flakes(store) == ()


# -- memory --------------------------------------------------------------------------------------------


async def test_nothing_is_known_at_first(store: Store) -> None:
    assert await known(store, SLOW, rule="network") == Memory()


async def test_the_run_in_question_does_not_count(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, SLOW, rule="network")),
        attempt(7, 2, job("failure", 2, SLOW, rule="network")),
    )
    assert await known(store, SLOW, rule="network", without_run=7) == Memory()
    assert (await known(store, SLOW, without_run=8)).job.streak == 2


async def test_what_is_too_old_does_not_count(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1, SLOW)), attempt(8, 1, job("failure", 5, SLOW)))
    memory = await known(store, SLOW, since=NOW + 2 * MINUTE)
    assert (memory.job.seen, memory.job.streak, memory.tests[SLOW].seen) == (1, 1, 1)


async def test_a_test_is_known_from_all_lines_and_the_job_from_its_own(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, SLOW), line="1.1"),
        attempt(7, 2, job("success", 2), line="1.1"),
        attempt(8, 1, job("failure", 3, SLOW, name="test"), workflow="nightly.yml", sha="b", line="1.1"),
        attempt(9, 1, job("failure", 4, SLOW), sha="c"),
    )
    memory = await known(store, SLOW)
    assert memory.tests[SLOW] == History(3, 1, NOW + 4 * MINUTE, 60.0, streak=1)
    assert memory.job == History(1, 0, NOW + 4 * MINUTE, 0.0, streak=1)


async def test_the_same_job_of_another_workflow_is_another(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1), workflow="nightly.yml"))
    assert await known(store) == Memory()
    assert (await known(store, workflow="nightly.yml")).job.seen == 1


async def test_a_rule_is_known_from_its_whole_repository(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, rule="network", name="docs"), line="1.1", workflow="nightly.yml"),
        attempt(8, 1, job("failure", 2, rule="network")),
        attempt(9, 1, job("failure", 3, rule="registry")),
        attempt(10, 1, job("failure", 4, rule="network"), repo="acme/other"),
    )
    assert (await known(store, rule="network")).rule == History(2, 0, NOW + 2 * MINUTE, 0.0, streak=1)


async def test_a_success_on_the_line_ends_the_streak(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, SLOW), sha="a"),
        attempt(8, 1, job("failure", 2, SLOW), sha="b"),
        attempt(9, 1, job("success", 3), sha="c"),
        attempt(10, 1, job("failure", 4, SLOW), sha="d"),
    )
    memory = await known(store, SLOW, rule=None)
    assert (memory.job.streak, memory.tests[SLOW].streak) == (1, 1)


@pytest.mark.parametrize(
    "success",
    [
        attempt(9, 1, job("success", 3), line="1.1", sha="c"),
        attempt(9, 1, job("success", 3, name="docs"), sha="c"),
        attempt(9, 1, job("success", 3), workflow="nightly.yml", sha="c"),
    ],
    ids=["on another line", "of another job", "of another workflow"],
)
async def test_a_success_elsewhere_does_not_end_the_streak(store: Store, success: AttemptOutcome) -> None:
    failures = [attempt(run, 1, job("failure", run - 6, SLOW), sha=sha) for run, sha in ((7, "a"), (8, "b"))]
    await record(store, *failures, success)
    memory = await known(store, SLOW)
    assert (memory.job.streak, memory.tests[SLOW].streak) == (2, 2)


async def test_a_flake_that_began_to_fail_for_good_is_proven_no_more(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, SLOW)),
        attempt(7, 2, job("success", 2)),
        attempt(8, 1, job("failure", 3, SLOW), sha="b"),
    )
    assert (await known(store, SLOW)).flakes == {SLOW}
    await record(store, attempt(9, 1, job("failure", 4, SLOW), sha="c"))
    assert (await known(store, SLOW)).flakes == frozenset()
    assert (await known(store, SLOW, line="1.1")).flakes == {SLOW}


async def test_a_test_that_fails_in_several_jobs_of_one_attempt_has_failed_once_in_a_row(
    store: Store,
) -> None:
    await record(store, attempt(7, 1, *(job("failure", 1, SLOW, name=f"test ({jdk})") for jdk in (17, 21))))
    history = (await known(store, SLOW)).tests[SLOW]
    assert (history.seen, history.streak) == (2, 1)


# -- flakes --------------------------------------------------------------------------------------------


async def flakes(store: Store, *repos: str, since: datetime = LONG_AGO, most: int = 200) -> tuple[Flake, ...]:
    return await store.ledger.flakes(repos or (REPO,), since=since, most=most)


def flaked(run: int, *tests: str, times: int = 1, **where: str) -> list[AttemptOutcome]:
    """So many failures of a run, one each minute, and a success."""
    failures = [attempt(run, number + 1, job("failure", number, *tests), **where) for number in range(times)]
    return [*failures, attempt(run, times + 1, job("success", times), **where)]


async def test_a_flake_tells_how_often_when_and_what_it_cost(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, SLOW, seconds=90.5)),
        attempt(7, 2, job("success", 2)),
        attempt(8, 1, job("failure", 3, SLOW, seconds=30), sha="b"),
        attempt(8, 2, job("success", 4), sha="b"),
        attempt(9, 1, job("failure", 5, SLOW, seconds=1000), sha="c"),
    )
    assert await flakes(store) == (
        Flake(REPO, "1.0", "build.yml", "build", SLOW, None, 2, 3, NOW + 3 * MINUTE, 120.5),
    )


async def test_a_job_whose_log_named_no_test_is_told_with_the_one_rule_that_says_why(store: Store) -> None:
    await record(
        store,
        attempt(7, 1, job("failure", 1, rule="browser", cause=Cause.FLAKY)),
        attempt(7, 2, job("success", 2), job("failure", 3, name="docs", rule="browser")),
        attempt(7, 3, job("failure", 4, name="docs", rule="race")),
        attempt(7, 4, job("success", 5, name="docs")),
    )
    found = {flake.job: (flake.test, flake.rule, flake.healed) for flake in await flakes(store)}
    assert found == {"build": (None, "browser", 1), "docs": (None, None, 2)}


async def test_a_job_with_two_failed_tests_is_lost_for_each(store: Store) -> None:
    failed = job("failure", 1, SLOW, OTHER, rule="flaky-test")
    await record(store, attempt(7, 1, failed), attempt(7, 2, job("success", 2)))
    assert {flake.rule for flake in await flakes(store)} == {None}
    assert [(flake.test, flake.seconds) for flake in await flakes(store)] == [(OTHER, 60.0), (SLOW, 60.0)]


@pytest.mark.parametrize("cause", [Cause.TRANSIENT, Cause.BROKEN])
async def test_trouble_of_the_network_and_real_breaks_are_no_flakes(store: Store, cause: Cause) -> None:
    await record(store, attempt(7, 1, job("failure", 1, SLOW, cause=cause)), attempt(7, 2, job("success", 2)))
    assert await flakes(store) == ()


async def test_what_never_healed_is_no_flake(store: Store) -> None:
    await record(store, attempt(7, 1, job("failure", 1, SLOW)), attempt(8, 1, job("success", 2), sha="b"))
    assert await flakes(store) == ()


async def test_flakes_are_ordered_by_repository_and_line_the_worst_first(store: Store) -> None:
    await record(
        store,
        *flaked(1, "seldom", line="1.10", sha="a"),
        *flaked(2, "often", times=3, line="1.10", sha="b"),
        *flaked(3, "early", line="1.9", sha="c"),
        *flaked(4, "main", line="main", sha="d"),
        *flaked(5, "first", repo="acme/app", line="2.0"),
        *flaked(6, "Also seldom", line="1.10", sha="e"),
        attempt(7, 1, job("failure", 1, "slow", seconds=900), line="1.10", sha="f"),
        attempt(7, 2, job("success", 20), line="1.10", sha="f"),
    )
    found = await flakes(store, REPO, "acme/app", "acme/unknown")
    on_one_line = ["often", "slow", "Also seldom", "seldom"]
    assert [flake.test for flake in found] == ["first", "early", *on_one_line, "main"]
    assert [flake.repo for flake in found] == ["acme/app", *[REPO] * 6]
    assert [flake.test for flake in await flakes(store, "acme/app")] == ["first"]
    assert await store.ledger.flakes([], since=LONG_AGO) == ()


async def test_the_worst_are_kept_when_there_are_too_many(store: Store) -> None:
    await record(store, *flaked(1, "often", times=2, line="2.0", sha="b"))
    slow = attempt(2, 1, job("failure", 1, "seldom, and slow", seconds=900))
    await record(store, slow, attempt(2, 2, job("success", 5)))
    assert [flake.test for flake in await flakes(store, most=1)] == ["often"]


async def test_only_what_failed_since_then_is_listed(store: Store) -> None:
    await record(store, *flaked(7, SLOW, times=2))
    assert [flake.failures for flake in await flakes(store, since=NOW + MINUTE)] == [1]
    assert await flakes(store, since=NOW + 2 * MINUTE) == ()


# -- keeping house, and reading from outside -----------------------------------------------------------


async def test_what_is_old_goes_with_its_tests(store: Store) -> None:
    await record(store, *flaked(7, SLOW, times=2), attempt(8, 1))
    await store.ledger.prune(NOW + MINUTE)
    assert await store.ledger.recorded(REPO, [7, 8]) == {(7, 2), (7, 3)}
    assert (await known(store, SLOW)).tests[SLOW].seen == 1
    await store.ledger.prune(NOW + timedelta(days=1))
    assert await everything(store) == []


async def test_flakes_can_be_read_when_no_server_runs(database: str) -> None:
    async with opened(database) as store:
        await record(store, *flaked(7, SLOW))
    async with open_ledger(database) as ledger:
        assert await ledger.repositories() == ("acme/widget",)
        assert [flake.test for flake in await ledger.flakes(["acme/widget"], since=LONG_AGO)] == [SLOW]


async def test_flakes_can_be_read_beside_a_server_on_postgresql(ready_url: str) -> None:
    async with opened(ready_url) as store:
        await record(store, *flaked(7, SLOW))
        async with open_ledger(ready_url) as ledger:
            assert len(await ledger.flakes([REPO], since=LONG_AGO)) == 1
            with pytest.raises(StoreUnavailable, match="does not hold the lease"):
                await ledger.prune(NOW)
        await record(store, *flaked(8, SLOW))


async def test_a_file_that_a_server_has_open_is_refused(tmp_path: Path) -> None:
    async with opened(url_of(tmp_path)):
        with pytest.raises(StoreRefused, match=r"bot\.db is in use by another process: stop that one"):
            async with open_ledger(url_of(tmp_path)):
                pass


async def test_a_missing_file_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match=r"bot\.db does not exist"):
        async with open_ledger(url_of(tmp_path)):
            pass
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - nothing waits for it
