"""The outage brake at work: after every change, what `bot.core.outage` orders is told to the releases.

Rule: nothing is remembered here. Whoever is held has a time of its own, so a brake that is late or gone holds nobody
for ever.
"""

import structlog

from bot.core.outage import orders
from bot.engine.alarm import Alarm
from bot.engine.means import Means
from bot.engine.releases import Changed

log = structlog.get_logger(__name__)


class Brake:
    """Holds re-runs while a service is away. `run` it beside the engine's other parts."""

    def __init__(self, means: Means) -> None:
        self._releases = means.releases
        self._clock = means.clock
        self._alarm = Alarm(means.clock)
        means.releases.on_change(self.changed)

    def changed(self, changed: Changed) -> None:
        if any(record.sightings for record in changed.release.steps.values()):
            self._alarm.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for release_id, order in orders(self._releases.open(), self._clock.now()):
                await self._releases.tell(release_id, order)
            await self._alarm.wait(None)
