"""What the metrics page shows of the open releases: how many there are, what they wait for and until when."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from bot.core.model import Release, ReleaseWord
from bot.core.states import Cooling, Due, StepState
from bot.core.wants import watched
from bot.engine.sights import Sights
from bot.metrics import Metrics

_OPEN = tuple(word for word in ReleaseWord if not word.final)


def take_census(metrics: Metrics, releases: Iterable[Release], sights: Sights, now: datetime) -> None:
    """Brings the gauges up to date."""
    present = tuple(releases)
    words = Counter(release.word for release in present)
    for word in _OPEN:
        metrics.releases.labels(state=str(word)).set(words[word])
    metrics.look_age.set(sights.age({repo for release in present for repo in watched(release)}))
    states = [record.state for release in present for record in release.steps.values()]
    for kind, times in (("dispatch", _dispatches(states, now)), ("rerun", _reruns(states, now))):
        metrics.steps_held.labels(kind=kind).set(len(times))
        metrics.steps_held_until.labels(kind=kind).set(max((at.timestamp() for at in times), default=0.0))


def _dispatches(states: Iterable[StepState], now: datetime) -> list[datetime]:
    """Those that were held back, or certainly not done and will be sent again."""
    return [state.not_before for state in states if isinstance(state, Due) and state.not_before > now]


def _reruns(states: Iterable[StepState], now: datetime) -> list[datetime]:
    return [state.until for state in states if isinstance(state, Cooling) and state.until > now]
