"""`python -m tests.chaos.crash_campaign`: the process ends at every point of every story, and once more.

Rule: every figure that is printed is counted from what was told. A red telling can be told again with
`--scenario NAME --at PLACE [PLACE]`.
"""

import argparse
import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import TextIO

from tests.chaos.crash_stories import STORIES
from tests.chaos.crash_telling import Result, Walk, first_of_each_remains, in_walks, tell, usually, walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How much there is to tell with, how many of the pairs are told at most, and where the told ones are kept."""

    jobs: int = 1
    until: float = float("inf")
    most: int | None = None
    kept: Path | None = None

    @property
    def may_end_early(self) -> bool:
        """What stands for most has to be told first."""
        return self.until < float("inf")

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until


def results(plans: Sequence[Walk], means: Means) -> Iterator[Result]:
    """Tells them in their order while there is time, and says how far it is."""
    began, done, all_of_them = time.monotonic(), 0, sum(len(plan.places) for plan in plans)
    with contextlib.ExitStack() as stack:
        pool = None
        if means.jobs > 1:
            pool = stack.enter_context(get_context("fork").Pool(means.jobs, maxtasksperchild=50))
        for told in pool.imap_unordered(walk, plans) if pool else map(walk, plans):
            yield from told
            done += len(told)
            left = (time.monotonic() - began) / max(1, done) * (all_of_them - done)
            _say(f"\r{done} of {all_of_them} told, about {left / 60:.0f} minutes more   ", to=sys.stderr)
            if means.over:
                break
    _say("\n", to=sys.stderr)


@dataclass(slots=True)
class Tally:
    """What came of the tellings of one kind."""

    told: int = 0
    red: list[Result] = field(default_factory=list)
    marks: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """How the stories went on that had the same remains."""

    def take(self, result: Result) -> None:
        self.told += 1
        self.marks[result.story, result.remains].add(result.mark)
        if result.wrong:
            self.red.append(result)
            _say(f"RED {result.where}\n  at {result.ends}: " + "\n  ".join(result.wrong) + "\n")

    @property
    def unlike(self) -> int:
        """Remains that were the same while the stories went on differently: there must be none."""
        return sum(len(marks) > 1 for marks in self.marks.values())


@contextlib.contextmanager
def _kept(path: Path | None) -> Iterator[tuple[list[Result], Callable[[Result], None]]]:
    """What was told before, and how to keep what is told now, a line each; green ones only."""
    if path is None:
        yield [], lambda _: None
        return
    lines = path.read_text().splitlines() if path.exists() else []
    before = [
        Result(story, tuple(ends), "", (), mark, remains, ())
        for story, ends, mark, remains in map(json.loads, lines)
    ]
    with path.open("a") as file:

        def keep(result: Result) -> None:
            if not result.wrong:
                file.write(json.dumps([result.story, result.ends, result.mark, result.remains]) + "\n")
                file.flush()

        yield before, keep


def singles(stories: Sequence[str], means: Means) -> bool:
    """Every single point of the stories, and a table. Of those with the same remains one comes first."""
    tallies = {story: Tally() for story in stories}
    firsts = {story: first_of_each_remains(story) for story in stories}
    others = {story: sorted(set(range(len(usually(story).points))) - set(firsts[story])) for story in stories}
    plans = [
        plan for places in (firsts, others) for story in stories for plan in in_walks(story, places[story])
    ]
    with _kept(means.kept) as (before, keep):
        told: set[tuple[str | int, ...]] = {(result.story, *result.ends) for result in before}
        left = [rest for plan in plans if (rest := plan.without(told)).places]
        old = (result for result in before if result.story in tallies and len(result.ends) == 1)
        for result in chain(old, results(left, means)):
            tallies[result.story].take(result)
            if (result.story, *result.ends) not in told:
                keep(result)
    _say(f"{'scenario':<16}{'points':>8}{'covered':>9}{'remains':>9}{'unlike':>8}{'violations':>12}\n")
    for story, tally in tallies.items():
        points = len(usually(story).points)
        row = f"{points:>8}{tally.told:>9}{len(tally.marks):>9}{tally.unlike:>8}{len(tally.red):>12}"
        _say(f"{story:<16}{row}\n")
    total = sum(tally.told for tally in tallies.values())
    _say(f"covered {total} of {sum(len(plan.places) for plan in plans)} points\n")
    return not any(tally.red or tally.unlike for tally in tallies.values())


def pairs(story: str, means: Means) -> bool:
    """Every ordered pair of points of a story that leaves something behind which no other telling has left.

    Of the points with the same remains one is told first, since what follows is the same (`singles` holds every
    one of them to that). A second end whose remains a single one or another pair has left as well is not told
    again: the next process starts from the same database, the same GitHub and the same time. Those that stand for
    the most pairs are told first.
    """
    firsts: dict[str, list[int]] = defaultdict(list)
    for point in usually(story).points:
        firsts[point.remains].append(point.place)
    tally = Tally()
    weights: defaultdict[str, int] = defaultdict(int)
    plans: dict[str, tuple[int, int]] = {}
    for result in results(in_walks(story, [places[0] for places in firsts.values()]), means):
        tally.take(result)
        for place, remains in result.after:
            weights[remains] += len(firsts[result.remains])
            if remains not in firsts:
                plans[remains] = min((result.ends[0], place), plans.get(remains, (result.ends[0], place)))
    covered = sum(weights[remains] for remains in firsts)
    with _kept(means.kept) as (before, keep):
        old = {result.remains: result for result in before if plans.get(result.remains) == result.ends}
        order = sorted(plans.keys() - old.keys(), key=lambda remains: (-weights[remains], plans[remains]))
        chosen = [plans[remains] for remains in order[: means.most]]
        left = _after_their_first(story, chosen, block=4000 if means.may_end_early else len(chosen))
        for result in chain(old.values(), results(left, means)):
            tally.take(result)
            covered += weights[result.remains]
            if result.remains not in old:
                keep(result)
    told = f"{tally.told - len(firsts)} of {len(plans)} second ends that leave something new"
    _say(f"{story}: {told} were told after {len(firsts)} first ones; violations: {len(tally.red)}\n")
    _say(f"covered {covered} of {sum(weights.values())} ordered pairs\n")
    return not tally.red and not tally.unlike


def _after_their_first(story: str, chosen: Sequence[tuple[int, int]], *, block: int) -> list[Walk]:
    """Those of a block with the same first end together, so that little is told twice; the blocks in their order."""
    walks: list[Walk] = []
    for start in range(0, len(chosen), max(1, block)):
        seconds: defaultdict[int, list[int]] = defaultdict(list)
        for first, second in chosen[start : start + block]:
            seconds[first].append(second)
        walks += [Walk(story, (first,), tuple(then)) for first, then in seconds.items()]
    return walks


def again(story: str, ends: Sequence[int]) -> bool:
    """One telling, in all detail."""
    told = tell(story, ends)
    _say(f"{told.where}\n" + "".join(f"  {text}\n" for text in told.wrong))
    return not told.wrong


def _say(text: str, to: TextIO = sys.stdout) -> None:
    to.write(text)
    to.flush()


def campaign(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.crash_campaign", description=__doc__)
    parser.add_argument("--scenario", choices=STORIES, action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--pairs", action="store_true", help="ordered pairs of points (of `main`, if none is named)"
    )
    parser.add_argument(
        "--at", type=int, nargs="+", metavar="PLACE", help="one telling, ended at these places"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--most", type=int, help="only so many pairs more")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing new after so long")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep there what was told and green; go on from it"
    )
    given = parser.parse_args(arguments)
    began = time.monotonic()
    means = Means(
        jobs=given.jobs,
        until=began + 60 * given.minutes,
        most=given.most,
        kept=given.resume,
    )
    if given.at:
        good = again((given.scenario or ["main"])[0], given.at)
    elif given.pairs:
        good = min([pairs(story, means) for story in given.scenario or ["main"]])
    else:
        good = singles(given.scenario or list(STORIES), means)
    _say(f"{(time.monotonic() - began) / 60:.1f} minutes\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(campaign())
