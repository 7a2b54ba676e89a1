"""Servers that take deliveries, and what they cost: shared by the benchmarks of the door."""

import argparse
import asyncio
import contextlib
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import processes
from benchmarks.load import Connection, Target

TICKS = os.sysconf("SC_CLK_TCK")


def database_argument(about: str) -> str | None:
    """`--database URL` of the command line: an empty PostgreSQL database; None: a fresh SQLite file."""
    reader = argparse.ArgumentParser(description=about)
    reader.add_argument("--database", metavar="URL", help="an empty PostgreSQL database (default: SQLite)")
    given: str | None = reader.parse_args().database
    return given


@contextlib.contextmanager
def bot_on(database: str | None, folder: Path) -> Iterator[processes.Process]:
    """`release-bot serve` on this database, ready."""
    port = processes.free_port()
    environment = processes.settings(folder, port)
    if database is not None:
        environment["DATABASE_URL"] = database
    process = processes.Process([sys.executable, "-m", "bot", "serve"], folder, environment, port)
    try:
        process.seconds_until("/readyz")
        yield process
    finally:
        process.kill()


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[processes.Process]:
    """The route that stores nothing, ready."""
    with processes.server("benchmarks.bare_door", folder) as process:
        process.seconds_until("/readyz")
        yield process


def target_of(process: processes.Process) -> Target:
    return Target("127.0.0.1", process.port, processes.SECRET.encode())


def processor_seconds(process: processes.Process) -> float:
    """Time of the processor that it has used, all threads."""
    fields = Path(f"/proc/{process.child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(process: processes.Process) -> float:
    """The most memory it ever had at once."""
    status = Path(f"/proc/{process.child.pid}/status").read_text()
    return next(int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith("VmHWM"))


def metric(process: processes.Process, name: str) -> float:
    """The sum of a metric over all its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{process.port}/metrics") as answer:
        rows = answer.read().decode().splitlines()
    return sum(float(row.rpartition(" ")[2]) for row in rows if row.startswith((f"{name} ", f"{name}{{")))


async def sent_through(target: Target, requests: Sequence[bytes], *, connections: int = 16) -> float:
    """Deliveries a second; every connection sends its next one as soon as the last is answered."""

    async def one(number: int) -> None:
        connection = await Connection(target).open()
        for request in requests[number::connections]:
            status = await connection.send(request)
            assert status == 202, status

    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(connections)))
    return len(requests) / (time.perf_counter() - began)
