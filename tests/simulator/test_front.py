"""The manners of the API: pages, conditional requests, limits, refs and files."""

import base64
import re

import pytest

from bot.simulator.front import api

from .stage import Stage


async def test_an_unchanged_answer_is_not_sent_again_and_costs_nothing(stage: Stage) -> None:
    token = await stage.token()
    path = "/repos/acme/widget/actions/runs"
    first = await stage.get(path, token=token)
    again = await stage.ask("GET", path, token=token, headers={"If-None-Match": first.headers["etag"]})
    stage.maya.pushes_tag(stage.oss, "v1.0.3")
    changed = await stage.ask("GET", path, token=token, headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]


async def test_pages_are_linked(stage: Stage) -> None:
    for number in range(5):
        stage.maya.comments(stage.issue, f"comment {number}")
    path = "/repos/acme/widget/issues/7/comments?per_page=2"
    seen = []
    while path:
        answer = await stage.get(path)
        seen += [comment["body"] for comment in answer.json()]
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        path = following[1].removeprefix(stage.world.urls.api) if following else ""
    assert seen == [f"comment {number}" for number in range(5)]


async def test_an_annotated_tag_names_its_object_and_that_names_the_commit(stage: Stage) -> None:
    stage.maya.pushes_tag(stage.oss, "v1.0.3", annotated=True)
    ref = (await stage.get("/repos/acme/widget/git/ref/tags/v1.0.3")).json()
    tag = (await stage.get(f"/repos/acme/widget/git/tags/{ref['object']['sha']}")).json()
    commit = (await stage.get("/repos/acme/widget/commits/v1.0.3")).json()

    assert ref["object"]["type"] == "tag"
    assert tag["object"]["sha"] == commit["sha"] == stage.oss.branches["develop"]


async def test_matching_refs_are_found_by_prefix(stage: Stage) -> None:
    for name in ("v1.0.3", "v1.0.30", "v1.1.0"):
        stage.maya.pushes_tag(stage.oss, name)
    found = (await stage.get("/repos/acme/widget/git/matching-refs/tags/v1.0.3")).json()
    assert [ref["ref"] for ref in found] == ["refs/tags/v1.0.3", "refs/tags/v1.0.30"]
    assert (await stage.get("/repos/acme/widget/git/matching-refs/tags/v2")).json() == []
    assert (await stage.get("/repos/acme/widget/git/ref/tags/v2")).status_code == 404


async def test_a_branch_with_a_slash_can_be_named_in_both_spellings(stage: Stage) -> None:
    stage.maya.pushes(stage.oss, "releases/v1.0.x")
    for name in ("releases/v1.0.x", "releases%2Fv1.0.x"):
        answer = await stage.get(f"/repos/acme/widget/branches/{name}")
        assert answer.json()["commit"]["sha"] == stage.oss.branches["releases/v1.0.x"]


@pytest.mark.parametrize(("ref", "text"), [("develop", "one"), ("v1", "two")])
async def test_a_file_is_served_for_its_ref(stage: Stage, ref: str, text: str) -> None:
    stage.oss.files |= {"pipeline.yml": "one", "v1:pipeline.yml": "two"}
    stage.maya.pushes_tag(stage.oss, "v1")
    answer = await stage.get(f"/repos/acme/widget/contents/pipeline.yml?ref={ref}")
    assert base64.b64decode(answer.json()["content"]).decode() == text


async def test_a_real_server_cuts_an_answer_short_where_the_connection_breaks(stage: Stage) -> None:
    stage.world.trouble.breaks("GET", "/versions")
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/versions",
        "raw_path": b"/versions",
        "query_string": b"",
        "headers": [(b"user-agent", b"test"), (b"host", b"api.github.com")],
    }
    await api(stage.world)(scope, receive, send)  # type: ignore[arg-type]
    assert [message.get("more_body") for message in sent] == [None, True]


async def test_an_hours_requests_can_be_used_up(stage: Stage) -> None:
    token = await stage.token()
    stage.world.rates.limit = 2
    statuses = [(await stage.get("/repos/acme/widget", token=token)).status_code for _ in range(3)]
    refused = await stage.get("/repos/acme/widget", token=token)
    await stage.pass_time(seconds=3_599)

    assert statuses == [200, 200, 403]
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > stage.clock.now().timestamp()
    await stage.pass_time(seconds=1)
    assert (await stage.get("/repos/acme/widget")).status_code == 200
