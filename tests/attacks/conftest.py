"""The attacks are played on the same stage as the stories, and close the books in the same way."""

from tests.adapters.test_log import start
from tests.faults.conftest import logged, rough_stage
from tests.scenarios.conftest import stage

__all__ = ["logged", "rough_stage", "stage", "start"]
