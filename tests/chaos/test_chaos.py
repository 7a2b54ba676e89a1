"""A part of the campaign of seeds in every run of the tests, and every story that was ever red.

The whole campaign is a command: `python -m tests.chaos --seeds 1000`.
"""

import copy
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.chaos import mishaps_poison
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
    "kind",
    [
        *("F01", "F02", "F03", "F15", "F23", "F24", "F36", "F49", "F50", "F55"),
        *("F57", "F61", "F65", "F68", "F69", "F71", "attack 41", "a role"),
    ],
)
def test_the_faults_that_the_campaign_promises_are_drawn(kind: str) -> None:
    assert any(name.startswith(kind) for name in KINDS)
    assert any(mishap.kind.startswith(kind) for seed in range(400) for mishap in draw(seed).mishaps)


REGRESSIONS = {
    "a run that GitHub has denied for a moment is not forgotten": Story(
        seed=33058,
        shape="in line",
        asks=(
            Ask(at=0.0, version="1.0.3", issue=7, by="maya"),
            Ask(at=25.1, version="1.0.4", issue=7, by="maya"),
        ),
        mishaps=(
            Mishap(0.0, "F51 404 on something young", n=3, where="run", luck=5838),
            Mishap(71.3, "F51 404 on something young", n=2, where="jobs", luck=3812),
            Mishap(106.4, "F61 a crash at a point", n=1, m=30, where="before a dispatch", luck=9752),
        ),
        calm=485,
    ),
    "an engine whose start the database broke off does not go on beside the next one": Story(
        seed=14361,
        shape="two editions",
        asks=(Ask(at=0.0, version="1.0.3", issue=8, by="maya"),),
        mishaps=(
            Mishap(0.0, "F61 a crash while a send is open", n=2, m=30, where="before a dispatch", luck=2254),
            Mishap(28.5, "F65 the database is locked", n=1, m=7, where="before a commit", luck=1103),
            Mishap(98.9, "F50 one thing is never answered", m=1500, where="jobs", luck=3680),
        ),
        calm=1599,
    ),
    "what was not asked while GitHub was left alone is asked as soon as GitHub is": Story(
        seed=16266,
        shape="one step with a nonce",
        asks=(
            Ask(at=0.0, version="1.0.3", issue=7, by="maya"),
            Ask(at=8.0, version="1.0.4", issue=7, by="maya"),
        ),
        mishaps=(
            Mishap(31.1, "F58 a permission is taken away", n=2, m=700.0, luck=7932),
            Mishap(163.7, "F50 GitHub is down", n=1, m=700.0, luck=7621),
        ),
        calm=602,
    ),
    "a re-run of a run that GitHub has named and never shows is not waited for": Story(
        seed=9321,
        shape="side by side",
        asks=(Ask(at=0.0, version="1.0.3", issue=7, by="maya"),),
        mishaps=(
            Mishap(0.0, "F26 a run never appears", n=1, m=60, luck=2893),
            Mishap(30.7, "F50 one thing is never answered", m=1500, where="repository", luck=3595),
        ),
        calm=1531,
    ),
    "of two dispatches at one moment each has the run of its own tag": Story(
        seed=47541,
        shape="chain",
        asks=(
            Ask(at=56.2, version="1.0.4", issue=7, by="maya"),
            Ask(at=100.5, version="1.1.0", issue=8, by="maya"),
        ),
        mishaps=(
            Mishap(0.0, "F58 the app is suspended", m=700.0, luck=7914),
            Mishap(0.0, "F01 deliveries are lost from now on", where="workflow_run", luck=2395),
            Mishap(374.6, "F26 a run never appears", n=1, m=10, luck=6332),
        ),
        calm=700,
        old_api=True,
    ),
    "a re-run whose answer was lost is not followed by another one while its attempt is not shown": Story(
        seed=45326,
        shape="one step",
        asks=(Ask(at=146.9, version="1.1.0", issue=7, by="maya"),),
        mishaps=(
            Mishap(0.0, "F59 a re-run starts late", n=1, m=400, luck=7221),
            Mishap(0.0, "F01 deliveries are lost from now on", where="*", luck=9689),
            Mishap(0.0, "jobs fail, unknown", n=2, m=10, luck=6818),
            Mishap(0.0, "F24 reset after the effect", n=1, where="re-run", luck=9082),
        ),
        calm=487,
    ),
    "who waits until two other sends were looked for in vain is not overdue": Story(
        seed=35523,
        shape="one step",
        asks=(
            Ask(at=0.0, version="1.0.3", issue=8, by="maya"),
            Ask(at=98.2, version="1.1.0", issue=7, by="maya"),
            Ask(at=96.1, version="2.0.0", issue=7, by="maya"),
        ),
        mishaps=(
            Mishap(0.0, "F26 a run appears late", n=1, m=400, luck=5257),
            Mishap(0.0, "F61 a crash at a point", n=1, m=200, where="before a commit", luck=7881),
            Mishap(
                111.1,
                "F61 a crash at a point",
                n=1,
                m=200,
                where="after a request that changed something, before its answer",
                luck=9402,
            ),
        ),
        calm=436.0,
        old_api=True,
    ),
    "a run that shows a nonce from before an older copy was put back belongs to no other send": Story(
        seed=14497,
        shape="one step with a nonce",
        asks=(
            Ask(at=0.0, version="1.0.3", issue=7, by="maya"),
            Ask(at=70.5, version="1.0.4", issue=7, by="maya"),
            Ask(at=147.4, version="1.1.0", issue=8, by="maya"),
            Ask(at=172.8, version="2.0.0", issue=7, by="maya"),
        ),
        mishaps=(
            Mishap(0.0, "F27 listings lag", n=1, m=10, luck=104),
            Mishap(158.3, "F30 422 on a dispatch", n=1, where="dispatch", luck=9304),
            Mishap(160.8, "F69 an older copy is put back", n=1, m=20.0, luck=7046),
            Mishap(179.1, "somebody says something", n=1, where="maya redo STEP", luck=4963),
        ),
        calm=513.0,
        old_api=True,
    ),
    "who has only triage is told that the pipeline file cannot be read": Story(
        seed=14546,
        shape="side by side",
        asks=ASK,
        mishaps=(
            Mishap(0.0, "F50 GitHub is down", n=1, m=20.0, luck=3434),
            Mishap(24.3, "a role is taken away", m=60.0, where="maya triage", luck=5374),
        ),
        calm=200.0,
    ),
    "what was cancelled before it was sent does not know of a check run from before an older copy": Story(
        seed=18727,
        shape="hidden",
        asks=ASK,
        mishaps=(
            Mishap(0.0, "F69 an older copy is put back", m=45.0, luck=4092),
            Mishap(38.6, "F58 the app is suspended", n=1, m=700.0, luck=6613),
            Mishap(56.4, "somebody says something", where="maya cancel", luck=7212),
        ),
        calm=200.0,
        look_seconds=20,
    ),
    "a refusal whose commit was answered by an error is not judged anew": Story(
        seed=18886,
        shape="hidden",
        asks=ASK,
        mishaps=(
            Mishap(0.0, "F65 the database is locked", n=1, m=3, where="after a commit", luck=3808),
            Mishap(0.0, "F50 GitHub is down", m=20.0, luck=2420),
        ),
        calm=358.0,
    ),
    "a log that was read before an older copy of the database was put back is not known any more": Story(
        seed=20,
        shape="two editions",
        asks=ASK,
        mishaps=(
            Mishap(0.0, "jobs fail, broken", n=1, m=150, luck=2041),
            Mishap(189.6, "F69 an older copy is put back", n=0, m=200.0, luck=9710),
            Mishap(349.9, "F42 logs are gone", n=1, m=10, luck=4269),
        ),
        calm=600.0,
    ),
    "a run that GitHub named and shows late is taken, though nothing tells of it": Story(
        seed=2821,
        shape="two editions",
        asks=(Ask(0.0, "1.0.3", issue=8),),
        mishaps=(
            Mishap(0.0, "F26 a run appears late", m=400, luck=5424),
            Mishap(59.4, "F01 deliveries are lost from now on", n=0, where="*", luck=5170),
        ),
        calm=800.0,
    ),
    "how far comments were listed is known to the next process, whose clock may be another one": Story(
        seed=3288,
        shape="branch",
        asks=(Ask(0.0, "1.0.3"), Ask(0.3, "1.0.4", issue=8)),
        mishaps=(
            Mishap(0.0, "F58 the app is suspended", m=700.0, luck=3220),
            Mishap(53.3, "F71 the clock jumps", n=0, m=600, luck=3529),
            Mishap(207.1, "F61 a crash at a point", n=24, m=0.1, where="between two statements", luck=1602),
        ),
        calm=460.0,
    ),
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
    "a report that failed while its repository had another name is made soon after it has its name back": Story(
        seed=19,
        shape="one step",
        asks=(Ask(73.7, "1.0.4"),),
        mishaps=(Mishap(78.4, "F57 a repository is renamed", m=200.0, where="oss"),),
        calm=340.0,
        look_seconds=20,
    ),
    "a listed command is not put aside because of the name that its home had for a while": Story(
        seed=436,
        shape="hidden",
        asks=ASK,
        mishaps=(
            Mishap(0.0, "F01 deliveries are lost from now on", where="issue_comment"),
            Mishap(10.5, "F57 a repository is renamed", m=200.0, where="ee"),
            Mishap(73.5, "F42 a person deletes a run"),
            Mishap(115.9, "F71 the clock jumps", m=600),
        ),
        calm=540.0,
        private_home=True,
        look_seconds=20,
    ),
    "a command that was answered before a crash is not judged once more after it": Story(
        seed=438,
        shape="one step",
        asks=ASK,
        mishaps=(
            Mishap(0.0, "F61 a crash at a point", n=35, m=200, where="before a commit"),
            Mishap(41.7, "somebody says something", n=1, where="ada help", luck=554),
            Mishap(138.5, "F72 the pipeline file changes", m=700.0),
        ),
        calm=340.0,
    ),
    "an older copy does not take the run of a release that it knows nothing of": Story(
        seed=4606,
        shape="branch",
        asks=(
            Ask(at=0.0, version="1.0.3", issue=8),
            Ask(at=5.4, version="1.0.4"),
            Ask(at=137.8, version="1.1.0", issue=8),
        ),
        mishaps=(
            Mishap(at=0.0, kind="F68 the disk is full", m=20.0, luck=1852),
            Mishap(at=53.8, kind="F61 a crash at a point", n=2, m=1, where="before a dispatch", luck=9065),
            Mishap(at=300.3, kind="F69 an older copy is put back", n=1, m=200.0, luck=2077),
        ),
        calm=598.0,
    ),
    "an older copy from before a dispatch makes no second one": Story(
        seed=1,
        shape="one step",
        asks=ASK,
        mishaps=(Mishap(0.0, "F69 an older copy is put back", m=20.0),),
        calm=400.0,
    ),
    # It ended in the moment in which its run was found, and only the status comment left before the kill.
    "an ended release without the check run of its step": Story(
        seed=52473,
        shape="hidden",
        asks=(
            Ask(at=0.0, version="1.0.3", issue=8, by="maya"),
            Ask(at=6.2, version="1.0.4", issue=7, by="maya"),
        ),
        mishaps=(
            Mishap(at=0.0, kind="jobs fail, unknown", n=1, m=10, where="", luck=9652),
            Mishap(at=0.0, kind="F27 listings lag", n=1, m=150, where="", luck=1206),
            Mishap(at=145.5, kind="F61 a crash at a point", n=29, m=200, where="after a commit", luck=7484),
        ),
        calm=717,
        old_api=True,
        private_home=False,
        look_seconds=20,
    ),
}
"""What was found once, shrunk to what it takes."""

LOST = Mishap(0.0, "F01 deliveries are lost from now on", where="workflow_run")
CAUGHT = {
    "look-loop-stopped": ("what happened to a run is noticed", (LOST,)),
    "resend-after-restart": (
        "a doubt outlives the process",
        (Mishap(0.0, "F61 a crash while a send is open", n=1, m=5, where="before a dispatch"),),
    ),
    "strays-ignored": (
        "at most one dispatch per send",
        (Mishap(0.0, "F69 an older copy is put back", m=20.0),),
    ),
    "unknown-is-not-done": (
        "a definite no is definite",
        (Mishap(0.0, "F23 5xx after the effect", n=1, where="dispatch"),),
    ),
    "rerun-without-comparing-attempts": (
        "only what is over is re-run",
        (Mishap(0.0, "F36 a re-run is done and nobody hears", n=2), replace(LOST, where="*")),
    ),
}
"""Bugs of `tests.planted`, what the witness says of each, and what it takes."""
_PLANTED = """
from tests.planted.catalogue import BUGS
BUGS[{bug!r}].plant()
from tests.chaos.campaign import tell
from tests.chaos.story import Ask, Mishap, Story
print(tell({story}).broken)
"""


@pytest.mark.parametrize("bug", CAUGHT)
def test_the_witness_notices_a_planted_bug_by_itself(bug: str) -> None:
    """In a process of its own: a bug is planted for good."""
    promise, mishaps = CAUGHT[bug]
    story = Story(seed=2, shape="one step", asks=ASK, mishaps=mishaps, calm=400.0)
    script = _PLANTED.format(bug=bug, story=as_code(story))
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert said.stdout.strip() == promise, said.stderr[-2000:]
    verdict = tell(story)
    assert verdict.broken is None, as_words(verdict)


def test_what_a_story_does_to_an_odd_value_no_other_story_sees() -> None:
    odd = copy.deepcopy(mishaps_poison.VALUES)
    for seed in range(50):
        payload: dict[str, object] = {"run": {"id": 1, "actor": {"login": "maya"}}}
        luck = Random(seed)
        for _ in range(10):
            mishaps_poison.spoil(payload, luck)
    assert odd == mishaps_poison.VALUES


def test_a_story_leaves_no_files_behind(tmp_path: Path) -> None:
    script = _PLANTED.format(bug="live-mentions", story=as_code(Story(seed=2, shape="one step", asks=ASK)))
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_story_that_was_red_is_not_red_again(name: str) -> None:
    verdict = tell(REGRESSIONS[name])
    assert verdict.broken is None, as_words(verdict)
