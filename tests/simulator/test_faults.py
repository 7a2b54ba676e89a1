"""Bad days: what a client sees, and whether the thing was done all the same."""

import httpx
import pytest

from bot.simulator.faults import Break

from .stage import Stage

DISPATCHES = r"/dispatches$"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (Break.CONNECT, httpx.ConnectError),
        (Break.RESET, httpx.ReadError),
        (Break.HANG, httpx.ReadTimeout),
    ],
)
async def test_a_connection_that_breaks_early_did_nothing(
    stage: Stage, how: Break, error: type[Exception]
) -> None:
    stage.world.trouble.breaks("POST", DISPATCHES, how)
    with pytest.raises(error):
        await stage.dispatch()
    assert stage.start.runs == []
    assert (stage.world.ledger[-1].status, stage.world.ledger[-1].effect) == (None, False)


@pytest.mark.parametrize(("how", "error"), [(Break.RESET, httpx.ReadError), (Break.HANG, httpx.ReadTimeout)])
async def test_a_lost_answer_hides_a_run_that_exists(
    stage: Stage, how: Break, error: type[Exception]
) -> None:
    stage.world.trouble.breaks("POST", DISPATCHES, how, when="after")
    with pytest.raises(error):
        await stage.dispatch()
    assert len(stage.start.runs) == 1
    assert stage.world.ledger.dispatches[-1].effect


async def test_a_hang_lasts_as_long_as_the_client_waits(stage: Stage) -> None:
    stage.world.trouble.breaks("POST", DISPATCHES, Break.HANG)
    stage.client.timeout = httpx.Timeout(12)
    before = stage.clock.now()
    with pytest.raises(httpx.ReadTimeout):
        await stage.dispatch()
    assert (stage.clock.now() - before).total_seconds() == 12


@pytest.mark.parametrize(("when", "runs"), [("before", 0), ("after", 1)])
async def test_a_server_error_may_come_before_or_after_the_effect(stage: Stage, when: str, runs: int) -> None:
    stage.world.trouble.answers_html("POST", DISPATCHES, when="before" if when == "before" else "after")
    answer = await stage.dispatch()
    assert (answer.status_code, "Unicorn" in answer.text) == (502, True)
    assert len(stage.start.runs) == runs


async def test_a_slow_answer_is_late_but_good(stage: Stage) -> None:
    stage.world.trouble.is_slow("POST", DISPATCHES, seconds=4)
    before = stage.clock.now()
    assert (await stage.dispatch()).status_code == 200
    assert (stage.clock.now() - before).total_seconds() == 4


async def test_an_answer_slower_than_the_clients_patience_is_lost(stage: Stage) -> None:
    stage.world.trouble.is_slow("POST", DISPATCHES, seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await stage.dispatch()
    assert len(stage.start.runs) == 1


async def test_limits_say_when_to_come_back(stage: Stage) -> None:
    stage.world.trouble.secondary_limit("POST", DISPATCHES, retry_after=60)
    stage.world.trouble.primary_limit("POST", DISPATCHES, reset_in=600)
    secondary, primary = await stage.dispatch(), await stage.dispatch()

    assert (secondary.status_code, secondary.headers["retry-after"]) == (403, "60")
    assert primary.headers["x-ratelimit-remaining"] == "0"
    assert int(primary.headers["x-ratelimit-reset"]) == int(stage.clock.now().timestamp()) + 600
    assert stage.start.runs == []


async def test_faults_hit_as_often_as_told_and_let_others_pass(stage: Stage) -> None:
    fault = stage.world.trouble.answers("POST", DISPATCHES, 503, skip=1, times=2)
    statuses = [(await stage.dispatch(f"1.0.{number}")).status_code for number in range(4)]
    assert (statuses, len(fault.hits)) == ([200, 503, 503, 200], 2)


class Crash(BaseException):
    """The bot dies here."""


@pytest.mark.parametrize(("when", "runs"), [("before", 0), ("after", 1)])
async def test_a_call_may_crash_the_client_at_any_point(stage: Stage, when: str, runs: int) -> None:
    def die() -> None:
        raise Crash

    stage.world.trouble.calls("POST", DISPATCHES, die, when="before" if when == "before" else "after")
    with pytest.raises(Crash):
        await stage.dispatch()
    assert len(stage.start.runs) == runs


async def test_a_foreign_host_is_noted(stage: Stage) -> None:
    with pytest.raises(httpx.ConnectError):
        await stage.client.get("https://evil.example/")
    assert stage.world.unexpected.pop() == "GET https://evil.example/: a host the simulator does not play"


async def test_credentials_sent_to_the_log_storage_are_noted(stage: Stage) -> None:
    place = f"{stage.world.urls.logs}/logs/00000001.txt"
    answer = await stage.client.get(place, headers={"Authorization": "Bearer ghs_x"})
    assert answer.status_code == 401
    assert stage.world.unexpected.pop().startswith("log storage was sent credentials")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/repos/acme/widget/labels", None),
        ("GET", "/repos/acme/widget?colour=red", None),
        ("POST", "/repos/acme/widget/issues/7/comments", {"body": "hello", "colour": "red"}),
    ],
)
async def test_what_github_does_not_describe_is_noted(
    stage: Stage, method: str, path: str, body: object
) -> None:
    await stage.ask(method, path, body)
    assert len(stage.world.unexpected) == 1
    stage.world.unexpected.clear()
