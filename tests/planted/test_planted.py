"""The catalogue of planted bugs keeps up with the program; whether they are caught, `python -m tests.planted` tells."""

from pathlib import Path

import pytest

from tests.planted.catalogue import BUGS


@pytest.mark.parametrize("name", BUGS)
def test_what_a_planted_bug_replaces_is_still_there(name: str) -> None:
    BUGS[name].check()


@pytest.mark.parametrize("name", BUGS)
def test_the_tests_that_should_notice_a_bug_exist(name: str) -> None:
    assert [path for path in BUGS[name].tests if not Path(path).exists()] == []


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= 30
