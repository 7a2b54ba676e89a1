"""When GitHub fails again and again it is left alone, and one question from time to time asks whether it is back.

Rule: any answer below 500 closes the circuit, only failures in an unbroken row open it. While it is open nothing leaves
but one probe at a time, and a probe is never a write: whatever comes back from it, nothing is in doubt.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.facts import Unreachable

OPENS_AFTER = 10
"""Failures in a row, of more than one address: a single address that always fails is its own trouble."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(seconds=15)
"""The longest is shorter than the time for which a person's role is asked for: who asks then finds GitHub back."""
_PROBE_SECONDS = timedelta(seconds=2)

_log = logging.getLogger("bot.github")


@dataclass(slots=True)
class Passage:
    """One request on its way; `failed` stays None where nothing was learned of GitHub: it was given up."""

    failed: bool | None = None

    def answered(self, status: int) -> None:
        self.failed = status >= 500


class Circuit:
    """The health of one host, as the last requests to it tell."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._row = 0
        self._failing: set[str] = set()
        self._pause = timedelta(0)
        self._until: datetime | None = None
        self._opened_at: datetime | None = None
        self._probing = False
        self._bad_probe = ""

    @property
    def open_until(self) -> datetime | None:
        """When GitHub is asked again, which may lie in the past; None while the circuit is closed."""
        return self._until

    @contextmanager
    def passing(self, address: str, *, may_probe: bool) -> Iterator[Passage]:
        """Around one request. Raises Unreachable(sent=False) when it may not leave now."""
        probe = self._enter(address, may_probe=may_probe)
        passage = Passage()
        try:
            yield passage
        finally:
            if probe:
                self._probing = False
            if passage.failed:
                self._count(address, probe=probe)
            elif passage.failed is False:
                self._close()

    def _enter(self, address: str, *, may_probe: bool) -> bool:
        """Whether this request is the probe."""
        if self._until is None:
            return False
        now = self._now()
        if self._until - now > _LONGEST_PAUSE:  # the clock was set back
            self._until = now + _LONGEST_PAUSE
        # An address that failed as the probe lets others go first: it may be the only one that still fails.
        due = self._until + (self._pause if address == self._bad_probe else timedelta(0))
        if not may_probe or now < due:
            raise self._refusal(due)
        if self._probing:
            raise self._refusal(now + _PROBE_SECONDS)
        self._probing = True
        return True

    def _refusal(self, until: datetime) -> Unreachable:
        text = f"GitHub fails and is left alone; it is asked again at {until:%H:%M:%S} UTC"
        return Unreachable(text, sent=False, until=until)

    def _count(self, address: str, *, probe: bool) -> None:
        self._row += 1
        self._failing.add(address)
        if self._until is None:
            if self._row >= OPENS_AFTER and len(self._failing) > 1:
                self._opened_at = self._now()
                self._open(_FIRST_PAUSE)
                _log.warning(
                    "GitHub fails: %d requests in a row came to nothing; it is asked again at %s UTC, "
                    "one request at a time, until it answers",
                    self._row,
                    f"{self._until:%H:%M:%S}",
                )
        elif probe:
            self._bad_probe = address
            self._open(min(2 * self._pause, _LONGEST_PAUSE))

    def _open(self, pause: timedelta) -> None:
        self._pause, self._until = pause, self._now() + pause

    def _close(self) -> None:
        if self._opened_at is not None:
            away = (self._now() - self._opened_at).total_seconds()
            _log.info("GitHub answers again after %.0f s and %d failures in a row", away, self._row)
        self._row, self._until, self._opened_at, self._bad_probe = 0, None, None, ""
        self._failing.clear()
