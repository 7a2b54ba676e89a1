"""Steering an open release by command: which one is meant, who may, and what it becomes.

Rule: the role is checked in every repository of the frozen plan; the change and the end of the command are one
transaction.
"""

from collections.abc import Sequence

import structlog

from bot.core import commands, present
from bot.core.audience import Audience
from bot.core.binding import dispatched_by
from bot.core.commands import Command
from bot.core.events import Event
from bot.core.facts import GitHubError
from bot.core.model import Release
from bot.core.plan import same_repository
from bot.core.problems import Problem, ProblemKind
from bot.core.steering import NamedRun, No, OpenCommand, Refused, find_step, resolve, resolve_adopt
from bot.engine.by_hand import see_runs
from bot.engine.heard import Heard, Outcome, line_of, posts_of
from bot.engine.means import Means
from bot.engine.patience import patiently
from bot.engine.posts import Poster
from bot.engine.preflight import Preflight
from bot.engine.roles import Roles, Standing
from bot.store import RunTaken

log = structlog.get_logger(__name__)


class Helm:
    """Carries out retry, redo, skip, adopt, approve, pause, resume and cancel."""

    def __init__(self, means: Means, *, poster: Poster) -> None:
        self._means = means
        self._poster = poster

    async def steer(
        self, heard: Heard, command: OpenCommand | commands.Adopt, standing: Standing
    ) -> Outcome | None:
        """What to answer; None when it was carried out, in one transaction."""
        release = await self._release_meant(heard, command)
        if isinstance(release, Outcome):
            return release
        return await self._carry_out(heard, command, release, standing)

    async def _carry_out(
        self,
        heard: Heard,
        command: OpenCommand | commands.Adopt,
        release: Release,
        standing: Standing,
    ) -> Outcome | None:
        """Checks the role in every repository of the frozen plan, then carries the command out."""
        audience = await self._means.audiences.of_plan(heard.home, release.plan)
        roles = Roles(self._means.github, self._means.clock, known=standing)
        preflight = Preflight(self._means.github, self._means.clock, self._means.audiences, roles)
        barred = await preflight.access(heard.person, release.plan, release.plan.permission)
        if barred:
            return Outcome(accepted=False, answer=_barred_answer(heard, command, release, barred, audience))
        named = await self._named_run(release, command) if isinstance(command, commands.Adopt) else None
        await see_runs(self._means, release, command)
        refusal: list[Refused] = []

        def choose(current: Release) -> Event | None:
            by, now = heard.person.login, self._means.clock.now()
            outcome = (
                resolve_adopt(current, command.step, named, by, now)
                if isinstance(command, commands.Adopt)
                else resolve(current, command, by, now)
            )
            if isinstance(outcome, Refused):
                refusal.append(outcome)
                return None
            return outcome

        done = posts_of(heard, Outcome(accepted=True))
        try:
            changed = await self._means.releases.happen(
                release.id, choose, posts=done, finished_delivery=heard.delivery
            )
        except RunTaken:
            changed = None
            refusal.append(
                Refused(No.BOUND_ELSEWHERE, command.step if isinstance(command, commands.Adopt) else None)
            )
        if changed is None:
            why = refusal[0] if refusal else Refused(No.FINISHED)
            return await self._refused(heard, why, release)
        self._means.metrics.commands.labels(verb=type(command).__name__.lower(), outcome="accepted").inc()
        self._poster.ring()
        return None

    async def _refused(self, heard: Heard, why: Refused, release: Release) -> Outcome:
        audience = await self._means.audiences.of_plan(heard.home, release.plan)
        comments = await self._means.store.surfaces.status_comments([release.id])
        url, comment = self._means.settings.github_url, comments.get(release.id)
        answer = present.refused_answer(why, release, audience, web_url=url, comment=comment)
        return Outcome(accepted=False, answer=answer)

    async def _release_meant(self, heard: Heard, command: OpenCommand | commands.Adopt) -> Release | Outcome:
        """By version anywhere in the home repository; without one, the only open one of this issue."""
        here = self._means.releases.at_home(heard.home, command.pipeline)
        if command.version is None:
            mine = [release for release in here if release.issue == heard.comment.issue_number]
            if len({release.version for release in mine}) == 1:
                return of_issue(mine, heard.comment.issue_number)
            versions = [release.version for release in mine or here]
            answer = present.which_release_answer(command, versions)
            return Outcome(accepted=False, answer=answer)
        named = [release for release in here if release.version == command.version]
        if named:
            return of_issue(named, heard.comment.issue_number)
        stored = await self._means.store.releases.find(
            heard.home, pipeline=command.pipeline, version=command.version
        )
        if stored:
            return await self._refused(heard, Refused(No.FINISHED), stored[-1].release)
        answer = present.no_release_answer(command.pipeline, command.version)
        return Outcome(accepted=False, answer=answer)

    async def _named_run(self, release: Release, command: commands.Adopt) -> NamedRun | None:
        """Reads the run that a person names; None where the step rules every run out."""
        step = find_step(release, command.step)
        if step is None or step.kind == "approval":
            return None
        repo = command.run_repository or step.repo
        if not same_repository(repo, step.repo):
            return NamedRun(repo, None)
        try:
            app_login = await self._means.github.app_login()
            run = await patiently(
                self._means.clock, lambda: self._means.github.run(step.repo, command.run_id)
            )
        except GitHubError as error:
            log.warning("a run to adopt could not be read", error=str(error))
            return NamedRun(step.repo, None)
        taken = await self._means.store.sends.taken(step.repo, [run.id], version=release.version)
        owner = taken.get(run.id)
        elsewhere = owner is not None and owner != (release.id, step.name)
        return NamedRun(step.repo, run, elsewhere, own=dispatched_by(run, app_login))


def of_issue(named: Sequence[Release], issue: int) -> Release:
    """Of several of one version, oldest first: this issue's, and the one at work before the one that waits for it."""
    mine = [release for release in named if release.issue == issue] or named
    return next((release for release in mine if release.turn), mine[0])


def _barred_answer(
    heard: Heard, command: Command, release: Release, barred: tuple[Problem, ...], audience: Audience
) -> str:
    """Who may steer a release is who might have started it: the role in every repository of its frozen plan."""
    if all(problem.kind is ProblemKind.UNVERIFIED for problem in barred):
        return present.unverified_answer(line_of(heard, command), heard.comment.created_at)
    return present.preflight_answer(
        [(release.version, barred)],
        [],
        audience,
        file_repo=release.plan.file_repo,
        permission=release.plan.permission,
    )
