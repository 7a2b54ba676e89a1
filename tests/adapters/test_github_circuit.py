"""A GitHub that fails again and again is left alone, until one question at a time finds it back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import anyio
import httpx
import pytest

from bot.core.facts import GitHubError, NotFound, Unreachable
from bot.github import GitHubCalls
from bot.github.circuit import OPENS_AFTER, Circuit
from tests.adapters.scripted_github import REPO, START, Clock, ScriptedGitHub, connect, refused, said

BAD_DAYS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "500": lambda: refused(500, "Server Error"),
    "502": lambda: refused(502, "Server Error"),
    "a page with a unicorn": lambda: httpx.Response(503, html="<html>Unicorn!</html>"),
    "no connection": lambda: httpx.ConnectError("refused"),
    "no answer": lambda: httpx.ReadTimeout("too late"),
    "an answer cut short": lambda: httpx.ReadError("reset"),
}
SEND_BY = START + timedelta(hours=10)


@pytest.fixture
def github() -> ScriptedGitHub:
    return ScriptedGitHub(Clock())


@pytest.fixture
def calls(github: ScriptedGitHub, private_key_pem: str) -> GitHubCalls:
    return connect(github, private_key_pem)


async def outcome(call: Awaitable[object]) -> GitHubError | None:
    try:
        await call
    except GitHubError as error:
        return error
    return None


def is_down(github: ScriptedGitHub, how: str = "502", times: int = 1000) -> None:
    for method in ("GET", "POST", "PATCH"):
        github.answers(method, "/", *(BAD_DAYS[how]() for _ in range(times)))


def is_back(github: ScriptedGitHub) -> None:
    github.recovers()
    github.answers("GET", r"/repos/acme/widget/actions/runs\?", *([said(200, {"workflow_runs": []})] * 100))


async def storms(github: ScriptedGitHub, calls: GitHubCalls, how: str = "502") -> None:
    """Everything is asked until GitHub is left alone."""
    await calls.repository(REPO)
    is_down(github, how)
    for number in range(OPENS_AFTER):
        await outcome(calls.repository(REPO) if number % 2 else calls.runs(REPO, page=1))
    assert calls.circuit_open_until is not None


async def storms_and_comes_back(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    """It may be asked again, and would answer."""
    await storms(github, calls)
    is_back(github)
    github.clock.time += timedelta(seconds=5)


@pytest.mark.parametrize("how", BAD_DAYS)
async def test_after_many_failures_in_a_row_nothing_leaves_any_more(
    github: ScriptedGitHub, calls: GitHubCalls, how: str
) -> None:
    await storms(github, calls, how)
    asked = len(github.requests)
    error = await outcome(calls.runs(REPO, page=1))
    assert isinstance(error, Unreachable)
    assert "GitHub fails and is left alone; it is asked again at 09:00:05 UTC" in str(error)
    assert error.definite
    assert error.until == calls.circuit_open_until == START + timedelta(seconds=5)
    assert len(github.requests) == asked


async def test_a_dispatch_is_definitely_not_made_while_github_is_left_alone(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await calls.prepare_dispatch(REPO)
    await storms(github, calls)
    for seconds in (0, 6):
        github.clock.time += timedelta(seconds=seconds)
        error = await outcome(calls.dispatch(REPO, "build.yml", "develop", {}, send_by=SEND_BY))
        assert isinstance(error, Unreachable)
        assert error.definite
        assert error.until is not None
        assert error.until > github.clock.now()
    assert github.asked("POST", ".*dispatches") == []


@pytest.mark.parametrize(
    "answer",
    [refused(404, "Not Found"), refused(422, "no"), refused(403, "no"), refused(401, "Bad credentials")],
)
async def test_a_refusal_is_an_answer(
    github: ScriptedGitHub, calls: GitHubCalls, answer: httpx.Response
) -> None:
    await calls.repository(REPO)
    for _ in range(5):
        github.answers("GET", "/repos/acme/widget", *(BAD_DAYS["502"]() for _ in range(OPENS_AFTER - 1)))
        github.answers("GET", "/repos/acme/widget/actions/runs/5$", answer, answer, answer)
        for _ in range(OPENS_AFTER - 1):
            await outcome(calls.runs(REPO, page=1))
        await outcome(calls.run(REPO, 5))
        assert calls.circuit_open_until is None
        github.recovers()


async def test_one_address_that_always_fails_is_its_own_trouble(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await calls.repository(REPO)
    github.answers("GET", r"/repos/acme/widget/actions/runs\?", *(BAD_DAYS["502"]() for _ in range(50)))
    for page in range(1, 41):
        await outcome(calls.runs(REPO, page=page))
    assert calls.circuit_open_until is None
    assert len(github.asked("GET", ".*/runs.*")) == 40


async def test_one_question_at_a_time_asks_whether_github_is_back(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await storms(github, calls)
    pauses: list[float] = []
    while len(pauses) < 6:
        before, until = len(github.requests), calls.circuit_open_until
        assert until is not None
        github.clock.time = until
        refusals = await asyncio.gather(*(outcome(calls.run(REPO, number)) for number in range(1, 21)))
        assert len(github.requests) == before + 1
        later = [error.until for error in refusals if isinstance(error, Unreachable) and not error.sent]
        assert len(later) == 19
        assert all(at is not None and at > until for at in later)
        after = calls.circuit_open_until
        assert after is not None
        pauses.append((after - until).total_seconds())
    assert pauses == [10, 15, 15, 15, 15, 15]


async def test_the_first_answer_lets_everybody_go_on(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    await storms_and_comes_back(github, calls)
    assert await calls.runs(REPO, page=1) == ()
    assert calls.circuit_open_until is None
    github.answers("POST", ".*/dispatches", said(200, {"workflow_run_id": 9}))
    assert (await calls.dispatch(REPO, "build.yml", "develop", {}, send_by=SEND_BY)).run_id == 9


async def test_after_its_return_github_has_to_fail_as_often_again(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await storms_and_comes_back(github, calls)
    await calls.runs(REPO, page=1)
    github.recovers()
    is_down(github)
    for number in range(OPENS_AFTER - 1):
        await outcome(calls.repository(REPO) if number % 2 else calls.runs(REPO, page=1))
    assert calls.circuit_open_until is None
    await outcome(calls.repository(REPO))
    assert calls.circuit_open_until is not None


async def test_a_write_goes_on_by_itself_after_a_read_that_asked_for_it(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    """Nobody else may be asking anything any more."""
    await storms_and_comes_back(github, calls)
    github.answers("PATCH", "/repos/acme/widget/issues/comments/5", said(200, {"id": 5}))
    before = len(github.lines)
    await calls.edit_comment(REPO, 5, "it goes on")
    assert github.lines[before] == "GET /repos/acme/widget"
    assert github.lines[-1] == "PATCH /repos/acme/widget/issues/comments/5"


async def test_an_address_that_fails_alone_does_not_keep_github_away(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    """GitHub is back, but for one listing that is asked for most often."""
    await storms(github, calls)
    is_back(github)
    github.answers("GET", "/repos/acme/widget/actions/runs/7$", *(BAD_DAYS["502"]() for _ in range(50)))
    github.clock.time += timedelta(seconds=5)
    await outcome(calls.run(REPO, 7))
    until = calls.circuit_open_until
    assert until is not None
    github.clock.time = until
    before = len(github.requests)
    await outcome(calls.run(REPO, 7))
    assert len(github.requests) == before
    assert await outcome(calls.runs(REPO, page=1)) is None
    assert calls.circuit_open_until is None


async def test_who_gives_up_the_probe_lets_another_one_ask(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    await storms_and_comes_back(github, calls)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await calls.run(REPO, 7)
    github.answers("GET", "/repos/acme/widget/actions/runs/7$", refused(404, "Not Found"))
    assert isinstance(await outcome(calls.run(REPO, 7)), NotFound)
    assert calls.circuit_open_until is None


async def test_a_token_can_be_the_question(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    """After hours away every token has run out, and nothing can be read without one."""
    await storms(github, calls)
    is_back(github)
    github.clock.time += timedelta(hours=6)
    assert await calls.runs(REPO, page=1) == ()


def test_a_clock_that_is_set_back_does_not_make_the_pause_longer() -> None:
    clock = Clock()
    circuit = Circuit(clock.now)
    for number in range(OPENS_AFTER):
        with circuit.passing(f"/{number}", may_probe=True) as passage:
            passage.failed = True
    clock.time -= timedelta(days=1)
    with pytest.raises(Unreachable), circuit.passing("/", may_probe=True):
        pass
    clock.time += timedelta(seconds=16)
    with circuit.passing("/", may_probe=True) as passage:
        passage.answered(200)
    assert circuit.open_until is None


def test_what_was_under_way_when_github_was_left_alone_makes_the_pause_no_longer() -> None:
    clock = Clock()
    circuit = Circuit(clock.now)
    with circuit.passing("/slow", may_probe=True) as slow:
        for number in range(OPENS_AFTER):
            with circuit.passing(f"/{number}", may_probe=True) as passage:
                passage.failed = True
        until = circuit.open_until
        clock.time += timedelta(seconds=1)
        slow.failed = True
    assert until is not None
    assert circuit.open_until == until


async def test_the_log_says_when_it_begins_and_when_it_is_over(
    github: ScriptedGitHub, calls: GitHubCalls, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "bot.github"):
        await storms(github, calls)
        github.clock.time += timedelta(seconds=5)
        await outcome(calls.repository(REPO))
        is_back(github)
        github.clock.time += timedelta(seconds=10)
        await calls.runs(REPO, page=1)
    lines = [record.message for record in caplog.records]
    assert len(lines) == 2
    assert lines[0] == (
        f"GitHub fails: {OPENS_AFTER} requests in a row came to nothing; it is asked again at 09:00:05 UTC, "
        "one request at a time, until it answers"
    )
    assert lines[1] == f"GitHub answers again after 15 s and {OPENS_AFTER + 1} failures in a row"
