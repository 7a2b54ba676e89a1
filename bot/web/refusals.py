"""How the door says no: a status, a sentence for whoever set the webhook up, and a line in the log now and then."""

from datetime import datetime, timedelta
from enum import StrEnum

import structlog

log = structlog.stdlib.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a request at the door; the label of a metric."""

    ACCEPTED = "accepted"
    SEEN = "seen"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BUSY = "busy"
    BROKEN_OFF = "broken_off"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    UNSTORED = "unstored"


class Refusal(Exception):
    def __init__(self, status: int, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.status, self.outcome, self.message = status, outcome, message


class Complaints:
    """Refusals in the log: the first of a kind at once, then one a minute with how many there were."""

    _PAUSE = timedelta(minutes=1)

    def __init__(self) -> None:
        self._last: dict[Outcome, datetime] = {}
        self._untold: dict[Outcome, int] = {}

    def note(self, refusal: Refusal, *, at: datetime) -> None:
        outcome = refusal.outcome
        if outcome in self._last and timedelta(0) <= at - self._last[outcome] < self._PAUSE:
            self._untold[outcome] = self._untold.get(outcome, 0) + 1
            return
        self._last[outcome] = at
        log.warning(
            "a webhook request was refused",
            status=refusal.status,
            reason=refusal.message,
            more_since_last=self._untold.pop(outcome, 0),
            exc_info=refusal.__cause__,
        )
