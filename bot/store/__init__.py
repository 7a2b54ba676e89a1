"""Everything that has to survive the process, and the only place with SQL. Knows `bot.core`, and nothing else
of the bot.
"""

from bot.store.copying import Copied, copy_database
from bot.store.errors import (
    LeaseLost,
    Outdated,
    RunTaken,
    SendRepeated,
    SlotTaken,
    StoreError,
    StoreInUse,
    StoreRefused,
    StoreUnavailable,
)
from bot.store.leases import Lease
from bot.store.ledger import Ledger
from bot.store.reading import open_ledger
from bot.store.releases import GIVEN_UP, TOGETHER_OVER
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
from bot.store.sends import send_key
from bot.store.store import Store

__all__ = [
    "GIVEN_UP",
    "TOGETHER_OVER",
    "Arrival",
    "BoundRunRow",
    "Copied",
    "DeliveryRow",
    "DeliveryState",
    "HomeRow",
    "JournalRow",
    "Lease",
    "LeaseLost",
    "Ledger",
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
    "StoreInUse",
    "StoreRefused",
    "StoreUnavailable",
    "Stored",
    "Surface",
    "copy_database",
    "open_ledger",
    "send_key",
]
