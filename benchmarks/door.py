"""The door under load, beside a bare route that stores nothing. `python -m benchmarks.door [--database URL]`

The deliveries are runs of a repository in which no release waits: what most deliveries are. They are stored like all
others, read, and finished as "concerns no release" with the next commit; that work is in the figures.
"""

import asyncio
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.doors import (
    bare,
    bot_on,
    database_argument,
    metric,
    processor_seconds,
    sent_through,
    target_of,
)
from benchmarks.load import Target, delivery, percentile, steady
from benchmarks.processes import Process

ROUNDS = 3
SECONDS = 10
BURST = 6_000
COPIES = 5

Opened = Callable[[Path], AbstractContextManager[Process]]


@dataclass(frozen=True)
class Figures:
    """Times in ms; `each`: of the processor, for one delivery."""

    p50: float
    p99: float
    per_second: float
    each: float


def requests(target: Target, number: int) -> list[bytes]:
    luck = random.Random(number)
    return [delivery(target, luck) for _ in range(number)]


def measure(opened: Opened) -> Figures:
    """At a steady 200 a second, and flat out at 16 connections."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as process:
        target = target_of(process)
        asyncio.run(steady(target, per_second=100, seconds=2))
        latencies = asyncio.run(steady(target, per_second=200, seconds=SECONDS))
        burst, before = requests(target, BURST), processor_seconds(process)
        most = asyncio.run(sent_through(target, burst))
        each = (processor_seconds(process) - before) / BURST * 1000
    return Figures(percentile(latencies, 0.5), percentile(latencies, 0.99), most, each)


@dataclass(frozen=True)
class Storm:
    """Deliveries a second and processor ms for each: the first time, and when all came again and again."""

    first: tuple[float, float]
    again: tuple[float, float]
    github_calls: float


def storm(opened: Opened) -> Storm:
    """Every delivery comes five times: once, and then four times more in another order."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as process:
        target = target_of(process)
        asyncio.run(sent_through(target, requests(target, 500)))
        new = requests(target, BURST // 3)
        calls = metric(process, "release_bot_github_requests_total")
        copies = [copy for _ in range(COPIES - 1) for copy in random.Random(7).sample(new, len(new))]
        first, again = (_cost(process, some) for some in (new, copies))
        return Storm(first, again, metric(process, "release_bot_github_requests_total") - calls)


def _cost(process: Process, some: Sequence[bytes]) -> tuple[float, float]:
    before = processor_seconds(process)
    per_second = asyncio.run(sent_through(target_of(process), some))
    return per_second, (processor_seconds(process) - before) / len(some) * 1000


def syncs_each(opened: Opened) -> float | None:
    """How often the disk is waited for, for one delivery at 16 connections; None where strace is not at hand."""
    if shutil.which("strace") is None:
        return None
    with tempfile.TemporaryDirectory() as name, opened(Path(name)) as process:
        target, count = target_of(process), Path(name) / "strace.txt"
        some = requests(target, 3_000)
        command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(count)]
        tracer = subprocess.Popen([*command, "-p", str(process.child.pid)], stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        tracer.stderr.readline()  # "attached"
        asyncio.run(sent_through(target, some))
        tracer.terminate()
        tracer.communicate()
        rows = [row.split() for row in count.read_text().splitlines()]
        calls = [int(row[3]) for row in rows if row and row[-1] in {"fsync", "fdatasync"}]
        return sum(calls) / len(some)


def main() -> None:
    database = database_argument("The door under load, beside a bare route.")

    def door(folder: Path) -> AbstractContextManager[Process]:
        return bot_on(database, folder)

    pairs = [(measure(door), measure(bare)) for _ in range(ROUNDS)]
    ours, others = [our for our, _ in pairs], [other for _, other in pairs]
    print(f"{'median of ' + str(ROUNDS) + ' rounds':36}{'door':>10}{'bare':>10}{'ratio':>8}")
    for what, name in (
        ("p50 at 200/s (ms)", "p50"),
        ("p99 at 200/s (ms)", "p99"),
        ("deliveries/s, 16 connections", "per_second"),
        ("processor time for each (ms)", "each"),
    ):
        our, other = (median(getattr(one, name) for one in some) for some in (ours, others))
        print(f"{what:36}{our:10.2f}{other:10.2f}{our / other:8.2f}", flush=True)
    if database is None and (syncs := syncs_each(door)) is not None:
        print(f"{'waits for the disk for each':36}{syncs:10.2f}")
    weather = storm(door)
    print(f"\n{'every delivery comes five times':36}{'first':>10}{'again':>10}{'ratio':>8}")
    for what, first, again in zip(
        ("deliveries/s", "processor time for each (ms)"), *_pair(weather), strict=True
    ):
        print(f"{what:36}{first:10.2f}{again:10.2f}{again / first:8.2f}")
    print(f"{'calls to GitHub':36}{weather.github_calls:10.0f}")
    print(
        "aims: p99 5 ms, 0.40 of the bare route, 0.15 waits for the disk, a duplicate no dearer than a first one"
    )


def _pair(weather: Storm) -> tuple[tuple[float, float], tuple[float, float]]:
    return weather.first, weather.again


if __name__ == "__main__":
    main()
