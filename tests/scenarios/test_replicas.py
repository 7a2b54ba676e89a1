"""Several processes on one PostgreSQL database: one is at work, all take deliveries, and none sends twice.

The database's own clock says when a lease is over, so here a test says so by writing it down.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.postgres import PostgresServer, name_of
from tests.scenarios.stage import Replica, Stage

ALL_DISPATCHES = [
    "widget-ee/global-start-release.yml@develop",
    "widget-ee/release-docker.yml@v1.0.3",
    "widget/global-start-release.yml@develop",
    "widget/release-docker.yml@v1.0.3",
]


@pytest.fixture
async def stage(tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.opens(DATABASE_URL=postgres_url)
    yield made
    await made.closes()
    assert made.world.unexpected == []
    assert [record.message for record in caplog.records if record.exc_info] == []


class Lease:
    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server, self._name = server, name_of(url)

    def ends(self) -> None:
        """As if its holder had not renewed it for longer than it lasts."""
        self._server.tell("UPDATE leases SET until = 0", database=self._name)

    def is_anothers(self) -> None:
        """As if another process had taken it while its holder slept."""
        taken = "UPDATE leases SET epoch = epoch + 1, holder = 'another', until = until + 3600000000"
        self._server.tell(taken, database=self._name)

    def holder(self) -> str:
        ((holder,),) = self._server.tell("SELECT holder FROM leases", database=self._name)
        return str(holder)


@pytest.fixture
def lease(postgres: PostgresServer, postgres_url: str) -> Lease:
    return Lease(postgres, postgres_url)


def at_work(stage: Stage, *replicas: Replica) -> list[bool]:
    assert stage.bot is not None
    return [stage.bot.duty.at_work, *(replica.bot.duty.at_work for replica in replicas)]


async def test_a_release_runs_on_postgresql_from_start_to_end(stage: Stage) -> None:
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")

    assert sorted(stage.dispatches()) == ALL_DISPATCHES


async def test_of_two_processes_one_is_at_work_and_both_are_ready(stage: Stage) -> None:
    replica = await stage.replica_opens()

    assert at_work(stage, replica) == [True, False]
    assert (await replica.door.get("/readyz")).status_code == 200


async def test_a_command_at_the_door_of_one_that_stands_by_is_carried_out_by_the_one_at_work(
    stage: Stage,
) -> None:
    replica = await stage.replica_opens()
    stage.answering = replica.door

    comment = await stage.says("/release 1.0.3")
    assert stage.reactions(comment) == ["eyes", "rocket"]
    await stage.until(lambda: stage.state() == "released")

    assert sorted(stage.dispatches()) == ALL_DISPATCHES
    assert at_work(stage, replica) == [True, False]


async def test_whoever_is_at_work_renews_its_lease_before_anybody_else_can_take_it(
    stage: Stage, lease: Lease
) -> None:
    lease.ends()
    await stage.passes(seconds=5)
    replica = await stage.replica_opens()
    await stage.passes(seconds=5)

    assert at_work(stage, replica) == [True, False]


async def test_when_the_lease_is_over_another_process_goes_on_and_nothing_is_sent_twice(
    stage: Stage, lease: Lease
) -> None:
    replica = await stage.replica_opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: len(stage.dispatches()) == 2)

    lease.ends()
    await stage.passes(seconds=5)
    assert at_work(stage, replica) == [False, True]
    await stage.until(lambda: stage.state() == "released")

    assert sorted(stage.dispatches()) == ALL_DISPATCHES
    assert len(stage.statuses()) == 1


@pytest.mark.parametrize("moment", [1, 3, 5])
async def test_whenever_the_turn_changes_everything_is_done_once(
    stage: Stage, lease: Lease, moment: int
) -> None:
    replica = await stage.replica_opens()
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=moment * 4, seconds=moment)

    lease.ends()
    await stage.until(lambda: stage.state() in {"released", "needs attention"})

    assert stage.state() == "released"
    assert sorted(stage.dispatches()) == ALL_DISPATCHES
    assert len(stage.statuses()) == 1
    assert sum(at_work(stage, replica)) == 1


async def test_a_process_whose_lease_is_anothers_says_so_once_and_cries_about_nothing(
    stage: Stage, lease: Lease
) -> None:
    """It slept while GitHub answered its dispatch, and has that to write down."""
    stage.world.trouble.calls("POST", r"/dispatches$", lease.is_anothers, when="after")
    with capture_logs() as lines:
        await stage.says("/release 1.0.3")
        await stage.until(lambda: at_work(stage) == [False])
        lease.ends()
        await stage.until(lambda: stage.state() == "released")

    assert [line for line in lines if line["log_level"] in {"error", "critical"}] == []
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "this process is not at work any more and stands by"
    ]


async def test_a_process_that_ends_in_peace_hands_over_at_once(stage: Stage, lease: Lease) -> None:
    replica = await stage.replica_opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: len(stage.dispatches()) == 2)

    stage.answering = replica.door
    await stage.closes_first()
    assert lease.holder() == ""
    await stage.passes(seconds=2)
    assert replica.bot.duty.at_work
    await stage.until(lambda: stage.state() == "released")

    assert sorted(stage.dispatches()) == ALL_DISPATCHES


async def test_work_that_was_taken_away_can_be_taken_back(stage: Stage, lease: Lease) -> None:
    replica = await stage.replica_opens()
    await stage.says("/release 1.0.3")
    lease.ends()
    await stage.passes(seconds=5)
    lease.ends()
    await stage.passes(seconds=5)

    assert at_work(stage, replica) == [True, False]
    await stage.until(lambda: stage.state() == "released")
    assert sorted(stage.dispatches()) == ALL_DISPATCHES


async def test_a_process_that_lost_the_lease_before_it_had_started_can_take_over_later(
    stage: Stage, lease: Lease, postgres: PostgresServer, postgres_url: str
) -> None:
    replica = await stage.replica_opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: len(stage.dispatches()) == 2)
    first = lease.holder()

    # Without this table no engine comes to the end of its start.
    postgres.tell("ALTER TABLE deliveries RENAME TO hidden", database=name_of(postgres_url))
    lease.ends()
    await stage.passes(seconds=5)
    assert lease.holder() not in {first, ""}
    lease.ends()
    await stage.passes(seconds=5)
    assert lease.holder() == first
    postgres.tell("ALTER TABLE hidden RENAME TO deliveries", database=name_of(postgres_url))
    await stage.passes(seconds=5)
    assert at_work(stage, replica) == [True, False]

    stage.answering = replica.door
    await stage.closes_first()
    await stage.passes(seconds=5)
    assert replica.bot.duty.at_work
    await stage.until(lambda: stage.state() == "released")

    assert sorted(stage.dispatches()) == ALL_DISPATCHES
