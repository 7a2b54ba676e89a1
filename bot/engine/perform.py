"""Effects become calls, answers become events.

Rule: an effect is started when it is wanted and not under way, and dropped when it is wanted no longer - except a
`Dispatch`, which is never started twice and never dropped. What fails is tried again after a growing pause.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import assert_never

import structlog

from bot.core.binding import OpenSend, runs_of_send, runs_of_watch, shows
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
    Candidates,
    RunGone,
    RunLevel,
    SendDone,
    SendNotDone,
    SendRefused,
    SendUnknown,
    Unanswered,
)
from bot.core.facts import (
    Conflict,
    GitHubError,
    Limited,
    NotFound,
    NotInstalled,
    OutOfTurn,
    Unauthorized,
    Unreachable,
    Withheld,
)
from bot.core.model import Release
from bot.core.plan import DispatchStep, RunStep, Step, WatchStep
from bot.core.sends import READ_BEFORE_SEND
from bot.core.states import Expecting, Finding, NeedsPerson, Sending, StepState, run_of
from bot.core.steering import plain_ref
from bot.core.trouble import Trouble, TroubleKind
from bot.engine.cancels import Cancels
from bot.engine.means import Means
from bot.engine.patience import pauses, seconds_until_again
from bot.engine.releases import Changed
from bot.engine.retries import Retries
from bot.engine.sendcheck import SendCheck, waiting_sends
from bot.engine.sights import Sights
from bot.store import send_key

log = structlog.get_logger(__name__)

Key = tuple[str, Effect]
_NEWS_COMES_FIRST = 1.5
"""Seconds that a run which was just started has to announce itself before it is asked for."""
_BORN_WITHIN = READ_BEFORE_SEND + timedelta(minutes=1)
"""From the opening of a send to the making of its run."""
_DENIED = (1.0, 2.0, 4.0)
"""GitHub may answer 404 for a run that it has just told of: seconds between reads until that counts."""


_ANSWERS_WITHIN = timedelta(minutes=15)
"""For so long one question may fail while GitHub answers for the repository, until the release hears of it."""
_ASKED_ON = 240.0
"""Seconds between two tries of what has failed for so long."""
_JOBS_WITHIN = timedelta(minutes=15)
"""From the end of a run until GitHub lists its jobs as ended, too; later what it lists has to do."""


class Performer:
    """Keeps one task per wanted effect."""

    def __init__(self, means: Means, *, sights: Sights, checks: SendCheck, retries: Retries) -> None:
        self._releases = means.releases
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._sights = sights
        self._checks = checks
        self._retries = retries
        self._cancels = Cancels(means, sights=sights)
        self._metrics = means.metrics
        self._look = means.settings.look_seconds
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._sought: dict[tuple[str, str], datetime] = {}
        self._opening: set[Key] = set()
        self._closed = False
        means.releases.on_change(self.changed)

    # -- keeping what is wanted under way ----------------------------------------------------------

    def changed(self, changed: Changed) -> None:
        self.want(changed.release.id, changed.decision.effects)

    def want(self, release_id: str, effects: Iterable[Effect]) -> None:
        """Starts what is not under way, drops what is wanted no longer."""
        wanted = dict.fromkeys(
            (release_id, effect) for effect in effects
        )  # in the order of the pipeline file
        for key, task in list(self._tasks.items()):
            if key[0] == release_id and key not in wanted and not isinstance(key[1], Dispatch):
                if task is not _current_task():
                    task.cancel()
                del self._tasks[key]
        for key in wanted:
            if key not in self._tasks and (not self._closed or isinstance(key[1], Dispatch)):
                self._tasks[key] = asyncio.create_task(self._keep_trying(key), name=f"effect {key}")

    async def close(self, grace_seconds: float) -> None:
        """Lets requests that must not be cut off come to their end, for a while: a send just being opened, too."""
        self._closed = True
        for key, task in self._tasks.items():
            if not self._must_end(key):
                task.cancel()
        end = asyncio.get_running_loop().time() + grace_seconds
        while sending := [t for key, t in self._tasks.items() if self._must_end(key) and not t.done()]:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait(sending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _must_end(self, key: Key) -> bool:
        """A send whose number is opened and which does not leave would be looked for in vain, and a person asked."""
        return isinstance(key[1], Dispatch) or key in self._opening

    async def _keep_trying(self, key: Key) -> None:
        release_id, effect = key
        failing: datetime | None = None
        for pause in pauses(0.25, max(0.25, min(self._look, 30.0))):
            release = self._releases.get(release_id)
            if release is None or self._tasks.get(key) is not _current_task():
                return
            wait, why = pause, None
            try:
                await self._perform(release, effect)
            except GitHubError as error:
                wait, why = seconds_until_again(error, self._clock, pause), error.said
                await self._failed(release, effect, error, wait)
            except Exception:
                why = "the bot itself fails at it, as its log says"
                log.exception("an effect failed", effect=str(effect), release=release_id)
            if isinstance(effect, Dispatch):
                return
            failing = (failing or self._clock.now()) if why is not None else None
            if why is not None and failing and await self._unanswered(release, effect, failing, why):
                wait = max(wait, _ASKED_ON)
            await self._clock.sleep(wait)

    async def _unanswered(self, release: Release, effect: Effect, since: datetime, why: str) -> bool:
        """Tells the release what has failed for long while GitHub answered for the repository; whether it has."""
        step = _run_step(release, effect.step)
        if self._sights.readable(step.repo, since) < _ANSWERS_WITHIN:
            return False
        await self._releases.happen(release.id, Unanswered(step.name, why))
        return True

    async def _failed(self, release: Release, effect: Effect, error: GitHubError, wait: float) -> None:
        repo = _run_step(release, effect.step).repo
        log.warning(
            "GitHub could not be asked",
            effect=type(effect).__name__,
            step=effect.step,
            release=release.id,
            error=str(error),
            again_in=round(wait, 1),
        )
        await self._sights.refused(repo, error)

    async def _perform(self, release: Release, effect: Effect) -> None:
        step = _run_step(release, effect.step)
        match effect:
            case CheckSend():
                return await self._check_send(release, _dispatch_step(step), effect)
            case Dispatch():
                return await self._dispatch(release, _dispatch_step(step), effect)
            case FindRun() | SeekRun():
                return await self.seek(release, step)
            case ConfirmRun():
                return await self._confirm(release, step, effect)
            case JudgeFailure():
                return await self._retries.judge(release, step, effect)
            case RerunFailedJobs():
                return await self._retries.rerun(release, step, effect)
            case JudgeCancel():
                return await self._cancels.judge(release, step, effect)
            case AwaitOthers():
                return await self._cancels.await_others(release, step, effect)
            case CancelRun():
                return await self._cancel(release, step, effect)
            case _:
                assert_never(effect)

    # -- sends -------------------------------------------------------------------------------------

    async def _check_send(self, release: Release, step: DispatchStep, effect: CheckSend) -> None:
        for pause in pauses(0.1, 5.0):
            if not await self._checks.slot_taken(step):
                break
            await self._clock.sleep(pause)
        outcome = await self._checks.of(release, step, effect.send)
        await self._sights.read(step.repo)
        if self._closed:
            return
        key = (release.id, effect)
        self._opening.add(key)
        try:
            await self._releases.happen(release.id, outcome)
        finally:
            self._opening.discard(key)

    async def _dispatch(self, release: Release, step: DispatchStep, effect: Dispatch) -> None:
        """The one request of this send number. It is on disk as open; whatever is not definite goes to the finder."""
        state = release.steps[step.name].state
        if not isinstance(state, Sending) or state.send != effect.send:
            return
        late = dict(release.steps[step.name].inputs)
        outcome = await self._send(step, state, late, lambda: self._withheld(release.id))
        self._metrics.dispatches.labels(outcome=type(outcome).__name__).inc()
        await self._releases.happen(release.id, outcome)

    def _withheld(self, release_id: str) -> str | None:
        """Why a send that waits for its turn must not leave any more: it was opened before somebody said so."""
        release = self._releases.get(release_id)
        if release is None or release.cancelling:
            return "the release is cancelled"
        return "the release was paused meanwhile" if release.paused_by is not None else None

    async def _send(
        self,
        step: DispatchStep,
        state: Sending,
        late: dict[str, str],
        withheld: Callable[[], str | None],
    ) -> SendDone | SendNotDone | SendRefused | SendUnknown:
        inputs = {**dict(step.inputs), **late}
        if step.nonce and state.nonce:
            inputs[step.nonce] = state.nonce
        name, send = step.name, state.send
        try:
            done = await self._github.dispatch(
                step.repo, step.workflow, step.ref, inputs, send_by=state.send_by, unless=withheld
            )
        except Withheld as error:
            return SendNotDone(name, send, error.said, 0)
        except Unreachable as error:
            if error.sent:
                return SendUnknown(name, send, "GitHub's answer to the dispatch was lost")
            wait = seconds_until_again(error, self._clock, 1.0)
            return SendNotDone(name, send, "GitHub could not be reached", wait)
        except OutOfTurn as error:
            return SendNotDone(name, send, error.said, seconds_until_again(error, self._clock, 1.0))
        except Unauthorized as error:
            wait = min(300.0, 5.0 * 2 ** min(state.refusals, 6))
            return SendNotDone(name, send, error.said, wait, unauthorized=True)
        except (Limited, NotInstalled) as error:
            wait = seconds_until_again(error, self._clock, min(300.0, 5.0 * 2 ** min(send - 1, 6)))
            return SendNotDone(name, send, error.said, wait)
        except GitHubError as error:
            return SendRefused(name, send, Trouble(TroubleKind.REFUSED, error.said))
        except Exception:
            log.exception("a dispatch ended oddly", step=name)
            return SendUnknown(name, send, "the dispatch ended oddly")
        return SendDone(name, send, done.run_id, done.url)

    # -- finding runs ------------------------------------------------------------------------------

    async def seek(self, release: Release, step: RunStep) -> None:
        """Asks once, precisely, for the run that a step waits for."""
        awaiting = _awaiting(release.steps[step.name].state)
        if awaiting is None:
            return
        if isinstance(step, DispatchStep) and isinstance(awaiting, Finding):
            runs = await self._sent_run(release, step, awaiting)
        elif isinstance(step, WatchStep):
            runs = await self._watched_run(release, step, awaiting)
        else:
            return
        await self._sights.read(step.repo)
        event = self._candidates(release, step, awaiting, runs)
        await self._releases.happen(release.id, event)
        self._sought[release.id, step.name] = event.at

    def _candidates(
        self, release: Release, step: RunStep, awaiting: Finding | Expecting, runs: tuple[RunSeen, ...]
    ) -> Candidates:
        """What was found, and how long nothing could be: each dark time is told to each step once."""
        since = awaiting.since
        told = max(since, self._sought.get((release.id, step.name), since))
        now, pace = self._clock.now(), self._sights.pace
        previous = now - pace - self._sights.dark(step.repo, told)
        doubtful = tuple(run for run in runs if self._is_doubtful(run, awaiting))
        certain = tuple(run for run in runs if run not in doubtful)
        return Candidates(step.name, now, previous, pace.total_seconds(), certain, doubtful)

    def _is_doubtful(self, run: RunSeen, awaiting: Finding | Expecting) -> bool:
        """Made long after the send, at a time of which the database knows nothing: another life may have made it."""
        if not isinstance(awaiting, Finding) or (awaiting.nonce and shows(run, awaiting.nonce)):
            return False
        return run.created_at > awaiting.since + _BORN_WITHIN and self._sights.away(run.created_at)

    async def _sent_run(self, release: Release, step: DispatchStep, finding: Finding) -> tuple[RunSeen, ...]:
        app_login = await self._github.app_login()
        runs = await self._runs_of(
            step, event="workflow_dispatch", branch=plain_ref(step.ref), created_from=release.asked_at
        )
        key = send_key(release.id, step.name, finding.send)
        known = await self._store.sends.known(step.repo, step.workflow, [run.id for run in runs])
        # What a later send was looked for in vain may be what is found now, whatever the clocks say.
        later = [row for row in known.given_up if row.opened_at > finding.since and row.key != key]
        return runs_of_send(
            runs,
            step,
            OpenSend(key, plain_ref(step.ref), finding.nonce, finding.since),
            app_login=app_login,
            bound=known.bindings,
            nonces=known.nonces,
            rivals=waiting_sends((*known.open, *later)),
        )

    async def _runs_of(
        self, step: RunStep, *, event: str, branch: str, created_from: datetime | None
    ) -> tuple[RunSeen, ...]:
        """Empty where the workflow is gone, though its repository answers: the time to appear goes on."""
        try:
            return await self._github.workflow_runs(
                step.repo, step.workflow, event=event, branch=branch, created_from=created_from
            )
        except NotFound:
            await self._github.repository(step.repo)
            return ()

    async def _watched_run(
        self, release: Release, step: WatchStep, awaiting: Finding | Expecting
    ) -> tuple[RunSeen, ...]:
        ref = plain_ref(step.ref)
        tag_commit = None
        if not step.ref.startswith("refs/heads/"):
            tag_commit = await self._github.tag_commit(step.repo, ref)
        if tag_commit is None and await self._github.branch_commit(step.repo, ref) is None:
            return ()
        since = None if tag_commit else awaiting.since - timedelta(minutes=1)
        runs = await self._runs_of(step, event=step.event, branch=ref, created_from=since)
        bound = await self._store.sends.taken(step.repo, [run.id for run in runs], version=release.version)
        return runs_of_watch(runs, step, since=awaiting.since, tag_commit=tag_commit, bound=bound)

    # -- bound runs --------------------------------------------------------------------------------

    async def _confirm(self, release: Release, step: RunStep, effect: ConfirmRun) -> None:
        known = run_of(release.steps[step.name].state)
        if known is not None and (not known.head_sha or known.attempt < effect.attempt):
            # Just started: its deliveries are on their way, and GitHub may not show it yet.
            await self._clock.sleep(_NEWS_COMES_FIRST)
        event = await self.read_or_miss(step, effect.run_id)
        if event is not None:
            await self._releases.happen(release.id, event)

    async def read_or_miss(self, step: RunStep, run_id: int) -> RunLevel | RunGone | None:
        """As `read_run`; a run that GitHub keeps denying, though it answers for its repository, is gone."""
        for pause in _DENIED:
            with contextlib.suppress(NotFound):
                return await self.read_run(step, run_id)
            await self._clock.sleep(pause)
        try:
            return await self.read_run(step, run_id)
        except NotFound:
            await self._github.repository(step.repo)
            await self._sights.read(step.repo)
            return RunGone(step.name, run_id)

    async def read_run(self, step: RunStep, run_id: int) -> RunLevel | None:
        """The run as GitHub shows it now, with its jobs where they count; None while GitHub has yet to list those."""
        run = await self._github.run(step.repo, run_id)
        await self._sights.read(step.repo)
        if run.status != "completed" or run.conclusion != "success":
            return RunLevel(step.name, run, confirmed=True)
        jobs = await self._github.jobs(step.repo, run_id, run.attempt)
        listed = bool(jobs) and all(job.status == "completed" for job in jobs)
        if not listed and self._clock.now() < run.updated_at + _JOBS_WITHIN:
            return None
        await self._retries.passed(step, run, jobs)
        ran = any(job.conclusion not in {"skipped", None} for job in jobs)
        return RunLevel(step.name, run, confirmed=True, jobs_ran=ran)

    async def _cancel(self, release: Release, step: RunStep, effect: CancelRun) -> None:
        """Asks GitHub to cancel, and looks whether it did; a run that does not obey is cancelled by force."""
        accepted = False
        for number, pause in enumerate(chain((1.0, 2.0, 5.0), islice(pauses(15.0, 120.0), 10))):
            if not accepted or number == 4 or number > 5:
                with contextlib.suppress(Conflict, NotFound):
                    await self._github.cancel_run(step.repo, effect.run_id, force=number > 5)
                    accepted = True
            await self._clock.sleep(pause)
            with contextlib.suppress(NotFound):
                event = await self.read_run(step, effect.run_id)
                if event is not None:
                    await self._releases.happen(release.id, event)


def _awaiting(state: StepState) -> Finding | Expecting | None:
    match state:
        case Finding() | Expecting():
            return state
        case NeedsPerson(parked=Finding() | Expecting() as parked):
            return parked
        case _:
            return None


def _run_step(release: Release, name: str) -> RunStep:
    step: Step = release.plan.step(name)
    assert step.kind != "approval"
    return step


def _dispatch_step(step: RunStep) -> DispatchStep:
    assert isinstance(step, DispatchStep)
    return step


def _current_task() -> asyncio.Task[object] | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.current_task()
    return None
