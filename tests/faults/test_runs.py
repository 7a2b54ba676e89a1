"""Faults F23-F45: dispatches without an answer, runs without a trace, and everything that can become of a run.

A row that a story of `tests/scenarios` tells already has its number there.
"""

from datetime import timedelta

import pytest

from bot.simulator.faults import Break, BrokenConnectionError, Fault
from bot.simulator.runs import Run, Workflow
from bot.simulator.world import OLD_VERSION
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, OSS, Stage

DISPATCH, RERUN = r"dispatches$", r"rerun-failed-jobs$"
NETWORK = "npm error code ECONNRESET\nnpm error network read ECONNRESET\n"
COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"


def build(stage: Stage) -> Workflow:
    return stage.oss.workflows["build.yml"]


def only_run(stage: Stage) -> Run:
    (run,) = build(stage).runs
    return run


def step(keys: str) -> str:
    """The pipeline of one step, with more keys."""
    return ONE_STEP.replace("build: {", f"build: {{{keys}, ")


def run_of_the_bot(stage: Stage, workflow: Workflow, **inputs: str) -> Run:
    """A run that GitHub says the bot has dispatched."""
    sha = stage.oss.branches["develop"]
    return stage.world.actions.start(
        workflow, event="workflow_dispatch", ref="develop", sha=sha, actor=stage.world.bot, inputs=inputs
    )


async def begins(stage: Stage, pipeline: str = ONE_STEP, **settings: str) -> None:
    stage.pipeline(pipeline)
    await stage.opens(**settings)
    await stage.says("/release 1.0.3")


# -- dispatches and their runs ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_f23_a_dispatch_answered_with_a_server_error_after_its_effect_is_found_by_its_nonce(
    stage: Stage, status: int
) -> None:
    """Beside it, at the same moment, a person starts a run of their own: only the name tells them apart."""
    named = stage.world.add_workflow(
        stage.oss, "build.yml", inputs=["version", "ticket"], run_name="Build {version} {ticket}"
    )
    stage.world.trouble.answers("POST", DISPATCH, status, when="after")
    await begins(stage, step("nonce: ticket"))
    stage.world.hand("maya").starts(named, version="1.0.3", ticket="mine")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1
    assert f"/runs/{named.runs[0].id})" in stage.status().rows["build"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_f24_a_dispatch_whose_connection_broke_leaves_the_bot_once_whatever_became_of_it(
    stage: Stage, when: str
) -> None:
    stage.world.trouble.breaks("POST", DISPATCH, Break.HANG, when=when)  # type: ignore[arg-type]
    await begins(stage)
    end = "released" if when == "after" else "needs attention"
    await stage.until(lambda: stage.state() == end, hours=1)
    await stage.bot_restarts()
    await stage.passes(hours=6)
    assert len(stage.dispatches()) == 1


async def test_f25_a_new_send_after_a_lost_one_has_a_number_and_a_nonce_of_its_own(stage: Stage) -> None:
    stage.world.add_workflow(
        stage.oss, "build.yml", inputs=["version", "ticket"], run_name="Build {version} {ticket}"
    )
    stage.world.trouble.answers("POST", DISPATCH, 503)
    await begins(stage, step("nonce: ticket"))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert len(stage.dispatches()) == 1
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=1)
    first, second = (entry.body["inputs"]["ticket"] for entry in stage.world.ledger.dispatches)  # type: ignore[index]
    assert first.removesuffix("1") == second.removesuffix("2") != first


async def test_f26_a_dispatch_that_was_accepted_and_shows_no_run_calls_a_person_in_time(
    stage: Stage,
) -> None:
    stage.world.api_versions = (OLD_VERSION,)
    stage.world.knows_return_run_details = False
    build(stage).on_run().appears_after(minutes=50)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=0.4)
    assert [entry.status for entry in stage.world.ledger.dispatches] == [204]
    assert stage.said()[0].startswith("@maya")

    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_f26_a_run_that_github_named_and_never_shows_calls_a_person_in_time(stage: Stage) -> None:
    build(stage).on_run().appears_after(minutes=1_000)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=0.5)
    await stage.passes(hours=2)
    assert len(stage.dispatches()) == 1
    assert len(stage.said()) == 1


async def called_for_a_named_run(stage: Stage, *, minutes: float, lasts: float = 1) -> None:
    """GitHub has named the run and does not show it for so long; no webhook tells of it."""
    build(stage).on_run(runs=1).appears_after(minutes=minutes).takes(minutes=lasts)
    await begins(stage)
    stage.world.hook.post.loses("workflow_run")
    stage.world.hook.post.loses("workflow_job")
    await stage.until(lambda: stage.state() == "needs attention", hours=0.5)
    assert "GitHub took the dispatch of `build.yml` on `develop`" in stage.said()[0]
    assert "A run that appears now is still taken." in stage.said()[0]


@pytest.mark.parametrize("lasts", [1, 45])
async def test_f26_a_named_run_that_is_shown_after_the_person_was_called_is_still_taken(
    stage: Stage, lasts: float
) -> None:
    await called_for_a_named_run(stage, minutes=40, lasts=lasts)
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(stage.dispatches()) == 1
    assert f"/runs/{build(stage).runs[0].id})" in stage.status().rows["build"]


@pytest.mark.parametrize("verb", ["retry", "redo", "skip"])
async def test_f26_who_acts_for_a_named_run_that_is_never_shown_is_obeyed(stage: Stage, verb: str) -> None:
    await called_for_a_named_run(stage, minutes=1_000)
    await stage.says(f"/release {verb} build")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == (1 if verb == "skip" else 2)


@pytest.mark.parametrize("verb", ["retry", "redo", "skip"])
@pytest.mark.parametrize("lasts", [1, 45])
async def test_f26_a_command_comes_too_late_when_the_named_run_is_shown_by_then(
    stage: Stage, verb: str, lasts: float
) -> None:
    await called_for_a_named_run(stage, minutes=30.5, lasts=lasts)
    shown_at = build(stage).runs[0].attempt.visible_at
    await stage.passes(seconds=(shown_at - stage.clock.now()).total_seconds())
    comment = await stage.says(f"/release {verb} build")
    assert stage.reactions(comment) == ["eyes", "confused"]
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(stage.dispatches()) == 1


async def called_while_the_repository_does_not_answer(stage: Stage) -> Fault:
    """GitHub has named a run that it never shows, and fails for long at the question whether it is at all."""
    build(stage).on_run(runs=1).appears_after(minutes=60_000)
    await begins(stage)
    silence = stage.world.trouble.answers("GET", r"/repos/acme/widget$", 502, times=None)
    await stage.passes(minutes=30)  # long enough for a person to be called: who may read it, nobody knows yet
    return silence


async def test_f26_that_a_named_run_does_not_exist_is_told_when_github_answers_again(stage: Stage) -> None:
    silence = await called_while_the_repository_does_not_answer(stage)
    stage.world.trouble.ends(silence)
    await stage.passes(minutes=5)
    assert "GitHub took the dispatch of `build.yml` on `develop`" in stage.said()[-1]
    told = len(stage.said())
    await stage.passes(hours=2)
    assert len(stage.said()) == told

    await stage.says("/release retry build")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 2


async def test_f26_a_re_run_of_a_named_run_that_does_not_exist_is_not_waited_for(stage: Stage) -> None:
    silence = await called_while_the_repository_does_not_answer(stage)
    await stage.says("/release retry build")
    stage.world.trouble.ends(silence)
    await stage.passes(minutes=5)
    assert stage.state() == "needs attention"
    assert "GitHub took the dispatch of `build.yml` on `develop`" in stage.said()[-1]

    await stage.says("/release retry build")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 2


async def test_f26_a_release_is_cancelled_whose_named_run_is_never_shown(stage: Stage) -> None:
    await called_for_a_named_run(stage, minutes=1_000)
    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled", hours=0.2)


async def test_f27_a_run_is_found_behind_a_whole_page_of_newer_ones(stage: Stage) -> None:
    build(stage).on_run().queues(hours=9)
    build(stage).on_run(runs=1).queues(seconds=5).is_listed_after(minutes=3)
    stage.world.trouble.breaks("POST", DISPATCH, Break.RESET, when="after")
    await begins(stage)
    stage.world.hook.active = False
    for _ in range(130):
        stage.world.hand("walt").starts(build(stage), version="0.0.1")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert f"/runs/{build(stage).runs[0].id})" in stage.status().rows["build"]
    assert len(stage.dispatches()) == 1


async def test_f28_of_two_runs_with_one_nonce_both_are_named_and_neither_is_touched(stage: Stage) -> None:
    named = stage.world.add_workflow(
        stage.oss, "build.yml", inputs=["version", "ticket"], run_name="Build {version} {ticket}"
    )
    named.on_run().runs_until_told()

    def twice() -> None:
        ticket = stage.world.ledger.dispatches[-1].body["inputs"]["ticket"]  # type: ignore[index]
        run_of_the_bot(stage, named, version="1.0.3", ticket=ticket)
        raise BrokenConnectionError(Break.RESET)

    stage.world.trouble.calls("POST", DISPATCH, twice, when="after")
    await begins(stage, step("nonce: ticket"))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=2)
    assert all(str(run.id) in stage.said()[0] for run in named.runs)
    assert len(named.runs) == 2
    assert stage.world.ledger.matching("POST", "cancel$") == []
    assert len(stage.dispatches()) == 1


async def test_f29_the_run_of_a_given_up_send_that_appears_late_stops_the_next_send_of_its_workflow(
    stage: Stage,
) -> None:
    """Nobody's run any more: whoever releases next is told before anything is sent."""
    build(stage).on_run(runs=1).appears_after(minutes=40)
    stage.world.trouble.breaks("POST", DISPATCH, Break.RESET, when="after")
    again = ONE_STEP + (
        f"      again: {{needs: build, repo: {OSS}, dispatch: build.yml, ref: develop, "
        'inputs: {version: "{{ version }}"}}\n'
    )
    await begins(stage, again)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    late = build(stage).runs[0]
    build(stage).on_run().takes(minutes=20)
    await stage.says("/release retry")
    await stage.until(lambda: stage.step("build") == "passed", hours=2)
    await stage.until(lambda: stage.step("again") == "needs attention", hours=1)
    assert str(late.id) in stage.said()[-1]
    assert len(stage.dispatches()) == 2


async def test_f29_a_person_is_told_of_the_run_of_a_given_up_send_that_appears_beside_the_next_one(
    stage: Stage,
) -> None:
    named = stage.world.add_workflow(
        stage.oss, "build.yml", inputs=["version", "ticket"], run_name="Build {version} {ticket}"
    )
    named.on_run(runs=1).takes(minutes=60).appears_after(minutes=40)
    named.on_run().takes(minutes=60)
    stage.world.trouble.breaks("POST", DISPATCH, Break.RESET, when="after")
    await begins(stage, step("nonce: ticket"))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=3)
    late, own = named.runs
    told = [said for said in stage.said() if f"runs/{late.id})" in said]
    assert len(told) == 1
    assert "@maya release 1.0.3 may have two runs of `build`" in told[0]
    assert f"runs/{own.id})" in told[0]


async def test_f29_the_former_run_of_a_step_that_was_dispatched_anew_is_no_second_one(stage: Stage) -> None:
    named = stage.world.add_workflow(
        stage.oss, "build.yml", inputs=["version", "ticket"], run_name="Build {version} {ticket}"
    )
    named.on_run(runs=1).job("build").fails(log=COMPILER)
    await begins(stage, step("nonce: ticket"))
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.says("/release redo build")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(named.runs) == 2
    assert not [said for said in stage.said() if "two runs" in said]


# -- what GitHub refuses ---------------------------------------------------------------------------------

REFUSALS = {
    "No ref found for: develop": "No ref found",
    "Workflow does not have 'workflow_dispatch' trigger": "Workflow does not have",
    'Unexpected inputs provided: ["version"]': "Unexpected inputs provided",
}


@pytest.mark.parametrize(("words", "told"), REFUSALS.items(), ids=REFUSALS.values())
async def test_f30_a_refused_dispatch_is_told_in_githubs_words_and_not_tried_again(
    stage: Stage, words: str, told: str
) -> None:
    stage.world.trouble.answers("POST", DISPATCH, 422, words)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.bot_restarts()
    await stage.passes(hours=1)
    assert len(stage.dispatches()) == 1
    assert told in stage.said()[0]


async def test_f31_a_workflow_that_is_disabled_during_the_release_stops_at_its_step(stage: Stage) -> None:
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("build") == "running")
    stage.oss.workflows["release-docker.yml"].state = "disabled_manually"
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert stage.step("images") == "needs attention"

    stage.oss.workflows["release-docker.yml"].state = "active"
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert sum(entry.effect for entry in stage.world.ledger.dispatches) == 2


async def test_f31_a_workflow_that_is_renamed_during_the_release_stops_at_its_step(stage: Stage) -> None:
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("build") == "running")
    del stage.oss.workflows["release-docker.yml"]
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert stage.dispatches("docker") == []
    assert "release-docker.yml" in stage.said()[0]


async def test_f32_a_branch_that_moves_after_the_command_is_shown_by_the_commit_of_the_run(
    stage: Stage,
) -> None:
    """The contract dispatches a branch or tag, not a commit: what was built is told, and nothing is guessed."""
    moved: list[str] = []

    def moves() -> None:
        stage.world.hand("walt").pushes(stage.oss, "develop")
        moved.append(stage.oss.branches["develop"])

    stage.world.trouble.calls("POST", DISPATCH, moves)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)
    assert [check.head_sha for check in stage.checks("build")] == moved
    assert only_run(stage).head_sha == moved[0]


async def test_f33_a_run_on_another_commit_than_the_tags_own_passes_nothing(stage: Stage) -> None:
    """Somebody moves the tag while its step is awaited: the run of the old commit is not taken."""
    stage.oss.workflows["pre-release.yml"].on_run(runs=1).appears_after(minutes=4)
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("start") == "passed")
    ada = stage.world.hand("ada")
    ada.deletes_tag(stage.oss, "v1.0.3")
    ada.pushes(stage.oss)
    (second,) = ada.pushes_tag(stage.oss, "v1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert f"/runs/{second.id})" in stage.status().rows["build"]


async def test_f34_a_pending_run_that_gave_way_to_another_one_of_its_group_is_sent_again_once(
    stage: Stage,
) -> None:
    build(stage).group = "images"
    build(stage).on_run().takes(minutes=20)
    maya = stage.world.hand("maya")
    maya.starts(build(stage), version="0.9.0")
    await begins(stage)
    await stage.until(lambda: build(stage).run.status == "pending", hours=1)
    later = maya.starts(build(stage), version="0.9.1")
    await stage.until(lambda: stage.state() == "released", hours=3)
    assert len(stage.dispatches()) == 2
    assert build(stage).run.created_at >= later.attempt.updated_at
    assert not [said for said in stage.said() if "needs you" in said]


async def test_f34_a_cancelled_run_of_which_nobody_says_why_is_not_fought_over(stage: Stage) -> None:
    build(stage).on_run().concludes("cancelled").job("build").is_cancelled()
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=1)
    assert stage.world.ledger.reruns == []
    assert len(stage.dispatches()) == 1
    assert "cancelled" in stage.said()[0]


# -- re-runs ---------------------------------------------------------------------------------------------


async def test_f35_a_re_run_refused_because_jobs_still_run_is_asked_for_again(stage: Stage) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", RERUN, 403, "This workflow is already running", times=3)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert sum(entry.effect for entry in stage.world.ledger.reruns) == 1
    assert len(only_run(stage).attempts) == 2
    assert not [said for said in stage.said() if "needs you" in said]


@pytest.mark.parametrize("how", [Break.RESET, Break.HANG])
async def test_f36_a_re_run_whose_answer_never_came_is_told_by_the_attempt(stage: Stage, how: Break) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    stage.world.trouble.breaks("POST", RERUN, how, when="after")
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(only_run(stage).attempts) == 2


async def test_f36_a_re_run_whose_answer_never_came_is_done_once_however_late_its_attempt_is_shown(
    stage: Stage,
) -> None:
    """Nor is its own failure run again: by then GitHub would do it, and still shows the attempt before."""
    build(stage).on_run().job("build").fails(log="who knows why")
    stage.world.rerun_lag = timedelta(seconds=400)
    stage.world.trouble.breaks("POST", RERUN, Break.RESET, when="after")
    stage.world.hook.post.loses("workflow_run")
    stage.world.hook.post.loses("workflow_job")
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=1)
    assert len(only_run(stage).attempts) == 2


async def test_f35_a_run_that_is_over_and_always_said_to_be_running_is_not_asked_for_ever(
    stage: Stage,
) -> None:
    build(stage).on_run().job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", RERUN, 403, "This workflow is already running", times=None)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=6)
    assert len(stage.world.ledger.reruns) < 12
    assert "no new attempt appeared" in stage.said()[0]


NO_MORE_RERUNS = (
    "Unable to retry this workflow run because it was created over a month ago",
    "This workflow run cannot be retried",
)


@pytest.mark.parametrize("words", NO_MORE_RERUNS)
async def test_f37_a_re_run_that_github_does_not_give_any_more_is_told_with_its_reason(
    stage: Stage, words: str
) -> None:
    build(stage).on_run().job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", RERUN, 403, words)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=2)
    assert len(stage.world.ledger.reruns) == 1
    assert words in stage.said()[0]


async def test_f37_a_re_run_that_github_accepts_and_never_makes_calls_a_person(stage: Stage) -> None:
    """Over its limit of fifty GitHub says 201 and nothing follows."""
    build(stage).on_run().job("build").fails(log=NETWORK)
    stage.world.trouble.answers("POST", RERUN, 201, "nothing follows", times=None)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    await stage.passes(hours=2)
    assert len(stage.world.ledger.reruns) == 1


async def test_f38_a_run_that_cannot_be_re_run_can_be_dispatched_anew(stage: Stage) -> None:
    build(stage).on_run(runs=1).job("build").fails(log=NETWORK)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "retrying")
    only_run(stage).retryable = False
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "/release redo" in stage.said()[0]
    await stage.says("/release redo 1.0.3 build")
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_f39_only_failed_jobs_are_run_again_and_a_publish_that_happened_is_not_repeated(
    stage: Stage,
) -> None:
    jobs = ("compile", "publish", "images")
    build(stage).on_run().jobs(*jobs)
    build(stage).on_run(attempts=2).job("images").fails(log=NETWORK)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    first, *later = only_run(stage).attempts
    assert len(later) == 2
    for attempt in later:
        assert attempt.job("publish").started_at == first.job("publish").started_at
    assert all(entry.path.endswith("rerun-failed-jobs") for entry in stage.world.ledger.reruns)


# -- runs that do not end, or end oddly ------------------------------------------------------------------


async def test_f40_a_run_that_is_queued_for_ever_and_obeys_nobody_calls_a_person_once(stage: Stage) -> None:
    build(stage).on_run().queues(hours=1_000).ignores_cancel()
    for path in (r"/cancel$", r"/force-cancel$", RERUN):
        stage.world.trouble.answers("POST", path, 409, "Cannot cancel a workflow run", times=None)
    await begins(stage, step("timeout: 1h"))
    await stage.until(lambda: stage.state() == "needs attention", hours=2)
    assert len(stage.said()) == 1
    writes = len(stage.world.ledger.writes)
    await stage.passes(hours=1)
    assert len(stage.world.ledger.writes) - writes <= 2

    await stage.says("/release cancel")
    before = len(stage.world.ledger)
    await stage.passes(hours=1)
    assert len(stage.world.ledger) - before < 400
    assert len(stage.world.ledger.matching("POST", "cancel$")) < 60
    assert stage.state() == "running"
    assert "cancelling" in stage.status().sentence.lower()


async def test_f41_a_start_that_fails_without_any_webhook_is_found_by_looking(stage: Stage) -> None:
    stage.oss.workflows["pre-release.yml"].on_run().fails_at_startup()
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.state() == "needs attention", hours=0.2)
    assert stage.step("build") == "needs attention"
    assert "could not start" in stage.said()[0]


async def test_f42_logs_that_are_gone_hold_nothing_up(stage: Stage) -> None:
    build(stage).on_run(attempts=1).job("build").fails(log=NETWORK)
    await begins(stage)
    await stage.until(lambda: build(stage).runs)
    only_run(stage).logs_expired = True
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert stage.world.ledger.matching("GET", "/logs$")
    assert len(only_run(stage).attempts) == 2


async def test_f44_a_run_without_a_runner_calls_a_person_long_before_github_gives_it_up(
    stage: Stage,
) -> None:
    build(stage).on_run().jobs("build").queues(hours=8)
    await begins(stage, LOOK_SECONDS="600")
    await stage.until(lambda: stage.state() == "needs attention", hours=6.5)
    assert "not over after 6h" in stage.said()[0]
    await stage.until(lambda: stage.state() == "released", hours=3)


async def test_f45_after_a_failure_behind_the_publishing_step_only_what_failed_is_done_again(
    stage: Stage,
) -> None:
    stage.oss.workflows["release-docker.yml"].on_run(attempts=1).job("build").fails(log=COMPILER)
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    words = {name: stage.step(name) for name in ("start", "build", "images")}
    assert words == {"start": "passed", "build": "passed", "images": "needs attention"}
    before = stage.dispatches()
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert stage.dispatches() == before
    for workflow in ("global-start-release.yml", "pre-release.yml", "release-docker.yml"):
        assert len(stage.oss.workflows[workflow].runs) == 1
