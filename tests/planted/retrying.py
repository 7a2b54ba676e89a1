"""Bugs in what is run again by itself, and in what is said about it."""

from typing import Any

from tests.planted.bug import Bug

MEMORY = "tests/scenarios/test_flaky_memory.py"
RESTRAINT = "tests/scenarios/test_restraint.py"
RULES = "tests/scenarios/test_failure_rules.py"


async def _forget(_self: Any, *_args: Any) -> None:
    return None


BUGS = (
    Bug(
        "guarded-job-rerun",
        "`never-rerun` is not heeded",
        ("bot.core.background:guarded_job",),
        lambda _: lambda _jobs, _patterns: "",
        (RESTRAINT,),
    ),
    Bug(
        "no-outage-brake",
        "re-runs are not held while a service is away",
        ("bot.engine.brake:orders",),
        lambda _: lambda _releases, _now: (),
        (RESTRAINT,),
    ),
    Bug(
        "flake-without-proof",
        "a test that has failed before counts as a flake, though it never passed again",
        ("bot.core.ledger:History.proven",),
        lambda _: property(lambda self: self.seen > 0),
        (MEMORY, "tests/core/test_ledger.py"),
    ),
    Bug(
        "lasting-failure-is-a-flake",
        "a test that was a flake once stays one, however often it fails",
        ("bot.core.ledger:History.proven",),
        lambda _: property(lambda self: self.healed > 0),
        (MEMORY, "tests/core/test_ledger.py"),
    ),
    Bug(
        "passes-are-forgotten",
        "how the jobs of a successful attempt ended is not remembered",
        ("bot.engine.retries:Retries.passed",),
        lambda _: _forget,
        (MEMORY,),
    ),
    Bug(
        "private-rules-told",
        "words of a private pipeline file appear in a public comment",
        ("bot.core.present.view:View.worded",),
        lambda _: lambda _view, text, _unsaid: text,
        (RULES,),
    ),
    Bug(
        "earlier-send-takes-the-run",
        "a send that was given up takes a run that a later send may have made",
        ("bot.store.sends:GIVEN_UP",),
        lambda _: frozenset(),
        ("tests/scenarios/test_sending.py",),
    ),
)
