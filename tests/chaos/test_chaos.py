"""A part of the campaign of seeds in every run of the tests, and every story that was ever red.

The whole campaign is a command: `python -m tests.chaos --seeds 1000`.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.chaos.campaign import tell
from tests.chaos.catalogue import KINDS
from tests.chaos.drawing import draw
from tests.chaos.shrinking import shortest
from tests.chaos.story import Ask, Mishap, Story
from tests.chaos.telling import as_code, as_words

pytestmark = [
    # A killed process does not give its connection back; the pool says so when it is collected.
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up:sqlalchemy.exc.SAWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ASK = (Ask(0.0, "1.0.3"),)
FIRST_SEEDS = range(20)


@pytest.fixture(autouse=True, scope="module")
def _collected_in_between() -> Iterator[None]:
    """Garbage is collected between stories and not in the middle of one: that is quicker, and nothing else."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.mark.parametrize("seed", FIRST_SEEDS)
def test_every_promise_is_kept_in_the_story_of_a_seed(seed: int) -> None:
    verdict = tell(draw(seed))
    assert verdict.broken is None, as_words(verdict)


@pytest.mark.parametrize("seed", [3, 11])
def test_the_same_seed_gives_the_same_trace_byte_for_byte(seed: int) -> None:
    story = draw(seed)
    assert story.mishaps
    assert tell(story).trace == tell(draw(seed)).trace


def test_a_trace_is_the_same_in_another_process() -> None:
    """Whatever the order of its sets: the seed of Python's hashes is another one in each."""
    command = [sys.executable, "-m", "tests.chaos", "--seed", "7", "--trace"]
    traces = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": number}, capture_output=True, check=True
        ).stdout
        for number in ("1", "2")
    ]
    assert traces[0] == traces[1]
    assert traces[0].count(b"\n") > 50


def test_a_red_story_is_shrunk_to_what_makes_it_red() -> None:
    """Here a story counts as red when a branch moves in it."""
    story = next(each for each in map(draw, range(1_000)) if any("F32" in m.kind for m in each.mishaps[1:]))
    short = shortest(story, lambda each: "moved" if any("F32" in m.kind for m in each.mishaps) else None)
    assert [mishap.kind for mishap in short.mishaps] == ["F32 a branch moves"]
    assert len(short.asks) == 1
    assert eval(as_code(short), {"Story": Story, "Ask": Ask, "Mishap": Mishap}) == short  # noqa: S307 - our own text


@pytest.mark.parametrize(
    "kind", ["F61", "F65", "F68", "F71", "F01", "F02", "F03", "F23", "F24", "F49", "F50"]
)
def test_the_faults_that_the_campaign_promises_are_drawn(kind: str) -> None:
    assert any(name.startswith(kind) for name in KINDS)
    assert any(mishap.kind.startswith(kind) for seed in range(400) for mishap in draw(seed).mishaps)


REGRESSIONS = {
    "the journal tells when it was decided, not when it was written": Story(
        seed=594,
        shape="side by side",
        asks=ASK,
        mishaps=(Mishap(0.0, "F65 the database is locked", n=1, m=20, where="between two statements"),),
        calm=400.0,
    ),
    "a command that is heard while the app is suspended is answered afterwards": Story(
        seed=391,
        shape="one step",
        asks=ASK,
        mishaps=(Mishap(0.0, "F58 the app is suspended", m=20.0),),
        calm=240.0,
    ),
    "a dispatch without a connection is certainly not done": Story(
        seed=3004,
        shape="branch",
        asks=ASK,
        mishaps=(Mishap(0.0, "F25 no connection", n=1, where="dispatch"),),
    ),
}
"""What was found once, shrunk to what it takes."""


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_story_that_was_red_is_not_red_again(name: str) -> None:
    verdict = tell(REGRESSIONS[name])
    assert verdict.broken is None, as_words(verdict)
