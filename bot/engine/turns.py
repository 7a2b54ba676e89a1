"""Gives steps of one `one-at-a-time` name their turn, one after the other.

Rule: only this one task gives turns, each time from the open releases as they are stored then; so two steps never have
a turn of the same name. Nothing is remembered here.
"""

import structlog

from bot.core.events import TurnDelayed, TurnGiven, TurnTaken
from bot.core.facts import GitHubError
from bot.core.model import Release
from bot.core.plan import DispatchStep
from bot.core.states import InLine
from bot.core.turns import Turn, turns
from bot.engine.alarm import Alarm
from bot.engine.means import Means
from bot.engine.names import Names
from bot.engine.patience import seconds_until_again
from bot.engine.releases import Changed
from bot.engine.sights import Sights

log = structlog.get_logger(__name__)

_GATHER_SECONDS = 1.0
"""Steps that begin to wait in one moment are compared with each other: the lowest version goes first."""
_AGAIN_SECONDS = 15.0


class Turns:
    """`run` it beside the engine's other parts."""

    def __init__(self, means: Means, *, sights: Sights) -> None:
        self._releases = means.releases
        self._clock = means.clock
        self._sights = sights
        self._names = Names(means.github, means.store)
        self._alarm = Alarm(means.clock)
        means.releases.on_change(self.changed)

    def changed(self, changed: Changed) -> None:
        steps = changed.release.plan.steps
        in_line = any(isinstance(step, DispatchStep) and step.one_at_a_time for step in steps)
        if in_line and changed.before != changed.release:
            self._alarm.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._alarm.wait(await self._round())

    async def _round(self) -> float | None:
        """Seconds until it has to be tried again, None: when something has changed."""
        again: float | None = None
        if any(turn.behind is None for turn in turns(self._releases.open())):
            await self._clock.sleep(_GATHER_SECONDS)
        for turn in list(turns(self._releases.open())):
            if turn.behind is not None:
                await self._tell(turn.release_id, TurnTaken(turn.step, turn.behind))
            elif not await self._give(turn):
                again = _AGAIN_SECONDS
        return again

    async def _tell(self, release_id: str, taken: TurnTaken) -> None:
        def news(current: Release) -> TurnTaken | None:
            state = current.steps[taken.step].state
            known = isinstance(state, InLine) and state.behind == taken.behind
            return None if known else taken

        await self._releases.tell(release_id, news)

    async def _give(self, turn: Turn) -> bool:
        """False when what has to be known could not be read."""
        release = self._releases.get(turn.release_id)
        if release is None:
            return True
        step = release.plan.step(turn.step)
        assert isinstance(step, DispatchStep), turn.step
        try:
            moves, inputs = await self._names.of(release.plan, step)
        except GitHubError as error:
            wait = seconds_until_again(error, self._clock, _AGAIN_SECONDS)
            log.warning("which names are moved could not be read", repository=step.repo, error=str(error))
            await self._sights.refused(step.repo, error)
            why = "what was released cannot be read from its repository's tags"
            await self._releases.happen(turn.release_id, TurnDelayed(turn.step, why))
            return wait <= 0
        given = TurnGiven(turn.step, moves, inputs)

        def still(current: Release) -> TurnGiven | None:
            """Reading took its time: is it still this step's turn?"""
            waits = isinstance(current.steps[turn.step].state, InLine)
            return given if waits and turn in turns(self._releases.open()) else None

        await self._releases.happen(turn.release_id, still)
        return True
