"""How long the steps of a new release use to take, from those that were released before it."""

from collections.abc import Sequence

from bot.core.lateness import MOST_PREDECESSORS, with_usual_times
from bot.core.model import Release
from bot.store import Store


async def knowing_usual_times(store: Store, new: Sequence[Release]) -> list[Release]:
    """The new releases of one pipeline of one home, each with what is usual for its steps."""
    if not new:
        return []
    before = await store.predecessors.released(new[0].plan.home, new[0].pipeline, most=MOST_PREDECESSORS)
    return [with_usual_times(release, before) for release in new]
