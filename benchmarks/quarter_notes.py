"""What is noted of the bot alone: how soon and with how many calls it answers failures, what its brake held, sends.

Rule: read from GitHub's ledger, the log of its deliveries and the bot's journal; a request counts for a failure when
it names the run, its jobs or its commit, or writes the release's comment or check run.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.quarter_judged import Needless, judgements, needless, run_of
from benchmarks.quarter_people import Call
from benchmarks.quarter_world import Days, Place
from bot.simulator.ledger import Entry
from bot.simulator.runs import Run
from bot.simulator.webhooks import Delivery
from bot.store.rows import JournalRow

PAUSE = timedelta(seconds=30)
"""The default `wait` of the pipeline file; it doubles with every re-run of one run, and up to a tenth is added."""
NOTICED = timedelta(seconds=1)
_AGAIN = re.compile(r"/actions/runs/(\d+)/rerun-failed-jobs$")
_LAST_NUMBER = re.compile(r"/(\d+)$")

Attempted = tuple[int, int]
"""A run and the number of its attempt."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A re-run that the brake told to wait. `due`: when it would have gone; `gone`: when it went; `back`: when the
    registries were back, if they were away when it was due."""

    service: str
    due: datetime
    gone: datetime
    back: datetime | None

    @property
    def lasted(self) -> timedelta:
        return self.gone - self.due

    @property
    def late(self) -> timedelta:
        """How long it was held though nothing was away any more."""
        return max(timedelta(0), self.gone - (self.back or self.due))


@dataclass(frozen=True, slots=True)
class Answer:
    """What followed on a failed attempt: an automatic re-run, so long after the delivery that told of it."""

    after: timedelta
    pause: timedelta
    held: bool
    reads: int
    writes: int


@dataclass(slots=True)
class Record:
    """What is noted of the bot in the whole quarter.

    `judged`: attempts by what was the matter (the gravest of `WHYS`) and by the cause that the bot found; `doubled`:
    dispatches beyond one for each side and each `redo`.
    """

    answers: list[Answer] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    judged: Counter[tuple[str, str]] = field(default_factory=Counter)
    needless: list[Needless] = field(default_factory=list)
    sends: int = 0
    doubled: int = 0


@dataclass(frozen=True, slots=True)
class NotedDay:
    """One day's evidence: the journals of its releases, the requests and the deliveries."""

    days: Days
    calls: Sequence[Call]
    journal: Sequence[JournalRow]
    asks: Sequence[Entry]
    deliveries: Sequence[Delivery]

    def note(self, record: Record) -> None:
        again = self._asked_again()
        holds = dict(self._holds(again))
        record.holds += holds.values()
        record.answers += self._answers(again, holds)
        judged = tuple(judgements(self.days, self.journal))
        record.judged.update((each.gravest, each.cause) for each in judged)
        record.needless += needless([call for call in self.calls if call.at >= self.begun], judged)

    @property
    def begun(self) -> datetime:
        return max(self.days.begun.values())

    def _asked_again(self) -> dict[Attempted, Entry]:
        """The request by which the bot had an attempt followed by another one."""
        found: dict[Attempted, Entry] = {}
        seen: Counter[int] = Counter()
        for entry in self.asks:
            named = _AGAIN.search(entry.path)
            if named and entry.method == "POST" and entry.status == 201:
                seen[int(named[1])] += 1
                found[int(named[1]), seen[int(named[1])]] = entry
        return found

    def _holds(self, again: Mapping[Attempted, Entry]) -> Iterator[tuple[Attempted, Hold]]:
        due: dict[Attempted, tuple[str, datetime]] = {}
        for row in self.journal:
            event = row.event or {}
            hold = event.get("hold")
            if event.get("event") == "RerunHeld" and isinstance(hold, dict):
                key = (int(str(event["run_id"])), int(str(event["attempt"])))
                due.setdefault(key, (str(hold["service"]), datetime.fromisoformat(str(hold["due"]))))
        for key, (service, at) in due.items():
            if key in again and again[key].at - at > NOTICED:
                yield key, Hold(service, at, again[key].at, self.days.outage_until(at))

    def _answers(self, again: Mapping[Attempted, Entry], holds: Mapping[Attempted, Hold]) -> Iterator[Answer]:
        """Of failures that no person was called to."""
        numbers: Counter[int] = Counter()
        for delivery in self.deliveries:
            told = _failure(delivery)
            if told is None or told not in again or delivery.delivered_at is None:
                continue
            since, ask = delivery.delivered_at, again[told]
            run = run_of(self.days, told[0])
            if run is None or self._called(self.days.place(run), since, ask.at):
                continue
            pause = PAUSE * 2 ** numbers[run.id]
            numbers[run.id] += 1
            mine = [entry for entry in self._between(since, ask) if self._is_of(entry, run, told[1])]
            writes = sum(entry.writes for entry in mine)
            yield Answer(ask.at - since, pause, told in holds, len(mine) - writes, writes)

    def _called(self, place: Place, since: datetime, until: datetime) -> bool:
        return any(call.place == place and since <= call.at <= until for call in self.calls)

    def _between(self, since: datetime, last: Entry) -> Iterable[Entry]:
        return (entry for entry in self.asks if since <= entry.at and entry.number <= last.number)

    def _is_of(self, entry: Entry, run: Run, attempt: int) -> bool:
        if entry.writes:
            return f"/actions/runs/{run.id}/" in entry.path or self._reports(entry, self.days.place(run))
        numbers = {run.id}
        for job in run.attempts[attempt - 1].jobs:
            numbers |= {job.id, job.check_run.id}
        named = any(part.isdecimal() and int(part) in numbers for part in entry.path.split("/"))
        return named or run.head_sha in entry.path or entry.query.get("head_sha") == run.head_sha

    def _reports(self, entry: Entry, place: Place) -> bool:
        """Whether it writes the status comment of the release, or the check run of the step."""
        last, repo = _LAST_NUMBER.search(entry.path), self.days.world.repository(place.repo)
        if "/check-runs" in entry.path:
            check = repo.check_runs.get(int(last[1])) if last else None
            name = check.name if check else str((entry.body or {}).get("name"))
            return entry.repository == repo.full_name and name.startswith(f"release {place.version} / ")
        home = self.days.world.repository(self.days.quarter.repos[0])
        comment = home.comments.get(int(last[1])) if last and "/issues/comments/" in entry.path else None
        return comment is not None and f" {place.version}: " in comment.body.partition("\n")[0]


def _failure(delivery: Delivery) -> Attempted | None:
    """The attempt of which the delivery says that it failed."""
    run = delivery.payload.get("workflow_run")
    if (delivery.event, delivery.action) != ("workflow_run", "completed") or not isinstance(run, dict):
        return None
    return (run["id"], run["run_attempt"]) if run["conclusion"] == "failure" else None


def sends(days: Days) -> tuple[int, int]:
    """The dispatches that left the bot, and those of them that nobody asked for."""
    asked: Counter[Place] = Counter()
    for entry in days.world.ledger.dispatches:
        inputs = (entry.body or {}).get("inputs")
        assert isinstance(inputs, dict)
        place = next(
            place
            for day in range(days.quarter.tuesdays)
            for place in days.quarter.places(day)
            if place.version == inputs["releaseVersion"] and f"/{place.repo}/" in entry.path
        )
        asked[place] += 1
    breaks = days.quarter.breaks()
    fixed = {place for place in days.mended if breaks[place].in_code}
    return asked.total(), sum(max(0, count - 1 - (place in fixed)) for place, count in asked.items())
