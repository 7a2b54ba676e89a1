"""What every part of the engine works with: one set of it per process."""

from dataclasses import dataclass

from bot.engine.audiences import Audiences
from bot.engine.ports import Clock, GitHub
from bot.engine.releases import Releases
from bot.metrics import Metrics
from bot.settings import Settings
from bot.store import Store


@dataclass(frozen=True, slots=True)
class Means:
    """The settings, the world outside (store, GitHub, clock), and the two things all parts share."""

    settings: Settings
    store: Store
    github: GitHub
    clock: Clock
    metrics: Metrics
    releases: Releases
    audiences: Audiences
