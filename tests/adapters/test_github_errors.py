"""Every way in which GitHub, or the way to it, can fail, and the one error that each becomes."""

from datetime import timedelta

import httpx
import pytest

from bot.core.facts import (
    Conflict,
    Dispatched,
    Forbidden,
    GitHubError,
    Gone,
    Limited,
    Moved,
    NotFound,
    Suspended,
    Unauthorized,
    Unprocessable,
    Unreachable,
)
from bot.github import GitHubCalls
from tests.adapters.scripted_github import (
    API,
    REPO,
    START,
    Clock,
    Said,
    ScriptedGitHub,
    connect,
    refused,
    said,
)

DISPATCHES = f"/repos/{REPO}/actions/workflows/release.yml/dispatches"
RUN = f"/repos/{REPO}/actions/runs/5"


@pytest.fixture
def github() -> ScriptedGitHub:
    return ScriptedGitHub(Clock())


@pytest.fixture
def calls(github: ScriptedGitHub, private_key_pem: str) -> GitHubCalls:
    return connect(github, private_key_pem)


async def dispatched(calls: GitHubCalls) -> Dispatched | GitHubError:
    try:
        return await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=START + timedelta(seconds=30))
    except GitHubError as error:
        return error


def unicorn(status: int) -> httpx.Response:
    return httpx.Response(status, text="<html>Unicorn!</html>", headers={"content-type": "application/json"})


RESET = str(int((START + timedelta(minutes=30)).timestamp()))
DEFINITE: list[tuple[Said, type[GitHubError]]] = [
    (refused(400, "Problems parsing JSON"), Unprocessable),
    (refused(403, "Resource not accessible by integration"), Forbidden),
    (refused(403, "This installation has been suspended"), Suspended),
    (refused(404, "Not Found"), NotFound),
    (httpx.Response(404, text="<html>not here</html>"), NotFound),
    (refused(409, "Conflict"), Conflict),
    (refused(410, "Gone"), Gone),
    (refused(422, "No ref found for: develop"), Unprocessable),
    (httpx.Response(422, json=["odd"]), Unprocessable),
    (said(422, {"message": "Validation Failed", "errors": ["odd", 1]}), Unprocessable),
    (refused(451, "blocked"), Forbidden),
    (refused(301, "Moved", location=f"{API}/repositories/1/x"), Moved),
    (refused(302, "Found", location="https://elsewhere.example/"), Moved),
    (refused(307, "Moved", location=f"{API}/repositories/1/x"), Moved),
    (refused(308, "Moved", location=f"{API}/repositories/1/x"), Moved),
    (httpx.ConnectError("refused"), Unreachable),
    (httpx.ConnectTimeout("slow"), Unreachable),
    (httpx.PoolTimeout("full"), Unreachable),
    (httpx.UnsupportedProtocol("gopher"), Unreachable),
]
DOUBTS: list[Said] = [
    *[said(status, {"message": "Server Error"}) for status in (500, 502, 503, 504, 520, 530, 599, 499, 408)],
    *[unicorn(status) for status in (200, 500, 502, 599)],
    said(200, {"run_url": "no id"}),
    said(200, {"workflow_run_id": "7"}),
    said(200, ["a list"]),
    said(200),
    said(201, {}),
    said(202),
    said(206, {}),
    said(300, {}),
    said(304),
    httpx.Response(200, content=b"\xff\xfe{}", headers={"content-type": "application/json"}),
    httpx.Response(200, content=b"{}", headers={"content-type": "application/json; charset=no-such"}),
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.WriteTimeout("slow"),
    httpx.RemoteProtocolError("server disconnected"),
    httpx.ProxyError("proxy"),
    ConnectionResetError("reset"),
]


@pytest.mark.parametrize(("answer", "kind"), DEFINITE, ids=repr)
async def test_a_dispatch_refused_definitely_says_that_nothing_was_done(
    github: ScriptedGitHub, calls: GitHubCalls, answer: Said, kind: type[GitHubError]
) -> None:
    github.answers("POST", DISPATCHES, answer)

    error = await dispatched(calls)

    assert type(error) is kind
    assert error.definite
    assert len(github.asked("POST", DISPATCHES)) == 1


@pytest.mark.parametrize("answer", DOUBTS, ids=repr)
async def test_a_dispatch_in_doubt_is_sent_once_and_says_so(
    github: ScriptedGitHub, calls: GitHubCalls, answer: Said
) -> None:
    github.answers("POST", DISPATCHES, answer)

    error = await dispatched(calls)

    assert isinstance(error, Unreachable)
    assert (error.sent, error.definite) == (True, False)
    assert len(github.asked("POST", DISPATCHES)) == 1


LIMITS: list[tuple[httpx.Response, timedelta]] = [
    (refused(403, "You have exceeded a secondary rate limit", retry_after="20"), timedelta(seconds=20)),
    (refused(429, "slow down", retry_after="20"), timedelta(seconds=20)),
    (refused(403, "no words about it", retry_after="20"), timedelta(seconds=20)),
    (refused(429, "x", retry_after="Sat, 21 Nov 2026 09:05:00 GMT"), timedelta(minutes=5)),
    (refused(429, "x", retry_after="Sat, 21 Nov 2026 10:05:00 +0100"), timedelta(minutes=5)),
    (refused(429, "x", retry_after="Sat, 21 Nov 2026 09:05:00 -0000"), timedelta(minutes=5)),
    (
        refused(403, "API rate limit exceeded", x_ratelimit_remaining="0", x_ratelimit_reset=RESET),
        timedelta(minutes=30),
    ),
    # GitHub's clock is ten minutes behind this machine's.
    (
        refused(
            403,
            "API rate limit exceeded",
            x_ratelimit_remaining="0",
            x_ratelimit_reset=RESET,
            date="Sat, 21 Nov 2026 08:50:00 GMT",
        ),
        timedelta(minutes=40),
    ),
    (refused(403, "x", x_ratelimit_remaining="0", x_ratelimit_reset="soon"), timedelta(minutes=1)),
    (refused(403, "You have exceeded a secondary rate limit"), timedelta(minutes=1)),
    (refused(403, "You have triggered an abuse detection mechanism"), timedelta(minutes=1)),
    (httpx.Response(429, text="<html>Whoa there!</html>"), timedelta(minutes=1)),
    (refused(429, "x", retry_after="99999999999999"), timedelta(hours=2)),
]


@pytest.mark.parametrize(("answer", "wait"), LIMITS, ids=repr)
async def test_a_rate_limit_names_the_time_until_which_nothing_is_asked(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response, wait: timedelta
) -> None:
    github.answers("POST", DISPATCHES, answer)

    error = await dispatched(calls)

    assert isinstance(error, Limited)
    assert (error.definite, error.until) == (True, START + wait)
    assert calls.limited_until == START + wait
    before = len(github.requests)
    with pytest.raises(Limited):
        await calls.run(REPO, 5)
    with pytest.raises(Limited):
        await calls.create_comment(REPO, 1, "hello")
    assert len(github.requests) == before


async def test_a_limit_without_a_time_waits_twice_as_long_each_time_in_a_row(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", RUN, *[httpx.Response(429) for _ in range(6)])

    waits = []
    for _ in range(6):
        with pytest.raises(Limited) as refusal:
            await calls.run(REPO, 5)
        waits.append((refusal.value.until - github.clock.time).total_seconds())
        github.clock.time = refusal.value.until

    assert waits == [60, 120, 240, 480, 900, 900]


async def test_a_success_makes_the_next_limit_the_first_again(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", RUN, httpx.Response(429), httpx.Response(429))
    for _ in range(2):
        with pytest.raises(Limited):
            await calls.run(REPO, 5)
        github.clock.time += timedelta(minutes=3)
        await calls.repository(REPO)

    assert calls.limited_until is None
    github.answers("GET", RUN, httpx.Response(429))
    with pytest.raises(Limited) as refusal:
        await calls.run(REPO, 5)
    assert refusal.value.until == github.clock.time + timedelta(minutes=1)


READS: list[tuple[Said, type[GitHubError]]] = [
    (refused(403, "Resource not accessible by integration"), Forbidden),
    (refused(404, "Not Found"), NotFound),
    (refused(410, "Gone"), Gone),
    (refused(500, "Server Error"), Unreachable),
    (unicorn(200), Unreachable),
    (said(200, {"id": 5}), Unreachable),
    (said(200, []), Unreachable),
    (said(204), Unreachable),
    (httpx.ReadTimeout("slow"), Unreachable),
]


@pytest.mark.parametrize(("answer", "kind"), READS, ids=repr)
async def test_a_read_that_fails_is_one_error_and_one_request(
    github: ScriptedGitHub, calls: GitHubCalls, answer: Said, kind: type[GitHubError]
) -> None:
    await calls.repository(REPO)
    github.clock.time += timedelta(seconds=11)  # the token is no longer new
    github.answers("GET", RUN, answer)

    with pytest.raises(GitHubError) as error:
        await calls.run(REPO, 5)

    assert type(error.value) is kind
    assert len(github.asked("GET", RUN)) == 1


@pytest.mark.parametrize(
    "answer",
    [refused(502, "Server Error"), httpx.ReadTimeout("slow"), httpx.ConnectError("no"), unicorn(520)],
    ids=repr,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"/repos/{REPO}/installation"), ("POST", "/app/installations"), ("GET", f"/repos/{REPO}$")],
)
async def test_what_breaks_before_a_dispatch_leaves_is_definite(
    github: ScriptedGitHub, calls: GitHubCalls, method: str, path: str, answer: Said
) -> None:
    github.answers(method, path, answer)

    error = await dispatched(calls)

    assert isinstance(error, Unreachable)
    assert error.definite
    assert github.asked("POST", DISPATCHES) == []


async def test_a_second_401_is_final_and_definite(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("POST", DISPATCHES, refused(401, "Bad credentials"), refused(401, "Bad credentials"))

    error = await dispatched(calls)

    assert type(error) is Unauthorized
    assert len(github.asked("POST", DISPATCHES)) == 2


@pytest.mark.parametrize("second", [refused(502, "Server Error"), httpx.ReadError("reset")], ids=repr)
async def test_a_dispatch_lost_after_a_renewed_token_is_a_doubt_and_not_sent_a_third_time(
    github: ScriptedGitHub, calls: GitHubCalls, second: Said
) -> None:
    github.answers("POST", DISPATCHES, refused(401, "Bad credentials"), second)

    error = await dispatched(calls)

    assert isinstance(error, Unreachable)
    assert error.sent
    assert len(github.asked("POST", DISPATCHES)) == 2


async def test_a_dispatch_is_not_sent_after_its_time(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    with pytest.raises(Unreachable) as error:
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=START - timedelta(seconds=1))

    assert error.value.definite
    assert github.asked("POST", DISPATCHES) == []


async def test_a_dispatch_whose_time_passes_while_a_new_token_is_tried_is_not_sent(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"/repos/{REPO}$", refused(404, "Not Found"), refused(404, "Not Found"))

    with pytest.raises(Unreachable) as error:
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=START + timedelta(seconds=2))

    assert error.value.definite
    assert github.clock.time == START + timedelta(seconds=4)
    assert github.asked("POST", DISPATCHES) == []


async def test_github_s_words_reach_the_log_on_one_line(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("POST", DISPATCHES, refused(422, "No ref\n\nfound for: " + "x" * 1000))

    error = await dispatched(calls)

    assert str(error).startswith("No ref found for: xxx")
    assert "\n" not in str(error)
    assert len(str(error)) < 700


async def test_after_closing_every_call_says_that_it_was_not_sent(calls: GitHubCalls) -> None:
    await calls.aclose()

    with pytest.raises(Unreachable) as error:
        await calls.run(REPO, 5)
    assert error.value.definite


def test_a_key_that_is_no_key_is_refused_with_the_variable_s_name(github: ScriptedGitHub) -> None:
    with pytest.raises(ValueError, match="PRIVATE_KEY"):
        connect(github, "no key")


async def test_a_token_that_cannot_be_renewed_leaves_a_refused_dispatch_definite(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await calls.repository(REPO)
    github.answers("POST", DISPATCHES, refused(401, "Bad credentials"))
    tokens = "/app/installations/7/access_tokens"
    github.answers("POST", tokens, said(201, github.token()), refused(502, "Server Error"))

    error = await dispatched(calls)

    assert isinstance(error, Unreachable)
    assert error.definite
    assert f"POST {DISPATCHES} was refused, then not sent again" in str(error)
    assert len(github.asked("POST", DISPATCHES)) == 1


async def test_a_process_that_may_no_longer_write_sends_nothing_and_says_so(
    github: ScriptedGitHub, private_key_pem: str
) -> None:
    calls = connect(
        github,
        private_key_pem,
        may_write=lambda: False,
    )

    error = await dispatched(calls)

    assert isinstance(error, Unreachable)
    assert error.definite
    assert "another process may be at work" in str(error)
    assert github.asked("POST", DISPATCHES) == []


async def test_a_dispatch_leaves_up_to_the_last_moment_of_its_time(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("POST", DISPATCHES, said(204))

    await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=github.clock.now())

    assert len(github.asked("POST", DISPATCHES)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refused(404, "Not Found"),
        refused(502, "Server Error"),
        unicorn(200),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("no route"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_error_names_the_call_that_failed(
    github: ScriptedGitHub, calls: GitHubCalls, method: str, answer: Said
) -> None:
    await calls.repository(REPO)
    path = RUN if method == "GET" else DISPATCHES
    github.answers(method, path, answer)

    error = await dispatched(calls) if method == "POST" else None
    if method == "GET":
        with pytest.raises(GitHubError) as raised:
            await calls.run(REPO, 5)
        error = raised.value

    assert f"{method} {path}" in str(error).replace(API, "")
    if isinstance(answer, Exception):
        assert type(answer).__name__ in str(error)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(404), "no reason given (HTTP 404)"),
        (httpx.Response(422, json=["odd"]), "no reason given (HTTP 422)"),
        (
            httpx.Response(404, content=b"{}", headers={"content-type": "application/json; charset=no-such"}),
            "no reason given (HTTP 404)",
        ),
        (refused(403, "This installation has been suspended"), "an owner has to unsuspend it"),
        (refused(301, "Moved"), "the repository was renamed or moved (HTTP 301): use its new name"),
        (refused(502, "Server Error"), "GitHub answered with HTTP 502"),
    ],
    ids=repr,
)
async def test_an_error_says_what_github_said_and_at_which_call(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response, words: str
) -> None:
    github.answers("POST", DISPATCHES, answer)

    error = str(await dispatched(calls))

    assert words in error
    assert f"POST {DISPATCHES}" in error


@pytest.mark.parametrize("seconds", [-1, 2])
async def test_a_dispatch_that_was_too_late_names_itself(
    github: ScriptedGitHub, calls: GitHubCalls, seconds: float
) -> None:
    github.answers("GET", f"/repos/{REPO}$", refused(404, "Not Found"), refused(404, "Not Found"))

    with pytest.raises(Unreachable, match=f"POST {DISPATCHES} was not sent"):
        await calls.dispatch(REPO, "release.yml", "develop", {}, send_by=START + timedelta(seconds=seconds))


async def test_an_answer_of_another_shape_names_the_call(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    comments = f"/repos/{REPO}/issues/1/comments"
    github.answers("GET", RUN, said(200, {"id": "x"}))
    github.answers("POST", comments, said(201, {"id": "x"}))
    github.answers("GET", "/app/hook/deliveries", said(200, [{"id": "x"}]), unicorn(200))

    with pytest.raises(Unreachable, match=f"GET {RUN}"):
        await calls.run(REPO, 5)
    with pytest.raises(Unreachable, match=f"POST {comments}"):
        await calls.create_comment(REPO, 1, "hello")
    for _ in range(2):
        with pytest.raises(Unreachable, match="GET /app/hook/deliveries"):
            await calls.logged_deliveries()


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", f"/repos/{REPO}/installation", f"GET /repos/{REPO}/installation"),
        ("POST", "/app/installations/7/access_tokens", f"POST /app/installations/7/access_tokens for {REPO}"),
    ],
)
@pytest.mark.parametrize("answer", [said(200, {"id": "x"}), unicorn(200), unicorn(502)], ids=repr)
async def test_what_keeps_the_app_from_a_token_names_the_call(
    github: ScriptedGitHub, calls: GitHubCalls, method: str, path: str, call: str, answer: httpx.Response
) -> None:
    github.answers(method, path, answer)

    with pytest.raises(Unreachable, match=call):
        await calls.repository(REPO)


@pytest.mark.parametrize("answer", [said(200, {"id": 42}), unicorn(200), unicorn(502)], ids=repr)
async def test_an_app_that_github_does_not_describe_names_the_call(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response
) -> None:
    github.answers("GET", "/app$", answer)

    with pytest.raises(Unreachable, match="GET /app"):
        await calls.app_login()


async def test_after_closing_the_error_names_the_call(calls: GitHubCalls) -> None:
    await calls.repository(REPO)
    await calls.aclose()

    with pytest.raises(Unreachable, match=f"GET .*{RUN} was not sent"):
        await calls.run(REPO, 5)
