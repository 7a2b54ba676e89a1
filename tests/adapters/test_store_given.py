"""What the tests of the store begin with: a clock that is told the time, releases, deliveries."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.model import Person, Release, StepRecord, new_release
from bot.core.plan import DispatchStep, Plan
from bot.core.states import Cancelled, Passed
from bot.store import Arrival, PostToMake, SendToOpen, Store, Stored, StoreError

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOME = "acme/Widget"


class Watch:
    """Says what time it is when told."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'bot.db'}"


@asynccontextmanager
async def opened(url: str, watch: Watch | None = None) -> AsyncIterator[Store]:
    """A store that is at work."""
    store = await Store.open(url, now=watch or Watch())
    try:
        epoch = await at_work(store)
        yield store
        with suppress(StoreError):
            await store.leases.give_up("this test", epoch)
    finally:
        await store.close()


async def at_work(store: Store, holder: str = "this test") -> int:
    """Take the lease; the epoch."""
    epoch = await store.leases.take(holder, 60)
    assert epoch is not None
    store.fence(epoch, lambda: None)
    return epoch


def arrival(name: str, *, second_key: str | None = None, received_at: datetime = NOW) -> Arrival:
    return Arrival(name, "issue_comment", '{"action": "created"}', second_key, received_at)


def release(
    name: str,
    version: str = "1.0.3",
    *,
    pipeline: str = "release",
    group: str = "1.0",
    home: str = HOME,
    issue: int = 7,
) -> Release:
    steps = tuple(DispatchStep(step, (), HOME, "build.yml", "develop") for step in ("oss", "ee"))
    plan = Plan(pipeline, version, "", "maintain", group, steps, home, None)
    maya = Person("maya", 12)
    return new_release(name, plan, issue=issue, comment_id=99, starter=maya, asked_at=NOW)


def released(it: Release) -> Release:
    return replace(it, steps={name: StepRecord(Passed(NOW)) for name in it.steps})


def cancelled(it: Release) -> Release:
    return replace(it, steps={name: StepRecord(Cancelled(NOW)) for name in it.steps}, cancelled_by="maya")


def send(
    step: str = "oss", number: int = 1, *, nonce: str | None = None, ref: str = "develop", repo: str = HOME
) -> SendToOpen:
    return SendToOpen(step, number, repo, "build.yml", ref, nonce)


def comment(key: str, body: str = "Hello.") -> PostToMake:
    return PostToMake(key=key, repo=HOME, kind="comment", issue=7, body=body)


def ids(found: Iterable[Stored]) -> list[str]:
    return [stored.release.id for stored in found]


async def start(store: Store, *new: Release) -> tuple[Stored, ...]:
    return await store.releases.start(new)


async def commit(
    store: Store,
    stored: Stored,
    it: Release | None = None,
    *,
    wake_at: datetime | None = None,
    open_send: SendToOpen | None = None,
    close_sends: Sequence[tuple[str, int, str]] = (),
    bind: Sequence[tuple[str, int, str]] = (),
    take: Sequence[tuple[str, str, str]] = (),
) -> Stored:
    """A commit without an event and without words."""
    return await store.releases.commit(
        stored,
        it or stored.release,
        event=None,
        reasons=(),
        wake_at=wake_at,
        open_send=open_send,
        close_sends=close_sends,
        bind=bind,
        take=take,
    )
