"""Every named call against the simulated GitHub, which refuses what GitHub refuses."""

from datetime import datetime, timedelta

import anyio
import pytest

from bot.core.facts import Conflict, Forbidden, Moved, NotFound, NotInstalled, Suspended
from bot.github import GitHubCalls
from bot.simulator.clock import VirtualClock
from bot.simulator.repositories import Annotation
from bot.simulator.transport import SimulatorTransport
from bot.simulator.world import NEW_VERSION, OLD_VERSION, Urls, World

REPO = "acme/widget"


class Stage:
    """A repository with a start workflow that pushes a tag, and one that the tag starts."""

    def __init__(self, *, api: str = "https://api.github.example") -> None:
        self.clock = VirtualClock()
        self.world = World(self.clock, seed=0, urls=Urls(api=api))
        self.world.hook.active = False
        self.repo = self.world.add_repository(REPO, visibility="private")
        self.start = self.world.add_workflow(self.repo, "start.yml", inputs=["releaseVersion"])
        self.start.on_run().pushes_tag("v{releaseVersion}", annotated=True)
        self.build = self.world.add_workflow(self.repo, "build.yml", on_tag=True)
        self.repo.files[".github/release-bot.yml"] = "pipelines: {}\n"
        self.issue = self.world.add_issue(self.repo, 7)
        self.world.give_role("maya", "maintain")
        self.calls = GitHubCalls.connect(
            app_id=str(self.world.app.id),
            private_key=self.world.private_key,
            api_url=self.world.urls.api,
            writes_per_minute=60,
            now=self.clock.now,
            sleep=self._sleep,
            transport=SimulatorTransport(self.world, self._sleep),
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)
        await anyio.lowlevel.checkpoint()

    @property
    def soon(self) -> datetime:
        return self.clock.now() + timedelta(seconds=30)

    def passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        self.world.turn()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("api", ["https://api.github.example", "https://ghe.example/api/v3"])
@pytest.mark.parametrize(
    ("versions", "tells"), [((NEW_VERSION, OLD_VERSION), True), ((OLD_VERSION,), False)], ids=["new", "old"]
)
async def test_a_release_s_runs_are_started_found_and_looked_into(
    api: str, versions: tuple[str, ...], tells: bool
) -> None:
    stage = Stage(api=api)
    stage.world.api_versions = versions
    stage.build.on_run(attempts=1).job("build").fails(log="boom\n", annotations=(Annotation("exit code 1"),))
    calls, since = stage.calls, stage.clock.now()

    sent = await calls.dispatch(REPO, "start.yml", "develop", {"releaseVersion": "1.0.3"}, send_by=stage.soon)
    started = await calls.workflow_runs(
        REPO,
        "start.yml",
        event="workflow_dispatch",
        branch="develop",
        created_from=since,
        actor=await calls.app_login(),
    )
    assert [run.event for run in started] == ["workflow_dispatch"]
    assert (sent.run_id == started[0].id) is tells

    stage.passes(60)
    commit = await calls.tag_commit(REPO, "v1.0.3")
    found = await calls.workflow_runs(REPO, "build.yml", event="push", branch="v1.0.3", head_sha=commit)
    run = await calls.run(REPO, found[0].id)
    jobs = await calls.jobs(REPO, run.id, run.attempt)
    failed = next(job for job in jobs if job.conclusion == "failure")
    assert (run.status, run.conclusion, run.attempt) == ("completed", "failure", 1)
    assert b"boom" in await calls.job_log(REPO, failed.id)
    assert failed.check_run_id is not None
    assert any("exit code 1" in note.message for note in await calls.annotations(REPO, failed.check_run_id))

    await calls.rerun_failed_jobs(REPO, run.id)
    assert (await calls.run(REPO, run.id)).attempt == 2
    await calls.cancel_run(REPO, run.id)
    with pytest.raises(Conflict):
        await calls.cancel_run(REPO, started[0].id, force=True)
    assert {seen.id for seen in await calls.runs(REPO, page=1)} == {run.id, started[0].id}
    assert stage.world.unexpected == []


async def test_a_repository_and_its_people_are_read(stage: Stage) -> None:
    calls = stage.calls

    repository = await calls.repository(REPO)
    role = await calls.role(REPO, "maya")
    workflows = await calls.workflows(REPO)

    assert (repository.full_name, repository.visibility) == (REPO, "private")
    assert (role.login, role.role_name) == ("maya", "maintain")
    assert (".github/workflows/start.yml", "active") in {(w.path, w.state) for w in workflows}
    assert await calls.file(REPO, ".github/release-bot.yml") == "pipelines: {}\n"
    assert await calls.branch_commit(REPO, "develop") == stage.repo.resolve("develop")
    assert await calls.tag_commit(REPO, "v9.9.9") is None
    with pytest.raises(NotFound):
        await calls.role(REPO, "nobody")
    assert stage.world.unexpected == []


async def test_reports_are_written_and_found_again(stage: Stage) -> None:
    calls, since = stage.calls, stage.clock.now()
    asked = stage.world.hand("maya").comments(stage.issue, "/release 1.0.3")
    sha = await calls.branch_commit(REPO, "develop")
    assert sha is not None

    await calls.react(REPO, asked.id, "eyes")
    assert await calls.own_reactions(REPO, asked.id) == {"eyes"}
    made = await calls.create_comment(REPO, 7, "running")
    await calls.edit_comment(REPO, made, "released")
    body = {"name": "release 1.0.3 / oss", "head_sha": sha, "external_id": "1/oss", "status": "in_progress"}
    check = await calls.create_check(REPO, body)
    await calls.update_check(REPO, check, {"conclusion": "success"})

    comments = await calls.issue_comments(REPO, 7, since=since)
    assert [(comment.by_app, comment.body) for comment in comments] == [
        (False, "/release 1.0.3"),
        (True, "released"),
    ]
    assert [item["id"] for item in await calls.home_comments(REPO, since=since)] == [asked.id, made]
    found = await calls.checks(REPO, sha, "release 1.0.3 / oss")
    assert [(seen.id, seen.external_id, seen.conclusion) for seen in found] == [(check, "1/oss", "success")]
    assert stage.world.unexpected == []


async def test_an_unchanged_list_costs_no_second_answer(stage: Stage) -> None:
    await stage.calls.runs(REPO, page=1)
    await stage.calls.runs(REPO, page=1)

    assert stage.calls.cache_hits == 1


async def test_a_token_outlives_neither_its_hour_nor_a_suspension(stage: Stage) -> None:
    await stage.calls.repository(REPO)
    stage.passes(61)
    await stage.calls.repository(REPO)
    installation, hand = stage.world.installation("acme"), stage.world.hand("maya")
    hand.suspends(installation)
    with pytest.raises(Suspended):
        await stage.calls.repository(REPO)
    hand.unsuspends(installation)

    assert (await stage.calls.repository(REPO)).full_name == REPO


async def test_a_repository_taken_out_of_the_installation_is_not_installed(stage: Stage) -> None:
    await stage.calls.repository(REPO)
    stage.world.hand("maya").removes_from_installation(stage.world.installation("acme"), stage.repo)

    with pytest.raises(NotFound):
        await stage.calls.repository(REPO)
    with pytest.raises(NotInstalled):
        await stage.calls.repository(REPO)


async def test_a_renamed_repository_is_read_under_its_old_name_and_reported_to_and_nothing_is_started_there(
    stage: Stage,
) -> None:
    stage.world.hand("maya").renames(stage.repo, "gadget")

    assert (await stage.calls.repository(REPO)).full_name == "acme/gadget"
    await stage.calls.create_comment(REPO, 7, "hello")
    assert [comment.body for comment in stage.world.comments_of_bot()] == ["hello"]
    with pytest.raises(Moved):
        await stage.calls.cancel_run(REPO, 17000000001, force=False)


async def test_a_locked_issue_refuses_a_comment(stage: Stage) -> None:
    stage.issue.locked = True

    with pytest.raises(Forbidden, match="locked"):
        await stage.calls.create_comment(REPO, 7, "hello")


async def test_no_token_reaches_beyond_its_repository(stage: Stage) -> None:
    stage.world.add_repository("acme/secret", visibility="private")
    await stage.calls.create_comment(REPO, 7, "hello")

    scopes = [
        entry.scope for entry in stage.world.ledger if entry.scope and entry.scope.kind == "installation"
    ]
    assert {tuple(scope.repositories) for scope in scopes} == {(REPO,)}
