"""A fresh GitHub for every test, whose books are closed at the end."""

from collections.abc import Iterator

import pytest

from .oracle import check_ledger
from .stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Fails the test when something was asked or answered that GitHub does not describe."""
    made = Stage()
    yield made
    assert made.world.unexpected == []
    check_ledger(made.world.ledger)
