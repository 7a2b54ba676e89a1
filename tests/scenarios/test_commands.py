"""Commands about an open release, its check runs' buttons, and the words when one is refused."""

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.simulator.repositories import CheckRun
from bot.simulator.runs import Run
from bot.store import Arrival, Store
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, OSS, Stage

TOLD = ["eyes", "confused"]
DONE = ["eyes", "rocket"]
BUILD = f'repo: {OSS}, dispatch: build.yml, inputs: {{version: "{{{{ version }}}}"}}'
NO_RETRIES = f"""\
pipelines:
  release:
    steps:
      build: {{{BUILD}, retry: 0}}
      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml}}
"""
WITH_APPROVAL = f"""\
pipelines:
  release:
    steps:
      build: {{{BUILD}}}
      go: {{needs: build, approval: "Publish the images?"}}
      images: {{needs: go, repo: {OSS}, dispatch: release-docker.yml}}
"""
TWO_APPROVALS = f"""\
pipelines:
  release:
    steps:
      legal: {{approval: "Is the licence file right?"}}
      docs: {{approval: "Are the docs out?"}}
      build: {{needs: [legal, docs], {BUILD}}}
"""
WATCHED = f"""\
pipelines:
  release:
    steps:
      tagged: {{repo: {OSS}, watch: pre-release.yml, ref: "v{{{{ version }}}}", appears-within: 10m}}
"""


async def running(stage: Stage, pipeline: str = NO_RETRIES) -> Run:
    """A release whose first run goes on until somebody ends it."""
    stage.pipeline(pipeline)
    stage.oss.workflows["build.yml"].on_run(runs=1, attempts=1).runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    return stage.run(stage.oss, "build.yml")


async def failed(stage: Stage, pipeline: str = NO_RETRIES) -> Run:
    """A release whose first run has failed, and that asks for a person."""
    stage.pipeline(pipeline)
    stage.oss.workflows["build.yml"].on_run(runs=1, attempts=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    return stage.run(stage.oss, "build.yml")


def newest_check(stage: Stage, step: str) -> CheckRun:
    return stage.checks(step)[-1]


# -- retry, redo, skip ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["/release retry", "/release RETRY 1.0.3 Build", "/release retry build"])
async def test_retry_runs_the_failed_jobs_again(stage: Stage, command: str) -> None:
    run = await failed(stage)
    comment = await stage.says(command)
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE
    assert len(run.attempts) == 2
    assert [entry.path.rsplit("/", 1)[-1] for entry in stage.world.ledger.reruns] == ["rerun-failed-jobs"]
    assert stage.dispatches("build.yml") == ["widget/build.yml@develop"]


async def test_redo_starts_a_new_run_with_the_fix_that_was_pushed(stage: Stage) -> None:
    broken = await failed(stage)
    stage.world.hand("ada").pushes(stage.oss)
    comment = await stage.says("/release redo build")
    await stage.until(lambda: stage.state() == "released")

    fixed = stage.run(stage.oss, "build.yml")
    assert stage.reactions(comment) == DONE
    assert fixed is not broken
    assert fixed.head_sha == stage.oss.branches["develop"] != broken.head_sha
    assert str(fixed.id) in stage.status().rows["build"]


async def test_redo_checks_the_tag_again(stage: Stage) -> None:
    await failed(stage, NO_RETRIES.replace("retry: 0", 'retry: 0, unless-tag: "v{{ version }}"'))
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.says("/release redo build")
    await stage.passes(minutes=2)

    assert stage.state() == "needs attention"
    assert "tag `v1.0.3`" in stage.answer()
    assert stage.dispatches("build.yml") == ["widget/build.yml@develop"]


async def test_what_a_person_reruns_is_seen_though_the_redo_of_the_step_was_stopped(stage: Stage) -> None:
    """The run failed after it had pushed the tag: a new dispatch would push it once more."""
    stage.pipeline(NO_RETRIES.replace("retry: 0", 'retry: 0, unless-tag: "v{{ version }}"'))
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    stage.world.hand("ada").pushes_tag(stage.oss, "v1.0.3")
    await stage.says("/release redo build")
    await stage.until(lambda: "exists already" in stage.said()[-1])
    assert "`/release retry 1.0.3 build` sends a new dispatch" in stage.answer()

    stage.world.hand("ada").reruns_failed_jobs(stage.run(stage.oss, "build.yml"))

    await stage.until(lambda: stage.state() == "released")
    assert len(stage.oss.workflows["build.yml"].runs) == 1


@pytest.mark.parametrize("verb", ["redo", "skip"])
async def test_while_the_failed_jobs_are_about_to_run_again_a_step_is_not_left_behind(
    stage: Stage, verb: str
) -> None:
    stage.pipeline(ONE_STEP)
    build = stage.oss.workflows["build.yml"]
    build.on_run(attempts=1).job("publish").fails()
    build.on_run().queues(seconds=30).sends_no_webhooks()
    await stage.opens()
    asked = stage.world.trouble.is_slow("POST", r"rerun-failed-jobs$", seconds=20)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: asked.hits)

    command = await stage.says(f"/release {verb} build")
    await stage.passes(seconds=20)

    assert stage.reactions(command) == TOLD
    assert len([run for run in build.runs if run.status != "completed"]) == 1


async def test_skip_marks_a_step_as_done_by_hand_and_the_release_goes_on(stage: Stage) -> None:
    await failed(stage)
    comment = await stage.says("/release skip build")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE
    assert stage.status().steps == {"build": "skipped", "images": "passed"}
    assert newest_check(stage, "build").conclusion == "skipped"
    assert "maya" in stage.status().body


async def test_what_a_person_reruns_on_github_is_seen_and_the_release_goes_on(stage: Stage) -> None:
    run = await failed(stage)
    stage.world.hand("ada").reruns_failed_jobs(run)
    await stage.until(lambda: stage.state() == "released")

    assert stage.world.ledger.reruns == []


async def test_retry_of_a_refused_dispatch_is_a_new_dispatch(stage: Stage) -> None:
    stage.pipeline(NO_RETRIES)
    await stage.opens()
    stage.world.trouble.answers("POST", "dispatches$", 422, "Unexpected inputs provided", times=1)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    assert stage.checks("build")[-1].head_sha == stage.oss.branches["develop"]

    await stage.says("/release retry build")
    await stage.until(lambda: stage.state() == "released")
    assert stage.dispatches("build.yml") == ["widget/build.yml@develop"] * 2
    assert len(stage.oss.workflows["build.yml"].runs) == 1


SEND_UNKNOWN = ["retry build", "redo build", "skip build"]


@pytest.mark.parametrize("words", SEND_UNKNOWN)
async def test_while_nobody_knows_whether_a_dispatch_was_done_nothing_is_done_twice(
    stage: Stage, words: str
) -> None:
    stage.pipeline(NO_RETRIES)
    await stage.opens()
    stage.world.trouble.answers("POST", "dispatches$", 502, "Server Error", times=1)
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=2)
    comment = await stage.says(f"/release {words}")
    assert stage.reactions(comment) == TOLD
    assert "may have been sent" in stage.answer()

    await stage.until(lambda: stage.state() == "needs attention")
    assert len(stage.dispatches()) == 1
    await stage.says("/release retry build")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.oss.workflows["build.yml"].runs) == 1


# -- adopt ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_url", [False, True])
async def test_adopt_binds_a_run_that_a_person_started(stage: Stage, by_url: bool) -> None:
    await failed(stage)
    byhand = stage.world.hand("ada").starts(stage.oss.workflows["build.yml"], version="1.0.3")
    url = f"{stage.world.urls.web}/{OSS}/actions/runs/{byhand.id}/attempts/1"
    comment = await stage.says(f"/release adopt build {url if by_url else byhand.id}")
    await stage.until(lambda: stage.state() == "released")

    assert stage.reactions(comment) == DONE
    assert str(byhand.id) in stage.status().rows["build"]
    assert stage.dispatches("build.yml") == ["widget/build.yml@develop"]


async def test_without_adopt_a_run_that_a_person_started_is_not_taken_for_ours(stage: Stage) -> None:
    await failed(stage)
    stage.world.hand("ada").starts(stage.oss.workflows["build.yml"], version="1.0.3")
    await stage.passes(minutes=30)

    assert stage.state() == "needs attention"


async def test_a_run_of_another_workflow_is_not_adopted(stage: Stage) -> None:
    await failed(stage)
    other = stage.world.hand("ada").starts(stage.oss.workflows["release-docker.yml"])
    comment = await stage.says(f"/release adopt build {other.id}")

    assert stage.reactions(comment) == TOLD
    assert "not of the workflow of `build`, `build.yml`" in stage.answer()


async def test_a_run_on_another_branch_is_not_adopted(stage: Stage) -> None:
    await failed(stage)
    stage.world.hand("ada").pushes(stage.oss, "main")
    other = stage.world.hand("ada").starts(stage.oss.workflows["build.yml"], ref="main", version="1.0.3")
    comment = await stage.says(f"/release adopt build {other.id}")

    assert stage.reactions(comment) == TOLD
    assert "not on the branch or tag of `build`, `develop`" in stage.answer()


async def test_a_run_of_another_repository_is_not_adopted(stage: Stage) -> None:
    await failed(stage)
    other = stage.world.hand("ada").starts(stage.ee.workflows["build.yml"], version="1.0.3")
    url = f"{stage.world.urls.web}/{EE}/actions/runs/{other.id}"
    comment = await stage.says(f"/release adopt build {url}")

    assert stage.reactions(comment) == TOLD
    assert "not in the repository of `build`" in stage.answer()


async def test_a_run_that_nobody_knows_is_not_adopted(stage: Stage) -> None:
    await failed(stage)
    comment = await stage.says("/release adopt build 123")

    assert stage.reactions(comment) == TOLD
    assert "cannot find that run" in stage.answer()


async def test_a_run_that_another_step_is_bound_to_is_not_adopted(stage: Stage) -> None:
    await failed(stage)
    await stage.says("/release 1.0.4")
    await stage.until(lambda: stage.state("1.0.4") == "released")
    taken = stage.run(stage.oss, "build.yml")
    comment = await stage.says(f"/release adopt 1.0.3 build {taken.id}")

    assert stage.reactions(comment) == TOLD
    assert "bound to another step already" in stage.answer()


async def test_the_run_that_the_step_is_bound_to_is_not_adopted_again(stage: Stage) -> None:
    await failed(stage)
    told = len(stage.said())
    comment = await stage.says(f"/release adopt build {stage.run(stage.oss, 'build.yml').id}")

    assert stage.reactions(comment) == TOLD
    assert "`build` is bound to that run already" in stage.answer()
    assert len(stage.said()) == told + 1


async def test_of_two_who_adopt_the_same_run_at_once_one_is_told_that_it_is_taken(stage: Stage) -> None:
    stage.pipeline(NO_RETRIES.replace("retry: 0", "retry: 0, ref: develop"))
    other = stage.world.add_issue(stage.oss, 8)
    build = stage.oss.workflows["build.yml"]
    build.on_run(runs=2).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.says("/release 1.0.4", issue=other)
    await stage.until(lambda: stage.state("1.0.3") == stage.state("1.0.4") == "needs attention")
    maya = stage.world.hand("maya")
    run = maya.starts(build, version="x")

    both = [maya.comments(issue, f"/release adopt build {run.id}") for issue in (stage.issue, other)]
    await stage.passes(seconds=10)

    assert sorted(stage.reactions(comment) for comment in both) == [TOLD, DONE]
    assert "is bound to another step already" in stage.answer()


# -- pause, resume, cancel -----------------------------------------------------------------------------------


async def test_in_a_pause_nothing_is_sent_and_afterwards_it_goes_on(stage: Stage) -> None:
    run = await running(stage)
    paused = await stage.says("/release pause")
    run.finish()
    await stage.passes(hours=2)
    assert stage.reactions(paused) == DONE
    assert stage.state() == "paused"
    assert stage.status().steps == {"build": "passed", "images": "queued"}
    assert stage.dispatches() == ["widget/build.yml@develop"]

    resumed = await stage.says("/release resume")
    await stage.until(lambda: stage.state() == "released")
    assert stage.reactions(resumed) == DONE


async def test_in_a_pause_nothing_is_rerun_by_itself(stage: Stage) -> None:
    run = await running(stage, ONE_STEP)
    await stage.says("/release pause")
    run.finish("failure")
    await stage.passes(hours=1)
    assert stage.world.ledger.reruns == []

    await stage.says("/release resume")
    await stage.until(lambda: stage.state() == "released")
    assert len(stage.world.ledger.reruns) == 1


async def test_the_time_in_which_a_run_is_awaited_stands_still_in_a_pause(stage: Stage) -> None:
    stage.pipeline(WATCHED)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.passes(minutes=5)
    await stage.says("/release pause")
    await stage.passes(hours=3)
    await stage.says("/release resume")
    await stage.passes(minutes=4)
    assert stage.state() == "running"

    await stage.passes(minutes=3)
    assert stage.state() == "needs attention"


async def test_a_paused_release_that_needs_a_person_says_so(stage: Stage) -> None:
    run = await running(stage)
    await stage.says("/release pause")
    run.finish("failure")
    await stage.until(lambda: stage.state() == "needs attention")

    assert "paused" in stage.status().sentence


async def test_cancel_ends_live_runs_on_github_and_the_release(stage: Stage) -> None:
    run = await running(stage)
    comment = await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled")

    assert stage.reactions(comment) == DONE
    assert run.conclusion == "cancelled"
    assert stage.status().steps == {"build": "cancelled", "images": "cancelled"}
    assert newest_check(stage, "build").conclusion == "cancelled"
    assert "@maya release 1.0.3 is cancelled" in stage.answer()


async def test_until_its_runs_are_over_a_cancelled_release_is_running_and_refuses_the_rest(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run().ignores_cancel()
    run = await running(stage)
    await stage.says("/release cancel")
    await stage.passes(seconds=30)
    assert stage.state() == "running"
    assert "cancelling" in stage.status().body.lower()

    comment = await stage.says("/release skip images")
    assert stage.reactions(comment) == TOLD
    assert "being cancelled" in stage.answer()

    run.finish("cancelled")
    await stage.until(lambda: stage.state() == "cancelled")


# -- approve -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["/release approve", "/release approve go", "/release approve 1.0.3 GO"])
async def test_approve_passes_an_approval_step(stage: Stage, command: str) -> None:
    stage.pipeline(WITH_APPROVAL)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("go") == "awaiting approval")
    assert stage.state() == "running"
    assert "@maya" in stage.answer()
    assert "Publish the images?" in stage.answer()

    comment = await stage.says(command, by="ada")
    await stage.until(lambda: stage.state() == "released")
    assert stage.reactions(comment) == DONE
    assert "ada" in stage.status().body


async def test_of_two_approvals_one_has_to_be_named(stage: Stage) -> None:
    stage.pipeline(TWO_APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    vague = await stage.says("/release approve")
    assert stage.reactions(vague) == TOLD
    assert "`legal`" in stage.answer()
    assert "`docs`" in stage.answer()

    await stage.says("/release approve legal")
    await stage.says("/release approve")
    await stage.until(lambda: stage.state() == "released")


async def test_who_lacks_the_role_approves_nothing(stage: Stage) -> None:
    stage.pipeline(TWO_APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    comment = await stage.says("/release approve legal", by="walt")

    assert stage.reactions(comment) == TOLD
    assert "`maintain`" in stage.answer()
    assert stage.step("legal") == "awaiting approval"


async def test_an_environment_is_approved_on_github_and_not_here(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().waits_for_environment("prod")
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "awaiting approval")
    comment = await stage.says("/release approve")
    assert stage.reactions(comment) == TOLD
    assert "which can only be given on GitHub" in stage.answer()

    stage.world.hand("ada").approves(stage.run(stage.oss, "build.yml"))
    await stage.until(lambda: stage.state() == "released")


# -- refusals ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class No:
    """A command that does not fit, and what it is answered."""

    command: str
    words: str


WHILE_RUNNING = [
    No("/release retry build", "The run of `build` is not over"),
    No("/release redo build", "The run of `build` is not over"),
    No("/release skip build", "The run of `build` is not over"),
    No("/release adopt build 17000000001", "The run of `build` is not over"),
    No("/release retry images", "`images` has not failed"),
    No("/release redo images", "`images` has not failed"),
    No("/release skip images", "`build` comes first"),
    No("/release adopt images 17000000001", "`build` comes first"),
    No("/release approve", "waits for an approval"),
    No("/release approve build", "`build` is not an approval step"),
    No("/release resume", "is not paused"),
    No("/release retry biuld", "Did you mean `build`?"),
    No("/release skip 1.0.3 deploy", "`deploy` is not a step of release 1.0.3"),
    No("/release pause 9.9.9", "There is no release `9.9.9` of `release`"),
]


@pytest.mark.parametrize("no", WHILE_RUNNING, ids=lambda no: no.command)
async def test_while_a_run_goes_on_this_is_refused(stage: Stage, no: No) -> None:
    await running(stage)
    comment = await stage.says(no.command)

    assert stage.reactions(comment) == TOLD
    assert no.words in stage.answer()
    assert stage.status().steps == {"build": "running", "images": "waiting"}


async def test_a_retry_of_a_live_run_is_refused_with_its_link(stage: Stage) -> None:
    run = await running(stage)
    await stage.says("/release retry")

    assert f"{stage.world.urls.web}/{OSS}/actions/runs/{run.id}" in stage.answer()


IN_A_PAUSE = [
    No("/release retry build", "is paused"),
    No("/release redo build", "is paused"),
    No("/release pause", "is paused already"),
]


@pytest.mark.parametrize("no", IN_A_PAUSE, ids=lambda no: no.command)
async def test_in_a_pause_this_is_refused(stage: Stage, no: No) -> None:
    await failed(stage)
    await stage.says("/release pause")
    comment = await stage.says(no.command)

    assert stage.reactions(comment) == TOLD
    assert no.words in stage.answer()
    assert stage.world.ledger.reruns == []


AFTERWARDS = ["retry 1.0.3", "redo 1.0.3 build", "skip 1.0.3 build", "adopt 1.0.3 build 123", "approve 1.0.3"]
AFTERWARDS += ["pause 1.0.3", "resume 1.0.3", "cancel 1.0.3"]


@pytest.mark.parametrize("words", AFTERWARDS)
async def test_on_a_finished_release_every_command_but_status_is_refused(stage: Stage, words: str) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.until(lambda: bool(stage.said()))
    comment = await stage.says(f"/release {words}")
    assert stage.reactions(comment) == TOLD
    assert "release 1.0.3 is released, so nothing about it can be changed" in stage.answer()

    status = await stage.says("/release status 1.0.3")
    assert stage.reactions(status) == DONE
    assert "**release 1.0.3: released.**" in stage.answer()


async def test_a_watched_run_cannot_be_dispatched_anew(stage: Stage) -> None:
    stage.pipeline(WATCHED)
    await stage.opens()
    await stage.says("/release 1.0.3")
    comment = await stage.says("/release redo tagged")

    assert stage.reactions(comment) == TOLD
    assert "the bot cannot dispatch it" in stage.answer()


async def test_an_approval_has_no_run_to_adopt(stage: Stage) -> None:
    stage.pipeline(TWO_APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3")
    comment = await stage.says("/release adopt legal 123")

    assert stage.reactions(comment) == TOLD
    assert "has no run to adopt" in stage.answer()


# -- which release is meant ----------------------------------------------------------------------------------


async def test_with_two_open_releases_the_version_has_to_be_named(stage: Stage) -> None:
    stage.pipeline(TWO_APPROVALS)
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.passes(minutes=1)
    vague = await stage.says("/release pause")
    named = await stage.says("/release pause 1.0.4")

    assert stage.reactions(vague) == TOLD
    assert "`1.0.3`" in stage.answer()
    assert "`1.0.4`" in stage.answer()
    assert stage.reactions(named) == DONE
    await stage.until(lambda: stage.state("1.0.4") == "paused")
    assert stage.state("1.0.3") == "running"


async def test_with_the_version_a_command_works_from_any_issue_of_the_home_repository(stage: Stage) -> None:
    await running(stage)
    other = stage.world.add_issue(stage.oss, 8)
    vague = await stage.says("/release pause", issue=other)
    named = await stage.says("/release pause 1.0.3", issue=other)
    await stage.until(lambda: stage.state() == "paused")

    assert stage.reactions(vague) == TOLD
    assert "`1.0.3`" in stage.answer()
    assert stage.reactions(named) == DONE


async def test_from_another_repository_a_release_cannot_be_steered(stage: Stage) -> None:
    await running(stage)
    stage.pipeline(ONE_STEP, stage.ee)
    comment = await stage.says("/release pause 1.0.3", issue=stage.world.add_issue(stage.ee, 12))

    assert stage.reactions(comment) == TOLD
    assert stage.state() == "running"


async def test_without_any_release_there_is_nothing_to_do(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release cancel")

    assert stage.reactions(comment) == TOLD
    assert "No release of `release` is open" in stage.answer()


# -- typing --------------------------------------------------------------------------------------------------

MALFORMED = [
    No("/release v1.0.3", "leave out the leading `v`"),
    No("/release 1.0", "it has too few numbers"),
    No("/release 1.0.3.4", "it has too many numbers"),
    No("/release 01.0.3", "must not have leading zeros"),
    No("/release 1.0.3+build", "must not have a `+` part"),
    No("/release 1.0.3, 1.0.4", "leave out the `,`"),
    No("/release 1.0.3 --force", "`--force` is not an option of `/release`"),
    No("/release 1.0.3 --dry-rum", "Did you mean `--dry-run`?"),
    No("/release stauts", "Did you mean `/release status`?"),
    No("/release frobnicate", "See `/release help`"),
    No("/release skip", "The name of the step is missing"),
    No("/release adopt build", "The run is missing"),
    No("/release adopt build last", "neither the id nor the URL of a workflow run"),
    No("/release pause 1.0.3 now", "one word too many"),
    No("/release １.0.3", "not plain ASCII"),
    No(f"/release 1.0.3-{'a' * 64}", "longer than 64 characters"),
    No("/release channel=beta 1.0.3", "goes with a version to start"),
    No("/release retry --continue", "goes with a version to start"),
    No("/release flakes $(id)", "cannot be the name of a branch or a series"),
]


@pytest.mark.parametrize("no", MALFORMED, ids=lambda no: no.command[:30])
async def test_a_slip_of_the_pen_is_explained_and_nothing_is_done(stage: Stage, no: No) -> None:
    await stage.opens()
    comment = await stage.says(no.command)

    assert stage.reactions(comment) == TOLD
    assert no.words in stage.answer()
    assert len(stage.said()) == 1
    assert stage.statuses() == []


async def test_two_commands_in_one_comment_are_refused_as_a_whole(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release 1.0.3\n\n/release 1.0.4")
    await stage.passes(minutes=2)

    assert stage.reactions(comment) == TOLD
    assert "more than one command" in stage.answer()
    assert stage.dispatches() == []


async def test_another_bots_command_beside_ours_is_none_of_our_business(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("/retest\n\n/release 1.0.3")

    assert stage.reactions(comment) == DONE


# -- help and status -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["/release", "/release help", "/Release HELP"])
async def test_help_tells_who_may_do_what_with_an_example_each(stage: Stage, text: str) -> None:
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    comment = await stage.says(text)

    assert stage.reactions(comment) == DONE
    for verb in (
        "status",
        "retry",
        "redo",
        "skip",
        "adopt",
        "approve",
        "pause",
        "resume",
        "cancel",
        "flakes",
        "help",
    ):
        assert f"`/release {verb}" in stage.answer()
    assert "`maintain`" in stage.answer()
    assert "`start`, `build`" in stage.answer()


async def test_help_in_public_names_no_private_repository(stage: Stage) -> None:
    await stage.opens()
    await stage.says("/release help")

    assert f"`{OSS}`" in stage.answer()
    assert EE not in stage.answer()


async def test_status_says_where_things_stand(stage: Stage) -> None:
    await running(stage)
    comment = await stage.says("/release status", by="walt")

    assert stage.reactions(comment) == DONE
    assert "**release 1.0.3: running.**" in stage.answer()
    assert "- build: 🟡 running\n- images: ⚪ waiting" in stage.answer()


async def test_status_of_a_private_step_tells_its_state_word_alone(stage: Stage) -> None:
    stage.ee.workflows["global-start-release.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("ee-start") == "running")
    await stage.says("/release status")

    assert "- ee-start: 🟡 running" in stage.answer()
    assert EE not in stage.answer()


async def test_status_without_a_release_says_so(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release status")

    assert stage.reactions(comment) == DONE
    assert "No release is open here" in stage.answer()


async def test_status_of_a_version_that_never_was_is_refused(stage: Stage) -> None:
    await stage.opens()
    comment = await stage.says("/release status 9.9.9")

    assert stage.reactions(comment) == TOLD
    assert "There is no release `9.9.9`" in stage.answer()


# -- buttons -------------------------------------------------------------------------------------------------


async def test_a_step_that_needs_a_person_has_three_buttons(stage: Stage) -> None:
    await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")

    assert newest_check(stage, "build").buttons == ["retry", "skip", "cancel"]


async def test_the_retry_button_runs_the_failed_jobs_again_on_a_new_check_run(stage: Stage) -> None:
    run = await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    stage.world.hand("maya").presses(newest_check(stage, "build"), "retry")
    await stage.until(lambda: stage.state() == "released")

    assert len(run.attempts) == 2
    assert [check.conclusion for check in stage.checks("build")] == ["action_required", "success"]


async def test_githubs_own_rerun_of_a_check_run_means_retry(stage: Stage) -> None:
    run = await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    stage.world.hand("maya").rerequests(newest_check(stage, "build"))
    await stage.until(lambda: stage.state() == "released")

    assert len(run.attempts) == 2


async def test_the_skip_button_skips(stage: Stage) -> None:
    await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    stage.world.hand("maya").presses(newest_check(stage, "build"), "skip")
    await stage.until(lambda: stage.state() == "released")

    assert stage.step("build") == "skipped"


async def test_the_cancel_button_ends_the_release(stage: Stage) -> None:
    await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    stage.world.hand("maya").presses(newest_check(stage, "build"), "cancel")
    await stage.until(lambda: stage.state() == "cancelled")


@pytest.mark.parametrize("by", ["walt", "stranger"])
@pytest.mark.parametrize("identifier", ["retry", "skip", "cancel"])
async def test_without_the_role_a_button_does_nothing(stage: Stage, by: str, identifier: str) -> None:
    await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    before = stage.said()
    stage.world.hand(by).presses(newest_check(stage, "build"), identifier)
    await stage.passes(minutes=5)

    assert stage.state() == "needs attention"
    assert stage.said() == before
    assert stage.world.ledger.reruns == []


async def test_a_button_without_the_role_is_not_used_up(stage: Stage) -> None:
    await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    check = newest_check(stage, "build")
    stage.world.hand("walt").presses(check, "skip")
    await stage.passes(seconds=30)
    stage.world.hand("maya").presses(check, "skip")
    await stage.until(lambda: stage.state() == "released")


async def test_a_button_is_good_once_and_on_the_newest_check_run_only(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=2).job("publish").fails()
    run = await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    old = newest_check(stage, "build")
    stage.world.hand("maya").presses(old, "retry")
    stage.world.hand("maya").presses(old, "retry")
    await stage.until(lambda: len(stage.checks("build")) == 2)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    stage.world.hand("maya").presses(old, "retry")
    stage.world.hand("maya").presses(old, "skip")
    await stage.passes(minutes=5)
    assert len(run.attempts) == 2
    assert stage.state() == "needs attention"

    stage.world.hand("maya").presses(newest_check(stage, "build"), "retry")
    await stage.until(lambda: stage.state() == "released")
    assert len(run.attempts) == 3


async def test_githubs_rerun_of_a_check_run_that_is_green_does_nothing(stage: Stage) -> None:
    stage.pipeline(NO_RETRIES)
    stage.oss.workflows["release-docker.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(
        lambda: bool(stage.checks("build")) and newest_check(stage, "build").conclusion == "success"
    )
    stage.world.hand("maya").rerequests(newest_check(stage, "build"))
    await stage.passes(minutes=5)

    assert stage.status().steps == {"build": "passed", "images": "running"}
    assert stage.world.ledger.reruns == []
    assert stage.said() == []


async def test_a_click_that_is_delivered_twice_is_one_click(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run(attempts=2).job("publish").fails()
    run = await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    stage.world.hook.post.doubles("check_run", same_guid=False, late=timedelta(minutes=10))
    stage.world.hand("maya").presses(newest_check(stage, "build"), "retry")
    await stage.passes(minutes=30)

    assert len(run.attempts) == 2
    assert stage.state() == "needs attention"


async def test_a_button_of_a_release_that_is_over_does_nothing(stage: Stage) -> None:
    run = await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    old = newest_check(stage, "build")
    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled")
    stage.world.hand("maya").presses(old, "retry")
    await stage.passes(minutes=5)

    assert len(run.attempts) == 1
    assert stage.state() == "cancelled"


async def test_a_click_that_lay_in_the_inbox_for_hours_is_not_carried_out(stage: Stage) -> None:
    await failed(stage)
    await stage.until(lambda: newest_check(stage, "build").conclusion == "action_required")
    await stage.closes()
    stage.world.hand("maya").presses(newest_check(stage, "build"), "cancel")
    await stage.settle()
    click = next(d for d in stage.world.hook.log if d.payload.get("action") == "requested_action")
    store = await Store.open(f"sqlite:///{stage.folder / 'bot.db'}", now=stage.clock.now)
    arrival = Arrival(click.guid, click.event, json.dumps(click.payload), None, stage.clock.now())
    assert await store.deliveries.accept(arrival)
    await store.close()

    await stage.passes(hours=5)
    await stage.opens()
    await stage.passes(minutes=5)

    assert stage.state() == "needs attention"


@pytest.mark.parametrize("command", ["/release retry 1.0.3 build", "/release cancel 1.0.3"])
async def test_of_two_of_one_version_the_one_of_the_issue_is_meant(stage: Stage, command: str) -> None:
    stage.pipeline(ONE_STEP.replace("ref: develop", "ref: develop, retry: 0"))
    stage.oss.workflows["build.yml"].on_run(runs=1, attempts=1).job("publish").fails()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    assert f"`{command}`" in stage.said()[-1]  # the bot itself offers it, in this issue
    stage.pipeline("pipelines: {release: {steps: {build: {dispatch: release-docker.yml}}}}")  # was renamed
    await stage.says("/release 1.0.3", issue=stage.world.add_issue(stage.oss, 8))
    comment = await stage.says(command)
    await stage.passes(minutes=5)
    first, second = stage.statuses()
    assert stage.reactions(comment) == DONE
    assert first.state in {"released", "cancelled"}
    assert second.state != "cancelled"
