"""Faults F46-F60: tokens, limits, storms, and what GitHub may do to the bot's words and its installation."""

from collections.abc import Callable
from datetime import datetime, timedelta

import anyio
import pytest

from bot.github import GitHubCalls
from bot.simulator.clock import VirtualClock
from bot.simulator.faults import Break, Failure, Fault
from bot.simulator.ledger import Entry
from bot.simulator.repositories import Repository
from bot.simulator.transport import SimulatorTransport
from bot.simulator.world import World
from tests.scenarios.reading import StatusComment
from tests.scenarios.stage import EE, ONE_CHAIN, ONE_STEP, OSS, Stage

DISPATCH = r"dispatches$"
TOOL = ONE_STEP.replace(OSS, "rival/tool")
COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"


async def begins(stage: Stage, pipeline: str = ONE_STEP, **settings: str) -> None:
    stage.pipeline(pipeline)
    await stage.opens(**settings)
    await stage.says("/release 1.0.3")


def called(stage: Stage) -> list[str]:
    """Comments that ask a person to do something."""
    return [said for said in stage.said() if "needs you" in said]


# -- tokens and clocks -----------------------------------------------------------------------------------


def may_write_runs(entry: Entry) -> bool:
    return ("actions", "write") in entry.scope.permissions


def only_reads(entry: Entry) -> bool:
    return entry.scope.kind == "installation" and all(level == "read" for _, level in entry.scope.permissions)


REJECTIONS = {401: "Bad credentials", 403: "Resource not accessible by integration", 404: "Not Found"}


@pytest.mark.parametrize("whose", [only_reads, may_write_runs])
@pytest.mark.parametrize("status", [401, 404])
async def test_f46_a_token_that_github_does_not_know_yet_is_tried_again_with_reads_alone(
    stage: Stage, status: int, whose: Callable[[Entry], bool]
) -> None:
    failure = Failure(status, {"message": REJECTIONS[status]})
    fault = stage.world.trouble.add(Fault("*", "^/repos/", failure=failure, times=2, only=whose))
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert [hit.method for hit in fault.hits] == ["GET", "GET"]
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert called(stage) == []


async def test_f46_a_role_is_asked_for_again_while_the_rights_of_a_new_token_spread(stage: Stage) -> None:
    denied = "Resource not accessible by integration"
    stage.world.trouble.answers("GET", r"/collaborators/maya/permission$", 403, denied)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert called(stage) == []


async def test_f46_no_token_writes_before_a_read_has_shown_that_github_knows_it(stage: Stage) -> None:
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    proven: set[object] = set()
    for entry in stage.world.ledger:
        if entry.scope.kind == "installation" and entry.writes:
            assert entry.scope in proven, entry.path
        elif entry.scope.kind == "installation":
            proven.add(entry.scope)


async def test_f47_a_release_of_many_hours_never_shows_github_a_token_that_is_over(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().jobs("build").takes(hours=3)
    await begins(stage, LOOK_SECONDS="300")
    await stage.until(lambda: stage.state() == "released", hours=4)
    assert len(stage.world.ledger.matching("POST", "access_tokens$")) >= 4
    assert [entry.path for entry in stage.world.ledger if entry.status == 401] == []


async def test_f47_a_dispatch_refused_for_its_token_is_sent_once_with_a_new_one(stage: Stage) -> None:
    stage.world.trouble.bad_credentials("POST", DISPATCH)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    first, second = stage.world.ledger.dispatches
    assert (first.status, first.effect, second.effect) == (401, False, True)
    assert any(e.path.endswith("access_tokens") for e in stage.world.ledger[first.number : second.number])


@pytest.mark.parametrize("minutes", [-45, -3, 3, 45])
async def test_f48_a_machine_whose_clock_is_wrong_is_let_in_all_the_same(minutes: int) -> None:
    clock = VirtualClock()
    world = World(clock, seed=0)
    world.hook.active = False
    world.add_repository(OSS)

    def wrong() -> datetime:
        return clock.now() + timedelta(minutes=minutes)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)
        await anyio.lowlevel.checkpoint()

    calls = GitHubCalls.connect(
        app_id=str(world.app.id),
        private_key=world.private_key,
        api_url=world.urls.api,
        writes_per_minute=60,
        now=wrong,
        sleep=sleep,
        transport=SimulatorTransport(world, sleep),
    )
    for _ in range(5):
        assert (await calls.repository(OSS)).full_name == OSS
        clock.advance(minutes=30)
    refused = [entry for entry in world.ledger if entry.status == 401]
    assert len(refused) <= 1
    await calls.aclose()


# -- limits, storms, slowness ----------------------------------------------------------------------------


@pytest.mark.parametrize("primary", [True, False])
async def test_f49_nothing_is_asked_before_the_time_that_github_named(stage: Stage, primary: bool) -> None:
    stage.oss.workflows["build.yml"].on_run().takes(minutes=5)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    trouble = stage.world.trouble
    limit = (
        trouble.primary_limit("GET", "/actions/", reset_in=900)
        if primary
        else trouble.secondary_limit("GET", "/actions/", retry_after=900)
    )
    await stage.until(lambda: limit.hits)
    (hit,) = limit.hits
    await stage.until(lambda: stage.state() == "released", hours=1)
    early = [entry for entry in stage.world.ledger[hit.number :] if entry.at < hit.at + timedelta(minutes=14)]
    assert [entry.path for entry in early if entry.scope.kind == "installation"] == []
    assert called(stage) == []


@pytest.mark.parametrize("how", ["502", "503 as HTML", "no connection"])
async def test_f50_a_storm_of_hours_fails_nothing_and_work_goes_on_within_five_minutes(
    stage: Stage, how: str
) -> None:
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("build") == "running")
    trouble = stage.world.trouble
    match how:
        case "502":
            trouble.answers("*", "", 502, times=None)
        case "503 as HTML":
            trouble.answers_html("*", "", status=503, times=None)
        case _:
            trouble.breaks("*", "", Break.CONNECT, times=None)
    before = len(stage.world.ledger)
    await stage.passes(hours=2)
    assert len(stage.world.ledger) - before < 2 * 1_500
    trouble.ends()
    over = stage.clock.now()
    await stage.until(lambda: stage.dispatches("docker"), hours=1)
    assert stage.clock.now() - over <= timedelta(minutes=5)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert called(stage) == []
    assert len(stage.dispatches()) == 2


@pytest.mark.parametrize("away", [0, 8, 12, 14.5, 31, 121.7])
async def test_f50_time_in_which_github_is_away_is_given_back_to_whoever_waits_for_a_run(
    stage: Stage, away: float
) -> None:
    """Fifteen minutes in which GitHub could be read: not many fewer, whenever the storm comes, and not many more."""
    stage.oss.workflows["global-start-release.yml"].on_run().pushes_tag(None)
    await begins(stage, ONE_CHAIN)
    await stage.until(lambda: stage.step("start") == "passed")
    due = stage.clock.now()
    await stage.passes(minutes=2)
    stage.world.trouble.answers("*", "", 503, times=None)
    await stage.passes(minutes=away)
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "needs attention", hours=4)
    waited = (stage.clock.now() - due).total_seconds() / 60
    assert 15 - 2.5 <= waited - away <= 15 + 4


@pytest.mark.parametrize("times", [1, 3])
async def test_f51_a_run_that_github_has_just_told_of_may_be_unknown_for_a_moment(
    stage: Stage, times: int
) -> None:
    stage.world.trouble.answers("GET", r"/actions/runs/\d+$", 404, "Not Found", times=times)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert called(stage) == []


async def test_f51_a_run_that_github_goes_on_denying_is_gone_and_keeps_nobody_from_cancelling(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("ada").deletes_run(stage.run(stage.oss, "build.yml"))
    await stage.until(lambda: stage.state() == "needs attention", hours=0.2)
    assert "deleted" in stage.said()[0]

    await stage.says("/release cancel")
    await stage.until(lambda: stage.state() == "cancelled", hours=0.02)


RUN_BY_ID = r"/actions/runs/\d+$"


async def called_for_a_run_that_github_denies(stage: Stage, *, lasts: float = 5) -> Fault:
    """Asked for the run by its id, GitHub says that there is none, while its lists show it."""
    stage.oss.workflows["build.yml"].on_run().takes(minutes=lasts)
    await begins(stage, ONE_STEP.replace("build: {", "build: {timeout: 10m, "))
    await stage.until(lambda: stage.step("build") == "running")
    denial = stage.world.trouble.answers("GET", RUN_BY_ID, 404, "Not Found", times=None)
    await stage.until(lambda: stage.state() == "needs attention", hours=0.3)
    assert len(called(stage)) == 1
    return denial


@pytest.mark.parametrize("lasts", [5, 40])
async def test_f51_a_run_that_github_has_denied_and_shows_again_still_counts(
    stage: Stage, lasts: float
) -> None:
    stage.world.trouble.ends(await called_for_a_run_that_github_denies(stage, lasts=lasts))
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert len(stage.dispatches()) == 1


@pytest.mark.parametrize("verb", ["retry", "redo", "skip"])
async def test_f51_a_command_comes_too_late_when_github_shows_the_run_again(stage: Stage, verb: str) -> None:
    stage.world.trouble.ends(await called_for_a_run_that_github_denies(stage))
    comment = await stage.says(f"/release {verb} build")
    assert stage.reactions(comment) == ["eyes", "confused"]
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_f51_a_run_that_github_lists_and_denies_calls_once_and_is_asked_for_now_and_then(
    stage: Stage,
) -> None:
    denial = await called_for_a_run_that_github_denies(stage)
    asked = len(denial.hits)
    await stage.passes(hours=2)
    assert len(called(stage)) == 1
    assert len(denial.hits) - asked <= 130

    await stage.says("/release retry build")
    stage.world.trouble.ends(denial)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 2


@pytest.mark.parametrize("rerun", [False, True])
async def test_f51_late_news_of_a_deleted_run_calls_nobody_again(stage: Stage, rerun: bool) -> None:
    """Also of an attempt that nobody has heard of before."""
    stage.world.hook.post.delays("workflow_run", by=timedelta(minutes=15))
    stage.world.hook.post.loses("workflow_job")
    stage.oss.workflows["build.yml"].on_run().takes(minutes=0.1).job("build").fails(log=COMPILER)
    await begins(stage)
    await stage.passes(seconds=20)
    run, ada = stage.run(stage.oss, "build.yml"), stage.world.hand("ada")
    if rerun:
        ada.reruns(run)
        await stage.passes(seconds=20)
    ada.deletes_run(run)
    await stage.until(lambda: stage.state() == "needs attention", hours=0.2)
    await stage.passes(hours=1)
    assert stage.state() == "needs attention"
    assert len(called(stage)) == 1


async def test_f60_a_repository_whose_calls_all_take_half_a_minute_holds_up_no_other(stage: Stage) -> None:
    """The slow repository's release is told in an issue of its own."""
    slow = ONE_STEP.replace("release:", "slow:").replace(OSS, EE).removeprefix("pipelines:\n")
    stage.pipeline(ONE_STEP + slow)
    await stage.opens()
    stage.oss.workflows["build.yml"].on_run().takes(minutes=2)
    await stage.says("/slow 2.0.0")
    await stage.until(lambda: stage.step("build", "2.0.0") in {"queued", "running"})
    stage.world.trouble.is_slow("*", EE, seconds=30, times=None)
    began = stage.clock.now()
    await stage.says(" ".join(["/release", *(f"1.0.{number}" for number in range(5))]))
    await stage.until(lambda: all(stage.state(f"1.0.{number}") == "released" for number in range(5)))
    assert stage.clock.now() - began < timedelta(minutes=8)
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state("2.0.0") == "released", hours=1)


# -- what the bot writes ---------------------------------------------------------------------------------


async def test_f52_a_check_run_that_github_refuses_costs_a_few_calls_and_no_release(stage: Stage) -> None:
    words = "No commit found for SHA"
    refused = stage.world.trouble.answers("POST", r"/check-runs$", 422, words, times=None)
    stage.oss.workflows["build.yml"].on_run().takes(minutes=30)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert stage.status().steps == {"build": "passed"}
    hours = (stage.clock.now() - refused.hits[0].at).total_seconds() / 3600
    assert 1 < len(refused.hits) <= 10 + hours * 60

    stage.world.trouble.ends()
    await stage.until(lambda: [c.conclusion for c in stage.checks("build")] == ["success"], hours=1)


async def test_f53_no_text_is_longer_than_github_takes_however_much_there_is_to_tell(stage: Stage) -> None:
    """Every job fails, with a log of long lines in characters outside of the basic plane, and code fences."""
    line = "error: ```` cannot find 🦀" + "🦀" * 3_000 + "\n"
    stage.oss.workflows["build.yml"].on_run().job("build").fails(log=line * 200)
    steps = "".join(
        f"      {'step' * 9}-{number}: {{repo: {OSS}, dispatch: build.yml, ref: develop, nonce: version, retry: 0}}\n"
        for number in range(12)
    )
    await begins(stage, f"pipelines:\n  release:\n    steps:\n{steps}")
    await stage.until(lambda: stage.state() == "needs attention", hours=2)
    await stage.passes(minutes=10)
    assert list(stage.status().steps.values()) == ["needs attention"] * 12
    for entry in stage.world.ledger.writes:
        body = entry.body or {}
        output = body.get("output")
        texts = [body.get("body"), *(output.values() if isinstance(output, dict) else ())]
        assert max(len(text) for text in [*texts, ""] if isinstance(text, str)) <= 65_535
    refused = [entry for entry in stage.world.ledger.writes if entry.status == 422]
    assert refused == []
    assert StatusComment.read(stage.statuses()[0].body) is not None


@pytest.mark.parametrize("status", [403, 404, 410, 422])
async def test_f54_an_issue_that_takes_no_words_cannot_stop_a_release(stage: Stage, status: int) -> None:
    """Locked (403), transferred or deleted (404, 410), or spam in GitHub's eyes (422)."""
    stage.oss.workflows["build.yml"].on_run().takes(minutes=30)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    refused = stage.world.trouble.answers("*", "/issues/", status, "Unable to comment", times=None)
    await stage.until(lambda: [c.conclusion for c in stage.checks("build")] == ["success"], hours=2)
    await stage.passes(hours=1)
    writes = [hit for hit in refused.hits if hit.writes]
    assert len(writes) <= 150


async def test_f55_a_closed_issue_keeps_its_release_going(stage: Stage) -> None:
    await begins(stage)
    stage.issue.state = "closed"
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert "is released" in stage.said()[0]


@pytest.mark.parametrize("which", range(2), ids=["status comment", "last word"])
@pytest.mark.parametrize("how", [Break.RESET, Break.HANG])
async def test_f56_a_comment_whose_answer_never_came_is_found_again_and_not_made_twice(
    stage: Stage, how: Break, which: int
) -> None:
    lost = stage.world.trouble.breaks("POST", "/issues/7/comments$", how, when="after", skip=which)
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=1)
    await stage.passes(minutes=30)
    assert len(lost.hits) == 1
    assert len(stage.world.comments_of_bot()) == 2
    assert (len(stage.statuses()), len(stage.said())) == (1, 1)


# -- installation and repositories -----------------------------------------------------------------------


def a_tool_elsewhere(stage: Stage) -> Repository:
    """A repository of another owner, so that the home goes on hearing the bot."""
    tool = stage.world.add_repository("rival/tool")
    stage.world.add_workflow(tool, "build.yml", inputs=["version"]).on_run().takes(minutes=40)
    stage.world.give_role("maya", "maintain", tool)
    return tool


async def test_f57_a_renamed_repository_can_be_read_on_and_no_write_is_redirected(stage: Stage) -> None:
    tool = a_tool_elsewhere(stage)
    second = TOOL.removeprefix("pipelines:\n  release:\n    steps:\n").replace(
        "build: {", "second: {needs: build, "
    )
    await begins(stage, TOOL + second)
    await stage.until(lambda: stage.step("build") == "running")
    ada = stage.world.hand("ada")
    ada.renames(tool, "instrument")
    await stage.until(lambda: stage.step("build") == "passed", hours=2)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    assert "renamed" in stage.said()[0]
    elsewhere = [e.path for e in stage.world.ledger.writes if e.path.startswith("/repositories/")]
    assert [path for path in elsewhere if "/actions/" in path] == []

    ada.renames(tool, "tool")
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=2)
    assert sum(entry.effect for entry in stage.world.ledger.dispatches) == 2


async def test_f57_a_release_whose_home_is_renamed_says_so_there_and_sends_nothing_more(stage: Stage) -> None:
    stage.pipeline(ONE_CHAIN)
    stage.oss.workflows["pre-release.yml"].on_run().takes(minutes=30)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    stage.world.hand("ada").renames(stage.oss, "gadget")
    await stage.until(lambda: stage.state() == "needs attention", hours=2)
    await stage.passes(minutes=5)

    assert stage.status().steps == {"start": "passed", "build": "passed", "images": "needs attention"}
    assert [said.startswith("@maya") and "renamed" in said for said in stage.said()] == [True]
    assert len(stage.statuses()) == 1
    assert [e for e in stage.world.ledger.dispatches if "release-docker" in e.path and e.effect] == []

    stage.world.hand("ada").renames(stage.oss, "widget")
    await stage.says("/release retry")
    await stage.until(lambda: stage.state() == "released", hours=2)


Loss = tuple[Callable[[Stage, Repository], None], Callable[[Stage, Repository], None]]


def _suspends(stage: Stage, _tool: Repository) -> None:
    stage.world.hand("ada").suspends(stage.world.installation("rival"))


def _unsuspends(stage: Stage, _tool: Repository) -> None:
    stage.world.hand("ada").unsuspends(stage.world.installation("rival"))


def _uninstalls(stage: Stage, _tool: Repository) -> None:
    stage.world.hand("ada").uninstalls(stage.world.installation("rival"))


def _installs(stage: Stage, tool: Repository) -> None:
    stage.world.hand("ada").installs("rival", tool)


def _drops(stage: Stage, tool: Repository) -> None:
    tool.visibility = "private"
    stage.world.hand("ada").removes_from_installation(stage.world.installation("rival"), tool)


def _adds(stage: Stage, tool: Repository) -> None:
    stage.world.hand("ada").adds_to_installation(stage.world.installation("rival"), tool)


def _takes_permission(stage: Stage, _tool: Repository) -> None:
    stage.world.hand("ada").accepts_permissions(stage.world.installation("rival"), actions="none")


def _gives_permission(stage: Stage, _tool: Repository) -> None:
    stage.world.hand("ada").accepts_permissions(stage.world.installation("rival"), actions="write")


LOSSES: dict[str, Loss] = {
    "suspended": (_suspends, _unsuspends),
    "uninstalled": (_uninstalls, _installs),
    "repository removed": (_drops, _adds),
    "permission taken": (_takes_permission, _gives_permission),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_f58_without_its_access_a_release_waits_for_a_person_and_then_goes_on_by_itself(
    stage: Stage, loss: Loss
) -> None:
    away, back = loss
    tool = a_tool_elsewhere(stage)
    await begins(stage, TOOL)
    await stage.until(lambda: stage.step("build") == "running")
    away(stage, tool)
    await stage.until(lambda: stage.state() == "needs attention", hours=1)
    before = len(stage.world.ledger)
    await stage.bot_restarts()
    await stage.passes(hours=1)
    assert len(stage.said()) == 1
    assert len(stage.world.ledger) - before < 600

    back(stage, tool)
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert len(stage.dispatches()) == 1


async def test_f59_a_late_runner_is_shown_as_queued_and_calls_nobody_in_its_time(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().jobs("build").queues(hours=2)
    await begins(stage)
    await stage.passes(hours=1.9)
    assert stage.step("build") == "queued"
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert called(stage) == []
