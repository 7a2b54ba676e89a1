"""The campaign of seeds: many stories, told by several processes, and what came of them.

Rule: a worker tells one story after the other and keeps nothing between them but keys and an empty database.
"""

import gc
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.chaos.campaign import Verdict, tell
from tests.chaos.drawing import draw
from tests.chaos.shrinking import shortest
from tests.chaos.telling import as_code, as_words

_EVERY_SECONDS = 2.0
_MOST_REDS_SHOWN = 5


@dataclass(slots=True)
class Tally:
    """What is known so far. `reds`: seed, promise, how."""

    told: int = 0
    releases: Counter[str] = field(default_factory=Counter)
    reds: list[tuple[int, str, str]] = field(default_factory=list)


def _prepared() -> None:
    """What a story leaves behind is collected between stories, not in the middle of one."""
    gc.disable()
    gc.freeze()  # modules outlive every story: looking through them took a fifth of the time
    # A killed process does not give its connection back; the pool says so whenever it is collected.
    warnings.simplefilter("ignore")


def told(seed: int) -> tuple[int, str | None, str, tuple[str, ...]]:
    """One seed, in a worker: small enough to be sent back."""
    verdict = tell(draw(seed))
    if seed % 8 == 0:
        gc.collect()
    return seed, verdict.broken, verdict.how, verdict.words


def _all(seeds: Iterable[int], jobs: int) -> Iterator[tuple[int, str | None, str, tuple[str, ...]]]:
    if jobs <= 1:
        _prepared()
        yield from map(told, seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs, initializer=_prepared) as pool:
        yield from pool.imap_unordered(told, seeds, chunksize=4)


def run(seeds: range, jobs: int, minutes: float = float("inf")) -> Tally:
    """Tells them all, or what can be told in so many minutes, with a line every two seconds."""
    tally, began, shown = Tally(), time.monotonic(), time.monotonic()
    for seed, broken, how, words in _all(seeds, jobs):
        tally.told += 1
        tally.releases.update(words)
        if broken is not None:
            tally.reds.append((seed, broken, how))
            _say(f"seed {seed} is RED: {broken}: {how}")
        if time.monotonic() - shown >= _EVERY_SECONDS:
            shown = time.monotonic()
            _say(f"{tally.told} of {len(seeds)} seeds, {len(tally.reds)} red, {_rate(tally, began)}")
        if shown - began > 60 * minutes:
            _say(f"{minutes:g} minutes are over")
            break
    ends = ", ".join(f"{times} {word}" for word, times in sorted(tally.releases.items()))
    cpu = sum(os.times()[:4]) / max(1, tally.told)
    _say(
        f"{tally.told} seeds, {len(tally.reds)} red, {_rate(tally, began)}, {cpu:.2f} s of CPU each; releases: {ends}"
    )
    return tally


def _rate(tally: Tally, began: float) -> str:
    return f"{tally.told / max(0.001, time.monotonic() - began) * 60:.0f} seeds per minute"


def explain(seed: int) -> Verdict:
    """Finds the shortest red story in a seed, and prints it in words and as code."""
    _prepared()
    story = shortest(draw(seed), lambda each: tell(each).broken)
    verdict = tell(story)
    _say(as_words(verdict))
    _say(as_code(story))
    return verdict


def explain_some(tally: Tally) -> None:
    """One of each kind."""
    seen: set[str] = set()
    for seed, broken, _ in sorted(tally.reds):
        if broken not in seen and len(seen) < _MOST_REDS_SHOWN:
            seen.add(broken)
            _say(f"\n--- the shortest story of seed {seed} ---")
            explain(seed)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
