"""Whole logs, as GitHub keeps them, in the words of the tools; the folder they lie in is their cause."""

from pathlib import Path

import pytest

from bot.core.causes import Cause, judge
from bot.core.evidence import Evidence, FailedJob
from bot.core.log_text import clean_tail
from bot.pipeline.rules import shipped_rules

FAILURES = Path(__file__).parent / "failures"
LOGS = sorted(FAILURES.glob("*/*.log"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_whole_log_is_judged_by_its_true_reason(path: Path) -> None:
    log_tail = clean_tail(path.read_bytes())
    job = FailedJob(
        "build", "failure", "publish", ("Process completed with exit code 1.",), log_tail, 1, None
    )

    verdict = judge(Evidence((job,), 1, startup_failure=False), shipped_rules())

    assert verdict.cause is Cause(path.parent.name), verdict.findings


def test_there_are_logs_of_every_cause() -> None:
    assert {path.parent.name for path in LOGS} == {cause.value for cause in Cause}
