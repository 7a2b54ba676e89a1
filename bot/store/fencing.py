"""The fence around what the process at work writes: every transaction of it compares the lease's epoch first.

Rule: the lease's row is read FOR SHARE, so whoever takes the lease waits for a commit under way, and no write
of an old epoch can follow one of the new.
"""

from collections.abc import Callable

from sqlalchemy import Connection, select

from bot.store.errors import LeaseLost
from bot.store.tables import leases

ENGINE = "engine"
"""Name of the one lease: whoever holds it works on every release."""

_EPOCH = select(leases.c.epoch).where(leases.c.name == ENGINE).with_for_update(read=True)


class Fence:
    """Lets the transactions of one epoch through until another is found in the database."""

    def __init__(self, epoch: int, on_lost: Callable[[], None]) -> None:
        self.epoch = epoch
        self._on_lost = on_lost
        self._lost = False

    def check(self, connection: Connection) -> None:
        """LeaseLost when the lease was taken by somebody else since."""
        if not self._lost and connection.execute(_EPOCH).scalar() == self.epoch:
            return
        raise LeaseLost(f"another process is at work on this database: epoch {self.epoch} is over")

    def lost(self) -> None:
        """Tell whoever set up the fence, once."""
        if not self._lost:
            self._lost = True
            self._on_lost()
