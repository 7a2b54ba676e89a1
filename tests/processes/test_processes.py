"""A real process is killed, frozen, starved and given an older database, and breaks no promise of the contract.

`python -m tests.processes --rounds 300` does the same for as long as wanted, at every moment of a release.
"""

import random
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.processes import rounds
from tests.processes.campaign import Plan, kinds_of
from tests.processes.disk import NoSmallDisk
from tests.processes.moments import MUTATIONS, Moment, moments
from tests.processes.rounds import CALM, KINDS, Kind, Result, Round, play

OTHERS = [kind for kind in KINDS if kind.play is not rounds.killed_at_a_mutation and not kind.server_only]


async def fought(kind: Kind, folder: Path, moment: Moment | None = None) -> Result:
    try:
        return await play(kind, Round(folder, random.Random("in the suite"), moment=moment, long=False))
    except NoSmallDisk as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
async def test_whatever_happens_to_the_process_no_promise_is_broken(kind: Kind, tmp_path: Path) -> None:
    result = await fought(kind, tmp_path)

    assert result.violations == []
    assert result.dispatches >= 1


@pytest.mark.parametrize(
    "moment",
    [Moment("dispatch", 0, "after"), Moment("dispatch", 3, "before"), Moment("re-run", 0, "after")],
    ids=str,
)
async def test_a_process_that_is_killed_while_github_has_its_request_in_hand_does_it_exactly_once(
    moment: Moment, tmp_path: Path
) -> None:
    kind = next(kind for kind in KINDS if kind.play is rounds.killed_at_a_mutation)
    result = await fought(kind, tmp_path, moment)

    assert result.violations == []
    assert result.reached
    # Only of a request that never arrived nobody can tell: then a person is asked, and another one of the same
    # moment may be among them. Nobody is asked about what GitHub has done.
    assert {help_.verb for help_ in result.helped} <= {"retry"}
    if moment.when == "before" and moment.mutation == "dispatch":
        assert result.helped


async def test_every_kind_of_change_that_a_release_makes_on_github_has_its_moments(tmp_path: Path) -> None:
    result = await fought(CALM, tmp_path)

    assert result.violations == []
    assert {moment.mutation for moment in moments(result.ledger)} == set(MUTATIONS)


def test_every_kind_of_violence_has_its_share_of_a_campaign() -> None:
    names = [kind.name for kind in kinds_of(Plan(rounds=40))]

    assert {name: names.count(name) for name in names} == {
        kind.name: 2 * kind.share for kind in KINDS if not kind.server_only
    }


@pytest.mark.parametrize("pooled", [False, True], ids=["straight", "through a pooler"])
async def test_a_server_that_ends_every_connection_again_and_again_breaks_no_promise(
    pooled: bool, tmp_path: Path, postgres: PostgresServer
) -> None:
    kind = next(kind for kind in KINDS if kind.play is rounds.cut_off)
    told = Round(tmp_path, random.Random("cut"), database=postgres.url(), pooled=pooled)
    result = await play(kind, told)

    assert result.violations == []
    assert result.dispatches >= 4


def test_on_a_database_server_what_needs_a_file_is_left_out() -> None:
    kinds = kinds_of(Plan(rounds=40, database="postgresql://server"))

    assert not [kind.name for kind in kinds if kind.file_only]
