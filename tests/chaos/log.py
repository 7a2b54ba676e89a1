"""The bot's log during a story: nothing is rendered, and what is an error is remembered.

Rule: the configuration of the log is the same before and after a story.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from tests.chaos.house import House


class Log:
    """Told of every line at level error and above."""

    def __init__(self) -> None:
        self.house: House | None = None

    def __call__(
        self, _logger: object, method: str, event: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        if self.house is not None and method in {"error", "exception", "critical"}:
            error = sys.exc_info()[1]
            self.house.heard_error(str(event.get("event")), error)
        raise structlog.DropEvent


@contextmanager
def listening() -> Iterator[Log]:
    """For the length of one story."""
    before, log = structlog.get_config(), Log()
    structlog.configure(
        processors=[log],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield log
    finally:
        logging.disable(disabled)
        structlog.configure(**before)
