"""Check runs: what GitHub takes, what it refuses, and what it tells the app."""

import pytest

from bot.simulator.ledger import JsonObject

from .stage import Stage

CHECKS = "/repos/acme/widget/check-runs"
BUTTON = {"label": "Retry", "description": "Failed jobs again", "identifier": "retry"}
OUTPUT = {"title": "Waiting", "summary": "Nothing yet"}


def body(stage: Stage, **more: object) -> JsonObject:
    sha = stage.oss.branches["develop"]
    return {"name": "release 1.0.3 / oss", "head_sha": sha, "external_id": "r1/oss", **more}


async def test_a_check_run_lives_from_queued_to_completed(stage: Stage) -> None:
    made = (await stage.ask("POST", CHECKS, body(stage, status="queued", output=OUTPUT))).json()
    path = f"{CHECKS}/{made['id']}"
    await stage.ask("PATCH", path, {"status": "in_progress"})
    done = await stage.ask("PATCH", path, {"conclusion": "action_required", "actions": [BUTTON]})
    stage.maya.presses(stage.oss.check_runs[made["id"]], "retry")
    await stage.pass_time(seconds=1)

    assert (done.json()["status"], done.json()["conclusion"]) == ("completed", "action_required")
    assert stage.heard == [
        ("check_run", "created"),
        ("check_run", "completed"),
        ("check_run", "requested_action"),
    ]
    assert stage.world.hook.log[-1].payload["requested_action"] == {"identifier": "retry"}


async def test_a_completed_check_run_cannot_be_reopened(stage: Stage) -> None:
    made = (await stage.ask("POST", CHECKS, body(stage, conclusion="failure"))).json()
    again = await stage.ask("PATCH", f"{CHECKS}/{made['id']}", {"status": "in_progress"})
    assert again.status_code == 422


@pytest.mark.parametrize(
    "more",
    [
        {"status": "completed"},
        {"conclusion": "stale"},
        {"status": "waiting"},
        {"details_url": None},
        {"output": {"title": "no summary"}},
        {"output": {"title": "long", "summary": "x" * 65_536}},
        {"output": {**OUTPUT, "text": None}},
        {"actions": [BUTTON] * 4},
        {"actions": [{**BUTTON, "label": "x" * 21}]},
        {"actions": [{**BUTTON, "description": "x" * 41}]},
        {"actions": [{**BUTTON, "identifier": "x" * 21}]},
        {"head_sha": "0" * 40},
    ],
)
async def test_githubs_limits_hold(stage: Stage, more: JsonObject) -> None:
    answer = await stage.ask("POST", CHECKS, body(stage, **more))
    assert answer.status_code == 422
    assert not [check for check in stage.oss.check_runs.values() if check.app is stage.world.app]


async def test_the_longest_allowed_texts_and_buttons_are_taken(stage: Stage) -> None:
    button = {"label": "x" * 20, "description": "x" * 40, "identifier": "x" * 20}
    output = {"title": "t", "summary": "x" * 65_535, "text": "x" * 65_535}
    answer = await stage.ask("POST", CHECKS, body(stage, output=output, actions=[button] * 3))
    assert answer.status_code == 201


async def test_listings_show_the_newest_of_a_name_unless_all_are_asked_for(stage: Stage) -> None:
    first = (await stage.ask("POST", CHECKS, body(stage, conclusion="failure"))).json()
    second = (await stage.ask("POST", CHECKS, body(stage))).json()
    path = f"/repos/acme/widget/commits/{first['head_sha']}/check-runs?check_name=release%201.0.3%20/%20oss"
    latest = (await stage.get(path)).json()["check_runs"]
    every = (await stage.get(f"{path}&filter=all&app_id={stage.world.app.id}")).json()["check_runs"]

    assert [check["id"] for check in latest] == [second["id"]]
    assert [check["id"] for check in every] == [second["id"], first["id"]]


async def test_the_check_run_of_a_job_belongs_to_actions(stage: Stage) -> None:
    run = await stage.failed_run()
    job = (await stage.get(f"/repos/acme/widget/actions/runs/{run.id}/jobs")).json()["jobs"][0]
    number = job["check_run_url"].rpartition("/")[2]
    answer = await stage.ask("PATCH", f"{CHECKS}/{number}", {"conclusion": "success"})

    assert number != str(job["id"])
    assert (answer.status_code, "Invalid app_id" in answer.json()["message"]) == (403, True)
