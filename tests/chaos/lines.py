"""Steps that run one at a time, and names that move: judged at the end, by what GitHub has run.

Rule: only attempts that the bot itself started count; what people start by hand, and runs of sends whose answer was
never found, are nobody's turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bot.core.plan import DispatchStep
from bot.core.states import NeedsPerson
from bot.core.versions import Version
from bot.simulator.runs import Attempt, Run
from bot.simulator.world import World
from tests.chaos.witness import Known, Witness

LATEST = "latest"
"""The input that says whether the name is moved."""
_NOBODY_KNOWS = {"never found", "two candidates", "doubtful run"}


@dataclass(frozen=True, slots=True)
class _Span:
    """From the making of a run, or of its next attempt, to its end."""

    version: str
    run: Run
    begin: datetime
    end: datetime


def broken_lines(witness: Witness, world: World) -> Iterator[tuple[str, str]]:
    """Two versions that were at work on one `one-at-a-time` name together; names that went back."""
    spans = sorted(_spans(witness, world), key=lambda span: span.begin)
    for before, after in pairwise(spans):
        if after.begin < before.end and before.version != after.version:
            began = f"run {after.run.id} of {after.version} began at {after.begin:%H:%M:%S}"
            over = f"run {before.run.id} of {before.version} was over at {before.end:%H:%M:%S}"
            yield "steps of one name run one at a time", f"{began}, {over}"
    ends = sorted((span for span in spans if _moves(span)), key=lambda span: span.end)
    for before, after in pairwise(ends):
        if Version.parse(after.version) < Version.parse(before.version):
            yield "a name never goes back", f"{LATEST} went from {before.version} to {after.version}"


def _moves(span: _Span) -> bool:
    return span.run.conclusion == "success" and span.run.inputs.get(LATEST) == "true"


def _spans(witness: Witness, world: World) -> Iterator[_Span]:
    for known in witness.releases.values():
        for step in known.release.plan:
            if isinstance(step, DispatchStep) and step.one_at_a_time:
                yield from _of_step(witness, world, known, step)


def _of_step(witness: Witness, world: World, known: Known, step: DispatchStep) -> Iterator[_Span]:
    sends = [s for s in witness.sends.values() if (s.release_id, s.step) == (known.release.id, step.name)]
    for send in sends:
        if send.outcome not in _NOBODY_KNOWS:
            for run in witness.runs_of_send(send.key):
                shown = run.attempts[0].visible_at - run.created_at
                if shown > timedelta(seconds=step.appears_within):
                    continue  # GitHub said for so long that it does not exist
                yield from _of_run(known.release.version, run, world)


def _of_run(version: str, run: Run, world: World) -> Iterator[_Span]:
    for attempt in run.attempts:
        if attempt.triggered_by is world.bot:
            begin = run.created_at if attempt.number == 1 else attempt.started_at
            yield _Span(version, run, begin, _end(attempt, world))


def _end(attempt: Attempt, world: World) -> datetime:
    return attempt.updated_at if attempt.status == "completed" else world.clock.now()


def held_up(witness: Witness, known: Known, name: str) -> bool:
    """Whether another step of its name stands before the one that waits, as far as the disk knows."""
    mine = known.release
    line = _line(known, name)
    for other in witness.releases.values():
        for step, record in other.release.items():
            if other is known and step.name == name:
                continue
            if not isinstance(step, DispatchStep) or step.one_at_a_time != line or record.final:
                continue
            kind = record.state.kind
            waits = kind == "in-line" and other.release.paused_by is None
            lower = Version.parse(other.release.version) <= Version.parse(mine.version)
            if kind not in {"waiting", "in-line"} or (waits and lower):
                return True
    return False


def behind_somebody_stuck(witness: Witness, known: Known, name: str) -> bool:
    """Whether a step of its name waits for a person, so that time alone brings nobody on."""
    line = _line(known, name)
    return any(
        isinstance(step, DispatchStep)
        and step.one_at_a_time == line
        and isinstance(record.state, NeedsPerson)
        for other in witness.releases.values()
        for step, record in other.release.items()
    )


def _line(known: Known, name: str) -> str:
    step = known.release.plan.step(name)
    return step.one_at_a_time if isinstance(step, DispatchStep) else ""
