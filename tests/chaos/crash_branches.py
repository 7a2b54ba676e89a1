"""Many ends of one telling: where the story is to end, the teller itself is doubled, and the double's process ends.

Rule: what was told so far is told once. The double has its own files and reports through a pipe; the teller waits for
it and goes on as if nothing had been.
"""

import asyncio
import os
import pickle
import signal
from dataclasses import dataclass, field
from typing import NoReturn


@dataclass(slots=True)
class Branches:
    """The places at which the teller is doubled, and what the doubles have reported."""

    places: frozenset[int] = frozenset()
    reports: list[object] = field(default_factory=list)
    _pipe: int | None = None

    @property
    def doubled(self) -> bool:
        """This is a double."""
        return self._pipe is not None

    def at(self, place: int) -> bool:
        """True in the double, at once; False in the teller, when the double has reported."""
        if self.doubled or place not in self.places:
            return False
        loop = asyncio.get_running_loop()
        seconds = signal.alarm(0)
        mouth, ear = os.pipe()[::-1]
        double = os.fork()
        if double == 0:
            os.close(ear)
            self._pipe = mouth
            asyncio._set_running_loop(loop)  # it is kept by the process's number
            signal.alarm(seconds)
            return True
        os.close(mouth)
        with os.fdopen(ear, "rb") as pipe:
            told = pipe.read()
        os.waitpid(double, 0)
        self.reports.append(pickle.loads(told) if told else f"the double at {place} said nothing")  # noqa: S301
        signal.alarm(seconds)
        return False

    def report(self, result: object) -> NoReturn:
        """The double's last word."""
        assert self._pipe is not None
        with os.fdopen(self._pipe, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)

    def ends(self) -> None:
        """A double never goes on where the teller goes on."""
        if self.doubled:
            os._exit(1)
