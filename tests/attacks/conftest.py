"""The attacks are played on the same stage as the stories, and close the books in the same way."""

from tests.adapters.test_log import start
from tests.scenarios.conftest import stage

__all__ = ["stage", "start"]
