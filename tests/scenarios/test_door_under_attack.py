"""What somebody can do who has got hold of deliveries that GitHub really signed: say them again, as something else, or
as somebody else. And what a flood does to a real process.
"""

import hashlib
import hmac
import json
from pathlib import Path

import httpx
import pytest

from benchmarks.attack import measure
from benchmarks.doors import bot_on
from benchmarks.load import percentile
from bot.simulator.webhooks import Delivery
from tests.scenarios.stage import ONE_STEP, Stage

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
    return [
        f"{e.method} {e.path}"
        for e in stage.world.ledger
        if e.method != "GET" and "access_tokens" not in e.path
    ]


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


async def test_attack_06_a_captured_click_that_was_refused_does_not_become_good_later(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    stage.oss.workflows["build.yml"].on_run(attempts=1).takes(minutes=20).job("build").fails(log=COMPILER)
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.step("build") == "running")
    await stage.passes(minutes=1)
    stage.world.hand("maya").rerequests(stage.checks("build")[-1])
    await stage.passes(minutes=1)
    click = next(one for one in stage.world.hook.log if one.action == "rerequested")
    await stage.until(lambda: stage.state() == "needs attention", hours=3)
    await stage.passes(hours=30)
    before = deeds(stage)

    assert await posted(stage, click.body, event="check_run", guid="again") == 202
    await stage.passes(minutes=5)

    assert deeds(stage) == before
    stage.world.hand("maya").rerequests(stage.checks("build")[-1])
    await stage.until(lambda: stage.state() == "released", hours=1)


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


FOREIGN: dict[str, dict[str, object]] = {
    "a repository without the app": {"id": 4711, "full_name": "mallory/widget", "name": "widget"},
    "a name with a way out": {"full_name": "acme/../mallory/widget"},
    "a name that is a path": {"full_name": "acme/widget/../../user"},
    "no name": {"full_name": None},
    "no number": {"id": None},
}


async def unheard_command(stage: Stage) -> bytes:
    """The body of a real command whose delivery was lost."""
    stage.pipeline(ONE_STEP)
    await stage.says("/release 1.0.3")
    (lost,) = [delivery for delivery in stage.world.hook.log if delivery.event == "issue_comment"]
    stage.world.hook.log.clear()
    return lost.body


@pytest.mark.parametrize("changed", FOREIGN.values(), ids=FOREIGN.keys())
async def test_attack_08_a_signed_command_from_a_place_without_the_app_has_no_effect(
    stage: Stage, changed: dict[str, object]
) -> None:
    payload = json.loads(await unheard_command(stage))
    payload["repository"] |= changed
    payload["installation"] = {"id": 999_999}
    await stage.opens()

    assert await posted(stage, json.dumps(payload).encode(), event="issue_comment", guid="foreign") == 202

    assert deeds(stage) == []
    assert stage.statuses() == []


async def test_attack_08_a_command_in_a_repository_that_is_no_home_has_no_effect(stage: Stage) -> None:
    body = await unheard_command(stage)
    await stage.opens(HOMES="acme/another")

    assert await posted(stage, body, event="issue_comment", guid="not-a-home") == 202

    assert deeds(stage) == []


async def test_attack_08_a_body_signed_for_another_hook_is_refused(stage: Stage) -> None:
    body = await unheard_command(stage)
    stage.world.webhook_secret, ours = "the secret of another app", stage.world.webhook_secret
    await stage.opens(WEBHOOK_SECRET=ours)

    assert await posted(stage, body, event="issue_comment", guid="another-hook") == 401

    assert deeds(stage) == []


async def test_attack_08_the_same_command_from_where_it_was_given_is_carried_out(stage: Stage) -> None:
    body = await unheard_command(stage)
    await stage.opens()

    assert await posted(stage, body, event="issue_comment", guid="genuine") == 202

    await stage.until(lambda: stage.state() == "released")


@pytest.mark.parametrize(
    ("attack", "number"),
    [("large bodies, made-up signature", 30), ("heads without end", 300), ("chunks without end", 8)],
)
def test_attack_09_a_flood_costs_a_real_process_little_memory_and_no_good_delivery(
    attack: str, number: int, tmp_path: Path
) -> None:
    with bot_on(None, tmp_path) as process:
        found = measure(process, attack, number=number, seconds=1)

    assert found.attacked.lost == 0
    assert found.attacked_mb - found.quiet_mb < 120
    assert percentile(found.attacked.latencies, 0.99) < 5_000, "ms, on whatever machine"
