"""`python -m tests.planted`: plants each bug, runs the tests that should notice, and says how many did.

With `--seeds N` the chaos campaign is run with the bug too. Ends with 1 when a bug was noticed by nobody.
"""

import argparse
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.planted.bug import Bug
from tests.planted.catalogue import BUGS

_PYTEST = (
    *(sys.executable, "-m", "pytest", "-p", "tests.planted.plugin"),
    # The project's own options ask for several workers, and twice quiet pytest tells no counts.
    *("-o", "addopts=", "-q", "--no-header", "--tb=no", "--maxfail=25"),
    *("-p", "no:cacheprovider", "-p", "no:randomly"),
)
_MOST_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Caught:
    """By how many of the tests that were run, and by how many seeds."""

    failed: int
    run: int
    red_seeds: int | None

    @property
    def at_all(self) -> bool:
        return bool(self.failed or self.red_seeds)


def _tests(bug: Bug) -> tuple[int, int]:
    """Failed, and run in all; a campaign that hangs has noticed something."""
    command = (*_PYTEST, "--planted", bug.name, *bug.tests)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 1, 1
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (failed|passed|error)", done.stdout)}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    if not counts:
        raise SystemExit(f"{bug.name}: pytest told nothing\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed, failed + counts.get("passed", 0)


def _seeds(bug: Bug, seeds: int) -> int:
    command = (
        sys.executable,
        "-m",
        "tests.chaos",
        "--seeds",
        str(seeds),
        "--planted",
        bug.name,
        "--jobs",
        "1",
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 1
    found: list[str] = re.findall(r"(\d+) red", done.stdout)
    return int(found[-1]) if found else 0


def _try(bug: Bug, seeds: int, *, tests: bool) -> Caught:
    failed, run = _tests(bug) if tests else (0, 0)
    return Caught(failed, run, _seeds(bug, seeds) if seeds else None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these bugs; default: all")
    parser.add_argument(
        "--seeds", type=int, default=0, help="seeds of the chaos campaign for each bug; default: 0"
    )
    parser.add_argument("--no-tests", action="store_true", help="only the seeds")
    parser.add_argument(
        "--jobs", type=int, default=2, help="bugs that are tried at the same time; default: 2"
    )
    chosen = parser.parse_args()
    strange = [name for name in chosen.names if name not in BUGS]
    if strange:
        parser.error(f"no planted bug is named {', '.join(strange)}; there are {', '.join(sorted(BUGS))}")
    if chosen.no_tests and not chosen.seeds:
        parser.error("--no-tests needs --seeds: nothing would be tried")
    bugs = [BUGS[name] for name in chosen.names] or list(BUGS.values())
    began, missed = time.monotonic(), 0
    with ThreadPoolExecutor(chosen.jobs) as pool:
        tries = [pool.submit(_try, bug, chosen.seeds, tests=not chosen.no_tests) for bug in bugs]
        for bug, tried in zip(bugs, tries, strict=True):
            caught = tried.result()
            missed += not caught.at_all
            seeds = "" if caught.red_seeds is None else f", {caught.red_seeds} of {chosen.seeds} seeds"
            verdict = "caught" if caught.at_all else "MISSED"
            print(
                f"{verdict}  {bug.name:34} {caught.failed:4} of {caught.run:4} tests{seeds}   {bug.what}",
                flush=True,
            )
    print(f"\n{len(bugs) - missed} of {len(bugs)} planted bugs caught, in {time.monotonic() - began:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
