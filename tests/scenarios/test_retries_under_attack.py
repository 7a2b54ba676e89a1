"""Retries under attack: never twice, never lost, never against a person's word, and never a private word in public."""

from collections.abc import Callable

import httpx
import pytest

from bot.simulator.runs import Run, Workflow
from tests.attacks.canaries import Vault
from tests.scenarios.stage import EE, ONE_STEP, Stage
from tests.scenarios.test_restraint import CENTRAL, VERSIONS, all_fail, guarded
from tests.scenarios.wire import When

NETWORK = "npm error code ECONNRESET\nnpm error network request failed\n"
RIDDLE = "the gears ground to a halt\n##[error]Process completed with exit code 3.\n"
TESTS = "FAILED tests/t.py::{} - AssertionError\n=== 1 failed, 20 passed in 3.10s ===\n"
OWN_RULE = """\
    failures:
      - name: hush-hush
        cause: {cause}
        pattern: gears ground to a halt
        reason: the vault of Zurich was overheated
"""
WITH_NONCE = ONE_STEP.replace("ref: develop", "ref: develop, nonce: version").replace(
    ', inputs: {version: "{{ version }}"}', ""
)


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


def reruns_of(stage: Stage, run: Run) -> int:
    return sum(f"/runs/{run.id}/" in entry.path for entry in stage.world.ledger.reruns)


def over(stage: Stage, version: str = "1.0.3") -> bool:
    return stage.state(version) in {"released", "needs attention", "cancelled"}


async def ends(stage: Stage, pipeline: str) -> None:
    """A release, until it is over or needs a person."""
    stage.pipeline(pipeline)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: over(stage))


async def held(stage: Stage) -> tuple[Run, str]:
    """One of the releases whose re-runs wait for another one to try the registry, and its run."""
    await all_fail(stage, attempts=1)
    await stage.passes(minutes=1)
    (run, *_) = [run for run in build(stage).runs if not reruns_of(stage, run)]
    (version,) = [version for version in VERSIONS if str(run.id) in stage.status(version).body]
    return run, version


# -- a person's word counts more than a re-run that waits ---------------------------------------------------


@pytest.mark.parametrize(
    ("command", "state"),
    [("cancel {}", "cancelled"), ("skip {} build", "released"), ("redo {} build", "released")],
    ids=["cancel", "skip", "redo"],
)
async def test_what_a_person_ended_while_it_was_held_is_never_run_again(
    stage: Stage, command: str, state: str
) -> None:
    run, version = await held(stage)
    await stage.says(f"/release {command.format(version)}")
    await stage.passes(hours=5)

    assert reruns_of(stage, run) == 0
    assert stage.state(version) == state
    assert [stage.state(other) for other in VERSIONS if other != version] == ["released"] * 3


async def test_a_held_re_run_stays_away_as_long_as_the_release_is_paused_and_comes_once_when_it_goes_on(
    stage: Stage,
) -> None:
    run, version = await held(stage)
    await stage.says(f"/release pause {version}")
    await stage.passes(hours=5)
    assert reruns_of(stage, run) == 0

    await stage.says(f"/release resume {version}")
    await stage.until(lambda: stage.state(version) == "released")
    assert reruns_of(stage, run) == 1


async def test_a_person_s_own_retry_does_not_wait_and_leaves_nothing_behind_that_runs_later(
    stage: Stage,
) -> None:
    run, version = await held(stage)
    await stage.says(f"/release retry {version} build")
    await stage.passes(seconds=30)
    assert reruns_of(stage, run) == 1

    await stage.passes(hours=5)
    assert reruns_of(stage, run) == 1
    assert stage.state(version) == "released"


async def test_a_held_run_that_a_person_runs_again_and_then_cancels_is_left_to_people(stage: Stage) -> None:
    run, version = await held(stage)
    stage.world.hand("walt").reruns_failed_jobs(run)
    await stage.passes(seconds=30)
    stage.world.hand("walt").cancels(run)
    await stage.passes(hours=5)

    assert reruns_of(stage, run) == 0
    assert stage.state(version) == "needs attention"


async def test_a_deployment_that_a_person_rejected_is_not_asked_for_again(stage: Stage) -> None:
    build(stage).on_run().jobs("build", "deploy").waits_for_environment("production")
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)
    stage.world.hand("ada").rejects(build(stage).run)
    await stage.passes(hours=1)

    assert stage.state() == "needs attention"
    assert stage.world.ledger.reruns == []


# -- whatever dies, each re-run is made once ------------------------------------------------------------------


def first(path_ends: str) -> Callable[[httpx.Request], bool]:
    """Picks the first request to such a path."""
    met: list[str] = []

    def picks(request: httpx.Request) -> bool:
        if request.url.path.endswith(path_ends):
            met.append(request.url.path)
        return len(met) == 1 and request.url.path.endswith(path_ends)

    return picks


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_bot_that_is_killed_at_a_re_run_makes_it_once(stage: Stage, when: When) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.wire.is_cut_at(first("/rerun-failed-jobs"), when=when)
    await ends(stage, ONE_STEP)

    assert len(stage.wire.cuts) == 1
    assert stage.state() == "released"
    assert len(build(stage).run.attempts) == 2


@pytest.mark.parametrize("at", ["/jobs", "/logs", "/annotations"])
async def test_a_bot_that_is_killed_while_it_reads_why_remembers_the_failure_once(
    stage: Stage, at: str
) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=TESTS.format("test_empty"))
    stage.wire.is_cut_at(first(at), when="after")
    await ends(stage, ONE_STEP)
    await stage.says("/release flakes")

    assert len(stage.wire.cuts) == 1
    assert len(stage.world.ledger.reruns) == 1
    assert "1 flake, seen once, 1m lost." in stage.answer()


async def test_an_outage_of_a_registry_and_of_github_and_no_webhook_at_all_lose_no_re_run(
    stage: Stage,
) -> None:
    build(stage).on_run(attempts=1).jobs("build").takes(minutes=5).job("build").fails(log=CENTRAL)
    stage.world.hook.post.loses()
    stage.pipeline(WITH_NONCE)
    await stage.opens(HOMES="acme/widget")
    await stage.says(f"/release {' '.join(VERSIONS)}")
    await stage.until(lambda: len(build(stage).runs) == len(VERSIONS))
    await stage.passes(minutes=4)
    away = stage.world.trouble.answers("*", "/repos/", 502, times=None)
    await stage.passes(hours=1)
    stage.world.trouble.ends(away)
    await stage.until(lambda: all(over(stage, version) for version in VERSIONS))

    assert {stage.state(version) for version in VERSIONS} == {"released"}
    assert [reruns_of(stage, run) for run in build(stage).runs] == [1] * len(VERSIONS)


# -- never what never-rerun names, never more than the budget -------------------------------------------------


@pytest.mark.parametrize(
    ("job", "pattern"),
    [
        (f"publish (ubuntu-latest, {'x' * 80}"[:97] + "...", "publish"),
        ("publish (ubuntu-latest, " + "x" * 73 + "...", "pub*sh"),
        (f"release / publish (ubuntu-latest, {'x' * 80}"[:97] + "...", "publish"),
        ("vero\u0308ffentlichen", "ver\u00f6ffentlichen"),
    ],
    ids=["cut by GitHub", "cut, pattern with a star", "cut, in a called workflow", "written in two ways"],
)
async def test_a_guarded_job_is_known_by_its_name_however_it_is_written(
    stage: Stage, job: str, pattern: str
) -> None:
    build(stage).on_run().jobs("build", job).job(job).fails(log=NETWORK)
    await ends(stage, guarded(f'["{pattern}"]'))

    assert stage.state() == "needs attention"
    assert stage.world.ledger.reruns == []


async def test_a_job_that_has_the_name_of_one_that_passes_gets_no_more_re_runs_than_others(
    stage: Stage,
) -> None:
    rule = build(stage).on_run().jobs("build", "twin", parallel=True).takes(seconds=5)
    rule.job("build").fails(log=RIDDLE)

    def twin_is_called(name: str) -> Callable[[], None]:
        def changes() -> None:
            for attempt in build(stage).run.attempts:
                attempt.jobs[1].name = name

        return changes

    stage.world.trouble.calls("GET", r"/attempts/\d+/jobs", twin_is_called("build"), times=None)
    stage.world.trouble.calls("POST", r"/rerun-failed-jobs", twin_is_called("twin"), times=None)
    await ends(stage, ONE_STEP)

    assert stage.state() == "needs attention"
    assert len(stage.world.ledger.reruns) == 1


@pytest.mark.parametrize(("flaky", "reruns"), [(0, 1), (2, 3)])
async def test_one_job_after_the_other_that_fails_for_unknown_reasons_is_bounded_by_the_budgets(
    stage: Stage, flaky: int, reruns: int
) -> None:
    names = [f"job-{number}" for number in range(9)]
    for number in range(9, 0, -1):
        rule = build(stage).on_run(attempts=number).takes(seconds=5).jobs(*names)
        rule.job(names[number - 1]).fails(log=RIDDLE)
    retry = f"retry: {{transient: 0, flaky: {flaky}, unknown: 1, wait: 1s}}, "
    await ends(stage, ONE_STEP.replace("build: {", "build: {" + retry))

    assert stage.state() == "needs attention"
    assert len(stage.world.ledger.reruns) == reruns


# -- private stays private ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["flaky", "unknown", "transient"])
async def test_the_name_of_a_rule_of_a_private_file_is_nowhere_in_public(stage: Stage, cause: str) -> None:
    rule = OWN_RULE.format(cause=cause)
    build(stage).on_run(attempts=1).takes(minutes=5).job("build").fails(log=RIDDLE)
    stage.pipeline(WITH_NONCE.replace("    steps:", f"{rule}    steps:"), stage.ee, "release-bot.yml")
    await stage.opens(PIPELINES=f"{EE}:release-bot.yml")
    await stage.says(f"/release {' '.join(VERSIONS)}")
    await stage.until(lambda: all(over(stage, version) for version in VERSIONS))
    await stage.says("/release flakes")

    told = [str(entry.body) for entry in stage.world.ledger.public_writes]
    assert any("A rule of the pipeline file fired" in text for text in told)
    assert not [text for text in told if "hush" in text or "Zurich" in text]


async def test_a_rule_of_a_file_that_everybody_may_read_is_named_in_the_list_of_flakes(stage: Stage) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=RIDDLE)
    await ends(stage, ONE_STEP.replace("    steps:", f"{OWN_RULE.format(cause='flaky')}    steps:"))
    await stage.says("/release flakes")

    assert "no test named (rule `hush-hush`)" in stage.answer()


async def test_how_many_jobs_of_a_private_repository_fail_in_an_outage_is_not_told_in_public(
    stage: Stage,
) -> None:
    vault = Vault.on(stage)
    jobs = [f"{vault.marks.job}-{number}" for number in range(3)]
    hidden = vault.repo.workflows[f"{vault.marks.file}.yml"]
    hidden.on_run().jobs(*jobs, parallel=True)
    for job in jobs:
        hidden.on_run(attempts=2).job(job).fails(log=CENTRAL)
    build(stage).on_run(attempts=2).job("build").fails(log=CENTRAL)
    await stage.opens()
    await stage.says("/release 1.0.3")
    bodies: list[str] = []

    def is_over() -> bool:
        bodies.append(stage.status().body)
        return stage.step("open") == "passed"

    await stage.until(is_over)

    assert [body for body in bodies if "repo.maven.apache.org is failing in 1 job" in body]
    assert not [body for body in bodies if "in 3 jobs" in body or "in 4 jobs" in body]
    assert vault.betrayed() == []


# -- hostile words --------------------------------------------------------------------------------------------

EVIL = (
    "@acme/everyone",
    "/release cancel 1.0.3",
    "<!-- release-bot:r4yp2serp4twf -->",
    "[x](https://evil.example)",
    "`@maya`",
    "a|b",
    "<img src=x>",
    "</details>",
)


@pytest.mark.parametrize("name", EVIL)
async def test_names_of_jobs_and_tests_do_nothing_in_the_list_of_flakes(stage: Stage, name: str) -> None:
    build(stage).on_run(attempts=1).jobs(name).job(name).fails(log=TESTS.format(f"test[{name}]"))
    build(stage).on_run().jobs(name)
    build(stage).rules.reverse()
    await ends(stage, ONE_STEP)
    await stage.says("/release flakes")
    (row,) = [line for line in stage.answer().splitlines() if line.startswith("| `")]

    assert stage.state() == "released"
    assert "@" not in row
    assert "<" not in row
    assert row.replace("`", "|").count("|") == 7 + 4  # seven bars of the table, and two spans of code
    assert len(stage.statuses()) == 1


async def test_the_brake_goes_on_when_one_of_three_releases_is_cancelled(stage: Stage) -> None:
    build(stage).on_run().jobs("build").takes(minutes=5).job("build").fails(log=CENTRAL)
    stage.pipeline(WITH_NONCE)
    await stage.opens()
    three = VERSIONS[:3]
    await stage.says(f"/release {' '.join(three)}")
    await stage.until(lambda: all(stage.step("build", version) == "retrying" for version in three))
    await stage.passes(minutes=1)
    waits = next(run for run in build(stage).runs if not reruns_of(stage, run))
    version = next(each for each in three if str(waits.id) in stage.status(each).body)
    await stage.says(f"/release cancel {version}")
    await stage.passes(minutes=4)

    assert len(stage.world.ledger.reruns) == 1


async def test_a_run_that_a_person_cancelled_after_one_job_had_failed_is_left_to_people(stage: Stage) -> None:
    """GitHub calls it failed; who cancelled it stands at the jobs that were stopped."""
    rule = build(stage).on_run().jobs("build", "other", parallel=True)
    rule.job("build").fails(log=NETWORK).job("other").takes(hours=1)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)
    stage.world.hand("ada").cancels(build(stage).run)
    await stage.passes(hours=1)

    assert stage.world.ledger.reruns == []
    assert "not re-run, `ada` cancelled it on GitHub" in stage.status().body


async def test_a_held_re_run_that_never_left_is_not_told_at_the_end(stage: Stage) -> None:
    run, version = await held(stage)
    await stage.says(f"/release cancel {version}")
    await stage.until(lambda: stage.state(version) == "cancelled")

    assert reruns_of(stage, run) == 0
    assert "needed 1 re-run" not in stage.answer()


async def test_the_lines_shown_are_those_of_the_job_that_decided_though_another_has_its_name(
    stage: Stage,
) -> None:
    javac = "core/Flow.java:42: error: cannot find symbol\n##[error]Process completed with exit code 1.\n"
    rule = build(stage).on_run().jobs("build", "twin", parallel=True)
    rule.job("build").fails(log=NETWORK).job("twin").fails(log=javac)

    def renames() -> None:
        build(stage).run.attempt.jobs[1].name = "build"

    stage.world.trouble.calls("GET", r"/attempts/\d+/jobs", renames, times=None)
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")

    assert "cannot find symbol" in stage.said()[0]
