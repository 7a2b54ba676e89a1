"""A toy GitHub and a toy engine around one release: what a random history happens in.

The release is all that survives a restart, with the outbox and the bindings, as in the real program. What was under
way is forgotten. Every rule that must hold after every event is checked in `ToyWorld.hear`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core import commands
from bot.core.binding import OpenSend, is_of, runs_of_send, runs_of_watch, strays
from bot.core.causes import Cause
from bot.core.decide import decide
from bot.core.deliveries import RunSeen
from bot.core.effects import (
    AwaitOthers,
    CancelRun,
    CheckSend,
    ConfirmRun,
    Dispatch,
    Effect,
    FindRun,
    JudgeCancel,
    JudgeFailure,
    RerunFailedJobs,
    SeekRun,
)
from bot.core.events import (
    BotStarted,
    CancelJudged,
    Candidates,
    Event,
    Judged,
    RepositoryBarred,
    RepositoryOpen,
    RerunAccepted,
    RerunRefused,
    RunGone,
    RunLevel,
    SendChecked,
    SendDone,
    SendHeldBack,
    SendNotDone,
    SendRefused,
    SendStopped,
    SendUnknown,
    Tick,
    WayFree,
)
from bot.core.model import Person, Release, new_release
from bot.core.plan import ApprovalStep, DispatchStep, Plan, RunStep, WatchStep
from bot.core.states import Cooling, Expecting, Finding, GaveWay, NeedsPerson, Sending, run_of
from bot.core.steering import NamedRun, OpenCommand, Refused, resolve, resolve_adopt
from bot.core.trouble import Trouble, TroubleKind
from bot.core.wants import wake_at
from bot.store.codec import release_from_json, release_to_json
from tests.core.releases import APP, NO_ACCESS, NOON, run_seen, verdict
from tests.core.rules_of_histories import Rules

CONCLUSIONS = (
    "success",
    "failure",
    "success",
    "failure",
    "cancelled",
    "timed_out",
    "skipped",
    "startup_failure",
)
USUAL = 1_800.0
CAUSES = (Cause.TRANSIENT, Cause.FLAKY, Cause.UNKNOWN, Cause.BROKEN)


@dataclass(slots=True)
class ToyWorld:
    """`pending`: answers under way to the bot. `hints`: webhooks that GitHub may deliver once, twice or never."""

    plan: Plan
    now: datetime = NOON
    runs: dict[int, RunSeen] = field(default_factory=dict)
    homes: dict[int, str] = field(default_factory=dict)
    pending: list[Event] = field(default_factory=list)
    hints: list[tuple[int, RunSeen]] = field(default_factory=list)
    requests: list[tuple[str, int]] = field(default_factory=list)
    started: set[Effect] = field(default_factory=set)
    open_sends: dict[str, OpenSend] = field(default_factory=dict)
    bound: dict[int, str] = field(default_factory=dict)
    read_at: dict[str, datetime] = field(default_factory=dict)
    journal: list[tuple[Event, datetime]] = field(default_factory=list)
    decided_at: datetime = NOON
    ahead: str | None = "1.0.2"
    release: Release = field(init=False)
    effects: tuple[Effect, ...] = ()
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.release = self._newborn()
        self.hear(Tick(self.ahead))

    def _newborn(self) -> Release:
        maya = Person("maya", 1)
        made = new_release("r1", self.plan, issue=7, comment_id=9, starter=maya, asked_at=NOON)
        steps = {name: replace(record, usual=USUAL) for name, record in made.steps.items()}
        return replace(made, steps=steps)

    # -- the toy engine ------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """One event is decided and committed; every rule is checked."""
        before = self.release
        decision = decide(before, event, self.now)
        if any(self.bound.get(bound.run_id, bound.step) != bound.step for bound in decision.bound):
            self._taken(event)
            return
        self.rules.check(before, event, decision, self.now)
        for closed in decision.closed:
            self.open_sends.pop(f"r1:{closed.step}:{closed.send}", None)
        self.bound.update({bound.run_id: bound.step for bound in decision.bound})
        if decision.opened is not None:
            key = f"r1:{decision.opened.step}:{decision.opened.send}"
            step = self._dispatch_step(decision.opened.step)
            self.open_sends[key] = OpenSend(key, step.ref, decision.opened.nonce, self.now)
        self.journal.append((event, self.now))
        self.release, self.effects, self.decided_at = decision.release, decision.effects, self.now

    def _taken(self, event: Event) -> None:
        """A person has given the run to another step while the answer was under way: nothing is committed."""
        if isinstance(event, SendDone):
            self.hear(SendUnknown(event.step, event.send, "its run was adopted by another step"))

    def restart(self) -> None:
        """Only what is on disk comes back."""
        self.pending.clear()
        self.started.clear()
        back = release_from_json(release_to_json(self.release))
        assert back == self.release
        self.release = back
        self.hear(BotStarted())
        self.hear(Tick(self.ahead))

    def replayed(self) -> Release:
        """What the journal makes of a new release."""
        release = self._newborn()
        for event, at in self.journal:
            release = decide(release, event, at).release
        return release

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        due = wake_at(self.release, self.decided_at)
        if due is not None and due <= self.now:
            self.hear(Tick(self.ahead))

    def perform(self, effect: Effect, luck: int) -> None:
        """One call of the engine to GitHub; the answer is under way afterwards."""
        step = self.plan.step(effect.step)
        assert not isinstance(step, ApprovalStep)
        match effect:
            case CheckSend():
                self._answer(self._check(self._dispatch_step(step.name)))
            case Dispatch():
                self._dispatch(self._dispatch_step(step.name), effect, luck)
            case FindRun() | SeekRun():
                self.seek(step)
            case ConfirmRun(run_id=run_id):
                self._answer(self.read(step, run_id))
            case JudgeFailure(run_id=run_id, attempt=attempt):
                self._answer(Judged(step.name, run_id, attempt, verdict(CAUSES[luck % 4]), ""))
            case JudgeCancel():
                self._judge_cancel(effect, luck)
            case AwaitOthers():
                self._await_others(step, effect)
            case RerunFailedJobs():
                self._rerun(step, effect, luck)
            case CancelRun(run_id=run_id):
                if run_id in self.runs and self.runs[run_id].status != "completed":
                    self.conclude(run_id, "cancelled")
                self._answer(self.read(step, run_id))

    def _answer(self, event: Event) -> None:
        self.pending.append(event)

    def deliver(self, number: int) -> None:
        if self.pending:
            self.hear(self.pending.pop(number % len(self.pending)))

    # -- sends ---------------------------------------------------------------------------------------

    def _dispatch_step(self, name: str) -> DispatchStep:
        step = self.plan.step(name)
        assert isinstance(step, DispatchStep)
        return step

    def _check(self, step: DispatchStep) -> SendChecked | SendHeldBack | SendStopped:
        mine = [run for run in self.runs.values() if self._is_of(run, step)]
        waiting = [send for key, send in self.open_sends.items() if self._same_place(key, step)]
        found = strays(mine, app_login=APP, bound=self.bound, nonces=self._nonces(), open_sends=waiting)
        if found.strange:
            return SendStopped(step.name, Trouble(TroubleKind.STRANGE_RUN))
        if found.expected or waiting:
            return SendHeldBack(step.name, "a send is open", 3.0)
        number = self.release.steps[step.name].sends + 1
        return SendChecked(step.name, self.now, f"r1-{step.name}-{number}" if step.nonce else None)

    def _same_place(self, key: str, step: DispatchStep) -> bool:
        other = self._dispatch_step(key.split(":")[1])
        return (other.repo, other.workflow, other.ref) == (step.repo, step.workflow, step.ref)

    def _nonces(self) -> dict[str, str]:
        return {send.nonce: key for key, send in self.open_sends.items() if send.nonce}

    def _dispatch(self, step: DispatchStep, effect: Dispatch, luck: int) -> None:
        state = self.release.steps[step.name].state
        if effect in self.started or not isinstance(state, Sending) or state.send != effect.send:
            return
        self.started.add(effect)
        if self.now >= state.send_by:
            self._answer(SendNotDone(step.name, effect.send, "too late", 1.0))
            return
        assert (step.name, effect.send) not in self.requests, "a send number left the bot twice"
        self.requests.append((step.name, effect.send))
        outcome = luck % 7
        run_id = self.start_run(step, actor=APP, title=state.nonce or "Build") if outcome < 4 else None
        if outcome < 2:
            self._answer(SendDone(step.name, effect.send, run_id, "url"))
        elif outcome == 2:
            self._answer(SendDone(step.name, effect.send, None, None))
        elif outcome in {3, 4}:
            self._answer(SendUnknown(step.name, effect.send, "the answer was lost"))
        elif outcome == 5:
            self._answer(SendNotDone(step.name, effect.send, "401", 5.0))
        else:
            self._answer(SendRefused(step.name, effect.send, Trouble(TroubleKind.REFUSED)))

    # -- runs ----------------------------------------------------------------------------------------

    def start_run(self, step: RunStep, *, actor: str, title: str = "Build") -> int:
        run_id = 101 + len(self.homes)
        event = "workflow_dispatch" if isinstance(step, DispatchStep) else step.event
        seen = run_seen(
            run_id,
            status="queued",
            event=event,
            workflow=step.workflow,
            ref=step.ref,
            title=title,
            actor=actor,
            by=actor,
            created=self.now,
        )
        self.homes[run_id] = step.repo
        self._show(seen)
        return run_id

    def _show(self, seen: RunSeen) -> None:
        self.runs[seen.id] = seen
        self.hints.append((seen.id, seen))

    def _is_of(self, run: RunSeen, step: RunStep) -> bool:
        return self.homes[run.id] == step.repo and is_of(run, step)

    def live(self) -> list[int]:
        return [run.id for run in self.runs.values() if run.status != "completed"]

    def over(self) -> list[int]:
        return [run.id for run in self.runs.values() if run.status == "completed"]

    def progress(self, run_id: int, status: str) -> None:
        self._show(replace(self.runs[run_id], status=status))

    def conclude(self, run_id: int, conclusion: str) -> None:
        self._show(replace(self.runs[run_id], status="completed", conclusion=conclusion))

    def again(self, run_id: int, by: str) -> None:
        seen = self.runs[run_id]
        fresh = {"attempt": seen.attempt + 1, "status": "queued", "conclusion": None}
        self._show(replace(seen, **fresh, triggering_actor_login=by, run_started_at=self.now))  # type: ignore[arg-type]

    def _rerun(self, step: RunStep, effect: RerunFailedJobs, luck: int) -> None:
        run, state = self.runs.get(effect.run_id), self.release.steps[step.name].state
        if run is None or not isinstance(state, Cooling):
            return
        if run.attempt > effect.attempt:
            self._answer(RunLevel(step.name, run, confirmed=True))
        elif run.status == "completed" and luck % 9 == 8:
            self._answer(RerunRefused(step.name, run.id, effect.attempt, "too old"))
        elif run.status == "completed":
            self.rules.rerun(step, run.id, state)
            self.again(run.id, APP)
            self._answer(RerunAccepted(step.name, run.id, effect.attempt))

    def _judge_cancel(self, effect: JudgeCancel, luck: int) -> None:
        """Mostly GitHub for a concurrency group, before anything of the run had begun."""
        others = tuple(run_id for run_id in self.live() if run_id != effect.run_id)
        group = "images" if luck % 4 else ""
        began = luck % 4 == 1
        self._answer(CancelJudged(effect.step, effect.run_id, effect.attempt, group, began, others))

    def _await_others(self, step: RunStep, effect: AwaitOthers) -> None:
        state, own = self.release.steps[step.name].state, self.runs.get(effect.run_id)
        if not isinstance(state, GaveWay) or set(state.others) & set(self.live()):
            return
        if own is not None and own.attempt > effect.attempt:
            self._answer(RunLevel(step.name, own, confirmed=True))
        else:
            self._answer(WayFree(step.name, effect.run_id, effect.attempt))

    def read(self, step: RunStep, run_id: int) -> RunLevel | RunGone:
        run = self.runs.get(run_id)
        if run is None:
            return RunGone(step.name, run_id)
        ran = run_id % 5 != 0 if run.conclusion == "success" else None
        return RunLevel(step.name, run, confirmed=True, jobs_ran=ran)

    def seek(self, step: RunStep) -> None:
        state = self.release.steps[step.name].state
        awaiting = state.parked if isinstance(state, NeedsPerson) else state
        if not isinstance(awaiting, Finding | Expecting):
            return
        mine = [run for run in self.runs.values() if self._is_of(run, step)]
        found: Sequence[RunSeen] = ()
        if isinstance(step, DispatchStep) and isinstance(awaiting, Finding):
            send = OpenSend(f"r1:{step.name}:{awaiting.send}", step.ref, awaiting.nonce, awaiting.since)
            rivals = [other for key, other in self.open_sends.items() if self._same_place(key, step)]
            nonces = self._nonces()
            found = runs_of_send(
                mine, step, send, app_login=APP, bound=self.bound, nonces=nonces, rivals=rivals
            )
        elif isinstance(step, WatchStep):
            sha = mine[0].head_sha if mine and step.ref.startswith("v") else None
            found = runs_of_watch(mine, step, since=awaiting.since, tag_commit=sha, bound=self.bound)
        previous = self.read_at.get(step.repo, awaiting.since)
        self.read_at[step.repo] = self.now
        self.hear(Candidates(step.name, self.now, previous, 120.0, tuple(found)))

    def look(self) -> None:
        """The periodic look: every bound run that differs, and every step that awaits one."""
        for step in self.plan.run_steps:
            known = run_of(self.release.steps[step.name].state)
            if known is None:
                self.seek(step)
                continue
            seen = self.runs.get(known.id)
            if seen is None and known.head_sha:
                self.hear(RunGone(step.name, known.id))
            elif seen is not None:
                self.hear(RunLevel(step.name, seen, confirmed=seen.status != "completed"))

    def hint(self, number: int, *, keep: bool) -> None:
        """A webhook arrives, in whatever order; `keep`: it will come again."""
        if not self.hints:
            return
        at = number % len(self.hints)
        run_id, seen = self.hints[at] if keep else self.hints.pop(at)
        for step in self.plan.run_steps:
            known = run_of(self.release.steps[step.name].state)
            if known is not None and known.id == run_id:
                self.hear(RunLevel(step.name, seen, confirmed=False))

    # -- people --------------------------------------------------------------------------------------

    def order(self, command: OpenCommand) -> None:
        event = resolve(self.release, command, "maya", self.now)
        if not isinstance(event, Refused):
            self.hear(event)

    def adopt(self, name: str, run_id: int) -> None:
        """A person names a run; one that is bound to another step is refused."""
        seen, elsewhere = self.runs.get(run_id), self.bound.get(run_id, name) != name
        named = NamedRun(self.homes[run_id], seen, elsewhere)
        event = resolve_adopt(self.release, name, named, "maya", self.now)
        if not isinstance(event, Refused):
            self.hear(event)

    def bar(self, repo: str) -> None:
        self.hear(RepositoryBarred(repo, NO_ACCESS))

    def unbar(self, repo: str) -> None:
        self.hear(RepositoryOpen(repo))


Command = Callable[[str], OpenCommand]
_SOFT: tuple[Command, ...] = (
    lambda name: commands.Retry(pipeline="release", step=name),
    lambda _: commands.Retry(pipeline="release"),
    lambda name: commands.Redo(pipeline="release", step=name),
    lambda name: commands.Skip(pipeline="release", step=name),
    lambda name: commands.Approve(pipeline="release", step=name),
    lambda _: commands.Pause(pipeline="release"),
    lambda _: commands.Resume(pipeline="release"),
)
COMMANDS: tuple[Command, ...] = (*_SOFT * 3, lambda _: commands.Cancel(pipeline="release"))
"""What people type, for a step of this name; they cancel less often than they do anything else."""
