"""Ten thousand stored deliveries after a restart, while the door keeps answering.

`python -m benchmarks.backlog [--database URL]`
"""

import asyncio
import json
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.doors import bot_on, database_argument, metric, peak_mb, target_of
from benchmarks.load import Target, delivery, percentile, steady
from benchmarks.processes import SECRET, Process
from bot.core.intake import second_key
from bot.store import Arrival, Store

BACKLOG = 10_000
PER_SECOND = 50


async def fill(url: str) -> None:
    """Stored by a door whose process ended before it read them."""
    store = await Store.open(url, now=lambda: datetime.now(UTC))
    luck, target = random.Random(3), Target("", 0, SECRET.encode())
    for _ in range(BACKLOG // 250):
        await asyncio.gather(*(store.deliveries.accept(_arrival(delivery(target, luck))) for _ in range(250)))
    assert await store.deliveries.accept(_last())
    await store.close()


def _arrival(request: bytes) -> Arrival:
    head, _, body = request.partition(b"\r\n\r\n")
    name = next(row.split()[1] for row in head.split(b"\r\n") if row.startswith(b"X-GitHub-Delivery"))
    text = body.decode()
    key = second_key("workflow_run", json.loads(text))
    return Arrival(name.decode(), "workflow_run", text, key, datetime.now(UTC))


def _last() -> Arrival:
    """A command as the last of all: when it is read, GitHub is asked about it."""
    now = datetime.now(UTC)
    when = {"created_at": now.isoformat(), "updated_at": now.isoformat()}
    person = {"login": "maya", "id": 1, "type": "User"}
    payload = {
        "action": "created", "issue": {"number": 7}, "sender": person,
        "repository": {"id": 1, "full_name": "acme/widget", "private": False, "visibility": "public"},
        "comment": {"id": 1, "body": "/release help", "user": person, **when},
    }  # fmt: skip
    return Arrival("last", "issue_comment", json.dumps(payload), None, now)


async def worked_off(process: Process) -> float:
    """Seconds until the last one is read."""
    began = time.perf_counter()
    asked = 'release_bot_github_requests_total{outcome="Unreachable",purpose="read"}'
    while await asyncio.to_thread(metric, process, asked) == 0:  # noqa: ASYNC110 - a page is all there is
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def both(process: Process, seconds: int) -> tuple[float, list[float]]:
    """The time it takes, and the latencies in ms of good deliveries meanwhile."""
    working = asyncio.create_task(worked_off(process))
    latencies = await steady(target_of(process), per_second=PER_SECOND, seconds=seconds)
    return await working, latencies


def main() -> None:
    database = database_argument("A backlog worked off after a restart.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bot_on(database, folder) as process:
            quiet = asyncio.run(steady(target_of(process), per_second=PER_SECOND, seconds=5))
            memory = peak_mb(process)
        asyncio.run(fill(database or f"sqlite:///{folder}/bot.db"))
        began = time.perf_counter()
        with bot_on(database, folder) as process:
            ready = time.perf_counter() - began
            took, latencies = asyncio.run(both(process, seconds=5))
            after = peak_mb(process)
    whole = ready + took
    rows = (
        ("stored deliveries", BACKLOG),
        ("start to ready (s)", ready),
        ("start to all worked off (s)", whole),
        ("worked off a second, start included", BACKLOG / whole),
        ("p99 of good deliveries, quiet (ms)", percentile(quiet, 0.99)),
        ("p99 of good deliveries, meanwhile (ms)", percentile(latencies, 0.99)),
        ("most memory, quiet (MB)", memory),
        ("most memory, with the backlog (MB)", after),
    )
    for what, value in rows:
        print(f"{what:42}{value:12.2f}")


if __name__ == "__main__":
    main()
