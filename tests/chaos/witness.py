"""The witness: reads the database after every commit and GitHub's ledger after every request, and knows the promises.

Rule: it believes only what is on disk and what reached GitHub; the bot itself is never asked.
"""

import json
import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import httpx
from pydantic import TypeAdapter

from bot.core import events
from bot.core.decide import decide
from bot.core.events import (
    AdoptAsked,
    ApproveAsked,
    CancelAsked,
    Event,
    PauseAsked,
    RedoAsked,
    ResumeAsked,
    RetryAsked,
    SkipAsked,
)
from bot.core.model import Cooling, Passed, Release, Sending, Skipped
from bot.core.plan import DispatchStep
from bot.core.steering import plain_ref
from bot.simulator.faults import Break
from bot.simulator.ledger import Entry
from bot.simulator.runs import Run
from bot.simulator.world import World
from bot.store.codec import release_from_json
from tests.core.rules_of_histories import Rules

_ASKED = (RetryAsked, RedoAsked, SkipAsked, AdoptAsked, ApproveAsked, PauseAsked, ResumeAsked, CancelAsked)
_STRONG = {"maintain", "admin"}
_DEFINITE = {400, 401, 403, 404, 422, 429}
_SENT_AGAIN = {400, 401}
"""After these the same send may leave once more: another API version, another token."""


@dataclass(slots=True)
class Sent:
    """A send number on disk, and what of it reached GitHub."""

    key: str
    release_id: str
    step: str
    number: int
    repo: str
    workflow: str
    ref: str
    nonce: str | None
    state: str
    outcome: str | None
    entries: list[Entry] = field(default_factory=list)
    asked_again: bool = False
    """A person has asked for another send since this one was opened."""

    @property
    def surely_not_done(self) -> bool:
        return all(_refused(entry, _DEFINITE) for entry in self.entries)


@dataclass(slots=True)
class Known:
    """A release on disk, and what its journal makes of it."""

    release: Release
    revision: int
    replayed: Release
    wake_at: datetime | None
    changed_at: datetime
    rules: Rules = field(default_factory=Rules)


class Witness:
    """`broken`: promises that were broken, by name and with the facts."""

    def __init__(self, world: World, *, told: Callable[[str], None]) -> None:
        self._world = world
        self._told = told
        self.broken: list[tuple[str, str]] = []
        self.releases: dict[str, Known] = {}
        self.sends: dict[str, Sent] = {}
        self._journal = 0
        self._read = 0
        self._leaving: list[tuple[str, str, str]] = []

    def _breaks(self, name: str, text: str) -> None:
        self.broken.append((name, text))

    # -- what is on disk -----------------------------------------------------------------------------

    def committed(self, raw: sqlite3.Connection, touched: set[str]) -> None:
        """A transaction is durable."""
        if "outbox" in touched:
            self._read_outbox(raw)
        if "releases" in touched:
            self._read_new(raw)
        if "journal" in touched:
            self._read_journal(raw)

    def _read_new(self, raw: sqlite3.Connection) -> None:
        rows = raw.execute("SELECT id, revision, state, wake_at FROM releases WHERE revision = 1").fetchall()
        for release_id, revision, state, wake_at in rows:
            if release_id not in self.releases:
                release = release_from_json(state)
                now = self._world.clock.now()
                self.releases[release_id] = Known(release, revision, release, _moment(wake_at), now)
                self._told(f"release {release_id} is {release.version} at {release.plan.home}")
                self._needs_permission(release, release.starter.login, "started")

    def _read_outbox(self, raw: sqlite3.Connection) -> None:
        columns = "key, release_id, step, send, repo, workflow, ref, nonce, state, outcome"
        for row in raw.execute(f"SELECT {columns} FROM outbox").fetchall():  # noqa: S608 - our own words
            known = self.sends.get(row[0])
            if known is None:
                known = self.sends[row[0]] = Sent(*row)
                self._is_allowed(known)
            known.state, known.outcome = row[8], row[9]
            if known.state == "closed" and (known.outcome or "").startswith("not done"):
                self.read_ledger()
                if not known.surely_not_done:
                    self._breaks("a definite no is definite", f"{known.key} is closed as {known.outcome!r}")

    def _is_allowed(self, send: Sent) -> None:
        """A further send number needs a definite no before it, or a person's command."""
        self.read_ledger()
        earlier = [s for s in self.sends.values() if (s.release_id, s.step) == (send.release_id, send.step)]
        for before in earlier:
            doubtful = before is not send and not before.surely_not_done
            if doubtful and not before.asked_again:
                self._breaks("no second send after a doubt", f"{send.key} was opened after {before.key}")

    def _read_journal(self, raw: sqlite3.Connection) -> None:
        query = "SELECT id, release_id, revision, at, event, reasons FROM journal WHERE id > ? ORDER BY id"
        for number, release_id, revision, at, event, reasons in raw.execute(
            query, (self._journal,)
        ).fetchall():
            self._journal = number
            row = raw.execute("SELECT state, wake_at FROM releases WHERE id = ?", (release_id,)).fetchone()
            for reason in json.loads(reasons):
                self._told(f"journal {release_id} {revision}: {reason}")
            if event is not None:
                moment = _moment(at)
                assert moment is not None
                self._happened(release_id, revision, moment, _event(event), release_from_json(row[0]), row[1])

    def _happened(
        self, release_id: str, revision: int, at: datetime, event: Event, stored: Release, wake_at: int | None
    ) -> None:
        known = self.releases[release_id]
        if revision != known.revision + 1:
            self._breaks(
                "a revision follows the one before", f"{release_id}: {known.revision}, then {revision}"
            )
        before = known.replayed
        decision = decide(before, event, at)
        try:
            known.rules.check(before, event, decision, at)
        except AssertionError as error:
            line = traceback.extract_tb(error.__traceback__)[-1].line
            self._breaks(
                str(error).partition("\n")[0] or f"rule of histories: {line}", f"{release_id} {event}"
            )
        if decision.release != stored:
            self._breaks("the journal replays to the state", _difference(decision.release, stored, event))
        if isinstance(event, _ASKED):
            self._asked(known, event)
        for step in stored.plan:
            after, then = stored.steps[step.name], before.steps[step.name]
            if isinstance(after.state, Passed) and not then.final and after.run is not None:
                self._has_passed(stored, step.name)
        known.release, known.replayed, known.revision = stored, stored, revision
        known.wake_at, known.changed_at = _moment(wake_at), self._world.clock.now()

    def _asked(self, known: Known, event: Event) -> None:
        by: str = event.by  # type: ignore[union-attr]
        self._needs_permission(known.release, by, type(event).__name__)
        steps = event.steps if isinstance(event, RetryAsked) else (getattr(event, "step", ""),)
        for send in self.sends.values():
            if send.release_id == known.release.id and send.step in steps:
                send.asked_again = True

    def _needs_permission(self, release: Release, login: str, what: str) -> None:
        """GitHub has told the bot, lately, that this person has the role in every repository of the plan."""
        for repo in release.plan.repositories:
            path = f"/repos/{repo}/collaborators/{login}/permission".lower()
            told = [e for e in self._world.ledger if e.path.lower() == path and e.status in {200, 304}]
            roles = [e.answer.get("role_name") for e in told[-1:] if isinstance(e.answer, dict)]
            if not _STRONG.intersection(roles):
                self._breaks(
                    "permission is on record", f"{login} {what} {release.version}: {repo} says {roles}"
                )

    def _has_passed(self, release: Release, name: str) -> None:
        run = release.steps[name].run
        assert run is not None
        real = next((each for each in self._all_runs() if each.id == run.id), None)
        if real is None:
            return self._breaks("passed means passed", f"{name}: there is no run {run.id}")
        attempt = real.attempts[run.attempt - 1]
        ran = any(job.conclusion == "success" for job in attempt.jobs)
        if (attempt.status, attempt.conclusion, ran) != ("completed", "success", True):
            self._breaks(
                "passed means passed", f"{name}: run {run.id}, attempt {run.attempt} is {attempt.conclusion}"
            )
        return None

    def _all_runs(self) -> list[Run]:
        return [run for repo in self._world.repositories.values() for run in repo.runs.values()]

    # -- what reaches GitHub ---------------------------------------------------------------------------

    def leaving(self, request: httpx.Request) -> None:
        """A request is about to leave the bot: a dispatch must be on disk by now, whole and allowed."""
        path = request.url.path
        if request.method != "POST":
            return
        if path.endswith("/dispatches"):
            self._dispatch_leaves(path, request.content)
        elif path.endswith("/rerun-failed-jobs"):
            self._rerun_leaves(path)

    def _dispatch_leaves(self, path: str, content: bytes) -> None:
        _, _, owner, name, _, _, workflow, _ = path.split("/")
        body = json.loads(content)
        given = set(body.get("inputs", {}).values())
        repo, ref = f"{owner}/{name}".lower(), plain_ref(body["ref"])
        fitting = [
            s
            for s in self.sends.values()
            if (s.repo, s.workflow, s.ref, s.state) == (repo, workflow, ref, "open")
            and (s.nonce is None or s.nonce in given)
        ]
        if len(fitting) != 1:
            keys = [s.key for s in fitting]
            return self._breaks(
                "the intent is on disk before the deed", f"{workflow} at {ref} in {repo}: {keys}"
            )
        send = fitting[0]
        self._leaving = [each for each in self._leaving if each[1:] != (path, content.decode())]
        self._leaving.append((send.key, path, content.decode()))
        release = self.releases[send.release_id].release
        step, state = release.plan.step(send.step), release.steps[send.step].state
        assert isinstance(step, DispatchStep)
        if not isinstance(state, Sending) or state.send != send.number:
            self._breaks("only an open send leaves", f"{send.key} leaves, the step is {state}")
        done = (Passed, Skipped)
        needs_met = all(isinstance(release.steps[need].state, done) for need in step.needs)
        if not (needs_met and release.turn):
            self._breaks("needs come first", f"{send.key} leaves before its turn")
        return None

    def left(self, request: httpx.Request, outcome: str) -> None:
        """A request was answered, or its answer lost."""
        del outcome
        if request.url.path.endswith("/dispatches"):
            self.read_ledger()

    def read_ledger(self) -> None:
        """Every dispatch that reached GitHub belongs to one send, and a send to one dispatch."""
        ledger = self._world.ledger
        for entry in ledger[self._read :]:
            self._read += 1
            if entry.method == "POST" and entry.path.endswith("/dispatches"):
                self._dispatched(entry)

    def _dispatched(self, entry: Entry) -> None:
        mine = [
            one for one in self._leaving if one[1].endswith(entry.path) and json.loads(one[2]) == entry.body
        ]
        if not mine:
            return self._breaks("a dispatch belongs to a send", f"{entry.path} {entry.body}")
        self._leaving.remove(mine[0])
        key = mine[0][0]
        send = self.sends[key]
        if not all(_refused(each, _SENT_AGAIN) for each in send.entries):
            self._breaks("at most one dispatch per send", f"{key} was sent {len(send.entries) + 1} times")
        send.entries.append(entry)
        return None

    def _rerun_leaves(self, path: str) -> None:
        number = int(path.split("/")[-2])
        for known in self.releases.values():
            for step, record in known.release.items():
                state = record.state
                if isinstance(state, Cooling) and state.run.id == number:
                    self._told(
                        f"the bot re-runs {step.name} of {known.release.version}, attempt {state.run.attempt}"
                    )
                    return
        self._breaks("a re-run was decided on", f"run {number} is re-run and no step waits for that")


def _refused(entry: Entry, statuses: set[int]) -> bool:
    """Certainly not done, as the bot could see; a connection that was never made carries nothing at all."""
    never_made = (entry.fault or "").startswith(Break.CONNECT.value)
    return not entry.effect and (never_made or entry.status in statuses)


def _moment(number: int | None) -> datetime | None:
    return None if number is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)


def _event(text: str) -> Event:
    fields = json.loads(text)
    return _adapter(fields.pop("event")).validate_json(json.dumps(fields))


@cache
def _adapter(name: str) -> TypeAdapter[Event]:
    return TypeAdapter(getattr(events, name))


def _difference(replayed: Release, stored: Release, event: Event) -> str:
    for name, record in stored.steps.items():
        if replayed.steps[name] != record:
            return f"{type(event).__name__}: {name} is {record}, and the journal says {replayed.steps[name]}"
    return f"{type(event).__name__}: {stored} against {replayed}"
