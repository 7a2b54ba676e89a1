"""How often runs are re-run, counted at the simulator and held against the pipeline file's budget.

Rule: the cause of a failure is what the simulator wrote into the log, and a person's wish is one that the journal
has with their name; what the bot thinks of either is not asked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from bot.core.states import BoundRun
from bot.simulator.ledger import Entry
from bot.simulator.runs import Attempt, Run
from bot.simulator.world import World
from tests.chaos.shapes import BUDGET, SIGNS

Broken = tuple[str, str]
_RACE = timedelta(seconds=30)
"""What changed at GitHub this short a time ago may have changed between the bot's look and its request."""


@dataclass(slots=True)
class Count:
    """Re-runs of one run that GitHub carried out, by the cause of the attempt before. `asked`: wishes of people."""

    by_cause: Counter[str] = field(default_factory=Counter)
    asked: int = 0


class Reruns:
    """One for a story: told of every re-run that leaves, and of every entry of the ledger about one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._causes: dict[int, str] = {}
        self._counts: dict[int, Count] = {}
        self._known_since = 0
        """The first entry of the ledger of which the bot's database can know."""

    def forget(self) -> None:
        """An older copy of the database was put back: the bot cannot know what it did since."""
        self._counts.clear()
        self._known_since = len(self._world.ledger)

    def leaves(self, run: Run, known: BoundRun, *, asked: int) -> Iterator[Broken]:
        """`asked`: how often people have asked for a re-run of the step so far, by the journal."""
        now = self._world.clock.now()
        shown = run.seen(now)
        if shown is None:
            return
        late = shown.visible_at > shown.started_at
        own = shown.triggered_by is self._world.bot and shown.started_at < now and not late
        settled = own or now - max(shown.started_at, shown.visible_at) > _RACE
        if settled and (shown.status != "completed" or shown.number > known.attempt):
            what = f"attempt {shown.number} is {shown.status}, the step is at {known.attempt}"
            yield "only what is over is re-run", f"run {run.id}: {what}"
        failed = run.attempts[known.attempt - 1]
        count = self._counts.setdefault(run.id, Count())
        count.asked = asked
        self._causes[run.id] = self._cause(failed)
        if failed.conclusion == "cancelled" and not asked:
            yield "what people cancel stays cancelled", f"run {run.id} was cancelled, and is re-run"

    def _cause(self, failed: Attempt) -> str:
        """As it can be known: who was not given the log knows nothing."""
        causes = set()
        for job in failed.jobs:
            if job.conclusion == "failure":
                text = (job.log or b"").decode()
                sign = next((cause for cause, sign in SIGNS.items() if sign in text), "unknown")
                known = self._world.ledger[self._known_since :]
                causes.add(sign if _was_read(known, job.id, in_time=sign == "broken") else "unknown")
        return next((cause for cause in ("broken", "unknown") if cause in causes), "transient")

    def done(self, run: Run) -> Iterator[Broken]:
        """GitHub has carried one out."""
        count = self._counts.setdefault(run.id, Count())
        cause = self._causes.get(run.id, "unknown")
        count.by_cause[cause] += 1
        flaky = cause == "unknown" and (self._passed_elsewhere(run) or _healed(run))
        most = BUDGET[cause] + (BUDGET["flaky"] if flaky else 0)
        if count.by_cause[cause] > most + count.asked:
            times = f"{count.by_cause[cause]} times for a failure that is {cause}"
            yield (
                "the budget of re-runs is kept",
                f"run {run.id} was re-run {times}, people asked {count.asked} times",
            )

    def _passed_elsewhere(self, run: Run) -> bool:
        """The same workflow was green on this commit: a failure there is flaky."""
        return any(
            other.head_sha == run.head_sha and attempt.conclusion == "success"
            for other in run.workflow.repository.runs.values()
            if other.workflow is run.workflow and other is not run
            for attempt in other.attempts
        )


def _healed(run: Run) -> bool:
    """What failed in one attempt has passed in the next, so that one was flaky, whatever failed after it."""
    for failed, later in pairwise(run.attempts):
        passed = {job.name for job in later.jobs if job.conclusion == "success"}
        broken = {job.name for job in failed.jobs if job.conclusion == "failure"}
        if broken and broken <= passed:
            return True
    return False


def _was_read(ledger: Sequence[Entry], job: int, *, in_time: bool) -> bool:
    """`in_time`: nobody knows whether a slow answer was waited for, so only a quick one counts."""
    end = f"/jobs/{job}/logs"
    return any(entry.path.endswith(end) and _given(entry, in_time=in_time) for entry in reversed(ledger))


def _given(entry: Entry, *, in_time: bool) -> bool:
    slow = (entry.fault or "").startswith("call ")
    return (entry.fault is None or (slow and not in_time)) and entry.status in {200, 302}
