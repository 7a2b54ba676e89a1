"""The app's credentials: what each token may do, when it is renewed, and what if GitHub refuses it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import anyio
import httpx
import jwt
import pytest

from bot.core.facts import (
    Forbidden,
    GitHubError,
    Limited,
    NotFound,
    NotInstalled,
    Suspended,
    Unauthorized,
    Unreachable,
)
from bot.github import GitHubCalls
from tests.adapters.scripted_github import (
    REPO,
    START,
    Clock,
    ScriptedGitHub,
    body,
    connect,
    refused,
    said,
    token_of,
)

TOKENS = "/app/installations/7/access_tokens"
INSTALLATION = f"/repos/{REPO}/installation"
DISPATCHES = f"/repos/{REPO}/actions/workflows/release.yml/dispatches"
COMMENTS = f"/repos/{REPO}/issues/1/comments"
JOBS = f"/repos/{REPO}/actions/runs/5/attempts/1/jobs"
SOON = START + timedelta(minutes=1)
NO_JOBS = {"total_count": 0, "jobs": []}
READ = {"actions": "read", "checks": "read", "contents": "read", "issues": "read", "metadata": "read"}


@pytest.fixture
def github() -> ScriptedGitHub:
    return ScriptedGitHub(Clock())


@pytest.fixture
def calls(github: ScriptedGitHub, private_key_pem: str) -> GitHubCalls:
    return connect(github, private_key_pem)


async def test_each_purpose_has_a_token_for_one_repository_and_no_more_permissions_than_it_needs(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("POST", DISPATCHES, said(204))
    github.answers("POST", COMMENTS, said(201, {"id": 3}))

    await calls.repository(REPO)
    await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)
    await calls.create_comment(REPO, 1, "hello")

    assert [body(request) for request in github.asked("POST", TOKENS)] == [
        {"repositories": ["widget"], "permissions": READ},
        {"repositories": ["widget"], "permissions": {"actions": "write", "metadata": "read"}},
        {
            "repositories": ["widget"],
            "permissions": {"checks": "write", "issues": "write", "metadata": "read"},
        },
    ]
    assert len(github.asked("GET", INSTALLATION)) == 1


async def test_the_app_signs_with_a_backdated_and_short_lived_jwt(
    github: ScriptedGitHub, private_key_pem: str
) -> None:
    await connect(github, private_key_pem, app_id="Iv23client").repository(REPO)

    request = github.requests[0]
    claims = jwt.decode(token_of(request), options={"verify_signature": False})
    assert request.headers["authorization"].lower().startswith("bearer ")
    assert claims["iss"] == "Iv23client"
    assert claims["iat"] == START.timestamp() - 60
    assert claims["exp"] - claims["iat"] < 600


async def test_a_token_of_any_form_and_length_is_sent_as_it_came(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    long = "ghs_42_" + "a.b-c_d" * 140
    github.answers("POST", TOKENS, said(201, {"token": long, "expires_at": "2026-11-21T10:00:00Z"}))

    await calls.repository(REPO)

    assert token_of(github.requests[-1]) == long


async def test_a_token_is_used_until_five_minutes_before_its_end(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    for minutes in (0, 54, 2):
        github.clock.time += timedelta(minutes=minutes)
        await calls.repository(REPO)

    used = [token_of(request) for request in github.asked("GET", f"/repos/{REPO}")]
    assert used == ["ghs_1", "ghs_1", "ghs_2"]


async def test_callers_at_the_same_time_share_one_token(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(calls.repository, REPO)

    assert len(github.asked("POST", TOKENS)) == 1
    assert len(github.asked("GET", INSTALLATION)) == 1


async def test_callers_at_the_same_time_share_a_refusal_and_later_ones_ask_again(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", INSTALLATION, *[refused(503, "Service Unavailable") for _ in range(3)])
    errors: list[GitHubError] = []

    async def ask() -> None:
        with pytest.raises(Unreachable) as error:
            await calls.repository(REPO)
        errors.append(error.value)

    for times in (1, 2, 3):
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)
        assert len(errors) == 10 * times
        assert len(github.asked("GET", INSTALLATION)) == times
    assert (await calls.repository(REPO)).full_name == REPO


async def test_an_expired_token_is_renewed_and_the_dispatch_sent_once_more(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("POST", DISPATCHES, refused(401, "Bad credentials"), said(200, {"workflow_run_id": 8}))

    answer = await calls.dispatch(REPO, "release.yml", "develop", {"a": "b"}, send_by=SOON)

    sent = github.asked("POST", DISPATCHES)
    assert answer.run_id == 8
    assert [token_of(request) for request in sent] == ["ghs_1", "ghs_2"]
    assert sent[0].content == sent[1].content


async def test_a_read_with_an_expired_token_is_asked_once_more(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await calls.repository(REPO)
    github.answers("GET", JOBS, refused(401, "Bad credentials"), said(200, NO_JOBS))

    assert await calls.jobs(REPO, 5, 1) == ()
    assert [token_of(request) for request in github.asked("GET", JOBS + ".*")] == ["ghs_1", "ghs_2"]


async def test_a_read_refused_twice_is_unauthorized(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    await calls.repository(REPO)
    github.answers("GET", JOBS, refused(401, "Bad credentials"), refused(401, "Bad credentials"))

    with pytest.raises(Unauthorized):
        await calls.jobs(REPO, 5, 1)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_new_token_is_tried_with_a_read_until_github_knows_it(
    github: ScriptedGitHub, calls: GitHubCalls, status: int
) -> None:
    github.answers("GET", f"/repos/{REPO}$", refused(status, "not yet"), refused(status, "not yet"))
    github.answers("POST", DISPATCHES, said(204))

    await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    assert github.clock.slept == [1, 3]
    assert github.lines[-4:] == [f"GET /repos/{REPO}"] * 3 + [f"POST {DISPATCHES}"]


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (404, NotFound)])
async def test_nothing_is_written_with_a_token_that_github_does_not_know(
    github: ScriptedGitHub, calls: GitHubCalls, status: int, kind: type[GitHubError]
) -> None:
    github.answers("GET", f"/repos/{REPO}$", *[refused(status, "not yet") for _ in range(3)])

    with pytest.raises(kind, match=f"GET /repos/{REPO}") as error:
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    assert error.value.definite
    assert github.asked("POST", DISPATCHES) == []


async def test_a_token_is_tried_once_and_not_before_every_write(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("POST", COMMENTS, said(201, {"id": 3}), said(201, {"id": 4}))

    await calls.create_comment(REPO, 1, "hello")
    await calls.create_comment(REPO, 1, "hello again")

    assert len(github.asked("GET", f"/repos/{REPO}")) == 1


async def test_a_404_to_a_new_token_is_asked_again_when_github_knows_the_token(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", JOBS, refused(404, "Not Found"), said(200, NO_JOBS))
    github.answers("GET", f"/repos/{REPO}$", refused(404, "Not Found"))

    assert await calls.jobs(REPO, 5, 1) == ()
    assert github.clock.slept == [1]


async def test_a_404_to_a_known_token_is_believed_at_once(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    await calls.repository(REPO)
    github.answers("GET", JOBS, refused(404, "Not Found"))

    with pytest.raises(NotFound):
        await calls.jobs(REPO, 5, 1)
    assert github.clock.slept == []


@pytest.mark.parametrize(
    ("method", "path", "answer", "kind", "words"),
    [
        ("GET", INSTALLATION, refused(404, "Not Found"), NotInstalled, "not installed on acme/widget"),
        ("POST", TOKENS, refused(403, "This installation has been suspended"), Suspended, "unsuspend"),
        (
            "POST",
            TOKENS,
            refused(422, "There is at least one repository that does not exist or is not accessible"),
            NotInstalled,
            "does not reach acme/widget",
        ),
        (
            "POST",
            TOKENS,
            refused(422, "The permissions requested are not granted to this installation."),
            NotInstalled,
            r"lacks a permission on acme/widget \(.*actions: read, .*\): an owner has to accept",
        ),
        ("POST", TOKENS, refused(403, "secondary rate limit", retry_after="9"), Limited, "rate"),
        (
            "GET",
            INSTALLATION,
            refused(401, "A JSON web token could not be decoded"),
            Unauthorized,
            r"\(A JSON web token could not be decoded\): check APP_ID",
        ),
        ("GET", INSTALLATION, refused(404, "Integration not found"), Unauthorized, "check APP_ID"),
        ("GET", INSTALLATION, httpx.Response(401), Unauthorized, r"\(no reason given\): check APP_ID"),
    ],
)
async def test_a_refused_token_says_who_has_to_do_what(
    github: ScriptedGitHub,
    calls: GitHubCalls,
    method: str,
    path: str,
    answer: httpx.Response,
    kind: type[GitHubError],
    words: str,
) -> None:
    github.answers(method, path, answer)

    with pytest.raises(kind, match=words):
        await calls.repository(REPO)


async def test_a_limit_while_a_token_is_asked_for_lasts_until_the_time_that_github_names(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    reset = str(int((START + timedelta(minutes=30)).timestamp()))
    used_up = refused(403, "API rate limit exceeded", x_ratelimit_remaining="0", x_ratelimit_reset=reset)
    github.answers("POST", TOKENS, used_up)

    with pytest.raises(Limited) as error:
        await calls.repository(REPO)

    assert error.value.until == START + timedelta(minutes=30)


async def test_a_refusal_for_one_repository_or_purpose_is_not_shared_by_another(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", "/repos/acme/gone/installation", refused(404, "Not Found"))
    github.answers("POST", TOKENS, refused(503, "Service Unavailable"))
    github.answers("POST", COMMENTS, said(201, {"id": 3}))
    outcomes: dict[str, str] = {}

    async def ask(name: str, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
            outcomes[name] = "done"
        except GitHubError as error:
            outcomes[name] = type(error).__name__

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "gone", lambda: calls.repository("acme/gone"))
        group.start_soon(ask, "read", lambda: calls.repository(REPO))
        group.start_soon(ask, "write", lambda: calls.create_comment(REPO, 1, "hello"))

    assert outcomes == {"gone": "NotInstalled", "read": "Unreachable", "write": "done"}


async def test_an_app_removed_from_its_account_says_so(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("POST", TOKENS, refused(404, "Not Found"))

    with pytest.raises(NotInstalled, match="not installed on acme/widget any more: an owner has to install"):
        await calls.repository(REPO)


async def test_an_app_installed_anew_is_found_under_its_new_installation(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await calls.repository(REPO)
    github.clock.time += timedelta(hours=1)
    github.answers("POST", TOKENS, refused(404, "Not Found"))
    github.answers("GET", INSTALLATION, said(200, {"id": 8}))

    await calls.repository(REPO)

    assert len(github.asked("POST", "/app/installations/8/access_tokens")) == 1


async def test_a_suspended_installation_works_again_as_soon_as_it_is_unsuspended(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await calls.repository(REPO)
    github.answers("GET", JOBS, refused(403, "This installation has been suspended"), said(200, NO_JOBS))
    with pytest.raises(Suspended):
        await calls.jobs(REPO, 5, 1)

    assert await calls.jobs(REPO, 5, 1) == ()
    assert [token_of(request) for request in github.asked("GET", JOBS + ".*")] == ["ghs_1", "ghs_2"]


async def test_a_renamed_repository_is_read_with_a_token_for_its_id(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    there = "/repositories/99/installation"
    github.answers("GET", INSTALLATION, said(301, {}, location=f"https://api.github.com{there}"))

    await calls.repository(REPO)

    assert body(github.asked("POST", TOKENS)[0]) == {"repository_ids": [99], "permissions": READ}


async def test_a_wrong_clock_is_learned_from_github_s_date(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    late = refused(401, "'Expiration time' claim ('exp') is too far in the future")
    late.headers["date"] = "Sat, 21 Nov 2026 08:40:00 GMT"
    github.answers("GET", INSTALLATION, late)

    await calls.repository(REPO)

    first, second = (token_of(request) for request in github.asked("GET", INSTALLATION))
    claims = jwt.decode(second, options={"verify_signature": False})
    assert first != second
    assert claims["iat"] == (START - timedelta(minutes=21)).timestamp()


async def test_a_token_s_hour_is_counted_by_github_s_clock(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    """GitHub's clock is twenty minutes behind; the token lives for an hour by either."""
    late = refused(401, "'exp' is too far in the future", date="Sat, 21 Nov 2026 08:40:00 GMT")
    github.answers("GET", INSTALLATION, late)
    github.answers("POST", TOKENS, said(201, github.token(minutes=40)))

    for minutes in (0, 50, 6):
        github.clock.time += timedelta(minutes=minutes)
        await calls.repository(REPO)

    used = [token_of(request) for request in github.asked("GET", f"/repos/{REPO}")]
    assert used == ["ghs_1", "ghs_1", "ghs_2"]


@pytest.mark.parametrize("words", ["A JSON web token could not be decoded", "Bad credentials"])
async def test_a_jwt_refused_for_another_reason_is_not_sent_again(
    github: ScriptedGitHub, calls: GitHubCalls, words: str
) -> None:
    github.answers("GET", INSTALLATION, refused(401, words, date="Sat, 21 Nov 2026 08:40:00 GMT"))

    with pytest.raises(Unauthorized):
        await calls.repository(REPO)
    assert len(github.asked("GET", INSTALLATION)) == 1


async def test_a_jwt_refused_for_its_times_is_sent_once_more_and_no_oftener(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    refusals = [refused(401, "'exp' is wrong", date="Sat, 21 Nov 2026 08:40:00 GMT") for _ in range(3)]
    github.answers("GET", INSTALLATION, *refusals)

    with pytest.raises(Unauthorized):
        await calls.repository(REPO)
    assert len(github.asked("GET", INSTALLATION)) == 2

    with pytest.raises(Unauthorized):  # its clock is known by now, so another one would be no better
        await calls.repository(REPO)
    assert len(github.asked("GET", INSTALLATION)) == 3


async def test_no_token_is_in_the_log_or_in_an_error(
    github: ScriptedGitHub, calls: GitHubCalls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    github.answers("POST", DISPATCHES, httpx.ReadError("reset"))

    with pytest.raises(Unreachable) as error:
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    told = caplog.text + str(error.value) + repr(error.value)
    assert "POST /repos/{repo}/actions/workflows/{workflow}/dispatches Unreachable" in caplog.text
    assert "ghs_" not in told
    assert "eyJ" not in told


async def test_a_401_to_a_new_token_is_asked_again_when_github_knows_the_token(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", JOBS, refused(401, "Bad credentials"), said(200, NO_JOBS))

    assert await calls.jobs(REPO, 5, 1) == ()
    assert [token_of(request) for request in github.asked("GET", JOBS + ".*")] == ["ghs_1", "ghs_1"]


async def test_a_token_that_github_never_came_to_know_is_not_tried_again(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"/repos/{REPO}$", *[refused(401, "Bad credentials") for _ in range(3)])
    github.answers("POST", COMMENTS, said(201, {"id": 3}))
    with pytest.raises(Unauthorized):
        await calls.create_comment(REPO, 1, "hello")

    await calls.create_comment(REPO, 1, "hello")

    assert [token_of(request) for request in github.asked("POST", COMMENTS)] == ["ghs_2"]


@pytest.mark.parametrize(
    ("words", "token"),
    [
        ("Resource not accessible by integration", "ghs_2"),
        ("This installation has been suspended", "ghs_2"),
        ("Issue is locked", "ghs_1"),
    ],
)
async def test_a_write_refused_for_its_permission_is_repeated_with_a_token_made_since(
    github: ScriptedGitHub, calls: GitHubCalls, words: str, token: str
) -> None:
    github.answers("POST", COMMENTS, said(201, {"id": 2}), refused(403, words), said(201, {"id": 3}))
    await calls.create_comment(REPO, 1, "hello")
    github.clock.time += timedelta(seconds=11)
    with pytest.raises(GitHubError):
        await calls.create_comment(REPO, 1, "hello")

    await calls.create_comment(REPO, 1, "hello")

    assert [token_of(request) for request in github.asked("POST", COMMENTS)] == ["ghs_1", "ghs_1", token]


async def test_a_token_whose_rights_still_spread_is_asked_with_again_and_not_replaced(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    denied = "Resource not accessible by integration"
    github.answers("GET", JOBS, refused(403, denied), refused(403, denied), said(200, NO_JOBS))
    assert await calls.jobs(REPO, 5, 1) == ()
    github.answers("GET", JOBS, *[refused(403, denied) for _ in range(3)], said(200, NO_JOBS))
    with pytest.raises(Forbidden):
        await calls.jobs(REPO, 5, 1)
    github.clock.time += timedelta(seconds=11)
    await calls.jobs(REPO, 5, 1)

    assert github.clock.slept == [1, 3, 1, 3]
    assert {token_of(request) for request in github.asked("GET", rf"{JOBS}.*")} == {"ghs_1"}


async def test_a_permission_granted_while_a_new_token_is_tried_is_in_the_next_token(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    suspended = refused(403, "This installation has been suspended")
    github.answers("GET", f"/repos/{REPO}$", suspended)
    github.answers("POST", COMMENTS, said(201, {"id": 3}))
    with pytest.raises(Suspended):
        await calls.create_comment(REPO, 1, "hello")

    await calls.create_comment(REPO, 1, "hello")

    assert [token_of(request) for request in github.asked("POST", COMMENTS)] == ["ghs_2"]


async def test_a_rate_limit_while_a_new_token_is_tried_is_told_as_a_limit(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"/repos/{REPO}$", refused(403, "secondary rate limit", retry_after="9"))

    with pytest.raises(Limited) as error:
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=SOON)

    assert error.value.until == START + timedelta(seconds=9)
    assert github.asked("POST", DISPATCHES) == []
