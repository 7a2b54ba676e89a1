"""Deliveries: signed, lost, doubled, late, shuffled, failed, asked for again."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from bot.simulator.transport import post_to
from bot.simulator.webhooks import Courier

from .stage import Stage


async def test_a_delivery_is_signed_over_its_raw_bytes(stage: Stage) -> None:
    stage.maya.comments(stage.issue, "/release 1.0.3 ✓")
    await stage.pass_time(seconds=1)
    (delivery,) = stage.world.hook.log
    headers = stage.world.hook.headers(delivery)

    digest = hmac.new(stage.world.webhook_secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert headers["X-GitHub-Event"] == "issue_comment"


async def test_a_comment_is_announced_with_what_intake_needs(stage: Stage) -> None:
    comment = stage.maya.comments(stage.issue, "/release 1.0.3")
    stage.maya.edits(comment, "never mind")
    await stage.pass_time(seconds=1)
    created, edited = (delivery.payload for delivery in stage.world.hook.log)

    assert created["comment"]["body"] == "/release 1.0.3"  # type: ignore[index]
    assert edited["changes"] == {"body": {"from": "/release 1.0.3"}}
    assert created["installation"] == {"id": 7001, "node_id": "IN_7001"}
    assert created["sender"]["login"] == "maya"  # type: ignore[index]
    assert "pull_request" not in created["issue"]  # type: ignore[operator]


def twice(stage: Stage, *, same_guid: bool) -> None:
    stage.world.hook.post.doubles("issue_comment", same_guid=same_guid)


@pytest.mark.parametrize(("same_guid", "guids"), [(True, 1), (False, 2)])
async def test_a_delivery_may_come_twice(stage: Stage, same_guid: bool, guids: int) -> None:
    twice(stage, same_guid=same_guid)
    stage.maya.comments(stage.issue, "/release 1.0.3")
    await stage.pass_time(seconds=1)
    assert stage.heard == [("issue_comment", "created")] * 2
    assert len(set(stage.guids)) == guids


async def test_a_lost_delivery_is_in_no_log(stage: Stage) -> None:
    stage.world.hook.post.loses("issue_comment", times=1)
    stage.maya.comments(stage.issue, "lost")
    stage.maya.comments(stage.issue, "heard")
    await stage.pass_time(seconds=1)
    assert [each.payload["comment"]["body"] for each in stage.world.hook.log] == ["heard"]  # type: ignore[index]
    assert stage.world.hook.announced == [("issue_comment", "created")] * 2


async def test_a_late_delivery_comes_at_its_time(stage: Stage) -> None:
    stage.world.hook.post.delays("issue_comment", by=timedelta(minutes=71))
    stage.maya.comments(stage.issue, "late")
    await stage.pass_time(hours=1)
    assert stage.heard == []
    await stage.pass_time(hours=1)
    assert len(stage.heard) == 1


async def _story(seed: int) -> list[tuple[str, str | None]]:
    stage = Stage(seed=seed)
    stage.world.hook.post.shuffles(within=timedelta(minutes=5))
    stage.world.hook.post.loses(chance=0.2)
    stage.maya.pushes_tag(stage.oss, "v1.0.3")
    await stage.pass_time(hours=1)
    return stage.heard


async def test_bad_luck_is_the_same_for_the_same_seed() -> None:
    first, again, other = await _story(1), await _story(1), await _story(2)
    assert first == again != other


@pytest.mark.parametrize(
    "press",
    [
        lambda stage, check: stage.maya.presses(check, "retry"),
        lambda stage, check: stage.maya.rerequests(check),
    ],
    ids=["button", "re-run"],
)
async def test_presses_reach_only_the_app_that_owns_the_check_run(
    stage: Stage, press: Callable[[Stage, object], None]
) -> None:
    run = await stage.failed_run()
    stage.heard.clear()
    press(stage, run.attempt.jobs[0].check_run)
    await stage.pass_time(seconds=1)
    assert stage.heard == []


async def test_a_failed_delivery_is_in_the_log_and_can_be_asked_for_again(stage: Stage) -> None:
    stage.door_status = 503
    stage.maya.comments(stage.issue, "/release 1.0.3")
    await stage.pass_time(seconds=1)
    app = stage.jwt()
    (failed,) = (await stage.get("/app/hook/deliveries?status=failure", token=app)).json()
    stage.door_status = 202
    path = f"/app/hook/deliveries/{failed['id']}"
    again = await stage.ask("POST", f"{path}/attempts", token=app)
    await stage.pass_time(seconds=1)
    newest, oldest = (await stage.get("/app/hook/deliveries", token=app)).json()

    assert (failed["status_code"], again.status_code) == (503, 202)
    assert (newest["redelivery"], newest["status"], newest["guid"]) == (True, "OK", oldest["guid"])
    payload = (await stage.get(path, token=app)).json()["request"]["payload"]
    assert payload["comment"]["body"] == "/release 1.0.3"


async def test_an_unsubscribed_or_uninstalled_app_hears_nothing(stage: Stage) -> None:
    lonely = stage.world.add_repository("other/place", installed=False)
    stage.maya.comments(stage.world.add_issue(lonely), "/release 1.0.3")
    stage.world.app.events = ("workflow_run",)
    stage.maya.comments(stage.issue, "/release 1.0.3")
    await stage.pass_time(seconds=1)
    assert stage.heard == []


async def test_a_ping_names_the_app_and_no_installation(stage: Stage) -> None:
    stage.world.hook.ping()
    await stage.pass_time(seconds=1)
    (delivery,) = stage.world.hook.log
    assert (delivery.event, delivery.payload.get("installation")) == ("ping", None)


async def test_a_door_that_is_away_makes_a_failed_delivery(stage: Stage) -> None:
    async with httpx.AsyncClient(transport=NoDoor()) as client:
        courier = Courier(stage.world, post_to(client, "http://bot.example/webhook"))
        stage.maya.comments(stage.issue, "/release 1.0.3")
        assert await courier.deliver_due() == 1
    (delivery,) = stage.world.hook.log
    assert (delivery.ok, delivery.status) == (False, "failed to connect to host")


class NoDoor(httpx.AsyncBaseTransport):
    """Nobody listens."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)


async def test_accepted_permissions_are_announced_and_hold(stage: Stage) -> None:
    installation = stage.world.installation("acme")
    token = await stage.token(stage.oss)
    stage.maya.accepts_permissions(installation, issues="none")
    refused = await stage.get("/repos/acme/widget/issues/7", token=token)
    await stage.pass_time(seconds=1)
    assert (refused.status_code, stage.heard) == (403, [("installation", "new_permissions_accepted")])
