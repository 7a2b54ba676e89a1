"""What is read right before a send, and what each answer means (contract, promise 1 and preflight).

The order of the reads does not matter; the send leaves within ten seconds after the first, or not at all.
"""

import asyncio
from collections.abc import Iterable

from bot.core.binding import OpenSend, nonce_of, strays
from bot.core.deliveries import RunSeen
from bot.core.events import SendChecked, SendHeldBack, SendStopped
from bot.core.facts import NotFound, NotInstalled, Suspended
from bot.core.model import Release
from bot.core.plan import DispatchStep
from bot.core.steering import plain_ref
from bot.core.trouble import Trouble, TroubleKind
from bot.engine.ports import Clock, GitHub
from bot.store import SendRow, Store

CheckOutcome = SendChecked | SendHeldBack | SendStopped
_AGAIN_FOR_YOUNG_REF = (1.0, 2.0, 4.0)
"""A tag pushed a moment ago may not be readable yet: seconds between further looks."""


class SendCheck:
    """Reads what must be known before a send of one step."""

    def __init__(self, github: GitHub, store: Store, clock: Clock) -> None:
        self._github = github
        self._store = store
        self._clock = clock

    async def of(self, release: Release, step: DispatchStep, send: int) -> CheckOutcome:
        """Raises `GitHubError` when something could not be read: nothing is sent, and it is tried again."""
        began = self._clock.now()
        stray, tag, ref, barred = await asyncio.gather(
            self._strays(release, step), self._tag(step), self._ref(release, step), self._access(step)
        )
        trouble = stray if isinstance(stray, Trouble) else tag or ref or barred
        if trouble is not None:
            return SendStopped(step.name, trouble)
        if isinstance(stray, str):
            return SendHeldBack(step.name, stray, 3.0)
        if (self._clock.now() - began).total_seconds() > 8:
            return SendHeldBack(step.name, "GitHub answers slowly; reading again", 0.0)
        return SendChecked(step.name, began, self._nonce(release, step, send))

    async def slot_taken(self, step: DispatchStep) -> bool:
        """Whether an unbound send of the same workflow and ref stands in the way: known without asking GitHub."""
        waiting = waiting_sends(await self._store.sends.open_sends(step.repo, step.workflow))
        return any(s.ref == plain_ref(step.ref) and not (s.nonce and step.nonce) for s in waiting)

    def _nonce(self, release: Release, step: DispatchStep, send: int) -> str | None:
        return nonce_of(release.id, step.name, send) if step.nonce else None

    async def _strays(self, release: Release, step: DispatchStep) -> Trouble | str | None:
        """Runs that this app dispatched and nobody knows of: the sign of a send that was forgotten."""
        app_login = await self._github.app_login()
        try:
            runs = await self._github.workflow_runs(
                step.repo,
                step.workflow,
                event="workflow_dispatch",
                created_from=release.asked_at,
                actor=app_login,
            )
        except NotFound as error:
            await self._github.repository(step.repo)
            return Trouble(TroubleKind.REFUSED, f"workflow {step.workflow} was not found: {error.said}")
        if not runs:
            return None
        known = await self._store.sends.known(step.repo, step.workflow, [run.id for run in runs])
        found = strays(
            runs,
            app_login=app_login,
            bound=known.bindings,
            nonces=known.nonces,
            open_sends=waiting_sends(known.open),
        )
        if found.strange:
            return _strange(found.strange)
        if found.expected:
            return f"run {found.expected[0].id} may belong to a send that is still being looked for"
        return None

    async def _access(self, step: DispatchStep) -> Trouble | None:
        """A repository that can be read may still not be written to: only an owner can mend that."""
        try:
            await self._github.prepare_dispatch(step.repo)
        except Suspended:
            raise
        except NotInstalled as error:
            await self._github.repository(step.repo)
            return Trouble(TroubleKind.REFUSED, error.said)
        return None

    async def _tag(self, step: DispatchStep) -> Trouble | None:
        if step.unless_tag is None:
            return None
        commit = await self._github.tag_commit(step.repo, step.unless_tag)
        return None if commit is None else Trouble(TroubleKind.TAG_EXISTS, step.unless_tag)

    async def _ref(self, release: Release, step: DispatchStep) -> Trouble | None:
        """Refs of steps with needs may only come to be during the release: they are checked now."""
        if not release.plan.step(step.name).needs:
            return None
        for pause in (0.0, *_AGAIN_FOR_YOUNG_REF):
            if pause:
                await self._clock.sleep(pause)
            if await ref_exists(self._github, step.repo, step.ref):
                return None
        return Trouble(TroubleKind.REF_MISSING, step.ref)


def _strange(runs: tuple[RunSeen, ...]) -> Trouble:
    numbers = ", ".join(str(run.id) for run in runs)
    return Trouble(TroubleKind.STRANGE_RUN, f"run {numbers}", tuple(run.html_url for run in runs))


async def ref_exists(github: GitHub, repo: str, ref: str) -> bool:
    """Whether a branch or tag of that name exists; a version-like name is looked for among the tags first."""
    return await ref_commit(github, repo, ref) is not None


async def ref_commit(github: GitHub, repo: str, ref: str) -> str | None:
    """The commit of a branch or tag."""
    if ref.startswith("refs/heads/"):
        return await github.branch_commit(repo, ref.removeprefix("refs/heads/"))
    if ref.startswith("refs/tags/"):
        return await github.tag_commit(repo, ref.removeprefix("refs/tags/"))
    if any(character.isdigit() for character in ref):
        return await github.tag_commit(repo, ref) or await github.branch_commit(repo, ref)
    return await github.branch_commit(repo, ref) or await github.tag_commit(repo, ref)


def waiting_sends(rows: Iterable[SendRow]) -> tuple[OpenSend, ...]:
    """Sends whose run is not known yet, in the core's words."""
    return tuple(OpenSend(row.key, row.ref, row.nonce, row.opened_at) for row in rows)
