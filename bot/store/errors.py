"""What can go wrong at the store, as the rest of the program sees it.

Rule: no error of SQLAlchemy or of a driver leaves this package; each becomes one of these.
"""


class StoreError(Exception):
    """Base of everything the store raises on purpose."""


class StoreRefused(StoreError):
    """The database cannot be used at all; the text is one sentence on why and what to do. Exit code 2."""


class StoreInUse(StoreRefused):
    """Another process has the database file. `problem` says so, without what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}: stop that one, or name another file.")
        self.problem = problem


class StoreUnavailable(StoreError):
    """The database cannot be read or written right now (disk full, read-only, server away): nothing was
    changed, unless the connection broke while PostgreSQL was committing - then nobody knows, and whoever has
    to know reads again.
    """


class LeaseLost(StoreUnavailable):
    """Another process is at work on this database, or this one has not been told that it is: nothing was
    changed. To whoever waits for the database it is one more outage, until that waiting is ended.
    """


class Outdated(StoreError):
    """Somebody else has committed a newer revision of the release: load it again, decide again."""


class SlotTaken(StoreError):
    """Another send of the same repository, workflow and ref is not bound to a run yet."""

    def __init__(self, holder: str, *, repo: str, workflow: str, ref: str) -> None:
        super().__init__(f"the send {holder} of {workflow} at {ref} in {repo} is not bound to a run yet")
        self.holder = holder
        """Key of the open send, `RELEASE:STEP:SEND`."""


class RunTaken(StoreError):
    """The workflow run is bound to another step already."""

    def __init__(self, *, repo: str, run_id: int, release_id: str, step: str) -> None:
        super().__init__(f"run {run_id} of {repo} is bound to step {step} of release {release_id}")
        self.release_id = release_id
        self.step = step


class SendRepeated(StoreError):
    """This send number of this step was opened before: it must never leave a second time."""
