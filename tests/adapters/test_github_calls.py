"""The named calls: what is asked, and what of GitHub's answer arrives."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.core.facts import (
    CheckFacts,
    CommentFacts,
    Conflict,
    Dispatched,
    GitHubError,
    JobFacts,
    Moved,
    RepositoryFacts,
    RoleFacts,
    Unprocessable,
    Unreachable,
    WorkflowFacts,
)
from bot.engine.ports import GitHub
from bot.github import GitHubCalls
from bot.github.etags import EtagCache
from bot.github.http import Answer
from tests.adapters.scripted_github import (
    API,
    REPO,
    REPOSITORY,
    START,
    Clock,
    ScriptedGitHub,
    body,
    connect,
    refused,
    said,
)

ACTIONS = f"/repos/{REPO}/actions"
SOON = START + timedelta(minutes=1)
SHA, OTHER = "a" * 40, "b" * 40
RUN: Mapping[str, object] = {
    "id": 5,
    "run_number": 3,
    "run_attempt": 2,
    "status": "completed",
    "conclusion": "failure",
    "event": "push",
    "path": ".github/workflows/pre-release.yml@refs/tags/v1.0.3",
    "head_branch": "v1.0.3",
    "head_sha": SHA,
    "display_title": "Pre-release",
    "actor": {"login": "maya"},
    "triggering_actor": None,
    "created_at": "2026-11-21T09:00:00Z",
    "run_started_at": "2026-11-21T09:10:00Z",
    "updated_at": "2026-11-21T09:20:00Z",
    "html_url": f"https://github.com/{REPO}/actions/runs/5",
}
JOB: Mapping[str, object] = {
    "id": 11,
    "name": "build",
    "status": "completed",
    "conclusion": "failure",
    "html_url": "https://github.com/job/11",
    "check_run_url": f"{API}/repos/{REPO}/check-runs/77",
    "steps": [
        {"name": "Check out", "conclusion": "success"},
        {"name": "Lint", "conclusion": "skipped"},
        {"name": "Test", "conclusion": "failure"},
        {"name": "Publish", "conclusion": "skipped"},
    ],
}


@pytest.fixture
def github() -> ScriptedGitHub:
    return ScriptedGitHub(Clock())


@pytest.fixture
async def calls(github: ScriptedGitHub, private_key_pem: str) -> GitHubCalls:
    """Past its first read, so that the token is no longer new."""
    connected = connect(github, private_key_pem)
    await connected.repository(REPO)
    github.requests.clear()
    return connected


def query(request: httpx.Request) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(request.url)).query, strict_parsing=True)


def listed(key: str, count: int, *, first: int = 1) -> dict[str, object]:
    return {"total_count": count, key: [{**RUN, "id": first + number} for number in range(count)]}


async def test_the_client_fills_the_engine_s_port(calls: GitHubCalls) -> None:
    port: GitHub = calls
    assert port is calls


async def test_a_repository_is_read(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    expected = RepositoryFacts(99, REPO, "private", "develop", archived=False)
    assert await calls.repository(REPO) == expected


@pytest.mark.parametrize(
    ("private", "visibility", "seen"),
    [
        (False, "public", "public"),
        (False, None, "public"),
        (True, None, "private"),
        (True, "internal", "internal"),
        (True, "public", "private"),
        (False, "internal", "private"),
        (False, "secret", "private"),
    ],
)
async def test_in_doubt_a_repository_counts_as_private(
    github: ScriptedGitHub, calls: GitHubCalls, private: bool, visibility: str | None, seen: str
) -> None:
    answer = {**REPOSITORY, "private": private, "visibility": visibility}
    github.answers("GET", f"/repos/{REPO}$", said(200, answer))

    assert (await calls.repository(REPO)).visibility == seen


@pytest.mark.parametrize(
    ("answer", "role"),
    [
        (
            {"permission": "write", "role_name": "maintain", "user": {"login": "Maya", "id": 6}},
            RoleFacts("Maya", 6, "maintain", "write"),
        ),
        ({"permission": "none", "user": None}, RoleFacts("maya", None, "none", "none")),
    ],
)
async def test_a_role_is_read_with_the_person_s_id(
    github: ScriptedGitHub, calls: GitHubCalls, answer: object, role: RoleFacts
) -> None:
    github.answers("GET", f"/repos/{REPO}/collaborators/maya/permission$", said(200, answer))

    assert await calls.role(REPO, "maya") == role


async def test_a_file_is_read_as_text(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    content = base64.encodebytes("größer\n".encode() * 20).decode()
    answer = {"type": "file", "size": 160, "encoding": "base64", "content": content}
    github.answers("GET", f"/repos/{REPO}/contents/.github/release-bot.yml", said(200, answer))

    assert await calls.file(REPO, ".github/release-bot.yml", ref="feature/x&y") == "größer\n" * 20
    assert query(github.requests[-1]) == {"ref": ["feature/x&y"]}


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "file", "size": 2**20 + 1, "encoding": "base64", "content": ""},
        {"type": "file", "size": 5_000_000, "encoding": "none", "content": ""},
        {"type": "submodule", "size": 0},
        [{"type": "file"}],
        {"type": "file", "size": 2, "encoding": "base64", "content": base64.b64encode(b"\xff\xfe").decode()},
    ],
)
async def test_what_is_no_small_text_file_is_refused(
    github: ScriptedGitHub, calls: GitHubCalls, answer: object
) -> None:
    github.answers("GET", f"/repos/{REPO}/contents/x$", said(200, answer))

    with pytest.raises(Unprocessable, match="acme/widget:x"):
        await calls.file(REPO, "x")


async def test_workflows_are_listed_with_their_state(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    listed = [{"id": 4, "path": ".github/workflows/release.yml", "state": "active"}]
    github.answers("GET", f"{ACTIONS}/workflows", said(200, {"total_count": 1, "workflows": listed}))

    assert await calls.workflows(REPO) == (WorkflowFacts(4, ".github/workflows/release.yml", "active"),)


def reference(name: str, kind: str, sha: str) -> httpx.Response:
    return said(200, {"ref": f"refs/{name}", "object": {"type": kind, "sha": sha}})


async def test_an_annotated_tag_is_followed_to_its_commit(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers(
        "GET", f"/repos/{REPO}/git/ref/tags/team/v1.0.3%2B1$", reference("tags/team/v1.0.3+1", "tag", "t1")
    )
    github.answers("GET", f"/repos/{REPO}/git/tags/t1$", said(200, {"object": {"type": "tag", "sha": "t2"}}))
    github.answers(
        "GET", f"/repos/{REPO}/git/tags/t2$", said(200, {"object": {"type": "commit", "sha": SHA}})
    )

    assert await calls.tag_commit(REPO, "team/v1.0.3+1") == SHA


@pytest.mark.parametrize(
    "answer",
    [
        refused(404, "Not Found"),
        refused(409, "Git Repository is empty."),
        reference("tags/v1.0.30", "commit", SHA),
    ],
    ids=repr,
)
async def test_a_tag_that_is_not_there_is_none(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response
) -> None:
    github.answers("GET", f"/repos/{REPO}/git/ref/tags/v1.0.3$", answer)

    assert await calls.tag_commit(REPO, "v1.0.3") is None


@pytest.mark.parametrize("kind", ["blob", "tree"])
async def test_a_tag_that_leads_to_no_commit_is_there_all_the_same(
    github: ScriptedGitHub, calls: GitHubCalls, kind: str
) -> None:
    github.answers("GET", f"/repos/{REPO}/git/ref/tags/v1$", reference("tags/v1", kind, "b1"))

    assert await calls.tag_commit(REPO, "v1") == "b1"


async def test_a_tag_of_tags_without_end_is_followed_five_times(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"/repos/{REPO}/git/ref/tags/v1$", reference("tags/v1", "tag", "t1"))
    again = [said(200, {"object": {"type": "tag", "sha": "t1"}}) for _ in range(9)]
    github.answers("GET", f"/repos/{REPO}/git/tags/t1$", *again)

    assert await calls.tag_commit(REPO, "v1") == "t1"
    assert len(github.asked("GET", ".*/git/tags/t1")) == 5


async def test_a_branch_is_its_head_or_none(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    at = f"/repos/{REPO}/git/ref/heads/release/1.0$"
    github.answers("GET", at, reference("heads/release/1.0", "commit", SHA), refused(404, "Not Found"))

    assert await calls.branch_commit(REPO, "release/1.0") == SHA
    assert await calls.branch_commit(REPO, "release/1.0") is None


async def test_another_conflict_is_not_a_missing_tag(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("GET", f"/repos/{REPO}/git/ref/tags/v1$", refused(409, "try again later"))

    with pytest.raises(Conflict):
        await calls.tag_commit(REPO, "v1")


@pytest.mark.parametrize("name", ["..", "a/../b", "a//b", "", "\udcff"])
async def test_a_name_that_would_change_the_address_is_refused_unasked(
    github: ScriptedGitHub, calls: GitHubCalls, name: str
) -> None:
    with pytest.raises(Unprocessable):
        await calls.tag_commit(REPO, name)
    with pytest.raises(Unprocessable):
        await calls.repository(name)
    assert github.requests == []


async def test_runs_is_one_page_of_a_hundred(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("GET", f"{ACTIONS}/runs", said(200, listed("workflow_runs", 2)))

    runs = await calls.runs(REPO, page=3)

    assert [run.id for run in runs] == [1, 2]
    assert (runs[0].attempt, runs[0].path) == (2, ".github/workflows/pre-release.yml")
    assert query(github.requests[-1]) == {"per_page": ["100"], "page": ["3"]}


async def test_runs_of_a_workflow_are_filtered_and_read_to_the_last_page(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    more = f'<{API}/evil?page=7>; rel="next", <{API}/x>; rel="last"'
    github.answers(
        "GET",
        f"{ACTIONS}/workflows/release.yml/runs",
        said(200, listed("workflow_runs", 100), link=more),
        said(200, listed("workflow_runs", 20, first=100), link=f'<{API}/x>; rel="first"'),
    )

    runs = await calls.workflow_runs(
        REPO,
        "release.yml",
        event="workflow_dispatch",
        branch="develop",
        head_sha=SHA,
        created_from=datetime(2026, 11, 21, 11, 30, 7, 900_000, tzinfo=timezone(timedelta(hours=2))),
        actor="release-bot[bot]",
        status="completed",
    )

    assert [run.id for run in runs] == list(range(1, 120))
    assert [query(request)["page"] for request in github.requests] == [["1"], ["2"]]
    assert "created=%3E%3D2026-11-21T09%3A30%3A07Z" in str(github.requests[0].url)
    assert query(github.requests[1]) == {
        "event": ["workflow_dispatch"],
        "branch": ["develop"],
        "head_sha": [SHA],
        "created": [">=2026-11-21T09:30:07Z"],
        "actor": ["release-bot[bot]"],
        "status": ["completed"],
        "per_page": ["100"],
        "page": ["2"],
    }


async def test_no_list_is_read_beyond_ten_pages(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    pages = [said(200, {"jobs": [JOB]}, link='<x>; rel="next"') for _ in range(20)]
    github.answers("GET", f"{ACTIONS}/runs/5/attempts/1/jobs", *pages)

    assert len(await calls.jobs(REPO, 5, 1)) == 10


async def test_a_job_shows_its_failed_step_and_its_check_run(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    queued = {**JOB, "conclusion": None, "status": "queued", "steps": None, "check_run_url": None}
    github.answers("GET", f"{ACTIONS}/runs/5/attempts/2/jobs", said(200, {"jobs": [JOB, queued]}))

    assert await calls.jobs(REPO, 5, 2) == (
        JobFacts(11, "build", "completed", "failure", "Test", 77, "https://github.com/job/11", began=True),
        JobFacts(11, "build", "queued", None, None, None, "https://github.com/job/11"),
    )


NEVER_BEGUN = {**JOB, "conclusion": "cancelled", "steps": [], "runner_id": 0, "runner_name": ""}


@pytest.mark.parametrize(
    ("facts", "began"),
    [
        ({}, False),
        ({"runner_id": None, "runner_name": None, "steps": None}, False),
        ({"conclusion": "skipped"}, False),
        ({"status": "queued", "conclusion": None}, False),
        ({"status": "pending", "conclusion": None}, False),
        ({"steps": [{"name": "Set up", "status": "queued", "conclusion": None}]}, False),
        ({"steps": [{"name": "Set up", "status": "completed", "conclusion": "skipped"}]}, False),
        ({"runner_id": 4}, True),
        ({"runner_name": "GitHub Actions 4"}, True),
        ({"steps": [{"name": "Set up", "status": "completed", "conclusion": "cancelled"}]}, True),
        ({"steps": [{"name": "Set up", "status": "in_progress", "conclusion": None}]}, True),
        ({"status": "in_progress", "conclusion": None}, True),
        ({"conclusion": "success"}, True),
        ({"conclusion": "failure"}, True),
        ({"conclusion": "a new word"}, True),
    ],
)
async def test_a_job_that_a_runner_never_had_has_not_begun(
    github: ScriptedGitHub, calls: GitHubCalls, facts: Mapping[str, object], began: bool
) -> None:
    github.answers(
        "GET", f"{ACTIONS}/runs/5/attempts/1/jobs", said(200, {"jobs": [{**NEVER_BEGUN, **facts}]})
    )

    (job,) = await calls.jobs(REPO, 5, 1)

    assert job.began is began


async def test_the_checks_of_a_run_are_those_of_its_suite(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    suite = f"/repos/{REPO}/check-suites/31/check-runs"
    github.answers("GET", f"{ACTIONS}/runs/5$", said(200, {"id": 5, "check_suite_id": 31}))
    github.answers("GET", suite, said(200, {"total_count": 2, "check_runs": [{"id": 77}, {"id": 78}]}))

    assert await calls.suite_checks(REPO, 5) == (77, 78)


async def test_a_job_tells_how_long_it_ran(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    ran = {**JOB, "started_at": "2026-11-20T09:00:00Z", "completed_at": "2026-11-20T09:02:30Z"}
    never = {**JOB, "started_at": "2026-11-20T09:00:00Z", "completed_at": None}
    github.answers("GET", f"{ACTIONS}/runs/5/attempts/2/jobs", said(200, {"jobs": [ran, never, JOB]}))

    assert [job.seconds for job in await calls.jobs(REPO, 5, 2)] == [150, 0, 0]


async def test_who_changed_a_file_last_is_told_by_login_or_else_by_name(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    git = {"author": {"name": "Walt W.", "date": "2026-11-19T08:00:00Z"}}
    mine = {"sha": "c" * 40, "commit": git, "author": {"login": "walt"}}
    github.answers(
        "GET",
        f"/repos/{REPO}/commits",
        said(200, [mine]),
        said(200, [{**mine, "author": None}]),
        said(200, []),
    )

    found = [await calls.last_change(REPO, "src/app.ts", sha="d" * 40) for _ in range(3)]

    assert [commit and commit.author for commit in found] == ["walt", "Walt W.", None]


async def test_annotations_are_failures_then_warnings_and_fifty_at_most(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    notes = [
        {"annotation_level": "notice", "title": "", "message": "never mind"},
        {"annotation_level": "warning", "title": "Node 16", "message": "is old"},
        {"annotation_level": "failure", "title": None, "message": "exit code 1", "path": "src/app.ts"},
    ]
    many = [{"annotation_level": "warning", "message": "again"}] * 90
    github.answers("GET", f"/repos/{REPO}/check-runs/77/annotations", said(200, [*notes, *many]))

    found = await calls.annotations(REPO, 77)

    assert [note.message for note in found[:3]] == ["exit code 1", "Node 16: is old", "again"]
    assert [note.path for note in found[:3]] == ["src/app.ts", "", ""]
    assert len(found) == 50


STORAGE = "https://logs.example/job/11?sig=secret"


async def test_a_log_is_fetched_from_another_host_without_credentials(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", said(302, location=STORAGE))
    github.answers("GET", "/job/11", httpx.Response(200, content=b"x" * 300_000 + b"the end \xff"))

    log = await calls.job_log(REPO, 11)

    assert (len(log), log[-9:]) == (256 * 1024, b"the end \xff")
    assert str(github.requests[-1].url) == STORAGE
    assert "authorization" not in github.requests[-1].headers


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<Error><Code>BlobNotFound</Code></Error>"),
        httpx.Response(403),
        httpx.Response(302, headers={"location": "https://third.example/"}),
        httpx.Response(500),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("no"),
    ],
    ids=repr,
)
async def test_a_log_that_storage_cannot_give_is_empty(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response | Exception
) -> None:
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", said(302, location=STORAGE))
    github.answers("GET", "/job/11", answer)

    assert await calls.job_log(REPO, 11) == b""


@pytest.mark.parametrize(
    "answer",
    [
        refused(404, "Not Found"),
        refused(410, "Gone"),
        said(302),
        said(302, location="http://logs.example/plain"),
        said(302, location="gopher://logs.example/"),
        said(302, location="https://[broken"),
        said(302, location="https://logs.example:99999/"),
    ],
    ids=repr,
)
async def test_a_log_that_github_cannot_point_to_is_empty(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response
) -> None:
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", answer)

    assert await calls.job_log(REPO, 11) == b""


@pytest.mark.parametrize(
    ("answer", "dispatched"),
    [
        (
            said(200, {"workflow_run_id": 8, "run_url": "u", "html_url": "https://github.com/run/8"}),
            Dispatched(8, "https://github.com/run/8"),
        ),
        (said(204), Dispatched(None, None)),
    ],
    ids=repr,
)
async def test_a_dispatch_tells_the_run_where_the_server_does(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response, dispatched: Dispatched
) -> None:
    github.answers("POST", f"{ACTIONS}/workflows/release.yml/dispatches$", answer)

    sent = await calls.dispatch(
        REPO, ".github/workflows/release.yml", "release/1.0", {"version": "1.0.3"}, send_by=SOON
    )

    assert sent == dispatched
    assert body(github.requests[-1]) == {"ref": "release/1.0", "inputs": {"version": "1.0.3"}}


async def test_a_re_run_and_a_cancel_are_acts_on_the_run(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    acts = ("rerun-failed-jobs", "cancel", "force-cancel")
    for act, status in zip(acts, (201, 202, 202), strict=True):
        github.answers("POST", f"{ACTIONS}/runs/5/{act}$", said(status, {}))

    await calls.rerun_failed_jobs(REPO, 5)
    await calls.cancel_run(REPO, 5)
    await calls.cancel_run(REPO, 5, force=True)

    assert [line for line in github.lines if line.startswith(f"POST {ACTIONS}")] == [
        f"POST {ACTIONS}/runs/5/{act}" for act in acts
    ]


async def test_comments_and_reactions_are_written(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    there = f"/repos/{REPO}/issues"
    github.answers("POST", f"{there}/1/comments$", said(201, {"id": 31}))
    github.answers("PATCH", f"{there}/comments/31$", said(200, {"id": 31}))
    github.answers("POST", f"{there}/comments/30/reactions$", said(201, {"id": 2}), said(200, {"id": 2}))

    assert await calls.create_comment(REPO, 1, "hello") == 31
    await calls.edit_comment(REPO, 31, "hello again")
    await calls.react(REPO, 30, "eyes")
    await calls.react(REPO, 30, "eyes")

    written = [body(request) for request in github.requests if "/issues/" in str(request.url)]
    assert written == [{"body": "hello"}, {"body": "hello again"}, {"content": "eyes"}, {"content": "eyes"}]


async def test_check_runs_are_written_and_only_the_app_s_own_are_listed(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    name = "release 1.0.3 / oss"
    made = {"id": 9, "name": name, "external_id": None, "status": "completed", "conclusion": "success"}
    github.answers("POST", f"/repos/{REPO}/check-runs$", said(201, made))
    github.answers("PATCH", f"/repos/{REPO}/check-runs/9$", said(200, made))
    github.answers("GET", f"/repos/{REPO}/commits/{SHA}/check-runs", said(200, {"check_runs": [made]}))

    assert await calls.create_check(REPO, {"name": name, "head_sha": SHA}) == 9
    await calls.update_check(REPO, 9, {"status": "completed"})
    assert await calls.checks(REPO, SHA, name) == (CheckFacts(9, name, "", "completed", "success"),)

    asked = query(github.requests[-1])
    assert asked == {
        "check_name": [name],
        "filter": ["all"],
        "app_id": ["42"],
        "per_page": ["100"],
        "page": ["1"],
    }


async def test_comments_are_the_app_s_by_its_id_or_its_login(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    at = "2026-11-21T09:00:00Z"
    comments = [
        {"id": 1, "body": "a", "user": {"login": "maya"}, "created_at": at, "performed_via_github_app": None},
        {"id": 2, "body": "b", "user": {"login": "release-bot[bot]"}, "created_at": at},
        {
            "id": 3,
            "body": "c",
            "user": {"login": "m"},
            "created_at": at,
            "performed_via_github_app": {"id": 42},
        },
        {"id": 4, "body": None, "user": None, "created_at": at, "performed_via_github_app": {"id": 43}},
    ]
    github.answers("GET", f"/repos/{REPO}/issues/1/comments", said(200, comments))

    found = await calls.issue_comments(REPO, 1, since=START)

    assert [comment.by_app for comment in found] == [False, True, True, False]
    assert found[3] == CommentFacts(4, "", by_app=False, created_at=START)
    assert query(github.requests[-1])["since"] == ["2026-11-21T09:00:00Z"]
    assert await calls.app_login() == "release-bot[bot]"
    assert len(github.asked("GET", "/app")) == 1


async def test_only_the_app_s_own_reactions_count(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    given = [
        {"id": 1, "user": {"login": "eve"}, "content": "confused"},
        {"id": 2, "user": None, "content": "rocket"},
        {"id": 3, "user": {"login": "release-bot[bot]"}, "content": "eyes"},
    ]
    github.answers("GET", f"/repos/{REPO}/issues/comments/7/reactions", said(200, given))

    assert await calls.own_reactions(REPO, 7) == {"eyes"}


async def test_home_comments_arrive_as_github_gives_them(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("GET", f"/repos/{REPO}/issues/comments", said(200, [{"id": 1, "odd": [1]}]))

    assert await calls.home_comments(REPO, since=datetime(2026, 1, 2, tzinfo=UTC)) == ({"id": 1, "odd": [1]},)
    asked = query(github.requests[-1])
    assert (asked["sort"], asked["direction"]) == (["updated"], ["asc"])
    assert asked["since"] == ["2026-01-02T00:00:00Z"]


async def test_an_unchanged_answer_is_asked_for_conditionally_and_cannot_be_spoilt(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    at = f"/repos/{REPO}/issues/comments"
    github.answers("GET", at, said(200, [{"id": 1}], etag='W/"abc"'), said(304), said(304))

    first = await calls.home_comments(REPO, since=START)
    assert isinstance(first[0], dict)
    first[0]["id"] = "spoilt"
    second = await calls.home_comments(REPO, since=START)

    assert second == ({"id": 1},)
    assert [request.headers.get("if-none-match") for request in github.requests] == [None, 'W/"abc"']
    assert calls.cache_hits == 1


async def test_a_304_keeps_the_pages_that_follow(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    at = f"{ACTIONS}/runs/5/attempts/1/jobs"
    first = said(200, {"jobs": [JOB]}, etag='"1"', link='<x>; rel="next"')
    second = said(200, {"jobs": [JOB]}, etag='"2"')
    github.answers("GET", at, first, second, said(304), said(304))

    assert await calls.jobs(REPO, 5, 1) == await calls.jobs(REPO, 5, 1)
    assert len(github.requests) == 4


async def test_a_304_tells_of_the_page_that_has_begun_since(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    at = f"{ACTIONS}/runs/5/attempts/1/jobs"
    again = said(304, None, link='<x>; rel="next"')
    github.answers("GET", at, said(200, {"jobs": [JOB]}, etag='"1"'), again, said(200, {"jobs": [JOB]}))

    assert len(await calls.jobs(REPO, 5, 1)) == 1
    assert len(await calls.jobs(REPO, 5, 1)) == 2


async def test_a_full_page_of_a_bare_list_is_never_taken_for_the_last(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    full = said(200, [{"id": number} for number in range(100)], etag='"full"')
    github.answers("GET", f"/repos/{REPO}/issues/comments", full, said(200, []))
    assert len(await calls.home_comments(REPO, since=START)) == 100

    github.answers("GET", f"/repos/{REPO}/issues/comments", said(304), said(200, [{"id": 100}]))
    assert len(await calls.home_comments(REPO, since=START)) == 101


async def test_tags_are_asked_for_without_the_words_of_other_lists(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    at = f"/repos/{REPO}/git/matching-refs/tags/v1"
    one, two = ([{"ref": f"refs/tags/v1.0.{number}"}] for number in (1, 2))
    github.answers("GET", at, said(200, one, link='<x>; rel="next"'), said(200, two))

    assert await calls.tags(REPO, prefix="v1") == ("v1.0.1", "v1.0.2")
    assert github.lines == [f"GET {at}", f"GET {at}?page=2"]


async def test_an_answer_kept_for_one_repository_is_not_shown_to_another(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"{ACTIONS}/runs/5$", said(200, RUN, etag='"1"'))
    github.answers("GET", "/repos/acme/other/actions/runs/5$", said(200, RUN))

    await calls.run(REPO, 5)
    await calls.run("acme/other", 5)

    assert "if-none-match" not in github.requests[-1].headers


async def test_a_read_follows_a_renamed_repository_with_the_same_token(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers(
        "GET", f"{ACTIONS}/runs/5$", said(301, {}, location=f"{API}/repositories/99/actions/runs/5")
    )
    github.answers("GET", "/repositories/99/actions/runs/5$", said(200, RUN))

    assert (await calls.run(REPO, 5)).id == 5
    assert github.requests[0].headers["authorization"] == github.requests[1].headers["authorization"]


@pytest.mark.parametrize(
    "location",
    ["/repositories/99/actions/runs/5", "https://api.github.com:443/repositories/99/actions/runs/5"],
)
async def test_github_s_own_origin_may_be_written_in_other_ways(
    github: ScriptedGitHub, calls: GitHubCalls, location: str
) -> None:
    github.answers("GET", f"{ACTIONS}/runs/5$", said(302, {}, location=location))
    github.answers("GET", "/repositories/99/actions/runs/5$", said(200, RUN))

    assert (await calls.run(REPO, 5)).id == 5


async def test_a_port_that_is_the_usual_one_makes_no_other_origin(
    github: ScriptedGitHub, private_key_pem: str
) -> None:
    calls = connect(github, private_key_pem, api_url="http://ghe.example/api/v3")
    there = "http://ghe.example:80/api/v3/repositories/99/actions/runs/5"
    github.answers("GET", "/api/v3/repos/acme/widget/actions/runs/5$", said(301, {}, location=there))
    github.answers("GET", "/api/v3/repositories/99/actions/runs/5$", said(200, RUN))

    assert (await calls.run(REPO, 5)).id == 5


async def test_what_was_asked_conditionally_of_a_server_grown_older_is_asked_so_again(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers(
        "GET",
        f"{ACTIONS}/runs/5$",
        said(200, RUN, etag='"1"'),
        refused(400, "2026-03-10 is not a supported API version"),
        said(304),
    )

    assert await calls.run(REPO, 5) == await calls.run(REPO, 5)
    assert [request.headers["if-none-match"] for request in github.requests[-2:]] == ['"1"', '"1"']


@pytest.mark.parametrize("storage", ["http://logs.example/job/11", "https://logs.example/job/11"])
async def test_a_server_without_tls_may_keep_its_logs_anywhere(
    github: ScriptedGitHub, private_key_pem: str, storage: str
) -> None:
    calls = connect(github, private_key_pem, api_url="http://ghe.example/api/v3")
    github.answers("GET", "/api/v3/repos/acme/widget/actions/jobs/11/logs$", said(302, location=storage))
    github.answers("GET", "/job/11", httpx.Response(200, content=b"the end"))

    assert await calls.job_log(REPO, 11) == b"the end"


async def test_what_is_written_says_that_it_is_json_and_what_is_read_does_not(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("POST", f"/repos/{REPO}/issues/1/comments", said(201, {"id": 3}))
    github.answers("GET", f"{ACTIONS}/runs/5$", said(200, RUN))

    await calls.create_comment(REPO, 1, "hello")
    await calls.run(REPO, 5)

    written = [request.headers.get("content-type") for request in github.requests if request.content]
    read = [request.headers.get("content-type") for request in github.requests if request.method == "GET"]
    assert (set(written), set(read)) == ({"application/json"}, {None})


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/x",
        "http://api.github.com/x",
        "https://api.github.com:8443/x",
        "//evil.example/x",
    ],
)
async def test_no_read_is_redirected_to_another_origin(
    github: ScriptedGitHub, calls: GitHubCalls, location: str
) -> None:
    github.answers("GET", f"{ACTIONS}/runs/5$", said(301, {}, location=location))

    with pytest.raises(Moved):
        await calls.run(REPO, 5)
    assert len(github.requests) == 1


async def test_a_read_is_redirected_three_times_at_most(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    again = [said(302, {}, location=f"{API}{ACTIONS}/runs/5") for _ in range(9)]
    github.answers("GET", f"{ACTIONS}/runs/5$", *again)

    with pytest.raises(Moved):
        await calls.run(REPO, 5)
    assert len(github.requests) == 4


async def test_a_server_without_the_newest_version_is_spoken_to_in_the_older_one(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers(
        "POST",
        f"{ACTIONS}/workflows/release.yml/dispatches$",
        refused(400, "2026-03-10 is not a supported API version"),
        said(204),
    )
    github.answers("GET", f"{ACTIONS}/runs/5$", said(200, RUN))

    sent = await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)
    await calls.run(REPO, 5)

    versions = [request.headers["x-github-api-version"] for request in github.requests]
    assert sent == Dispatched(None, None)
    assert versions[-3:] == ["2026-03-10", "2022-11-28", "2022-11-28"]
    assert body(github.requests[-2]) == {"ref": "develop", "inputs": {}}
    types = [request.headers.get("content-type") for request in github.requests]
    assert types[-3:] == ["application/json", "application/json", None]
    assert calls.api_version == "2022-11-28"


async def test_a_server_that_knows_no_version_is_not_asked_for_ever(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers(
        "GET", f"{ACTIONS}/runs/5$", *[refused(400, "Not a supported API version") for _ in range(9)]
    )

    with pytest.raises(Unprocessable):
        await calls.run(REPO, 5)
    assert len(github.requests) == 2


async def test_an_enterprise_server_s_prefix_is_kept(github: ScriptedGitHub, private_key_pem: str) -> None:
    calls = connect(github, private_key_pem, api_url="https://ghe.example/api/v3/")
    github.answers("GET", f"/api/v3{ACTIONS}/runs/5$", said(200, RUN))

    await calls.run(REPO, 5)

    assert [
        str(request.url).split("/repos")[0] for request in github.requests if "runs" in str(request.url)
    ] == ["https://ghe.example/api/v3"]
    assert all(request.headers["user-agent"].startswith("release-bot/") for request in github.requests)


async def test_every_call_is_observed_with_its_outcome(github: ScriptedGitHub, private_key_pem: str) -> None:
    seen: list[tuple[str, str, float]] = []
    calls = connect(
        github,
        private_key_pem,
        observe=lambda purpose, outcome, seconds: seen.append((purpose, outcome, seconds)),
    )
    github.answers("POST", f"{ACTIONS}/runs/5/cancel$", refused(409, "Cannot cancel"))

    await calls.repository(REPO)
    with pytest.raises(GitHubError):
        await calls.cancel_run(REPO, 5)

    assert seen == [("read", "ok", 0.0), ("drive", "Conflict", 0.0)]


async def test_an_answer_of_another_shape_names_the_field(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("GET", f"{ACTIONS}/runs/5$", said(200, {**RUN, "run_attempt": "two"}))

    with pytest.raises(Unreachable, match="run_attempt"):
        await calls.run(REPO, 5)


async def test_a_log_that_the_api_itself_sends_is_cut_to_its_end(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", httpx.Response(200, content=b"x" * 300_000 + b"end"))

    log = await calls.job_log(REPO, 11)

    assert (len(log), log[-3:]) == (256 * 1024, b"end")


async def test_nobody_waits_and_nothing_is_limited_at_first(calls: GitHubCalls) -> None:
    assert (calls.waiting_writes, calls.limited_until, calls.api_version) == (0, None, "2026-03-10")


def kept(body: bytes) -> Answer:
    return Answer(200, {"etag": '"1"'}, body)


def place(number: int) -> tuple[str, str, str]:
    return REPO, "read", f"/{number}"


def test_the_room_of_the_kept_answers_is_counted_in_all_their_bytes() -> None:
    cache = EtagCache(most_bytes=100)
    for number in (1, 2, 3):
        cache.resolve(place(number), kept(b"x" * 30))
    cache.resolve(place(4), kept(b"x" * 10))
    all_of_them = [cache.etag(place(number)) for number in (1, 2, 3, 4)]
    cache.resolve(place(1), kept(b"y" * 30))
    cache.resolve(place(5), kept(b"x" * 30))
    one_too_many = [cache.etag(place(number)) for number in (1, 2, 3, 4, 5)]
    cache.resolve(place(6), kept(b"x" * 30))

    tag = '"1"'
    assert all_of_them == [tag] * 4
    assert one_too_many == [tag, None, tag, tag, tag]
    assert [cache.etag(place(number)) for number in (1, 3, 4, 5, 6)] == [tag, None, tag, tag, tag]


def test_every_answer_that_cost_nothing_is_counted() -> None:
    cache = EtagCache()
    cache.resolve(place(1), kept(b"x"))
    for _ in range(3):
        cache.resolve(place(1), Answer(304, {}, b""))

    assert cache.hits == 3


@pytest.mark.parametrize(("entries", "most_bytes"), [(2, 1000), (1000, 25)])
async def test_of_the_kept_answers_the_one_longest_unused_goes_first(entries: int, most_bytes: int) -> None:
    cache = EtagCache(entries=entries, most_bytes=most_bytes)
    cache.resolve(place(1), kept(b"0123456789"))
    cache.resolve(place(2), kept(b"0123456789"))
    cache.resolve(place(1), Answer(304, {}, b""))

    cache.resolve(place(3), kept(b"0123456789"))
    cache.resolve(place(3), kept(b"9876543210"))

    assert [cache.etag(place(number)) for number in (1, 2, 3)] == ['"1"', None, '"1"']
    assert cache.resolve(place(3), Answer(304, {}, b"")).body == b"9876543210"


async def test_whatever_is_asked_is_observed_with_its_purpose(
    github: ScriptedGitHub, private_key_pem: str
) -> None:
    seen: list[tuple[str, str]] = []
    calls = connect(
        github,
        private_key_pem,
        observe=lambda purpose, outcome, _: seen.append((purpose, outcome)),
    )
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", httpx.Response(200, content=b"end"))
    github.answers("GET", "/app/hook/deliveries", said(200, []))

    await calls.job_log(REPO, 11)
    await calls.logged_deliveries()
    given_up = asyncio.create_task(calls.repository(REPO))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)

    assert seen == [("read", "ok"), ("app", "ok"), ("read", "cancelled")]


@pytest.mark.parametrize("status", [401, 404])
async def test_a_log_is_found_after_a_token_was_doubted_too(
    github: ScriptedGitHub, private_key_pem: str, status: int
) -> None:
    calls = connect(github, private_key_pem)
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", refused(status, "no"), said(302, location=STORAGE))
    github.answers("GET", "/job/11", httpx.Response(200, content=b"the end"))

    assert await calls.job_log(REPO, 11) == b"the end"


async def test_a_log_is_found_after_its_token_was_renewed(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", refused(401, "no"), said(302, location=STORAGE))
    github.answers("GET", "/job/11", httpx.Response(200, content=b"the end"))

    assert await calls.job_log(REPO, 11) == b"the end"


@pytest.mark.parametrize("new", [True, False])
async def test_a_log_that_is_stored_beside_the_api_is_fetched_without_credentials_too(
    github: ScriptedGitHub, private_key_pem: str, new: bool
) -> None:
    calls = connect(github, private_key_pem)
    if not new:
        await calls.repository(REPO)
    github.answers(
        "GET", f"{ACTIONS}/jobs/11/logs$", refused(401, "no"), said(302, location=f"{API}/store/11")
    )
    github.answers("GET", "/store/11", httpx.Response(200, content=b"the end"))

    assert await calls.job_log(REPO, 11) == b"the end"
    assert "authorization" not in github.requests[-1].headers


async def test_a_log_is_always_asked_for_as_a_whole(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    log = httpx.Response(200, content=b"end", headers={"etag": '"1"'})
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", log, log)

    await calls.job_log(REPO, 11)
    await calls.job_log(REPO, 11)

    assert all("if-none-match" not in request.headers for request in github.asked("GET", ".*/logs"))


def timeouts(request: httpx.Request) -> tuple[float, float]:
    """Seconds to connect and to read: https://www.python-httpx.org/advanced/timeouts/"""
    seconds = request.extensions["timeout"]
    return seconds["connect"], seconds["read"]


async def test_what_cannot_be_repeated_has_its_own_connection_and_more_time_than_a_read(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("POST", f"{ACTIONS}/workflows/release.yml/dispatches$", said(204))
    github.answers("GET", f"{ACTIONS}/jobs/11/logs$", said(302, location=STORAGE))
    github.answers("GET", "/job/11", httpx.Response(200, content=b"the end"))

    await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)
    await calls.repository(REPO)
    await calls.job_log(REPO, 11)

    dispatch, read, *_, storage = github.requests[-4:]
    assert [timeouts(request) for request in (dispatch, read, storage)] == [(5, 30), (5, 15), (5, 15)]
    assert [request.headers["connection"] for request in (dispatch, read)] == ["close", "keep-alive"]
    assert storage.headers["user-agent"].startswith("release-bot/")
