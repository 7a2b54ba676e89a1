"""What somebody can do who has got hold of deliveries that GitHub really signed: say them again, as something else, or
as somebody else. And what a flood does to a real process.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from benchmarks import processes
from benchmarks.attack import Flood, good_deliveries
from benchmarks.load import Target
from bot.simulator.webhooks import Delivery
from tests.scenarios.stage import ONE_STEP, OSS, Stage

pytestmark = pytest.mark.anyio

COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
EVENTS = (
    "issue_comment",
    "workflow_run",
    "workflow_job",
    "check_run",
    "installation",
    "installation_repositories",
    "ping",
    "push",
)


async def posted(stage: Stage, body: bytes, *, event: str, guid: str | None) -> int:
    """A body that GitHub signed, under headers that anybody can write."""
    assert stage.bot is not None
    digest = hmac.new(stage.world.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": f"sha256={digest}",
        **({"X-GitHub-Delivery": guid} if guid is not None else {}),
    }
    transport = httpx.ASGITransport(app=stage.bot.web, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        answer = await client.post("/webhook", content=body, headers=headers)
    await stage.passes(seconds=30)
    return answer.status_code


async def told_story(stage: Stage) -> list[Delivery]:
    """A release that failed once and went on by a click: every kind of delivery was sent, and all is over."""
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails(log=COMPILER)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)
    stage.world.hand("maya").presses(stage.checks("build")[-1], "retry")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=20)
    return list(stage.world.hook.log)


def deeds(stage: Stage) -> list[str]:
    """Everything that the bot has changed on GitHub."""
    return [f"{e.method} {e.path}" for e in stage.world.ledger if e.method != "GET" and "access_tokens" not in e.path]


@pytest.mark.parametrize("guid", [None, "", "another-id"])
async def test_attack_06_captured_deliveries_said_again_have_no_effect(
    stage: Stage, guid: str | None
) -> None:
    captured = await told_story(stage)
    before = deeds(stage)
    assert {delivery.event for delivery in captured} >= {"issue_comment", "workflow_run", "check_run"}

    answers = [
        await posted(stage, one.body, event=one.event, guid=f"{guid}-{number}" if guid else guid)
        for number, one in enumerate(captured)
    ]

    assert set(answers) == ({202} if guid else {400})
    assert deeds(stage) == before


async def test_attack_06_a_captured_command_said_again_while_its_release_runs_has_no_effect(
    stage: Stage,
) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.passes(minutes=1)
    before = deeds(stage)

    for number, one in enumerate(list(stage.world.hook.log)):
        assert await posted(stage, one.body, event=one.event, guid=f"again-{number}") == 202

    assert deeds(stage) == before


@pytest.mark.parametrize("event", EVENTS)
async def test_attack_07_a_captured_body_under_another_event_has_no_effect(stage: Stage, event: str) -> None:
    captured = await told_story(stage)
    others = [one for one in captured if one.event != event]
    before = deeds(stage)
    assert others

    for number, one in enumerate(others):
        assert await posted(stage, one.body, event=event, guid=f"confused-{number}") == 202

    assert deeds(stage) == before
    assert stage.state() == "released"


@pytest.mark.parametrize("event", EVENTS)
async def test_attack_07_a_comment_that_looks_like_every_event_at_once_is_a_comment_at_most(
    stage: Stage, event: str
) -> None:
    """One body with the members of all events: only what the event says is read, and nothing twice."""
    captured = await told_story(stage)
    everything: dict[str, object] = {}
    for one in captured:
        everything |= json.loads(one.body)
    everything["action"] = "created"
    before = deeds(stage)

    assert await posted(stage, json.dumps(everything).encode(), event=event, guid="chimera") == 202

    assert deeds(stage) == before


def _elsewhere(payload: Mapping[str, object], **repository: object) -> bytes:
    known = payload["repository"]
    assert isinstance(known, dict)
    return json.dumps({**payload, "repository": {**known, **repository}}).encode()


async def command_unheard(stage: Stage, text: str) -> dict[str, object]:
    """The payload of a command whose own delivery was lost."""
    stage.world.hook.post.loses("issue_comment", "created", times=1)
    stage.world.hook.active = True
    comment = stage.world.hand("maya").comments(stage.issue, text)
    shape = {
        "action": "created",
        "issue": {"number": stage.issue.number, "state": "open"},
        "comment": {
            "id": comment.id + 1_000,
            "body": text,
            "user": {"login": "maya", "id": comment.user.id, "type": "User"},
            "created_at": stage.clock.now().isoformat(),
            "updated_at": stage.clock.now().isoformat(),
        },
        "sender": {"login": "maya", "id": comment.user.id, "type": "User"},
        "installation": {"id": 1},
    }
    return shape


FOREIGN: dict[str, dict[str, object]] = {
    "a repository without the app": {"id": 4711, "full_name": "mallory/widget", "name": "widget"},
    "a name that was given up": {"id": 4711},
    "a name with a way out": {"id": 4711, "full_name": "acme/../mallory/widget"},
    "a name that is no name": {"id": 4711, "full_name": "acme/widget/../../user"},
    "no number": {"id": None},
}


@pytest.mark.parametrize("repository", FOREIGN.values(), ids=FOREIGN.keys())
async def test_attack_08_a_signed_command_from_a_place_that_is_not_ours_has_no_effect(
    stage: Stage, repository: dict[str, object]
) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(HOMES=OSS)
    genuine = await told_comment(stage)
    before = deeds(stage)

    body = _elsewhere(genuine, **repository)

    assert await posted(stage, body, event="issue_comment", guid="foreign") == 202
    assert deeds(stage) == before
    assert stage.dispatches() == []


async def told_comment(stage: Stage) -> dict[str, object]:
    """The payload of a real command that GitHub could not deliver, and that is not in the issue any more."""
    stage.world.hook.post.loses("issue_comment", "created", times=1)
    comment = stage.world.hand("walt").comments(stage.issue, "nothing to see here")
    stage.world.hook.post.ends()
    await stage.settle()
    comment.deleted = True
    return {}


async def test_attack_09_a_flood_of_forged_bodies_costs_little_memory_and_time(tmp_path: Path) -> None:
    with processes.bot(tmp_path) as process:
        process.seconds_until("/readyz")
        target = Target("127.0.0.1", process.port, processes.SECRET.encode())
        quiet = process.resident_mb()

        async with Flood(target, large=30, slow=60, endless=5):
            latencies = await good_deliveries(target, count=100)

        assert process.peak_mb() - quiet < 150, "MB above the quiet state"
        assert max(latencies) < 2.0, "seconds, on whatever machine"
    await asyncio.sleep(0)
