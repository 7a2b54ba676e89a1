"""A simulated Tuesday, many times: four versions in two repositories under the bot and under the old flow.

Rule: both live through the same seeded days, and virtual time only, so the table does not depend on the machine.
`python -m benchmarks.tuesday [--seeds 1000] [--seed 1] [--jobs 2] [--minutes M] [--default-retry]`
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial

from benchmarks.tuesday_bot import by_bot
from benchmarks.tuesday_old import by_old_flow
from benchmarks.tuesday_report import Lived, report
from benchmarks.tuesday_world import Tuesday
from bot.log import configure

PROGRESS = 1.5
"""Seconds."""


def live(seed: int, *, default_retry: bool = False) -> Lived:
    """In a process of its own, maybe."""
    gc.disable()
    tuesday = Tuesday(seed)
    lived = Lived(
        seed,
        tuesday.bound(),
        tuesday.bound_without_order(),
        asyncio.run(by_bot(tuesday, default_retry=default_retry)),
        by_old_flow(tuesday),
    )
    gc.collect()
    return lived


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated Tuesday, many times, under two policies.")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    parser.add_argument("--minutes", type=float, help="begin no further seed after so long")
    parser.add_argument(
        "--default-retry", action="store_true", help="as if the pipeline file said nothing about `retry`"
    )
    wanted = parser.parse_args()
    seeds = range(wanted.seed, wanted.seed + wanted.seeds)
    story = partial(live, default_retry=wanted.default_retry)
    lived = list(_lived(story, seeds, wanted.jobs, (wanted.minutes or float("inf")) * 60))
    for line in report(sorted(lived, key=lambda each: each.seed)):
        print(line)


def _lived(story: Callable[[int], Lived], seeds: Sequence[int], jobs: int, most: float) -> Iterator[Lived]:
    begun, left, under_way = time.monotonic(), list(reversed(seeds)), set[Future[Lived]]()
    done = 0
    with ProcessPoolExecutor(jobs, initializer=configure, initargs=("error", "json")) as pool:
        while left or under_way:
            if time.monotonic() - begun > most:
                left.clear()
            while left and len(under_way) < jobs + 1:
                under_way.add(pool.submit(story, left.pop()))
            over, under_way = wait(under_way, timeout=PROGRESS, return_when=FIRST_COMPLETED)
            done += len(over)
            spent = time.monotonic() - begun
            print(f"{done} of {len(seeds)} Tuesdays, {spent:.0f} s", file=sys.stderr, flush=True)
            yield from (each.result() for each in over)


if __name__ == "__main__":
    main()
