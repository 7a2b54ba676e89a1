"""Several releases whose images must not be built at the same time."""

import pytest

from tests.scenarios.stage import EE, OSS, Stage

LINE = f"""\
pipelines:
  release:
    steps:
      images:
        repo: {OSS}
        dispatch: build.yml
        ref: develop
        inputs: {{version: "{{{{ version }}}}"}}
        one-at-a-time: images
        retry: 0
"""
_BUILD = 'dispatch: build.yml, ref: develop, inputs: {version: "{{ version }}"}'
TWO_LINES = f"""\
pipelines:
  release:
    steps:
      oss: {{repo: {OSS}, {_BUILD}, one-at-a-time: oss}}
      ee: {{repo: {EE}, {_BUILD}, one-at-a-time: ee}}
"""


async def begins(stage: Stage, command: str = "/release 1.1.0 1.0.3 0.24.9", file: str = LINE) -> None:
    stage.pipeline(file)
    await stage.opens()
    await stage.says(command)
    await stage.passes(seconds=10)


def sent(stage: Stage) -> list[str]:
    """The versions whose images were dispatched, in order."""
    entries = stage.world.ledger.matching("POST", r"dispatches$")
    return [entry.body["inputs"]["version"] for entry in entries]  # type: ignore[index]


def live(stage: Stage) -> int:
    return sum(run.status != "completed" for run in stage.oss.workflows["build.yml"].runs)


async def test_the_lowest_version_goes_first_and_the_others_follow_one_by_one(stage: Stage) -> None:
    most = 0

    def all_released() -> bool:
        nonlocal most
        most = max(most, live(stage))
        return all(stage.state(version) == "released" for version in ("0.24.9", "1.0.3", "1.1.0"))

    await begins(stage)
    await stage.until(all_released)

    assert sent(stage) == ["0.24.9", "1.0.3", "1.1.0"]
    assert most == 1


async def test_who_waits_says_for_whom(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run().runs_until_told()
    await begins(stage)

    assert stage.step("images", "0.24.9") == "running"
    assert stage.step("images", "1.0.3") == "waiting"
    assert "waits for release 0.24.9 / images" in stage.status("1.0.3").body.replace("`", "")


async def test_a_version_that_comes_later_and_is_lower_waits_for_the_one_that_runs_and_not_for_the_others(
    stage: Stage,
) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(runs=1).runs_until_told()
    await begins(stage, "/release 1.1.0 2.0.0")
    await stage.says("/release 1.0.3")
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state("2.0.0") == "released")

    assert sent(stage) == ["1.1.0", "1.0.3", "2.0.0"]


async def test_a_step_that_needs_a_person_holds_the_others_up_and_they_say_so(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(about="0.24.9").job("build").fails(log="nothing known")
    await begins(stage, "/release 0.24.9 1.0.3")
    await stage.until(lambda: stage.state("0.24.9") == "needs attention")
    await stage.passes(minutes=1)

    assert sent(stage) == ["0.24.9"]
    assert "which needs a person" in stage.status("1.0.3").body


@pytest.mark.parametrize("verb", ["cancel", "skip 0.24.9 images"])
async def test_when_the_step_that_others_wait_for_is_given_up_they_go_on(stage: Stage, verb: str) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(about="0.24.9").job("build").fails(log="nothing known")
    await begins(stage, "/release 0.24.9 1.0.3")
    await stage.until(lambda: stage.state("0.24.9") == "needs attention")
    words = verb.split()
    await stage.says(f"/release {words[0]} 0.24.9 {' '.join(words[2:])}".strip())
    await stage.until(lambda: stage.state("1.0.3") == "released", hours=1)

    assert sent(stage) == ["0.24.9", "1.0.3"]


async def test_a_cancelled_release_keeps_its_place_until_its_run_is_over(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(runs=1).runs_until_told().ignores_cancel()
    await begins(stage, "/release 0.24.9 1.0.3")
    await stage.passes(minutes=5)
    await stage.says("/release cancel 0.24.9")
    await stage.until(lambda: stage.state("1.0.3") == "released", hours=1)
    cancelled, other = stage.oss.workflows["build.yml"].runs

    assert sent(stage) == ["0.24.9", "1.0.3"]
    assert cancelled.attempt.updated_at <= other.created_at


async def test_a_paused_release_lets_the_others_pass(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(runs=1).runs_until_told()
    await begins(stage, "/release 0.24.9 1.0.3 1.1.0")
    await stage.says("/release pause 1.0.3")
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state("1.1.0") == "released")
    await stage.says("/release resume 1.0.3")
    await stage.until(lambda: stage.state("1.0.3") == "released")

    assert sent(stage) == ["0.24.9", "1.1.0", "1.0.3"]


async def test_lines_of_different_names_go_side_by_side(stage: Stage) -> None:
    for repo in (stage.oss, stage.ee):
        stage.workflow(repo, "build.yml").on_run().runs_until_told()
    await begins(stage, "/release 1.0.3 1.0.4", TWO_LINES)
    await stage.passes(minutes=1)

    assert sorted(sent(stage)) == ["1.0.3", "1.0.3"]


async def test_the_order_holds_over_restarts(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(runs=1).runs_until_told()
    await begins(stage)
    await stage.bot_dies()
    await stage.opens()
    await stage.passes(minutes=3)
    while_first_runs = sent(stage)
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state("1.1.0") == "released")

    assert while_first_runs == ["0.24.9"]
    assert sent(stage) == ["0.24.9", "1.0.3", "1.1.0"]


async def test_a_step_of_another_home_waits_as_well_and_names_nothing_of_it(stage: Stage) -> None:
    stage.workflow(stage.oss, "build.yml").on_run(runs=1).runs_until_told()
    other = stage.world.add_issue(stage.ee, 3)
    stage.pipeline(LINE, stage.ee)
    await begins(stage, "/release 0.24.9")
    await stage.says("/release 1.0.3", issue=other)
    await stage.passes(minutes=1)
    shown = stage.status("1.0.3").body
    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state("1.0.3") == "released")

    assert "another release" in shown
    assert "0.24.9" not in shown
    assert sent(stage) == ["0.24.9", "1.0.3"]
