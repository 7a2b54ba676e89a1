"""The witness's own clock: what should have happened by now, judged by what is on disk and by how GitHub is.

Rule: the bot is not asked what it wants or when it wakes. A time in a stored state is held against the clock, and a
stored run against the simulator's own; only the calm is judged, in which nothing keeps the bot from seeing.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.core.model import Release
from bot.core.plan import RunStep, Step, WatchStep
from bot.core.states import (
    AwaitingApproval,
    BoundRun,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    Sending,
    Skipped,
    StepState,
    Waiting,
)
from bot.simulator.runs import Run
from bot.simulator.world import World
from tests.chaos.lines import held_up
from tests.chaos.places import place
from tests.chaos.waits import REMINDER
from tests.chaos.witness import Known, Witness

Late = tuple[str, str]
"""Name of the promise, and what is late."""
NOTICED_WITHIN = timedelta(minutes=3)
"""From the end of a run to its being known, in quiet times, whatever becomes of deliveries."""
RECOVERED_WITHIN = timedelta(minutes=5)
"""From the end of the faults to work going on."""


class Overdue:
    """`calm`: since when nothing is wrong. `patience`: how long GitHub has told the bot to wait beyond that."""

    def __init__(self, witness: Witness, world: World, *, calm: datetime, patience: timedelta) -> None:
        self._witness = witness
        self._world = world
        self._settled = calm + RECOVERED_WITHIN + patience

    def found(self) -> Iterator[Late]:
        """What is late now."""
        now = self._world.clock.now()
        if now < self._settled:
            return
        for release_id, known in self._witness.releases.items():
            if known.release.word.final:
                continue
            yield from self._turn(known, now)
            for step, record in known.release.items():
                if record.final:
                    continue
                what = f"{known.release.version} / {step.name} ({record.state.kind})"
                if (due := self._due(known, step, record.state)) is not None and now > due:
                    yield "every wait has an end", f"{what}: it should have gone on by {due:%H:%M:%S}"
                if step.kind != "approval":
                    yield from self._unseen(what, step, record.state, now)
                    yield from self._unfound(what, release_id, step, record.state, now)

    def _later(self, at: datetime, more: timedelta = RECOVERED_WITHIN) -> datetime:
        """Whatever was due during the faults has the same time afterwards."""
        return max(at + more, self._settled)

    def _turn(self, known: Known, now: datetime) -> Iterator[Late]:
        """Who waits for a turn waits for somebody."""
        release = known.release
        older = [
            other.release
            for other in self._witness.releases.values()
            if other is not known
            and not other.release.word.final
            and _group(other.release) == _group(release)
        ]
        if not (release.turn or older) and now > self._later(known.changed_at):
            yield "every wait has an end", f"{release.version} waits for its turn, and nobody is before it"

    def _due(self, known: Known, step: Step, state: StepState) -> datetime | None:
        """Until when this state must have been left; None: time alone does not end it."""
        release, paused = known.release, known.release.paused_by is not None
        match state:
            case Waiting():
                met = all(isinstance(release.steps[need].state, Passed | Skipped) for need in step.needs)
                return self._later(known.changed_at) if met and release.turn and not paused else None
            case InLine():
                free = not paused and not held_up(self._witness, known, step.name)
                changed = max(each.changed_at for each in self._witness.releases.values())
                return self._later(changed) if free else None
            case Due(not_before=at):
                before = self._one_after_another(step)
                free = not any(isinstance(other, Sending | Finding) for _, other in before)
                since = max((at, *(each.changed_at for each, _ in before)))
                return self._later(since) if release.turn and not paused and free else None
            case Sending(send_by=at):
                return self._later(at)
            case Expecting(until=at):
                return None if paused else self._later(at)
            case Cooling(until=at):
                return self._later(at) if release.turn and not paused else None
            case Finding(until=at) | Rerunning(until=at) | GaveWay(until=at):
                return self._later(at)
            case Diagnosing():
                return self._later(known.changed_at)
            case AwaitingApproval(reminded_at=at):
                return self._later(at + REMINDER)
            case _:
                return None

    def _one_after_another(self, step: Step) -> list[tuple[Known, StepState]]:
        """The steps of which one send at a time may be looked for, this one too; none if a nonce tells them apart."""
        return [
            (known, record.state)
            for known in self._witness.releases.values()
            for each, record in known.release.items()
            if _slot(each) is not None and _slot(each) == _slot(step)
        ]

    def _unseen(self, what: str, step: RunStep, state: StepState, now: datetime) -> Iterator[Late]:
        """What GitHub shows of the run of a step is known after a while."""
        run = _run_of(state)
        real = place(self._world, step.repo).runs.get(run.id) if run is not None else None
        shown = real.seen(now) if real is not None else None
        if run is None or real is None or shown is None:
            return
        over = shown.status == "completed"
        ended = max(shown.updated_at if over else shown.started_at, shown.visible_at)
        # A delivery may have told of an attempt that the API does not show yet.
        news = (shown.number, over) > (run.attempt, run.over)
        if news and now > self._later(ended, NOTICED_WITHIN):
            told = f"run {run.id} is {shown.status} at attempt {shown.number} since {ended:%H:%M:%S}"
            yield (
                "what happened to a run is noticed",
                f"{what}: {told}, known is {run.status} at {run.attempt}",
            )

    def _unfound(
        self, what: str, release_id: str, step: RunStep, state: StepState, now: datetime
    ) -> Iterator[Late]:
        """A run that a step waits for is bound when GitHub has listed it for a while."""
        match state:
            case Finding(send=send):
                runs = self._witness.runs_of_send(f"{release_id}:{step.name}:{send}")
            case Expecting() if step.kind == "watch":
                runs = self._runs_of_tag(step)
            case _:
                return
        for run in runs:
            if run.listed(now) and run.listed(now - NOTICED_WITHIN) and not run.deleted:
                since = max(run.created_at, state.since)
                if now > self._later(since, NOTICED_WITHIN):
                    yield (
                        "what happened to a run is noticed",
                        f"{what}: run {run.id} is there since {since:%H:%M:%S}",
                    )

    def _runs_of_tag(self, step: WatchStep) -> list[Run]:
        repo = place(self._world, step.repo)
        tag = repo.tags.get(step.ref)
        return [
            run
            for run in repo.runs.values()
            if tag and (run.workflow.file, run.event, run.head_sha) == (step.workflow, step.event, tag.commit)
        ]


def _slot(step: Step) -> tuple[str, str, str] | None:
    """Where one send at a time can be looked for; None: its nonce tells it from others."""
    if step.kind != "dispatch" or step.nonce:
        return None
    return (step.repo, step.workflow, step.ref)


def _run_of(state: StepState) -> BoundRun | None:
    match state:
        case GaveWay(run=run):
            return run
        case Running(run=run) | Diagnosing(run=run) | Cooling(run=run) | Rerunning(run=run):
            return run
        case NeedsPerson(run=run):
            return run
        case _:
            return None


def _group(release: Release) -> tuple[str, str, str]:
    return (release.plan.home, release.pipeline, release.plan.group)
