"""Every story begins on a fresh stage and closes the books at its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await made.closes()
    assert made.world.unexpected == []
    oddities = [record.message for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]
    assert oddities == []
