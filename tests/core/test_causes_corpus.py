"""The open half of the labelled tails of failed jobs: each is judged as it is labelled."""

from collections.abc import Mapping

import pytest

from benchmarks.judge import OPEN, Case, cases, judged, score
from bot.core.causes import Cause

NOT_YET: Mapping[str, str] = {}
"""Cases that are not judged right yet, by the name of the file, with the reason."""
CASES = cases(OPEN)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file.stem)
def test_a_labelled_log_is_judged_as_it_is_labelled(case: Case, request: pytest.FixtureRequest) -> None:
    if reason := NOT_YET.get(case.file.name):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    explained = judged(case)

    assert explained.cause is case.cause, explained


@pytest.mark.parametrize("cause", [Cause.TRANSIENT, Cause.BROKEN])
def test_the_judge_is_right_often_enough(cause: Cause) -> None:
    found = score(CASES)

    assert found.right(cause) >= 0.95 * found.judged(cause)
    assert found.right(cause) >= 0.9 * found.true(cause)


def test_nothing_broken_is_run_again() -> None:
    assert score(CASES).broken_retryable == 0


def test_no_case_is_excused_that_does_not_exist() -> None:
    assert NOT_YET.keys() <= {case.file.name for case in CASES}
