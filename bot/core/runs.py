"""A step that is bound to a run: what its levels mean, and what follows from a failure.

Rule: levels only move up - a higher attempt beats a lower one, and within one attempt "completed" beats everything -
so late, doubled and reordered news change nothing. Only what GitHub's API confirmed can end a step.
"""

import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core import lateness
from bot.core.causes import Cause
from bot.core.deliveries import RunSeen
from bot.core.draft import Draft, bound_run
from bot.core.events import Judged, RerunAccepted, RerunHeld, RerunRefused, RerunUnderWay, RunGone, RunLevel
from bot.core.model import NoteKind
from bot.core.plan import MOST_RERUNS, Retry
from bot.core.sends import run_step
from bot.core.states import (
    BoundRun,
    Cancelled,
    Cooling,
    Diagnosing,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    missing,
    run_of,
    taken_for_deleted,
)
from bot.core.trouble import Background, Sighting, Trouble, TroubleKind, asked_on, known_as_gone

_MOST_SIGHTINGS = 12
_JOBS_END_WITHIN = timedelta(seconds=30)
"""So long GitHub may say that a run which is over is running, although nobody has re-run it."""
_JITTER = 0.1
"""By how much of itself a pause may be longer, so that what failed together does not come back together."""
_CONCLUSION_TROUBLE = {
    "skipped": TroubleKind.NOTHING_RAN,
    "startup_failure": TroubleKind.STARTUP_FAILURE,
}


def deadline(run: BoundRun, timeout: float, held: float) -> datetime:
    """When this attempt is over its time; waiting for an environment does not count."""
    return run.started_at + timedelta(seconds=timeout + held)


def run_level(draft: Draft, event: RunLevel) -> None:
    """A run looks like this now."""
    state, seen = draft.state(event.step), event.run
    known = run_of(state)
    if known is None or known.id != seen.id or seen.attempt < known.attempt:
        return
    if taken_for_deleted(state) and not event.confirmed:
        return  # news may be late; what exists now is said to a question
    if seen.attempt > known.attempt:
        _next_attempt(draft, event.step, seen)
        _same_attempt(draft, event)
    elif not (known.over and seen.status != "completed"):
        _same_attempt(draft, event)


def _next_attempt(draft: Draft, step: str, seen: RunSeen) -> None:
    """Somebody - the bot or a person - has re-run the run."""
    state = draft.state(step)
    ours = isinstance(state, Rerunning) or (seen.triggering_actor_login or "").endswith("[bot]")
    if not ours:
        draft.note(step, NoteKind.ADOPTED_RERUN, by=seen.triggering_actor_login, attempt=seen.attempt)
        if isinstance(state, Cooling) and state.by is None and seen.attempt == state.run.attempt + 1:
            _give_back(draft, step, state.cause)
    run = replace(bound_run(seen), status="queued", conclusion=None, ended_at=None)
    draft.remember_run(step, run)
    draft.put(step, Running(run=run, rerun=ours), f"attempt {seen.attempt} of run {seen.id}")


def spare_rerun(draft: Draft, step: str) -> None:
    """A person is quicker than the automatic re-run, or ends the release: it never leaves."""
    state = draft.state(step)
    if isinstance(state, Cooling) and state.by is None and state.until > draft.now:
        _give_back(draft, step, state.cause)


def _give_back(draft: Draft, step: str, cause: Cause) -> None:
    """A re-run that never left uses nothing of the budget."""
    record = draft.record(step)
    reruns = {**record.reruns, cause: max(0, record.reruns.get(cause, 0) - 1)}
    draft.keep(step, replace(record, reruns=reruns, reruns_in_all=max(0, record.reruns_in_all - 1)))


def _same_attempt(draft: Draft, event: RunLevel) -> None:
    state = draft.state(event.step)
    over = event.run.status == "completed"
    tells = event.confirmed and (event.run.conclusion != "success" or event.jobs_ran is not None)
    match state:
        case Running() if over and not tells:
            draft.put(event.step, replace(state, confirm=True))
        case Running() if over:
            conclude(draft, event.step, bound_run(event.run), jobs_ran=event.jobs_ran)
        case Running():
            _progress(draft, event, state)
        case Rerunning() if event.confirmed and draft.now >= state.until:
            rerun_lost(draft, event.step, state)
        case NeedsPerson(run=BoundRun() as run, trouble=trouble, confirm=True) if (
            asked_on(trouble) and event.confirmed and not over
        ):
            _progress(draft, event, Running(run))
        case NeedsPerson() if taken_for_deleted(state) and over and tells:
            conclude(draft, event.step, bound_run(event.run), jobs_ran=event.jobs_ran)
        case NeedsPerson() if missing(state):
            _appears_late(draft, event)
        case NeedsPerson(run=BoundRun() as run, trouble=trouble) if (
            trouble.kind is TroubleKind.TIMED_OUT and bound_run(event.run).held
        ):
            _progress(draft, event, Running(run))  # not its time is needed now, but an approval
        case NeedsPerson(run=BoundRun() as run) if over and not run.over:
            if tells:
                conclude(draft, event.step, bound_run(event.run), jobs_ran=event.jobs_ran)
            elif not state.confirm:
                draft.put(event.step, replace(state, confirm=True))
        case _:
            return


def _appears_late(draft: Draft, event: RunLevel) -> None:
    """It was there all the time, or GitHub was slow to begin; how it ends is asked for like any other end."""
    run = bound_run(event.run)
    live = replace(run, status="in_progress", conclusion=None, ended_at=None) if run.over else run
    draft.bind(event.step, live)
    draft.put(event.step, Running(run=live, confirm=True), f"run {run.id} has appeared after all")


def _progress(draft: Draft, event: RunLevel, state: Running) -> None:
    """The attempt goes on; the timeout stands still while GitHub waits for an approval."""
    known, run = state.run, bound_run(event.run)
    if known.started and run.status in lateness.UNTOUCHED:
        approved = known.held and event.confirmed  # its next job waits for a runner now
        run = replace(run, status="in_progress" if approved else known.status)
    held_since, held, reminded = state.held_since, state.held, state.reminded_at
    if run.held and held_since is None:
        unseen = not held  # the first wait may have begun before anybody looked
        held_since = max(run.started_at, min(draft.now, event.run.updated_at)) if unseen else draft.now
        reminded = draft.now
        draft.notice(f"environment:{event.step}:{run.id}:{run.attempt}:{held:.0f}", "environment", event.step)
    elif not run.held and held_since is not None:
        held += (draft.now - held_since).total_seconds()
        held_since = None
    rerun = state.rerun and not run.started
    confirm = state.confirm and not event.confirmed and bool(known.head_sha)  # its first news will do
    after = Running(run, confirm, rerun, held_since, held, reminded)
    if run != known:
        draft.remember_run(event.step, run)
    if after != state:
        changed = run.status != known.status
        draft.put(event.step, after, f"run {run.id} is {run.status}" if changed else "")
    if event.confirmed:
        lateness.tell_queue(draft, event.step)
    late = draft.now >= deadline(run, run_step(draft, event.step).timeout, held)
    if event.confirmed and late and not run.held and not draft.release.cancelling:
        draft.need_person(event.step, Trouble(TroubleKind.TIMED_OUT, links=(run.url,)), run=run)


def conclude(draft: Draft, step: str, run: BoundRun, *, jobs_ran: bool | None) -> None:
    """The attempt is over and GitHub confirmed it (contract, promise 4)."""
    draft.remember_run(step, run)
    if run.conclusion == "success" and jobs_ran:
        draft.put(step, Passed(draft.now), f"run {run.id} passed at attempt {run.attempt}")
        draft.take_names(step)
    elif draft.release.cancelling:
        draft.put(step, Cancelled(draft.now), f"run {run.id} is over: {run.conclusion}")
    elif run.conclusion in {"failure", "timed_out", "cancelled"}:
        draft.put(step, Diagnosing(run), f"run {run.id} attempt {run.attempt}: {run.conclusion}")
    elif run.conclusion == "success":
        draft.need_person(step, Trouble(TroubleKind.NOTHING_RAN, links=(run.url,)), run=run)
    else:
        kind = _CONCLUSION_TROUBLE.get(run.conclusion or "", TroubleKind.ODD_END)
        draft.need_person(step, Trouble(kind, run.conclusion or "no conclusion", (run.url,)), run=run)


def run_gone(draft: Draft, event: RunGone) -> None:
    """The run does not exist: not yet (GitHub told its id a moment ago), no longer, or it never appeared."""
    state = draft.state(event.step)
    run = run_of(state)
    if run is None or run.id != event.run_id:
        return
    appears = timedelta(seconds=run_step(draft, event.step).appears_within)
    if not run.head_sha and draft.now < run.started_at + appears:
        return
    if draft.release.cancelling:
        draft.put(event.step, Cancelled(draft.now), f"run {run.id} does not exist any more")
        return
    if isinstance(state, NeedsPerson) and known_as_gone(state.trouble):
        return
    if run.head_sha:
        draft.need_person(event.step, Trouble(TroubleKind.DELETED, f"run {run.id}"), run=run)
    else:
        draft.need_person(event.step, Trouble(TroubleKind.NEVER_APPEARED), run=run)


def judged(draft: Draft, event: Judged) -> None:
    """The cause is known: re-run the failed jobs within the budget, or call a person."""
    state = draft.state(event.step)
    if not isinstance(state, Diagnosing) or not _same_attempt_of(state.run, event):
        return
    if state.run.conclusion == "cancelled":
        return
    _remember_sighting(draft, event)
    _book_as_flake(draft, event)
    record, cause = draft.record(event.step), event.verdict.cause
    used, most = record.reruns.get(cause, 0), allowance(run_step(draft, event.step).retry, cause)
    if event.background.guarded:
        _stop(draft, event, state, TroubleKind.NEVER_RERUN, used, most)
    elif event.background.ended_by:
        _stop(draft, event, state, TroubleKind.CANCELLED, used, most)
    elif used >= most or record.reruns_in_all >= MOST_RERUNS:
        _stop(draft, event, state, TroubleKind.FAILED, used, most)
    else:
        _run_again(draft, event, state, used + 1, most)


def _same_attempt_of(
    run: BoundRun, event: Judged | RerunHeld | RerunAccepted | RerunUnderWay | RerunRefused
) -> bool:
    return (run.id, run.attempt) == (event.run_id, event.attempt)


def _remember_sighting(draft: Draft, event: Judged) -> None:
    background, record = event.background, draft.record(event.step)
    if background.service:
        sighting = Sighting(
            background.service, draft.now, event.run_id, event.attempt, background.jobs, background.lasted
        )
        kept = (*record.sightings, sighting)[-_MOST_SIGHTINGS:]
        draft.keep(event.step, replace(record, sightings=kept))


def _book_as_flake(draft: Draft, event: Judged) -> None:
    """What nobody could explain, was run again and has passed on the same commit was flaky: its re-run counts as that.

    Another job that fails now has the budget of its own cause; it may be some attempts later.
    """
    record = draft.record(event.step)
    unknown = (n for n in reversed(record.notes) if n.kind is NoteKind.RERUN and n.cause == Cause.UNKNOWN)
    last = next(unknown, None)
    if last is None or last.background is None or last.attempt >= event.attempt:
        return
    failed, used = last.background.failed, record.reruns.get(Cause.UNKNOWN, 0)
    flaky = record.reruns.get(Cause.FLAKY, 0) + 1
    allowed = flaky <= allowance(run_step(draft, event.step).retry, Cause.FLAKY)
    if allowed and failed and used and set(failed) <= set(event.passed):
        reruns = {**record.reruns, Cause.UNKNOWN: used - 1, Cause.FLAKY: flaky}
        draft.keep(event.step, replace(record, reruns=reruns))
        draft.because(f"{event.step}: what failed in attempt {last.attempt} has passed, so it was flaky")


def _stop(draft: Draft, event: Judged, state: Diagnosing, kind: TroubleKind, used: int, most: int) -> None:
    headline, known = event.verdict.headline, event.background
    draft.note(
        event.step,
        NoteKind.STOPPED,
        headline,
        number=used,
        most=most,
        attempt=event.attempt,
        cause=str(event.verdict.cause),
        background=known,
    )
    trouble = Trouble(
        kind, headline, (state.run.url,), event.tail, known.touched, known.guarded, known.unsaid
    )
    draft.because(f"{event.step}: not re-run after {used} of {most} ({event.verdict.cause}){_told(known)}")
    draft.need_person(event.step, trouble, run=state.run)


def _run_again(draft: Draft, event: Judged, state: Diagnosing, number: int, most: int) -> None:
    record, retry = draft.record(event.step), run_step(draft, event.step).retry
    cause, headline = event.verdict.cause, event.verdict.headline
    pause = retry.wait * 2 ** sum(record.reruns.values())
    pause *= 1 + _JITTER * chance(draft.release.id, event.step, event.run_id, event.attempt)
    reruns = {**record.reruns, cause: number}
    draft.keep(event.step, replace(record, reruns=reruns, reruns_in_all=record.reruns_in_all + 1))
    draft.note(
        event.step,
        NoteKind.RERUN,
        headline,
        number=number,
        most=most,
        attempt=event.attempt,
        cause=str(cause),
        background=event.background,
    )
    cooling = Cooling(state.run, draft.now + timedelta(seconds=pause), cause)
    behind = _told(event.background)
    draft.put(event.step, cooling, f"re-run {number} of {most} ({cause}): {headline}{behind}")


def _told(known: Background) -> str:
    """For the log and the journal: what stands behind the judgement."""
    history = known.history
    facts = [
        f"rule {known.rule}" if known.rule and known.rule != known.subject else "",
        f"{known.subject} seen {history.seen} times, healed {history.healed} times" if known.subject else "",
        f"{known.seconds:.0f} s lost" if known.seconds else "",
    ]
    return "".join(f"; {fact}" for fact in facts if fact)


def chance(*what: object) -> float:
    """A number from 0 up to 1 that looks drawn by lot and is the same for the same thing, whenever it is asked."""
    return zlib.crc32("/".join(map(str, what)).encode()) / 2**32


def rerun_held(draft: Draft, event: RerunHeld) -> None:
    """The re-run waits for the outcome of another one, or does so no longer; a person's own never waits."""
    state = draft.state(event.step)
    if isinstance(state, Cooling) and state.by is None and _same_attempt_of(state.run, event):
        draft.put(event.step, replace(state, until=event.until, hold=event.hold), _why_held(state, event))


def _why_held(state: Cooling, event: RerunHeld) -> str:
    if event.hold is None:
        return "its re-run is held no longer"
    return f"its re-run is held, {event.hold.service} is failing" if state.hold is None else ""


def allowance(retry: Retry, cause: Cause) -> int:
    """How often this cause is re-run by itself."""
    match cause:
        case Cause.TRANSIENT:
            return retry.transient
        case Cause.FLAKY:
            return retry.flaky
        case Cause.UNKNOWN:
            return retry.unknown
        case Cause.BROKEN:
            return retry.broken


def rerun_answered(draft: Draft, event: RerunAccepted | RerunUnderWay | RerunRefused) -> None:
    """What GitHub says to a re-run that it was asked for.

    A run that it shows to be over and calls running is being re-run: the answer to an earlier request was lost, or a
    person was quicker, and the new attempt is not shown yet. Asked for until it is over, its failure would be re-run
    as well.
    """
    state = draft.state(event.step)
    if not isinstance(state, Cooling) or not _same_attempt_of(state.run, event):
        return
    until = draft.now + timedelta(seconds=run_step(draft, event.step).appears_within)
    rerunning = Rerunning(state.run, until, state.by)
    match event:
        case RerunAccepted():
            draft.put(event.step, rerunning, "GitHub accepted the re-run")
        case RerunUnderWay() if draft.now >= state.until + _JOBS_END_WITHIN:
            draft.put(event.step, rerunning, "GitHub says that it is being re-run already")
        case RerunUnderWay():
            return
        case RerunRefused():
            trouble = Trouble(TroubleKind.RERUN_REFUSED, event.message, (state.run.url,))
            draft.need_person(event.step, trouble, run=state.run)


def rerun_lost(draft: Draft, step: str, state: Rerunning) -> None:
    """No new attempt has appeared in its time."""
    if draft.release.cancelling:
        draft.put(step, Cancelled(draft.now), "the re-run never appeared")
        return
    draft.need_person(step, Trouble(TroubleKind.RERUN_LOST, links=(state.run.url,)), run=state.run)
