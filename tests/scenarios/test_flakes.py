"""`/release flakes`: what the bot remembers, to those who may see it and to nobody else."""

from datetime import timedelta

import pytest

from bot.core.causes import Cause
from bot.core.ledger import AttemptOutcome, JobOutcome
from bot.simulator.repositories import Repository
from tests.scenarios.stage import EE, ONE_STEP, OSS, PIPELINE_FILE, Stage

DONE, TOLD = ["eyes", "rocket"], ["eyes", "confused"]
LEFT_OUT = "Repositories that you, or others who read this, may not see are left out."
OPS = "acme/ops"
OPEN_TEST, SECRET_TEST, SECRET_JOB = "CartTest.empty()", "VaultTest.opens()", "vault-build"
NIGHTS = "acme/nights"
OBSERVING = ONE_STEP.replace(
    "    steps:", f"    observe: {{repo: {NIGHTS}, workflows: nightly.yml, branches: develop}}\n    steps:"
)


async def remembers(
    stage: Stage,
    repo: str,
    test: str,
    *,
    job: str = "build",
    line: str = "1.0",
    run: int = 1,
    hours_ago: float = 1,
) -> None:
    """A job failed by a test, and passed in its second attempt."""
    assert stage.bot is not None
    end = stage.clock.now() - timedelta(hours=hours_ago)
    ends = (
        JobOutcome(job, "failure", 1_260.0, end, Cause.UNKNOWN, None, (test,)),
        JobOutcome(job, "success", 1_300.0, end + timedelta(minutes=25)),
    )
    for attempt, outcome in enumerate(ends, 1):
        await stage.bot.store.ledger.record(
            AttemptOutcome(repo, "pre-release.yml", line, run, attempt, "a" * 40, (outcome,))
        )


def in_private(stage: Stage) -> Repository:
    """A private home whose people maintain everything."""
    ops = stage.world.add_repository(OPS, visibility="private")
    for login in ("maya", "walt"):
        stage.world.give_role(login, "write", ops)
    return ops


async def test_who_may_write_here_reads_what_flaked_and_what_it_cost(stage: Stage) -> None:
    await stage.opens()
    await remembers(stage, OSS, OPEN_TEST)
    comment = await stage.says("/release flakes", by="walt")

    assert stage.reactions(comment) == DONE
    assert f"**`{OSS}`, line `1.0`**: 1 flake, seen once, 21m lost." in stage.answer()
    assert f"| `{OPEN_TEST}` | `pre-release.yml: build` | 1 | 1 | 2026-11-20 | 21 |" in stage.answer()


async def test_in_public_nothing_of_a_private_repository_is_told(stage: Stage) -> None:
    await stage.opens()
    await remembers(stage, OSS, OPEN_TEST)
    await remembers(stage, EE, SECRET_TEST, job=SECRET_JOB, run=2)
    await stage.says("/release flakes")

    assert LEFT_OUT in stage.answer()
    assert OPEN_TEST in stage.answer()
    for secret in (EE, "widget-ee", SECRET_TEST, "VaultTest", SECRET_JOB):
        assert secret not in stage.answer()


async def test_a_private_repository_without_flakes_is_answered_just_the_same(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release flakes")
    await remembers(stage, EE, SECRET_TEST)
    await stage.says("/release flakes")

    before, after = (said.splitlines()[:-1] for said in stage.said())  # the last line is the post's own mark
    assert before == after
    assert "No flake is known" in before[0]


async def test_in_a_private_home_the_private_repository_is_listed_too(stage: Stage) -> None:
    ops = in_private(stage)
    stage.pipeline(ONE_STEP.replace(OSS, EE), ops)
    await stage.opens()
    await remembers(stage, EE, SECRET_TEST)
    await stage.says("/release flakes", issue=stage.world.add_issue(ops, 1))

    assert SECRET_TEST in stage.answer()
    assert LEFT_OUT not in stage.answer()


async def test_a_pipeline_file_opens_no_repository_to_who_may_not_read_it(stage: Stage) -> None:
    ops = in_private(stage)
    stage.pipeline(ONE_STEP.replace(OSS, EE), ops)
    stage.world.give_role("walt", "none", stage.ee)
    await stage.opens()
    await remembers(stage, EE, SECRET_TEST)
    await stage.says("/release flakes", by="walt", issue=stage.world.add_issue(ops, 1))

    assert SECRET_TEST not in stage.answer()
    assert LEFT_OUT in stage.answer()


async def test_which_repositories_a_private_pipeline_file_names_is_not_told(stage: Stage) -> None:
    ops = in_private(stage)
    stage.world.add_repository(NIGHTS)
    stage.pipeline(OBSERVING, ops)
    await stage.opens(PIPELINES=f"{OPS}:{PIPELINE_FILE}")
    await remembers(stage, OSS, OPEN_TEST)
    await remembers(stage, NIGHTS, "NightTest.dark()")
    await stage.says("/release flakes")

    assert OPEN_TEST in stage.answer()  # the home's own
    assert NIGHTS not in stage.answer()
    assert LEFT_OUT in stage.answer()


async def test_observed_repositories_are_listed_beside_those_of_the_steps(stage: Stage) -> None:
    stage.world.add_repository(NIGHTS)
    stage.pipeline(OBSERVING)
    await stage.opens()
    await remembers(stage, NIGHTS, "NightTest.dark()", line="develop")
    await stage.says("/release flakes")

    assert f"**`{NIGHTS}`, line `develop`**" in stage.answer()


@pytest.mark.parametrize("asked", ["1.0", "1.0.3", "release/1.0.x", "v1.0.3"])
async def test_one_line_can_be_asked_for(stage: Stage, asked: str) -> None:
    await stage.opens()
    await remembers(stage, OSS, OPEN_TEST)
    await remembers(stage, OSS, "OldTest.works()", line="0.24", run=2)
    await stage.says(f"/release flakes {asked}")

    assert OPEN_TEST in stage.answer()
    assert "OldTest" not in stage.answer()


async def test_what_is_older_than_a_month_is_not_listed(stage: Stage) -> None:
    await stage.opens()
    await remembers(stage, OSS, OPEN_TEST, hours_ago=31 * 24)
    await stage.says("/release flakes")

    assert "No flake is known from the last 30 days." in stage.answer()
    assert "`observe:`" in stage.answer()


async def test_while_the_file_is_broken_the_open_releases_tell_which_repositories_are_meant(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.pipeline("pipelines: [")
    await remembers(stage, OSS, OPEN_TEST)
    comment = await stage.says("/release flakes")

    assert stage.reactions(comment) == DONE
    assert OPEN_TEST in stage.answer()


async def test_without_a_file_and_without_a_release_the_answer_is_where_the_file_belongs(
    stage: Stage,
) -> None:
    del stage.oss.files[PIPELINE_FILE]
    await stage.opens()
    comment = await stage.says("/release flakes")

    assert stage.reactions(comment) == TOLD
    assert PIPELINE_FILE in stage.answer()


async def test_less_than_write_is_not_enough(stage: Stage) -> None:
    await stage.opens()
    await remembers(stage, OSS, OPEN_TEST)
    comment = await stage.says("/release flakes", by="tess")

    assert stage.reactions(comment) == TOLD
    assert "This needs the role `write`" in stage.answer()
    assert OPEN_TEST not in stage.answer()


async def test_a_release_that_healed_by_its_re_run_is_in_the_list(stage: Stage) -> None:
    log = "FAILED tests/test_cart.py::test_empty - AssertionError\n=== 1 failed, 20 passed in 3.10s ===\n"
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails(log=log)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.says("/release flakes")

    assert "test_empty` | `build.yml: build` | 1 | 1 |" in stage.answer()
