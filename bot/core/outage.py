"""The outage brake: what to do with automatic re-runs when the same service fails several of them within minutes.

Rule: pure, and computed from the open releases alone, so nothing has to be remembered across a restart. One re-run
tries the service; the others wait for its outcome, each with a time of its own at which it goes on whatever happens.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.events import RerunHeld
from bot.core.model import Release, StepRecord
from bot.core.plan import ApprovalStep, RunStep, same_repository
from bot.core.runs import chance
from bot.core.states import Cooling, Diagnosing, Passed, Rerunning, Running
from bot.core.trouble import Hold, Sighting

SEVERAL_JOBS = 3
WITHIN = timedelta(minutes=10)
"""So many jobs failing for one service in so short a time are an outage and no chance."""
CALM = timedelta(minutes=45)
"""So long after its last sign an outage is over, though nobody has tried."""
LONGEST = timedelta(hours=3)
"""No longer is a re-run held for one outage: then the budgets decide."""
LONGEST_PROOF = timedelta(minutes=20)
"""A re-run that has gone on for so long has got past what failed, or nobody can wait for it."""
_MARGIN = timedelta(minutes=1)
_MOST_PAUSE = 1_800.0
_SPREAD = 120.0
"""Seconds over which the others are let go."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A step whose attempt has shown that a service is away."""

    release: Release
    step: RunStep
    record: StepRecord
    sightings: tuple[Sighting, ...]

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]

    @property
    def cooling(self) -> Cooling | None:
        """Its automatic re-run that waits for its time."""
        state = self.record.state
        if not isinstance(state, Cooling) or state.by is not None or self.release.cancelling:
            return None
        return state if self._is_of_last(state.run.id, state.run.attempt) else None

    @property
    def trying_since(self) -> datetime | None:
        """When its re-run began, if that is under way; the far future while GitHub has yet to begin it."""
        match self.record.state:
            case Rerunning(run=run, until=until) if self._is_of_last(run.id, run.attempt):
                return until
            case Running(run=run) | Diagnosing(run=run) if self._is_of_last(run.id, run.attempt - 1):
                return run.started_at
            case _:
                return None

    def _is_of_last(self, run_id: int, attempt: int) -> bool:
        return (self.last.run_id, self.last.attempt) == (run_id, attempt)

    @property
    def proof_at(self) -> datetime | None:
        """When its re-run, if it still runs then, has outlived what made the last attempt fail."""
        if self.trying_since is None:
            return None
        lasted = timedelta(seconds=self.last.seconds * 1.1) + _MARGIN
        return self.trying_since + min(lasted, LONGEST_PROOF)

    def proven_at(self, now: datetime, *, since: datetime) -> datetime | None:
        """When an attempt that was begun after `since` has shown that the service is back."""
        run, state = self.record.run, self.record.state
        if run is None or run.started_at < since:
            return None
        if isinstance(state, Passed):
            return state.at
        return self.proof_at if self.proof_at is not None and self.proof_at <= now else None

    def drawn(self, span: float) -> timedelta:
        """A part of `span` seconds, drawn by lot."""
        last = self.last
        return timedelta(
            seconds=span * chance(self.release.id, self.step.name, last.run_id, last.attempt, "go")
        )


@dataclass(frozen=True, slots=True)
class _Outage:
    service: str
    since: datetime
    last: datetime
    failed_tries: int
    places: tuple[_Place, ...]


def orders(releases: Iterable[Release], now: datetime) -> tuple[tuple[str, RerunHeld], ...]:
    """What has to be said to which release, so that its automatic re-runs wait as they should."""
    wanted: list[tuple[str, RerunHeld]] = []
    for service, places in _by_service(releases).items():
        outage = _outage(service, places, now)
        wanted.extend(_freed(places, now) if outage is None else _held(outage))
    return tuple(wanted)


def _by_service(releases: Iterable[Release]) -> dict[str, list[_Place]]:
    found: dict[str, list[_Place]] = {}
    for release in releases:
        for step, record in release.items():
            if record.sightings and not isinstance(step, ApprovalStep):
                service = record.sightings[-1].service
                of_it = tuple(seen for seen in record.sightings if seen.service == service)
                found.setdefault(service, []).append(_Place(release, step, record, of_it))
    return found


def _outage(service: str, places: Sequence[_Place], now: datetime) -> _Outage | None:
    """The outage that goes on at `now`, if there is one."""
    signs = sorted(
        ((seen, place) for place in places for seen in place.sightings), key=lambda sign: sign[0].at
    )
    chain: list[tuple[Sighting, _Place]] = []
    for sign in signs:
        if chain and sign[0].at - chain[-1][0].at > CALM:
            chain = []
        chain.append(sign)
    since, last = chain[0][0].at, chain[-1][0].at
    held = any(place.cooling is not None and place.cooling.hold is not None for place in places)
    if now - last > CALM or now - since > LONGEST or not (held or _is_crowd(chain)):
        return None
    proofs = [at for place in places if (at := place.proven_at(now, since=since)) is not None]
    if any(at > last for at in proofs):
        return None
    again = sum(1 for seen, place in chain if _is_failed_try(seen, place))
    return _Outage(service, since, last, again, tuple(places))


def _is_crowd(chain: Sequence[tuple[Sighting, _Place]]) -> bool:
    """Whether at some moment several jobs, not one job several times, had failed within minutes."""
    for end, _ in chain:
        most: dict[tuple[str, str], int] = {}
        for seen, place in chain:
            if end.at - WITHIN <= seen.at <= end.at:
                key = (place.release.id, place.step.name)
                most[key] = max(most.get(key, 0), seen.jobs)
        if sum(most.values()) >= SEVERAL_JOBS:
            return True
    return False


def _is_failed_try(seen: Sighting, place: _Place) -> bool:
    return any(
        (before.run_id, before.attempt) == (seen.run_id, seen.attempt - 1) for before in place.sightings
    )


def _held(outage: _Outage) -> Iterator[tuple[str, RerunHeld]]:
    """One tries, or is trying; the others wait for what comes of it."""
    # One that had outlived its failure before the last sign came says nothing of what goes on now.
    proofs = [at for place in outage.places if (at := place.proof_at) is not None and at > outage.last]
    waiting = [place for place in outage.places if place.cooling is not None]
    if proofs:
        for place in waiting:
            yield from _order(outage, place, min(proofs) + place.drawn(_SPREAD), next_try=None)
        return
    able = [place for place in waiting if place.release.paused_by is None]
    if not able:
        return
    first = min(able, key=lambda place: (place.record.reruns_in_all, place.last.at, place.release.id))
    at = max(_due(first), outage.last + _pause(first.step, outage.failed_tries))
    for place in waiting:
        if place is first:
            yield from _order(outage, place, at, next_try=at, probe=True)
        else:
            yield from _order(outage, place, at + LONGEST_PROOF + place.drawn(_SPREAD), next_try=at)


def _pause(step: RunStep, failed_tries: int) -> timedelta:
    """Grows with every try that failed, beginning with the pause the pipeline file asks for."""
    if failed_tries == 0:
        return timedelta(0)
    return timedelta(seconds=min(_MOST_PAUSE, step.retry.wait * 4 * 2 ** (failed_tries - 1)))


def _due(place: _Place) -> datetime:
    cooling = place.cooling
    assert cooling is not None
    return cooling.hold.due if cooling.hold is not None else cooling.until


def _order(
    outage: _Outage, place: _Place, until: datetime, *, next_try: datetime | None, probe: bool = False
) -> Iterator[tuple[str, RerunHeld]]:
    cooling = place.cooling
    assert cooling is not None
    mine = [other for other in outage.places if _shown_beside(place, other)]
    releases = {other.release.id for other in mine}
    jobs = sum(other.last.jobs for other in mine)
    hold = Hold(outage.service, len(releases), jobs, next_try, probe, _due(place))
    if (cooling.hold, cooling.until) != (hold, until):
        event = RerunHeld(place.step.name, cooling.run.id, cooling.run.attempt, until, hold)
        yield place.release.id, event


def _shown_beside(place: _Place, other: _Place) -> bool:
    """Whether both are of one home and one repository: any other may be private."""
    here, there = place.release.plan.home, other.release.plan.home
    return same_repository(here, there) and same_repository(place.step.repo, other.step.repo)


def _freed(places: Iterable[_Place], now: datetime) -> Iterator[tuple[str, RerunHeld]]:
    """The outage is over: those who waited go, one after the other."""
    for place in places:
        cooling = place.cooling
        if cooling is not None and cooling.hold is not None:
            span = min(_SPREAD, place.step.retry.wait * 4)
            until = min(cooling.until, now + place.drawn(span))
            yield (
                place.release.id,
                RerunHeld(place.step.name, cooling.run.id, cooling.run.attempt, until, None),
            )
