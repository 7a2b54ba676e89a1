"""The witness: reads the database after every commit and GitHub's ledger after every request, and knows the promises.

Rule: it believes only what is on disk and what reached GitHub; the bot itself is never asked.
"""

import copy
import json
import sqlite3
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
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
from bot.core.model import Release
from bot.core.plan import DispatchStep, Step
from bot.core.states import BoundRun, Cooling, Passed, Sending, Skipped
from bot.core.steering import plain_ref
from bot.simulator.faults import Break
from bot.simulator.ledger import Entry
from bot.simulator.runs import Run
from bot.simulator.world import World
from bot.store.codec import release_from_json
from tests.chaos.places import place
from tests.chaos.reruns import Reruns
from tests.chaos.waits import wake_missed
from tests.core.rules_of_histories import Rules

_ASKED = (RetryAsked, RedoAsked, SkipAsked, AdoptAsked, ApproveAsked, PauseAsked, ResumeAsked, CancelAsked)
_STRONG = {"maintain", "admin"}
_DEFINITE = {301, 307, 308, 400, 401, 403, 404, 422, 429}
_SENT_AGAIN = {400, 401}
"""After these the same send may leave once more: another API version, another token."""
_READ_BEFORE = timedelta(seconds=15)
"""A send is prepared in the seconds before it leaves; slow answers count."""
_KNOWN_LATER = {"bound", "never found", "two candidates", "doubtful run", "adopted"}
"""How a send may end whose process died: its run was found, or was not in its time, or a person names one."""


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
    opened_in: int = 0
    """The life of the bot's process that opened it."""
    closed_in: int | None = None
    entries: list[Entry] = field(default_factory=list)
    carried: list[Entry] = field(default_factory=list)
    """What reached GitHub under this number before an older copy of the database was put back."""
    asked_again: bool = False
    """A person has asked for another send since this one was opened."""

    @property
    def surely_not_done(self) -> bool:
        return all(_refused(entry, _DEFINITE) for entry in self.entries)

    @property
    def known_as_not_done(self) -> bool:
        """Only who was there when it left, or did not, can know that it was not done."""
        return self.surely_not_done and self.closed_in == self.opened_in


@dataclass(slots=True)
class Known:
    """A release on disk, and what its journal makes of it."""

    release: Release
    revision: int
    replayed: Release
    wake_at: datetime | None
    changed_at: datetime
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the database knew at a moment, as far as the witness knows it."""

    releases: dict[str, Known]
    sends: dict[str, Sent]
    journal: int


class Witness:
    """`broken`: promises that were broken, by name and with the facts."""

    def __init__(self, world: World, *, told: Callable[[str], None]) -> None:
        self._world = world
        self._told = told
        self.broken: list[tuple[str, str]] = []
        self.releases: dict[str, Known] = {}
        self.sends: dict[str, Sent] = {}
        self._forgotten: dict[str, Sent] = {}
        """Sends that an older copy of the database knows nothing of."""
        self.lives = 0
        """How often the bot's process has begun to live."""
        self._reruns = Reruns(world)
        self._wishes: Counter[tuple[str, str]] = Counter()
        self._journal = 0
        self._read = 0
        self._leaving: list[tuple[str, str, str]] = []

    def _breaks(self, name: str, text: str) -> None:
        self.broken.append((name, text))

    # -- an older copy of the database ---------------------------------------------------------------

    def remembers(self) -> Memory:
        """Now is the moment at which the copy is made."""
        releases = {i: replace(known, rules=copy.deepcopy(known.rules)) for i, known in self.releases.items()}
        sends = {key: replace(send, entries=list(send.entries)) for key, send in self.sends.items()}
        return Memory(releases, sends, self._journal)

    def goes_back(self, to: Memory) -> None:
        """The copy is put back. What has reached GitHub since has reached it, whatever the database knows."""
        self.read_ledger()
        for key, send in self.sends.items():
            if key in to.sends:
                to.sends[key].entries[:] = send.entries
            elif send.entries or send.carried:
                self._forgotten[key] = send
        self.releases, self.sends, self._journal = to.releases, to.sends, to.journal
        self._leaving.clear()
        self._reruns.forget()

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
                known.opened_in = self.lives
                if (before := self._forgotten.pop(row[0], None)) is not None:
                    known.carried = [*before.carried, *before.entries]
                self._is_allowed(known)
            known.state, known.outcome = row[8], row[9]
            if known.state == "closed" and known.closed_in is None:
                known.closed_in = self.lives
                self._closed(known)

    def _closed(self, send: Sent) -> None:
        """Closed as not done: GitHub said so, or nothing left; and to the process that says it now."""
        self.read_ledger()
        outcome = send.outcome or ""
        if outcome.startswith(("not done", "refused")) and not send.surely_not_done:
            self._breaks("a definite no is definite", f"{send.key} is closed as {outcome!r}")
        if send.closed_in != send.opened_in and outcome not in _KNOWN_LATER:
            self._breaks(
                "a doubt outlives the process", f"{send.key} was open at a restart, is closed as {outcome!r}"
            )

    def _is_allowed(self, send: Sent) -> None:
        """A further send number needs a definite no before it, or a person's command."""
        self.read_ledger()
        earlier = [s for s in self.sends.values() if (s.release_id, s.step) == (send.release_id, send.step)]
        for before in earlier:
            doubtful = before is not send and not before.known_as_not_done
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
            if after.run is not None and (then.run is None or then.run.id != after.run.id):
                self._is_bound(stored, step, after.run, adopted=isinstance(event, AdoptAsked))
        if (missed := wake_missed(stored, _moment(wake_at), at)) is not None:
            self._breaks("every wait has an owner and a time", f"{stored.version}: {missed}")
        known.release, known.replayed, known.revision = stored, stored, revision
        known.wake_at, known.changed_at = _moment(wake_at), self._world.clock.now()

    def _asked(self, known: Known, event: Event) -> None:
        by: str = event.by  # type: ignore[union-attr]
        self._needs_permission(known.release, by, type(event).__name__)
        steps = event.steps if isinstance(event, RetryAsked) else (getattr(event, "step", ""),)
        for step in steps if isinstance(event, RetryAsked | RedoAsked) else ():
            self._wishes[known.release.id, step] += 1
        for send in self.sends.values():
            if send.release_id == known.release.id and send.step in steps:
                send.asked_again = True

    def _needs_permission(self, release: Release, login: str, what: str) -> None:
        """GitHub has told the bot, lately, that this person has the role in every repository of the plan."""
        for repo in release.plan.repositories:
            tail = f"/collaborators/{login}/permission".lower()
            # After a redirect a repository is asked by its number.
            paths = {f"/repos/{repo}{tail}".lower(), f"/repositories/{place(self._world, repo).id}{tail}"}
            told = [e for e in self._world.ledger if e.path.lower() in paths and e.status in {200, 304}]
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

    def _is_bound(self, release: Release, step: Step, run: BoundRun, *, adopted: bool) -> None:
        """The run is the one of this send, or of this tag; a person may name another of the same workflow."""
        assert step.kind != "approval"
        repo = place(self._world, step.repo)
        real = repo.runs.get(run.id)
        if real is None or real.workflow.file != step.workflow:
            return self._breaks(
                "a step is bound to its own run", f"{step.name}: run {run.id} is no {step.workflow}"
            )
        if adopted:
            return None
        if step.kind == "dispatch":
            self.read_ledger()
            number = release.steps[step.name].sends
            keys = [f"{release.id}:{step.name}:{send}" for send in range(1, number + 1)]
            mine = any(real in self.runs_of_send(key) for key in keys)
        else:
            tag = repo.tags.get(step.ref)
            named = (real.event, real.head_branch) == (step.event, plain_ref(step.ref))
            mine = named and (tag is None or tag.commit == real.head_sha)
        if not mine:
            self._breaks(
                "a step is bound to its own run", f"{step.name} is bound to run {run.id} of somebody else"
            )
        return None

    def runs_of_send(self, key: str) -> list[Run]:
        """The runs that GitHub made of this send."""
        send = self.sends.get(key)
        if send is None:
            return []
        made = {entry.at for entry in (*send.carried, *send.entries) if entry.effect}
        runs = place(self._world, send.repo).runs.values()
        bot = self._world.bot
        return [
            run
            for run in runs
            if run.actor is bot
            and run.created_at in made
            and (run.workflow.file, run.head_branch) == (send.workflow, send.ref)
        ]

    def _was_listed(self, send: Sent, entry: Entry) -> bool:
        """A run of what was sent before could be seen when this dispatch was prepared."""
        looked_at = entry.at - _READ_BEFORE
        return any(
            run.listed(looked_at) and run.created_at < looked_at for run in self.runs_of_send(send.key)
        )

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
            elif entry.effect and entry.method == "POST" and entry.path.endswith("/rerun-failed-jobs"):
                self._report(self._reruns.done(self._real_run(entry.path)))

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
        if send.carried and not self._wishes[send.release_id, send.step] and self._was_listed(send, entry):
            self._breaks(
                "at most one dispatch per send", f"{key} was sent before the older copy was put back"
            )
        send.entries.append(entry)
        return None

    def _rerun_leaves(self, path: str) -> None:
        number = int(path.split("/")[-2])
        for release_id, known in self.releases.items():
            for step, record in known.release.items():
                state = record.state
                if isinstance(state, Cooling) and state.run.id == number:
                    what = f"{step.name} of {known.release.version}, attempt {state.run.attempt}"
                    self._told(f"the bot re-runs {what}")
                    asked = self._wishes[release_id, step.name]
                    self._report(self._reruns.leaves(self._real_run(path), state.run, asked=asked))
                    return
        self._breaks("a re-run was decided on", f"run {number} is re-run and no step waits for that")

    def _real_run(self, path: str) -> Run:
        _, _, owner, name, _, _, number, _ = path.split("/")
        return place(self._world, f"{owner}/{name}").runs[int(number)]

    def _report(self, found: Iterable[tuple[str, str]]) -> None:
        self.broken.extend(found)


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
