"""How good the judge of failures is: precision and recall for each cause on labelled tails of failed jobs.

The rules are written by the open half. Of the held-out half only figures are ever printed, so that nobody can write a
rule by it; it is checked against the hashes it was committed with.
`python -m benchmarks.judge [--held-out]`
"""

import argparse
import csv
import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.core.causes import Cause
from bot.explain import Explanation, Job, Tail, explain
from bot.pipeline.rules import shipped_rules

CORPUS = Path(__file__).parent.parent / "tests" / "failures"
OPEN = CORPUS / "open"
HELD_OUT = CORPUS / "held-out"
HASHES = CORPUS / "held-out.sha256"
RETRYABLE = frozenset({Cause.TRANSIENT, Cause.FLAKY})


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled log: what its true cause is, and what is known beside the log."""

    file: Path
    cause: Cause
    job: Job


@dataclass(frozen=True, slots=True)
class Score:
    """How often each true cause (first) was judged as each cause (second)."""

    counts: Counter[tuple[Cause, Cause]]

    @property
    def cases(self) -> int:
        return self.counts.total()

    @property
    def broken_retryable(self) -> int:
        return sum(self.counts[Cause.BROKEN, judged] for judged in RETRYABLE)

    def true(self, cause: Cause) -> int:
        return sum(count for (true, _), count in self.counts.items() if true is cause)

    def judged(self, cause: Cause) -> int:
        return sum(count for (_, judged), count in self.counts.items() if judged is cause)

    def right(self, cause: Cause) -> int:
        return self.counts[cause, cause]


def cases(folder: Path) -> tuple[Case, ...]:
    """The labelled logs of a folder, by its `cases.tsv`."""
    with (folder / "cases.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple(
        Case(
            folder / row["file"], Cause(row["cause"]), Job(row["job"], row["step"] or None, row["conclusion"])
        )
        for row in rows
    )


def judged(case: Case) -> Explanation:
    """What the shipped rules say about a case."""
    return explain(case.file.name, Tail(case.file.read_bytes(), 1), case.job, shipped_rules())


def score(corpus: Sequence[Case]) -> Score:
    """The judge's answers, counted."""
    return Score(Counter((case.cause, judged(case).cause) for case in corpus))


def hashes_differ(listed: str, root: Path) -> int:
    """How many files below `root` are not as listed (lines `HASH  PATH`): changed, missing, or not in the list."""
    pairs = (line.split(maxsplit=1) for line in listed.splitlines() if line.strip())
    hashes = {name.removeprefix("*"): value for value, name in pairs}
    there = {
        f"{HELD_OUT.name}/{path.name}": path for path in (root / HELD_OUT.name).iterdir() if path.is_file()
    }
    actual = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    return sum(hashes.get(name) != actual.get(name) for name in hashes.keys() | actual.keys())


def table(title: str, found: Score, *, seconds: float) -> Iterator[str]:
    """The figures as lines of text."""
    yield f"{title}: {found.cases} cases, {seconds * 1000 / max(1, found.cases):.1f} ms each"
    yield f"  {'cause':<10} {'cases':>6} {'judged':>7} {'right':>6} {'precision':>10} {'recall':>7}"
    for cause in Cause:
        true, said, right = found.true(cause), found.judged(cause), found.right(cause)
        yield f"  {cause:<10} {true:>6} {said:>7} {right:>6} {_share(right, said):>10} {_share(right, true):>7}"
    broken = found.true(Cause.BROKEN)
    yield f"  broken, but judged transient or flaky: {found.broken_retryable} of {broken}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _measure(title: str, folder: Path) -> None:
    corpus = cases(folder)
    start = time.perf_counter()
    found = score(corpus)
    print("\n".join(table(title, found, seconds=time.perf_counter() - start)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Precision and recall of the judge of failures, cause by cause."
    )
    parser.add_argument("--held-out", action="store_true", help="the held-out half too; figures only")
    wanted = parser.parse_args()
    _measure("Open half", OPEN)
    if wanted.held_out:
        if differing := hashes_differ(HASHES.read_text(encoding="utf-8"), CORPUS):
            print(
                f"The held-out half is not the one that was committed: {differing} files differ from {HASHES.name}."
            )
        _measure("Held-out half", HELD_OUT)


if __name__ == "__main__":
    main()
