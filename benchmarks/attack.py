"""Good deliveries while bad ones pour in. `python -m benchmarks.attack [--database URL]`

The attackers are processes of their own on the same machine and take what they can get of its processors; all figures
are ratios to the quiet state of the same process.
"""

import asyncio
import contextlib
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

from benchmarks.doors import bot_on, database_argument, peak_mb, target_of
from benchmarks.load import delivery, percentile
from benchmarks.processes import Process

MIB = 1024 * 1024
PIECE = b"x" * 65_536
SECONDS = 8
PER_SECOND = 50
LIKELY = "X-Hub-Signature-256: sha256=" + hashlib.sha256(b"guess").hexdigest() + "\r\n"

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _head(
    signature: str = LIKELY, length: str = f"Content-Length: {25 * MIB}\r\n", path: str = "/webhook"
) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: bot\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
        f"X-GitHub-Delivery: x\r\n{signature}{length}\r\n"
    ).encode()


async def _pour(writer: asyncio.StreamWriter, pieces: int, wrapped: bool = False) -> None:
    for _ in range(pieces):
        writer.write(b"10000\r\n" + PIECE + b"\r\n" if wrapped else PIECE)
        await writer.drain()


async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """25 MiB under a signature that looks like one."""
    writer.write(_head())
    await _pour(writer, 25 * MIB // len(PIECE))
    await reader.read(1000)


async def unsigned(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """25 MiB without a signature."""
    writer.write(_head(signature=""))
    await _pour(writer, 25 * MIB // len(PIECE))
    await reader.read(1000)


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Chunks without end."""
    writer.write(_head(length="Transfer-Encoding: chunked\r\n"))
    await _pour(writer, 100_000, wrapped=True)


async def elsewhere(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body without end for a path that there is not."""
    writer.write(_head(length="Transfer-Encoding: chunked\r\n", path="/nowhere"))
    await _pour(writer, 100_000, wrapped=True)


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head that never ends, a byte at a time."""
    writer.write(b"POST /webhook HTTP/1.1\r\nX-Slow: ")
    while not reader.at_eof():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.5)


async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A large body that stops in the middle."""
    writer.write(_head())
    await _pour(writer, 20)
    await reader.read(1000)


async def forged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body of usual size under a wrong signature, as often as it goes."""
    writer.write(_head(length="Content-Length: 15000\r\n") + PIECE[:15_000])
    await reader.read(1000)


ATTACKS: dict[str, tuple[Attack, int]] = {
    "large bodies, made-up signature": (large, 50),
    "large bodies, unsigned": (unsigned, 50),
    "chunks without end": (endless, 20),
    "bodies for other paths": (elsewhere, 20),
    "heads without end": (slow, 1_000),
    "large bodies that stop": (stuck, 300),
    "forged deliveries of usual size": (forged, 8),
}


async def _again_and_again(port: int, attack: Attack) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(60):
                await attack(reader, writer)
        writer.transport.abort()
        await asyncio.sleep(0)


async def attackers(port: int, name: str, number: int) -> None:
    attack, _ = ATTACKS[name]
    await asyncio.gather(*(_again_and_again(port, attack) for _ in range(number)))


@contextlib.contextmanager
def attacked(process: Process, name: str, number: int | None = None) -> Iterator[None]:
    """So many attackers at work in a process of their own."""
    many = ATTACKS[name][1] if number is None else number
    command = [sys.executable, "-m", "benchmarks.attack", "--as", name, str(process.port), str(many)]
    child = Popen(command, cwd=Path(__file__).parent.parent, stderr=DEVNULL)
    try:
        yield
    finally:
        child.kill()
        child.wait()


@dataclass(frozen=True)
class Good:
    """How good deliveries fared: latencies in ms, sorted, and how many were not taken."""

    latencies: list[float]
    lost: int


async def good(process: Process, *, seconds: int = SECONDS, per_second: int = PER_SECOND) -> Good:
    """Good deliveries at a steady rate, each on a new connection, as GitHub makes them."""
    target, luck = target_of(process), random.Random(process.port)
    latencies: list[float] = []
    lost = 0

    async def one(request: bytes, due: float) -> None:
        nonlocal lost
        try:
            async with asyncio.timeout(10):  # then GitHub gives up
                reader, writer = await asyncio.open_connection(target.host, target.port)
                writer.write(request)
                taken = (await reader.readuntil(b"\r\n")).split()[1] == b"202"
                writer.transport.abort()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            taken = False
        latencies.append((time.perf_counter() - due) * 1000)
        lost += not taken

    requests = [delivery(target, luck) for _ in range(per_second * seconds)]
    began = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as tasks:
        for number, request in enumerate(requests):
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(request, due))
    return Good(sorted(latencies), lost)


@dataclass(frozen=True)
class Figures:
    """The quiet state and the attacked one of the same process. Memory: the most it ever had, in MB."""

    quiet: Good
    attacked: Good
    quiet_mb: float
    attacked_mb: float


def measure(process: Process, name: str, *, number: int | None = None, seconds: int = SECONDS) -> Figures:
    quiet, memory = asyncio.run(good(process, seconds=seconds)), peak_mb(process)
    with attacked(process, name, number):
        time.sleep(1.5)  # until it is under way
        found = asyncio.run(good(process, seconds=seconds))
    return Figures(quiet, found, memory, peak_mb(process))


def main() -> None:
    database = database_argument("Good deliveries while bad ones pour in.")
    print(f"{'':34}{'lost':>6}{'p50 ms':>10}{'p99 ms':>10}{'of quiet':>10}{'peak MB':>10}{'of quiet':>10}")
    for name in ATTACKS:
        with tempfile.TemporaryDirectory() as folder, bot_on(database, Path(folder)) as process:
            found = measure(process, name)
        p50, p99 = (percentile(found.attacked.latencies, share) for share in (0.5, 0.99))
        print(
            f"{name:34}{found.attacked.lost:6}{p50:10.2f}{p99:10.2f}"
            f"{p99 / percentile(found.quiet.latencies, 0.99):10.1f}"
            f"{found.attacked_mb:10.0f}{found.attacked_mb / found.quiet_mb:10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        asyncio.run(attackers(int(sys.argv[3]), sys.argv[2], int(sys.argv[4])))
    else:
        main()
