"""A delivery whose handling always fails is set aside after a few tries, in one process or many; the rest goes on."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.scenarios.metrics_page import metrics
from tests.scenarios.stage import ONE_CHAIN, ONE_STEP, Stage

POISON = r"/collaborators/walt/permission$"
"""The question that the bot asks for a command of walt, and whose answer makes its client fall over."""
BAD_ROWS: dict[str, tuple[str, str]] = {
    "no JSON": ("issue_comment", "{"),
    "nothing": ("issue_comment", ""),
    "not an object": ("issue_comment", "[1, 2]"),
    "a number": ("workflow_run", "7"),
    "too deep": ("check_run", "[" * 60_000 + "]" * 60_000),
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on which the log has to complain."""
    made = Stage(tmp_path)
    made.pipeline(ONE_STEP)
    yield made
    await made.closes()
    assert made.world.unexpected == []


def breaks_down() -> None:
    raise ZeroDivisionError


def stored(stage: Stage, state: str) -> int:
    """Deliveries in this state in the file; the bot must not be running."""
    with closing(sqlite3.connect(stage.folder / "bot.db")) as file, file:
        (number,) = file.execute("select count(*) from deliveries where state = ?", (state,)).fetchone()
        return int(number)


def store(stage: Stage, number: int, event: str, payload: str) -> None:
    with closing(sqlite3.connect(stage.folder / "bot.db")) as file, file:
        at = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1_000_000)
        file.execute(
            "insert into deliveries (id, event, payload, received_at, state, tries) values (?, ?, ?, ?, 'pending', 0)",
            (f"bad-{number}", event, payload, at),
        )


async def quarantined(stage: Stage) -> float:
    """What the metrics page says."""
    return (await metrics(stage))["release_bot_deliveries_quarantined_total"]


def complaints(shown: str) -> list[str]:
    """Lines of the log at level error."""
    return [line for line in shown.splitlines() if "[error" in line]


async def test_it_is_set_aside_after_a_few_tries_counted_and_told_once(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    poison = stage.world.trouble.calls("GET", POISON, breaks_down, times=None)
    await stage.opens()
    await stage.says("/release status", by="walt")
    assert await quarantined(stage) == 0
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    await stage.passes(hours=1)
    assert len(poison.hits) == 5
    assert await quarantined(stage) == 1
    assert len(complaints(capsys.readouterr().out)) == 1


async def test_tries_count_across_restarts_so_that_no_process_falls_over_it_for_ever(stage: Stage) -> None:
    poison = stage.world.trouble.calls("GET", POISON, breaks_down, times=None)
    await stage.opens()
    await stage.says("/release status", by="walt")
    for _ in range(6):
        await stage.passes(seconds=1)
        await stage.bot_dies()
        await stage.opens()
    await stage.passes(hours=1)
    assert len(poison.hits) <= 6
    await stage.closes()
    assert (stored(stage, "quarantined"), stored(stage, "pending")) == (1, 0)


@pytest.mark.parametrize("bad", BAD_ROWS)
async def test_what_cannot_even_be_read_is_set_aside_at_the_start_and_work_begins(
    stage: Stage, bad: str
) -> None:
    await stage.opens()
    await stage.closes()
    for number in range(20):
        store(stage, number, *BAD_ROWS[bad])
    await stage.opens()
    await stage.says("/release 1.0.3")
    await stage.until(lambda: stage.state() == "released", hours=1)
    assert await quarantined(stage) == 20
    await stage.closes()
    assert (stored(stage, "quarantined"), stored(stage, "pending")) == (20, 0)


HOLLOW: dict[str, Callable[[dict[str, object]], object]] = {
    "no repository": lambda payload: payload.pop("repository"),
    "a comment that is a list": lambda payload: payload.update(comment=[]),
    "half a character": lambda payload: payload["comment"].update(body="/release \ud800"),  # type: ignore[attr-defined]
    "an author from nowhere": lambda payload: payload["comment"].update(user={"login": "\ud800", "id": 1}),  # type: ignore[attr-defined]
    "a time before time": lambda payload: payload["comment"].update(created_at="0001-01-01T00:00:00+14:00"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("hollow", HOLLOW)
async def test_odd_shapes_are_no_poison(stage: Stage, hollow: str) -> None:
    await stage.opens()
    await stage.says("an innocent remark")
    payload = json.loads(stage.world.hook.log[-1].body)
    await stage.closes()
    HOLLOW[hollow](payload)
    store(stage, 1, "issue_comment", json.dumps(payload))
    await stage.opens()
    await stage.passes(minutes=5)
    assert await quarantined(stage) == 0
    await stage.closes()
    assert stored(stage, "pending") == 0


def damage(stage: Stage, version: str, what: Callable[[str], str]) -> None:
    """Changes what is stored of a release; the bot must not be running."""
    with closing(sqlite3.connect(stage.folder / "bot.db")) as file, file:
        (state,) = file.execute("select state from releases where version = ?", (version,)).fetchone()
        file.execute("update releases set state = ? where version = ?", (what(state), version))


def without_a_zone(state: str) -> str:
    """It can be read, and every decision about it breaks."""
    release = json.loads(state)
    run = release["steps"]["start"]["state"]["run"]
    run["started_at"] = run["started_at"].removesuffix("Z")
    return json.dumps(release)


@pytest.mark.parametrize("what", [lambda _: "{", without_a_zone])
async def test_a_damaged_release_does_not_stop_the_others_nor_their_times(
    stage: Stage, what: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The older one is damaged; the younger one waits for a time that nothing but the timer tells it of."""
    stage.oss.workflows["global-start-release.yml"].on_run().pushes_tag(None)
    stage.pipeline(ONE_CHAIN)
    await stage.opens()
    await stage.says("/release 1.0.3 1.0.4")
    await stage.until(lambda: stage.step("start", "1.0.4") == "running", hours=1)
    await stage.bot_dies()
    damage(stage, "1.0.3", what)
    await stage.opens()
    await stage.until(lambda: stage.state("1.0.4") == "needs attention", hours=1)
    await stage.says("/release 1.0.5")
    await stage.until(lambda: stage.step("start", "1.0.5") == "passed", hours=1)
    assert "the others" in "\n".join(complaints(capsys.readouterr().out))
