"""The stage of the stories, whose books are closed and whose log is read at the end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.scenarios.stage import Stage


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """Everything the bot logs, in order."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
async def rough_stage(tmp_path: Path, logged: list[EventDict]) -> AsyncIterator[Stage]:
    """For stories in which the log has to complain."""
    del logged
    made = Stage(tmp_path)
    yield made
    await made.closes()
    assert made.world.unexpected == []


@pytest.fixture
async def stage(rough_stage: Stage, logged: list[EventDict]) -> AsyncIterator[Stage]:
    yield rough_stage
    assert complaints(logged) == []


def complaints(logged: list[EventDict]) -> list[EventDict]:
    return [entry for entry in logged if entry["log_level"] in {"error", "critical"}]
