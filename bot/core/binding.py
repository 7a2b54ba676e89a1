"""Which run is a step's run. Rule: workflow, ref, event and commit decide, never "the newest".

What is bound to another step is never a candidate; a run whose name shows a nonce belongs to the send of that nonce,
also to one of which this database knows nothing (an older copy was put back).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.deliveries import RunSeen
from bot.core.plan import DispatchStep, RunStep, WatchStep
from bot.core.steering import plain_ref

_CLOCKS = timedelta(seconds=10)
"""How far our clock and GitHub's may differ when a run is compared with the moment of its send."""

_NONCE = re.compile(r"(?<![A-Za-z0-9])r[a-z2-7]{12}-[A-Za-z0-9._-]+-[0-9]+(?![A-Za-z0-9])")
"""What `nonce_of` makes of a release's id, which is r and twelve characters of base 32 (`bot.engine.starting`)."""


@dataclass(frozen=True, slots=True)
class OpenSend:
    """A send of this bot, of whatever release, whose run is not known yet."""

    key: str
    ref: str
    nonce: str | None
    opened_at: datetime


def nonce_of(release_id: str, step: str, send: int) -> str:
    """The text that tells this send from every other; runs are found by it (contract, promise 1)."""
    return f"{release_id}-{step}-{send}"


def is_of(run: RunSeen, step: RunStep) -> bool:
    """Same workflow file and same branch or tag."""
    return run.path.rsplit("/", 1)[-1] == step.workflow and run.head_branch == plain_ref(step.ref)


def dispatched_by(run: RunSeen, app_login: str) -> bool:
    return run.event == "workflow_dispatch" and run.actor_login == app_login


def runs_of_earlier_sends(
    runs: Iterable[RunSeen], step: DispatchStep, release_id: str, *, sends: int, app_login: str
) -> tuple[RunSeen, ...]:
    """Those that show the nonce of a send before the last of `sends`: an exact sign, where there is one."""
    if not step.nonce:
        return ()
    nonces = [nonce_of(release_id, step.name, number) for number in range(1, sends)]
    mine = (run for run in runs if is_of(run, step) and dispatched_by(run, app_login))
    return tuple(run for run in mine if any(shows(run, nonce) for nonce in nonces))


def runs_of_send(
    runs: Sequence[RunSeen],
    step: DispatchStep,
    send: OpenSend,
    *,
    app_login: str,
    bound: Collection[int],
    nonces: Mapping[str, str],
    rivals: Sequence[OpenSend],
) -> tuple[RunSeen, ...]:
    """The runs that this send may have made. `nonces`: every known nonce and the key of its send."""
    ours = [r for r in runs if is_of(r, step) and dispatched_by(r, app_login) and r.id not in bound]
    known = {**nonces, send.nonce: send.key} if send.nonce else nonces
    exact = [run for run in ours if send.nonce and shown_nonce(run, known) == send.key]
    if exact:
        return tuple(exact)
    if any(rival.key != send.key and rival.ref == send.ref for rival in rivals):
        return ()
    return tuple(
        run for run in ours if run.created_at >= send.opened_at - _CLOCKS and shown_nonce(run, known) is None
    )


def shown_nonce(run: RunSeen, nonces: Mapping[str, str]) -> str | None:
    """The key of the send whose nonce the run's name shows; a nonce that nobody knows any more stands for itself.

    One nonce may be the beginning of another (`r1-oss-1`, `r1-oss-12`, `r1-oss-1-2`): the longest is meant, and no
    digit may follow it.
    """
    shown = [nonce for nonce in nonces if shows(run, nonce)]
    if shown:
        return nonces[max(shown, key=len)]
    forgotten = _NONCE.search(run.display_title)
    return forgotten[0] if forgotten else None


def shows(run: RunSeen, nonce: str) -> bool:
    """Whether the run's name shows the nonce."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(nonce)}(?![A-Za-z0-9])", run.display_title) is not None


@dataclass(frozen=True, slots=True)
class Strays:
    """Runs that this app dispatched and no step is bound to: `strange` stop a send, `expected` make it wait."""

    strange: tuple[RunSeen, ...]
    expected: tuple[RunSeen, ...]


def strays(
    runs: Sequence[RunSeen],
    *,
    app_login: str,
    bound: Collection[int],
    nonces: Mapping[str, str],
    open_sends: Sequence[OpenSend],
) -> Strays:
    """Sorts the unbound runs of a workflow before a send (contract, promise 1)."""
    strange: list[RunSeen] = []
    expected: list[RunSeen] = []
    for run in runs:
        if not dispatched_by(run, app_login) or run.id in bound:
            continue
        owner = shown_nonce(run, nonces)
        awaited = any(_can_have_made(send, run, owner) for send in open_sends)
        (expected if awaited else strange).append(run)
    return Strays(tuple(strange), tuple(expected))


def _can_have_made(send: OpenSend, run: RunSeen, owner: str | None) -> bool:
    if owner is not None:
        return owner == send.key
    return plain_ref(send.ref) == run.head_branch and run.created_at >= send.opened_at - _CLOCKS


def runs_of_watch(
    runs: Sequence[RunSeen],
    step: WatchStep,
    *,
    since: datetime,
    tag_commit: str | None,
    bound: Collection[int],
) -> tuple[RunSeen, ...]:
    """Of a tag: the runs of its commit, older ones included. Of a branch: the first one created since."""
    fitting = [r for r in runs if is_of(r, step) and r.event == step.event and r.id not in bound]
    if tag_commit is not None:
        return tuple(run for run in fitting if run.head_sha == tag_commit)
    young = [run for run in fitting if run.created_at >= since.replace(microsecond=0)]
    first = min((run.created_at for run in young), default=None)
    return tuple(run for run in young if run.created_at == first)
