"""`python -m tests.chaos --seeds N [--seed S] [--story] [--trace] [--jobs J]`: stories with faults, from seeds.

Exit code 1 when a promise was broken; then the shortest story that breaks it is printed.
"""

import argparse
import os
import sys

from tests.chaos.campaign import tell
from tests.chaos.drawing import draw
from tests.chaos.seeds import explain, explain_some, run
from tests.chaos.telling import as_words
from tests.planted.catalogue import BUGS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Tells stories with faults, from seeds."
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds are told, one after the other")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--story", action="store_true", help="print the story of the seed in words")
    parser.add_argument(
        "--trace", action="store_true", help="print everything that happens in the story of the seed"
    )
    parser.add_argument("--shortest", action="store_true", help="find the shortest red story of a red seed")
    parser.add_argument("--planted", choices=sorted(BUGS), help="with this bug of `python -m tests.planted`")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes tell stories")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="tell no more seeds when these are over"
    )
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    if given.planted:
        BUGS[given.planted].plant()
    if given.shortest:
        return 1 if explain(given.seed).broken else 0
    if given.story or given.trace:
        verdict = tell(draw(given.seed))
        sys.stdout.write(("\n".join(verdict.trace) if given.trace else as_words(verdict)) + "\n")
        return 1 if verdict.broken else 0
    tally = run(range(given.seed, given.seed + given.seeds), given.jobs, given.minutes)
    if not given.planted:
        explain_some(tally)
    return 1 if tally.reds else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of texts follows from it, and a trace is the same byte for byte only with the same one.
        again = [sys.executable, "-m", "tests.chaos", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - no shell is wanted
    sys.exit(main())
