"""The process: start to ready, memory, everything in hand again after `kill -9`, decisions a second.

`python -m benchmarks.process`
"""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import processes
from bot.core.decide import decide
from bot.core.deliveries import RunSeen
from bot.core.events import Event, RunLevel, SendChecked, SendDone, Tick
from bot.core.model import Person, Release, new_release
from bot.core.plan import DispatchStep, Plan
from bot.store import SendToOpen, Store

NOW = datetime.now(UTC)
LIVE = 1_000


def plan(number: int) -> Plan:
    steps = tuple(
        DispatchStep(name, needs, "acme/widget", f"{name}.yml", "develop", (("version", f"1.{number}.0"),))
        for name, needs in (("first", ()), ("second", ("first",)), ("third", ("second",)))
    )
    version = f"1.{number}.0"
    return Plan("release", version, "", "maintain", version, steps, "acme/widget", None)


def run(number: int, status: str = "in_progress") -> RunSeen:
    return RunSeen(
        id=number, attempt=1, status=status,
        conclusion="success" if status == "completed" else None, event="workflow_dispatch",
        path=".github/workflows/first.yml", head_branch="develop", head_sha="a" * 40, display_title="",
        actor_login="release-bot[bot]", triggering_actor_login="release-bot[bot]", created_at=NOW,
        run_started_at=NOW, updated_at=NOW, html_url=f"https://github.com/acme/widget/actions/runs/{number}",
    )  # fmt: skip


def history(number: int) -> list[Event]:
    """From the command to a first step that runs."""
    return [
        Tick(),
        SendChecked("first", NOW, None),
        SendDone("first", 1, number, ""),
        RunLevel("first", run(number), confirmed=True),
    ]


def release(number: int) -> Release:
    maya = Person("maya", 1)
    return new_release(f"r{number}", plan(number), issue=7, comment_id=number, starter=maya, asked_at=NOW)


async def fill(folder: Path) -> None:
    """A database with so many releases whose first step runs."""
    store = await Store.open(f"sqlite:///{folder}/bot.db", now=lambda: datetime.now(UTC))
    for number in range(1, LIVE + 1):
        (stored,) = await store.releases.start([release(number)])
        for event in history(number):
            decision = decide(stored.release, event, NOW)
            opened = decision.opened
            stored = await store.releases.commit(
                stored,
                decision.release,
                event=event,
                reasons=decision.reasons,
                wake_at=NOW + timedelta(hours=6),
                open_send=SendToOpen(opened.step, opened.send, "acme/widget", "first.yml", "develop", None)
                if opened
                else None,
                close_sends=[(c.step, c.send, c.outcome) for c in decision.closed],
                bind=[("acme/widget", b.run_id, b.step) for b in decision.bound],
            )
    await store.close()


def decisions_per_second() -> float:
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < 3:
        state = release(1)
        for event in (*history(1), RunLevel("first", run(1, "completed"), confirmed=True, jobs_ran=True)):
            state = decide(state, event, NOW).release
            done += 1
    return done / (time.perf_counter() - began)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, processes.bot(Path(name)) as process:
        empty = process.seconds_until("/readyz")
        time.sleep(2)
        idle = process.resident_mb()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(fill(folder))
        with processes.bot(folder) as process:
            process.seconds_until("/readyz")
            time.sleep(20)
            busy = process.resident_mb()
        with processes.bot(folder) as process:
            again = process.seconds_until("/readyz")
    rows = (
        ("start to ready, empty database (s)", empty, 1.0),
        (f"kill -9 to ready with {LIVE} live releases (s)", again, again / empty),
        ("resident memory, idle (MB)", idle, 1.0),
        (f"resident memory, {LIVE} live releases (MB)", busy, busy / idle),
        ("decisions a second, one core", decisions_per_second(), 0.0),
    )
    for what, value, ratio in rows:
        print(f"{what:46}{value:12.2f}{f'  x{ratio:.2f}' if ratio else ''}")


if __name__ == "__main__":
    main()
