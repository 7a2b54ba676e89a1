"""Faults F01-F22: webhooks that are lost, doubled, late, reordered, forged or broken, and a door in trouble."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from structlog.typing import EventDict

from bot.simulator.faults import Break
from bot.simulator.ledger import JsonObject
from tests.faults.deliveries import NEW_GUID, arrives, headers, metric, posted, sent
from tests.scenarios.stage import ONE_STEP, OSS, Stage

MIB = 1024 * 1024
COMPILER = "/home/runner/work/widget/core/Flow.java:42: error: cannot find symbol\n"
PING = b'{"zen": "Keep it logically awesome."}'


async def begins(stage: Stage, pipeline: str = ONE_STEP, **settings: str) -> None:
    stage.pipeline(pipeline)
    await stage.opens(**settings)
    await stage.says("/release 1.0.3")


async def says_while_nobody_listens(stage: Stage, pipeline: str = ONE_STEP) -> bytes:
    """The body of a command's delivery that never arrived, and that GitHub's log of deliveries has forgotten."""
    stage.pipeline(pipeline)
    await stage.says("/release 1.0.3")
    (lost,) = sent(stage, "issue_comment")
    assert not lost.ok
    stage.world.hook.log.clear()
    return lost.body


def done_once(stage: Stage) -> None:
    assert stage.state() == "released"
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert len(stage.statuses()) == 1
    assert [said for said in stage.said() if "is released" in said] == stage.said()
    assert len(stage.said()) == 1


# -- lost, doubled, late, in disorder --------------------------------------------------------------------


async def test_f01_with_every_webhook_lost_a_whole_release_is_found_by_listing_and_looking(
    stage: Stage,
) -> None:
    stage.world.hook.post.loses()
    stage.ee.workflows["pre-release.yml"].on_run(attempts=1).job("build").fails(log="ECONNRESET\n")
    await stage.opens(HOMES=OSS)
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert stage.world.hook.log == []
    assert len(stage.dispatches()) == 4
    assert len(stage.world.ledger.reruns) == 1


async def test_f02_a_delivery_that_somebody_has_sent_again_is_accepted_and_changes_nothing(
    stage: Stage,
) -> None:
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    for delivery in list(stage.world.hook.log):
        stage.world.hook.redeliver(delivery)
    before = len(stage.world.ledger)
    await stage.settle()
    again = [delivery for delivery in stage.world.hook.log if delivery.redelivery]
    assert [delivery.status_code for delivery in again] == [202] * len(again) != []
    assert len(stage.world.ledger) == before
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=5)
    done_once(stage)


async def test_f03_one_event_under_many_delivery_ids_is_one_event(stage: Stage) -> None:
    stage.world.hook.post.doubles(same_guid=False)
    stage.world.hook.post.doubles(same_guid=False, late=timedelta(minutes=3))
    stage.oss.workflows["build.yml"].on_run(attempts=1).job("build").fails(log=COMPILER)
    await begins(stage)
    await stage.until(lambda: stage.state() == "needs attention")
    await stage.passes(minutes=1)
    stage.world.hand("maya").presses(stage.checks("build")[-1], "retry")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=10)
    assert stage.dispatches() == ["widget/build.yml@develop"]
    assert len(stage.world.ledger.reruns) == 1
    assert len(stage.statuses()) == 1
    assert len(stage.said()) == 2


async def test_f04_deliveries_of_one_comment_at_the_same_instant_start_one_release(stage: Stage) -> None:
    body = await says_while_nobody_listens(stage)
    await stage.opens(HOMES=OSS)
    guids = [f"{number % 4:08d}-cc78-11e3-81ab-4c9367dc0958" for number in range(16)]
    answers = await asyncio.gather(
        *(posted(stage, body, headers(stage, body, event="issue_comment", guid=guid)) for guid in guids)
    )
    assert {answer.status_code for answer in answers} == {202}
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=10)
    done_once(stage)


async def test_f05_a_delivery_that_is_being_handled_is_not_taken_in_hand_again(stage: Stage) -> None:
    """The stored deliveries are read again, and comments listed, while the first handler still waits for GitHub."""
    stage.pipeline(ONE_STEP.replace("release:", "ship:"))
    await stage.opens(HOMES=OSS)
    stage.world.trouble.answers("GET", "/contents/", 503, times=None)
    comment = await stage.says("/ship 1.0.3")
    stage.world.hook.redeliver(sent(stage, "issue_comment")[0])
    await stage.passes(minutes=4)
    assert stage.reactions(comment) == []
    stage.world.trouble.ends()
    await stage.until(lambda: stage.state() == "released", hours=1)
    await stage.passes(minutes=10)
    done_once(stage)


async def test_f06_an_older_event_never_moves_a_run_back(stage: Stage) -> None:
    """The end arrives first; beginning and queue come ten minutes later."""
    post = stage.world.hook.post
    post.delays("workflow_run", "requested", by=timedelta(minutes=12))
    post.delays("workflow_run", "in_progress", by=timedelta(minutes=10))
    stage.oss.workflows["release-docker.yml"].on_run().takes(minutes=10)
    words: list[str | None] = []

    def over() -> bool:
        words.append(stage.step("build"))
        return stage.state() == "released"

    two = (
        ONE_STEP
        + f"      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml, ref: develop}}\n"
    )
    await begins(stage, two, LOOK_SECONDS="3600")
    await stage.until(over)
    arrived = [d.action for d in sent(stage, "workflow_run") if b"build.yml" in d.body]
    assert arrived[0] == "completed"
    assert arrived.count("in_progress") == 1
    assert words.index("passed") < len(words) - 10
    assert set(words[words.index("passed") :]) == {"passed"}


async def test_f07_of_two_events_of_the_same_second_the_end_wins(stage: Stage) -> None:
    stage.world.hook.post.delays("workflow_run", "in_progress", by=timedelta(seconds=20))
    stage.oss.workflows["build.yml"].on_run().jobs("build").queues(seconds=0).takes(seconds=0)
    await begins(stage, LOOK_SECONDS="3600")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)
    last = {d.action: d.payload["workflow_run"]["updated_at"] for d in sent(stage, "workflow_run")}  # type: ignore[index]
    assert last["in_progress"] == last["completed"]
    assert sent(stage, "workflow_run")[-1].action == "in_progress"
    done_once(stage)


async def test_f08_an_end_that_the_api_does_not_show_passes_nothing_and_costs_few_calls(
    stage: Stage,
) -> None:
    stage.oss.workflows["build.yml"].on_run().runs_until_told()
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    payload = copy.deepcopy(sent(stage, "workflow_run", "in_progress")[-1].payload)
    ended: JsonObject = {**payload["workflow_run"], "status": "completed", "conclusion": "success"}  # type: ignore[dict-item]
    before = len(stage.world.ledger)
    await arrives(stage, "workflow_run", {**payload, "action": "completed", "workflow_run": ended})
    await stage.passes(minutes=10)
    assert stage.step("build") == "running"
    assert len(stage.world.ledger) - before < 40

    stage.run(stage.oss, "build.yml").finish()
    await stage.until(lambda: stage.state() == "released", hours=1)


async def test_f09_a_command_that_arrives_hours_late_is_answered_and_not_carried_out(stage: Stage) -> None:
    stage.world.hook.post.delays("issue_comment", by=timedelta(hours=4.5))
    stage.pipeline(ONE_STEP)
    await stage.opens()
    comment = await stage.says("/release 1.0.3")
    await stage.passes(hours=5)
    assert stage.reactions(comment) == ["eyes", "confused"]
    assert "in a new comment" in stage.answer()
    assert stage.dispatches() == []


async def test_f09_news_of_runs_that_arrive_hours_late_hold_nothing_up(stage: Stage) -> None:
    stage.world.hook.post.delays("workflow_run", by=timedelta(minutes=71))
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=0.2)
    await stage.passes(hours=2)
    done_once(stage)


@pytest.mark.parametrize("same_id", [True, False])
async def test_f10_events_of_another_week_that_are_replayed_after_a_restart_change_nothing(
    stage: Stage, same_id: bool
) -> None:
    await begins(stage)
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=1)
    await stage.bot_dies()
    await stage.passes(hours=24 * 10)
    await stage.opens()
    writes = len(stage.world.ledger.writes)
    for number, old in enumerate([d for d in stage.world.hook.log if d.ok]):
        guid = old.guid if same_id else f"{number:08d}-0000-11e3-81ab-4c9367dc0958"
        answer = await posted(stage, old.body, headers(stage, old.body, event=old.event, guid=guid))
        assert answer.status_code == 202
    await stage.passes(hours=1)
    assert len(stage.world.ledger.writes) == writes
    done_once(stage)


async def test_f11_a_delivery_without_its_signature_is_refused_and_its_command_found_by_listing(
    stage: Stage,
) -> None:
    body = await says_while_nobody_listens(stage)
    await stage.opens(HOMES=OSS)
    unsigned = headers(stage, body, event="issue_comment")
    del unsigned["X-Hub-Signature-256"]
    assert (await posted(stage, body, unsigned)).status_code == 401
    await stage.until(lambda: stage.state() == "released", hours=1)
    done_once(stage)


# -- the door in trouble ---------------------------------------------------------------------------------


async def test_f12_the_door_answers_at_once_although_no_call_to_github_comes_back(stage: Stage) -> None:
    body = await says_while_nobody_listens(stage)
    await stage.opens()
    stage.world.trouble.breaks("*", "", Break.HANG, times=None)
    moment = stage.clock.now()
    async with asyncio.timeout(
        5
    ):  # in the machine's time: the stage's stands still, and a wait would be for ever
        answer = await posted(stage, body, headers(stage, body, event="issue_comment"))
    assert (answer.status_code, stage.clock.now()) == (202, moment)
    stage.world.trouble.ends()


async def test_f13_a_command_that_was_acknowledged_right_before_a_crash_is_carried_out(stage: Stage) -> None:
    body = await says_while_nobody_listens(stage)
    await stage.opens()
    stage.wire.cut = True  # nothing the bot asks GitHub for is answered any more
    answer = await posted(stage, body, headers(stage, body, event="issue_comment"))
    assert answer.status_code == 202
    await stage.bot_dies()
    await stage.opens()
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=5)
    done_once(stage)


async def test_f14_a_delivery_that_cannot_be_stored_fails_visibly_and_is_good_when_sent_again(
    rough_stage: Stage,
) -> None:
    stage = rough_stage
    stage.pipeline(ONE_STEP)
    await stage.opens()
    database = stage.folder / "bot.db"
    aside = database.rename(stage.folder / "aside.db")
    await stage.says("/release 1.0.3")
    (failed,) = sent(stage, "issue_comment")
    assert failed.status_code == 503
    assert stage.dispatches() == []

    aside.rename(database)
    stage.world.hook.redeliver(failed)
    await stage.until(lambda: stage.state() == "released")
    done_once(stage)


async def test_f15_a_delivery_that_always_fails_is_set_aside_and_everything_else_goes_on(
    rough_stage: Stage, logged: list[EventDict]
) -> None:
    def breaks_down() -> None:
        raise ZeroDivisionError

    stage = rough_stage
    stage.pipeline(ONE_STEP)
    poison = stage.world.trouble.calls("GET", "/collaborators/walt/permission$", breaks_down, times=None)
    await stage.opens()
    await stage.says("/release status", by="walt")
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=10)
    tries = len(poison.hits)
    assert 1 < tries <= 5
    assert [e["log_level"] for e in logged if e["event"] == "a delivery is set aside"] == ["error"]

    await stage.bot_restarts()
    await stage.passes(minutes=10)
    assert len(poison.hits) == tries
    done_once(stage)


async def test_f16_a_body_without_end_is_read_to_the_limit_and_no_further(stage: Stage) -> None:
    await stage.opens()
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += MIB
            yield b" " * MIB

    answer = await posted(stage, endless(), headers(stage, b"", event="ping"))
    assert answer.status_code == 413
    assert read <= 26 * MIB


async def test_f17_a_run_whose_payloads_are_never_sent_is_seen_by_looking(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().sends_no_webhooks()
    await begins(stage)
    await stage.until(lambda: stage.state() == "released", hours=0.2)
    assert sent(stage, "workflow_run") == []
    done_once(stage)


BAD_BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "no object": b"[1]",
    "wrong encoding": '{"zen": "ä"}'.encode("latin-1"),
    "a name twice": b'{"action": "created", "action": "deleted"}',
    "too deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a huge number": b'{"id": 1' + b"0" * 100_000 + b"}",
    "no number": b'{"id": NaN}',
    "half a character": b'{"a": "\\ud800"}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
async def test_f18_a_body_that_is_no_sane_json_is_refused_in_one_sentence(stage: Stage, body: bytes) -> None:
    await stage.opens()
    good = headers(stage, body, event="ping")
    answer = await posted(stage, body, good)
    assert answer.status_code == 400
    assert len(answer.text) < 200
    assert "Traceback" not in answer.text

    forged = {**good, "X-Hub-Signature-256": "sha256=" + "0" * 64}
    assert (await posted(stage, body, forged)).status_code == 401


async def test_f19_a_hook_that_sends_forms_is_refused_with_what_to_change(
    stage: Stage, logged: list[EventDict]
) -> None:
    await stage.opens()
    body = b"payload=%7B%7D"
    form = {**headers(stage, body, event="ping"), "Content-Type": "application/x-www-form-urlencoded"}
    answer = await posted(stage, body, form)
    assert answer.status_code == 415
    assert "application/json" in answer.text
    reasons = [entry["reason"] for entry in logged if entry["log_level"] == "warning"]
    assert reasons == ["set the webhook's content type to application/json in the app's settings"]


@pytest.mark.parametrize("missing", ["X-GitHub-Event", "X-GitHub-Delivery"])
async def test_f20_a_delivery_without_its_event_or_id_is_refused(stage: Stage, missing: str) -> None:
    body = await says_while_nobody_listens(stage)
    await stage.opens()
    known = headers(stage, body, event="issue_comment")
    del known[missing]
    assert (await posted(stage, body, known)).status_code == 400
    await stage.passes(minutes=10)
    assert stage.dispatches() == []


async def test_f21_while_the_secret_is_changed_both_are_good_and_the_metric_tells_which_was_used(
    stage: Stage,
) -> None:
    old = stage.world.webhook_secret
    await stage.opens(WEBHOOK_SECRET=f"the-next-secret,{old}")
    for secret, number in ((old, 2), ("the-next-secret", 1)):
        stage.world.webhook_secret = secret
        guid = f"{number:08d}-cc78-11e3-81ab-4c9367dc0958"
        answer = await posted(stage, PING, headers(stage, PING, event="ping", guid=guid))
        assert answer.status_code == 202
        used = await metric(stage, f'release_bot_deliveries_verified_total{{secret="{number}"}}')
        assert used == [f'release_bot_deliveries_verified_total{{secret="{number}"}} 1.0']

    stage.world.webhook_secret = "the-one-before"
    assert (await posted(stage, PING, headers(stage, PING, event="ping"))).status_code == 401


# -- what the bot has never seen -------------------------------------------------------------------------

Change = Callable[[JsonObject], tuple[str, JsonObject]]

UNHEARD_OF: dict[str, Change] = {
    "a new event": lambda payload: ("merge_group_next", payload),
    "a new action": lambda payload: ("workflow_run", {**payload, "action": "teleported"}),
    "no action": lambda payload: ("workflow_run", {k: v for k, v in payload.items() if k != "action"}),
    "no sender": lambda payload: ("workflow_run", {k: v for k, v in payload.items() if k != "sender"}),
    "a new status": lambda payload: ("workflow_run", _run_with(payload, status="levitating")),
    "a new conclusion": lambda payload: (
        "workflow_run",
        {**_run_with(payload, status="completed", conclusion="vaporised"), "action": "completed"},
    ),
    "a field of another type": lambda payload: ("workflow_run", _run_with(payload, run_attempt="one")),
    "no run at all": lambda payload: (
        "workflow_run",
        {k: v for k, v in payload.items() if k != "workflow_run"},
    ),
    "nothing known": lambda _payload: ("workflow_run", {"the": "end"}),
}


def _run_with(payload: JsonObject, **changes: object) -> JsonObject:
    run = payload["workflow_run"]
    assert isinstance(run, dict)
    return {**payload, "workflow_run": {**run, **changes}}


@pytest.mark.parametrize("change", UNHEARD_OF.values(), ids=UNHEARD_OF)
async def test_f22_what_nobody_has_heard_of_is_accepted_and_does_no_harm(
    stage: Stage, change: Change
) -> None:
    stage.oss.workflows["build.yml"].on_run().takes(minutes=5)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    event, payload = change(sent(stage, "workflow_run", "in_progress")[-1].payload)
    assert (await arrives(stage, event, payload)).status_code == 202
    await stage.passes(minutes=2)
    assert stage.step("build") == "running"
    await stage.until(lambda: stage.state() == "released")
    done_once(stage)


async def test_f22_an_app_with_another_name_still_knows_its_own_comments_and_runs(stage: Stage) -> None:
    stage.oss.workflows["build.yml"].on_run().takes(minutes=5)
    await begins(stage)
    await stage.until(lambda: stage.step("build") == "running")
    await stage.bot_dies()
    stage.world.bot.login = "ship-it[bot]"
    stage.world.app.slug = "ship-it"
    await stage.opens()
    await stage.until(lambda: stage.state() == "released")
    await stage.passes(minutes=5)
    done_once(stage)


async def test_f22_events_that_are_counted_as_unknown_have_one_name_in_the_metric(stage: Stage) -> None:
    await stage.opens()
    body = json.dumps({"action": "created"}).encode()
    for number in range(3):
        guid = f"{number:08d}{NEW_GUID[8:]}"
        await posted(stage, body, headers(stage, body, event=f"invented_{'abc'[number]}", guid=guid))
    counted = await metric(stage, 'release_bot_deliveries_total{event="other"')
    assert counted == ['release_bot_deliveries_total{event="other",outcome="accepted"} 3.0']
