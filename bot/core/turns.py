"""Steps of one `one-at-a-time` name run one after the other, in whatever release of whatever home they are.

Rule: whose turn it is follows from the open releases alone. A step holds its place from the moment it is given its turn
until it is final; while it waits it holds nothing, and who holds waits for no other step. So no circle of steps that
wait for each other can come to be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.core.draft import Draft
from bot.core.events import TurnDelayed, TurnGiven, TurnTaken
from bot.core.model import Release, StepRecord
from bot.core.plan import DispatchStep, Step
from bot.core.states import (
    Behind,
    Cooling,
    Diagnosing,
    Due,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Rerunning,
    Running,
    Sending,
)
from bot.core.versions import Version

_FIRST, _AGAIN = timedelta(hours=1), timedelta(hours=24)


def holds(record: StepRecord) -> bool:
    """Whether others of its name have to wait: it may have a run, or it is about to.

    A step that needs a person before anything of it was sent lets the others pass.
    """
    match record.state:
        case Due() | Sending() | Finding() | Running() | Diagnosing() | Cooling() | Rerunning() | GaveWay():
            return True
        case NeedsPerson(parked=parked):
            return record.run is not None or isinstance(parked, Finding)
        case _:
            return False


def make_due(draft: Draft, name: str, reason: str) -> None:
    """The next send may be checked; a step with others of its name waits for its turn first, unless it has it."""
    go_on(draft, name, Due(draft.now, draft.now), reason)


def go_on(draft: Draft, name: str, due: Due, reason: str) -> None:
    """As `make_due`, with what is known of the send already."""
    planned, record = draft.release.plan.step(name), draft.record(name)
    line = _name(planned)
    undecided = isinstance(planned, DispatchStep) and bool(planned.moves) and not record.moves
    if line and (undecided or not holds(record)):
        draft.keep(name, replace(draft.record(name), moves=(), inputs=()))
        draft.put(name, InLine(draft.now), f"{reason}; it waits for its turn in {line}")
    else:
        draft.put(name, due, reason)


def line_up(draft: Draft, name: str, reason: str) -> None:
    """As `make_due`, for a step that held its place while its way was not free: in a pause others may have gone on."""
    if _name(draft.release.plan.step(name)):
        draft.keep(name, replace(draft.record(name), moves=(), inputs=()))
        draft.put(
            name,
            InLine(draft.now),
            f"{reason}; it waits for its turn in {_name(draft.release.plan.step(name))}",
        )
    else:
        make_due(draft, name, reason)


def turn(draft: Draft, event: TurnGiven | TurnTaken | TurnDelayed) -> None:
    """Whose turn it is was found out."""
    match event:
        case TurnGiven():
            _given(draft, event)
        case TurnTaken():
            _taken(draft, event)
        case TurnDelayed():
            _delayed(draft, event)


def _given(draft: Draft, event: TurnGiven) -> None:
    if not isinstance(draft.state(event.step), InLine) or draft.release.paused_by or draft.release.cancelling:
        return
    draft.keep(event.step, replace(draft.record(event.step), moves=event.moves, inputs=event.inputs))
    names = ", ".join(f"{move.name}: {move.before or '?'} -> {move.after}" for move in event.moves)
    draft.put(event.step, Due(draft.now, draft.now), f"its turn{f' ({names})' if names else ''}")


def _taken(draft: Draft, event: TurnTaken) -> None:
    state = draft.state(event.step)
    if isinstance(state, InLine) and state.behind != event.behind and draft.release.paused_by is None:
        behind = event.behind
        reason = f"waits for {behind.pipeline} {behind.version} / {behind.step}"
        waits = InLine(state.since, behind)
        if behind.stuck:
            waits = replace(waits, told_at=state.told_at or draft.now, told=state.told)
        draft.put(event.step, waits, reason)


def _delayed(draft: Draft, event: TurnDelayed) -> None:
    state = draft.state(event.step)
    if isinstance(state, InLine) and (state.behind, state.why) != (None, event.why):
        draft.put(event.step, InLine(state.since, why=event.why), event.why)


def patience(state: InLine) -> timedelta:
    """How long one stands behind somebody who needs a person until one's own people are told; then once a day."""
    return _AGAIN if state.told else _FIRST


def leave_line(draft: Draft) -> None:
    """Whoever is paused before its send gives its turn away, and waits for nobody in particular."""
    for step, record in draft.release.items():
        state = record.state
        if isinstance(state, Due) and _never_began(record) and _name(step):
            draft.keep(step.name, replace(record, moves=(), inputs=()))
            draft.put(step.name, InLine(state.since), "gives its turn away while it is paused")
        elif isinstance(state, InLine) and state != InLine(state.since):
            draft.put(step.name, InLine(state.since))


def _never_began(record: StepRecord) -> bool:
    """It has no run, or its last one gave way before a job of it ran."""
    return record.run is None or (record.gave_way > 0 and record.run.conclusion == "cancelled")


def _name(step: Step) -> str:
    return step.one_at_a_time if isinstance(step, DispatchStep) else ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A step that waits: it is its turn, or it is `behind` another one."""

    release_id: str
    step: str
    behind: Behind | None


@dataclass(frozen=True, slots=True)
class _Place:
    release: Release
    step: DispatchStep
    record: StepRecord

    @property
    def ready(self) -> bool:
        """Whether it could go at once; a release that is paused lets the others pass."""
        release = self.release
        waits = isinstance(self.record.state, InLine)
        return waits and release.paused_by is None and not release.cancelling

    @property
    def has_turn(self) -> bool:
        """Whether the others have to wait; a release that was paused before its next send lets them pass."""
        lets_pass = isinstance(self.record.state, GaveWay) and self.release.paused_by is not None
        return holds(self.record) and not lets_pass

    @property
    def behind_it(self) -> Behind:
        plan = self.release.plan
        stuck = isinstance(self.record.state, NeedsPerson)
        paused = self.release.paused_by is not None
        return Behind(plan.home, plan.pipeline, plan.version, self.step.name, stuck, paused)


def turns(releases: Iterable[Release]) -> Iterator[Turn]:
    """Of every step that waits: whether it is its turn. `releases`: all that are open, oldest first."""
    for places in _lines(releases):
        first = _first(places)
        for place in places:
            if first is not None and isinstance(place.record.state, InLine):
                behind = None if place is first else first.behind_it
                yield Turn(place.release.id, place.step.name, behind)


def _lines(releases: Iterable[Release]) -> Iterable[Sequence[_Place]]:
    lines: dict[str, list[_Place]] = {}
    for release in releases:
        for step, record in release.items():
            if isinstance(step, DispatchStep) and step.one_at_a_time and not record.final:
                lines.setdefault(step.one_at_a_time.lower(), []).append(_Place(release, step, record))
    return lines.values()


def _first(places: Sequence[_Place]) -> _Place | None:
    """Who has its turn, or else the lowest version of those that are ready."""
    holders = [place for place in places if place.has_turn]
    if holders:
        return holders[0]
    ready = [place for place in places if place.ready]
    return min(ready, key=lambda place: Version.parse(place.release.version), default=None)
