"""GitHub's own log of deliveries: pages by cursor, one payload, and what is no log at all."""

from datetime import timedelta

import pytest

from bot.core.facts import GitHubError, Limited, LoggedDelivery, LogPage, NotFound, Unreachable
from bot.github import GitHubCalls
from tests.adapters.scripted_github import (
    REPO,
    START,
    Clock,
    ScriptedGitHub,
    connect,
    refused,
    said,
    token_of,
)

LIST = "/app/hook/deliveries"
ITEM: dict[str, object] = {
    "id": 12345678,
    "guid": "0b989ba4-242f-11e5-81e1-c7b6966d2516",
    "delivered_at": "2026-11-21T08:59:00Z",
    "redelivery": False,
    "duration": 0.27,
    "status": "OK",
    "status_code": 200,
    "event": "issue_comment",
    "action": "created",
    "installation_id": 123,
    "repository_id": 456,
    "throttled_at": None,
}


@pytest.fixture
def github() -> ScriptedGitHub:
    return ScriptedGitHub(Clock())


@pytest.fixture
def calls(github: ScriptedGitHub, private_key_pem: str) -> GitHubCalls:
    return connect(github, private_key_pem)


async def test_a_page_is_read_in_the_app_s_own_name(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    github.answers("GET", LIST, said(200, [ITEM]))

    page = await calls.logged_deliveries()

    logged = LoggedDelivery(
        12345678, str(ITEM["guid"]), "issue_comment", "created", 456, START - timedelta(minutes=1)
    )
    assert page == LogPage((logged,), None)
    assert github.lines == [f"GET {LIST}?per_page=100"]
    assert token_of(github.requests[0]).startswith("eyJ")


async def test_the_next_page_is_asked_for_by_its_cursor_and_not_by_an_address(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    link = (
        '<https://evil.example/steal?per_page=100&cursor=v0_1>; rel="prev", '
        '<https://evil.example/steal?per_page=100&cursor=v1_17%2F9>; rel="next"'
    )
    github.answers("GET", LIST, said(200, [], link=link), said(200, []))

    page = await calls.logged_deliveries()
    await calls.logged_deliveries(cursor=page.cursor)

    assert page.cursor == "v1_17/9"
    assert github.lines[-1] == f"GET {LIST}?per_page=100&cursor=v1_17%2F9"
    assert {request.url.host for request in github.requests} == {"api.github.com"}


async def test_what_an_event_without_a_repository_leaves_out_is_none(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", LIST, said(200, [{**ITEM, "action": None, "repository_id": None}]))

    (logged,) = (await calls.logged_deliveries()).deliveries

    assert (logged.action, logged.repository_id) == (None, None)


async def test_the_payload_is_what_was_sent(github: ScriptedGitHub, calls: GitHubCalls) -> None:
    request = {"headers": {"X-GitHub-Event": "ping"}, "payload": {"zen": "Half measures"}}
    github.answers("GET", f"{LIST}/7", said(200, {**ITEM, "request": request, "response": {}}))

    assert await calls.logged_payload(7) == {"zen": "Half measures"}


@pytest.mark.parametrize(
    "answer",
    [{}, {"request": None}, {"request": {"payload": None}}, {"request": {"payload": "payload=%7B%7D"}}],
)
async def test_a_payload_of_another_shape_is_no_answer(
    github: ScriptedGitHub, calls: GitHubCalls, answer: dict[str, object]
) -> None:
    github.answers("GET", LIST, said(200, answer))

    with pytest.raises(Unreachable):
        await calls.logged_payload(7)


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (500, Unreachable)])
async def test_a_server_without_a_log_says_so(
    github: ScriptedGitHub, calls: GitHubCalls, status: int, error: type[GitHubError]
) -> None:
    github.answers("GET", LIST, refused(status, "no"))

    with pytest.raises(error):
        await calls.logged_deliveries()


async def test_the_log_is_not_asked_for_while_any_limit_is_in_force(
    github: ScriptedGitHub, calls: GitHubCalls
) -> None:
    github.answers("GET", f"/repos/{REPO}$", refused(403, "secondary rate limit", retry_after="90"))
    with pytest.raises(Limited):
        await calls.repository(REPO)
    asked = len(github.requests)

    with pytest.raises(Limited) as error:
        await calls.logged_deliveries()

    assert error.value.until == START + timedelta(seconds=90)
    assert len(github.requests) == asked
