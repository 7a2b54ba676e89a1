"""The buttons of check runs, and GitHub's own Re-run: commands in another dress.

Rule: each is good once and only on the newest check run of its step, and the person is checked like the author of a
comment. Without the role nothing happens.
"""

from datetime import datetime, timedelta

import structlog

from bot.core import commands
from bot.core.deliveries import ButtonPressed, CheckRerunAsked
from bot.core.events import Event
from bot.core.model import Person, Release
from bot.core.steering import OpenCommand, Refused, resolve
from bot.engine.by_hand import see_runs
from bot.engine.means import Means
from bot.engine.preflight import Preflight
from bot.engine.roles import Roles
from bot.store import Surface

log = structlog.get_logger(__name__)


class Buttons:
    """Carries out what a click asks for."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._releases = means.releases
        self._audiences = means.audiences
        self._ttl = timedelta(seconds=means.settings.command_ttl_seconds)

    async def press(
        self, pressed: ButtonPressed | CheckRerunAsked, delivery: str, received_at: datetime
    ) -> None:
        late = self._clock.now() - received_at > self._ttl
        outcome = "too late" if late else await self._press(pressed, delivery)
        if outcome is not None:
            log.info("button", outcome=outcome, by=pressed.sender_login)
            await self._store.deliveries.finish(delivery, outcome)

    async def _press(self, pressed: ButtonPressed | CheckRerunAsked, delivery: str) -> str | None:
        """What became of it; None when it is finished already, together with its effect."""
        surface = await self._newest(pressed)
        if surface is None:
            return "not the newest check run of a step"
        release = self._releases.get(surface.release_id)
        if release is None:
            return "the release is over"
        identifier = pressed.identifier if isinstance(pressed, ButtonPressed) else "retry"
        command = _command(release, surface.step, identifier)
        if command is None:
            return "an unknown button"
        person = Person(pressed.sender_login, pressed.sender_id)
        if not await self._may(person, release):
            return "without the role"
        return await self._carry_out(release, surface, command, identifier, person, delivery)

    async def _carry_out(
        self,
        release: Release,
        surface: Surface,
        command: OpenCommand,
        identifier: str,
        person: Person,
        delivery: str,
    ) -> str | None:
        refused: list[Refused] = []

        def choose(current: Release) -> Event | None:
            outcome = resolve(current, command, person.login, self._clock.now())
            if isinstance(outcome, Refused):
                refused.append(outcome)
                return None
            return outcome

        await see_runs(self._means, release, command)
        release = self._releases.get(release.id) or release
        # A click that comes too early - Re-run while the check run is in progress - must not use the button up.
        if isinstance(outcome := resolve(release, command, person.login, self._clock.now()), Refused):
            return f"refused: {outcome.why}"
        github_id = surface.github_id or 0
        if not await self._store.surfaces.use_button(
            release.id, surface.step, github_id, identifier, delivery=delivery
        ):
            return "used already"
        changed = await self._releases.happen(release.id, choose, finished_delivery=delivery)
        if changed is None:
            return f"refused: {refused[0].why}" if refused else "the release is over"
        log.info("button", outcome=identifier, by=person.login, release=release.id, step=surface.step)
        return None

    async def _newest(self, pressed: ButtonPressed | CheckRerunAsked) -> Surface | None:
        repo = pressed.repository.full_name
        found = await self._store.surfaces.surface_by_github_id(repo, pressed.check_run_id, kind="check")
        if found is None or pressed.external_id != f"{found.release_id}/{found.step}":
            return None
        return found

    async def _may(self, person: Person, release: Release) -> bool:
        roles = Preflight(self._github, self._clock, self._audiences, Roles(self._github, self._clock))
        return not await roles.access(person, release.plan, release.plan.permission)


def _command(release: Release, step: str, identifier: str) -> OpenCommand | None:
    pipeline, version = release.pipeline, release.version
    match identifier:
        case "retry":
            return commands.Retry(pipeline=pipeline, version=version, step=step)
        case "skip":
            return commands.Skip(pipeline=pipeline, version=version, step=step)
        case "cancel":
            return commands.Cancel(pipeline=pipeline, version=version)
        case _:
            return None
