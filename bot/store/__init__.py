"""Everything that has to survive the process, and the only place with SQL. Knows `bot.core`, and nothing else
of the bot.
"""

from bot.store.errors import (
    Outdated,
    RunTaken,
    SendRepeated,
    SlotTaken,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from bot.store.rows import (
    Arrival,
    BoundRunRow,
    DeliveryRow,
    DeliveryState,
    HomeRow,
    JournalRow,
    PostRow,
    PostState,
    PostToMake,
    SendRow,
    SendState,
    SendToOpen,
    Stored,
    Surface,
)
from bot.store.store import Store

__all__ = [
    "Arrival",
    "BoundRunRow",
    "DeliveryRow",
    "DeliveryState",
    "HomeRow",
    "JournalRow",
    "Outdated",
    "PostRow",
    "PostState",
    "PostToMake",
    "RunTaken",
    "SendRepeated",
    "SendRow",
    "SendState",
    "SendToOpen",
    "SlotTaken",
    "Store",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "Stored",
    "Surface",
]
