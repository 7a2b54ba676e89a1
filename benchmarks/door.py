"""The door under load, beside a bare route that stores nothing. `python -m benchmarks.door`"""

import asyncio
import tempfile
from pathlib import Path

from benchmarks import processes
from benchmarks.load import Target, flat_out, percentile, steady

SECONDS = 20


def measure(process: processes.Process) -> tuple[float, float, float]:
    """p50 and p99 in ms at a steady 200 a second, and deliveries a second at 16 connections."""
    process.seconds_until("/readyz")
    target = Target("127.0.0.1", process.port, processes.SECRET.encode())
    asyncio.run(steady(target, per_second=100, seconds=3))
    latencies = asyncio.run(steady(target, per_second=200, seconds=SECONDS))
    most = asyncio.run(flat_out(target, connections=16, seconds=10))
    return percentile(latencies, 0.5), percentile(latencies, 0.99), most


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with processes.bot(Path(folder)) as process:
            ours = measure(process)
        with processes.server("benchmarks.bare_door", Path(folder)) as process:
            bare = measure(process)
    print(f"{'':34}{'door':>10}{'bare':>10}{'ratio':>8}")
    names = ("p50 at 200/s (ms)", "p99 at 200/s (ms)", "deliveries/s, 16 connections")
    for name, our, other in zip(names, ours, bare, strict=True):
        print(f"{name:34}{our:10.2f}{other:10.2f}{our / other:8.2f}")
    print("aim: p99 under 10 ms")


if __name__ == "__main__":
    main()
