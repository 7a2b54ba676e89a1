"""Every story begins on a fresh stage and closes the books at its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.scenarios.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Stage]:
    with capture_logs() as entries:
        made = Stage(tmp_path)
        yield made
        await made.closes()
    assert made.world.unexpected == []
    assert [entry for entry in entries if entry["log_level"] in {"error", "critical"}] == []
    assert [record.message for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
