"""Starting releases: plans from the pipeline file, preflight, and one transaction for all that comes of it."""

import asyncio
import hashlib
from base64 import b32encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from bot.core import commands, present
from bot.core.audience import Audience
from bot.core.commands import as_typed
from bot.core.continuing import Left, continued
from bot.core.facts import GitHubError
from bot.core.model import Release, new_release
from bot.core.plan import DispatchStep, Plan
from bot.core.problems import Problem, ProblemKind, UnfitParameter
from bot.core.suggest import quoted
from bot.core.versions import Version
from bot.engine.continuing import Leftovers
from bot.engine.heard import Heard, Outcome, posts_of
from bot.engine.means import Means
from bot.engine.names import Names, Supposed
from bot.engine.patience import until_stored
from bot.engine.pipelines import Book
from bot.engine.posts import Poster
from bot.engine.preflight import Preflight, same_work, unread
from bot.engine.roles import Roles, Standing
from bot.engine.usual import knowing_usual_times
from bot.pipeline.parameters import (
    BadParameter,
    OptionMeant,
    ParameterMissing,
    resolve_parameters,
    with_those_before,
)
from bot.pipeline.plans import Pipeline, make_plan
from bot.pipeline.template import BadTemplate
from bot.store import PostToMake, Stored

log = structlog.get_logger(__name__)

Refusal = tuple[str, tuple[Problem, ...]]
"""A version and everything that stands in its way."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One version that somebody wants: its plan, everything that stands in its way, and what is left of it."""

    plan: Plan
    problems: tuple[Problem, ...]
    left: Left = field(default_factory=Left)


class Starter:
    """Carries out `/PIPELINE VERSION ...`, dry or not."""

    def __init__(self, means: Means, *, poster: Poster) -> None:
        self._means = means
        self._poster = poster
        self._leftovers = Leftovers(means)
        self._names = Names(means.github, means.store)
        self._one_at_a_time = asyncio.Lock()

    async def start(
        self, heard: Heard, command: commands.Start, book: Book, standing: Standing
    ) -> Outcome | None:
        """What to answer; None when everything was done in one transaction."""
        pipeline = book.pipelines.find(command.pipeline)
        if pipeline is None:
            return Outcome(accepted=False, answer=present.not_in_file_answer(command.pipeline))
        try:
            parameters, unfit = await self._parameters(heard, command, pipeline)
        except BadParameter as error:
            return await self._bad_parameter(heard, command, pipeline, book, error)
        means = self._means
        plans, unusable = _plans(pipeline, parameters, heard.home, book)
        unusable = [*unfit, *unusable]
        kept = [book.repo] if book.repo is not None else []
        audience = await means.audiences.of(heard.home, [*pipeline.repositories(heard.home), *kept])
        wishes = await self._checked(heard, command, plans, pipeline, standing) if plans else ()
        if not command.dry_run:
            await self._begin(heard, command, pipeline, book, wishes, unusable, audience)
            return None
        if not wishes:
            answer = present.preflight_answer(
                unusable, [], audience, file_repo=book.repo, permission=pipeline.permission, again=command
            )
            return Outcome(accepted=False, answer=answer)
        left = {wish.plan.version: wish.left for wish in wishes}
        foreseen = await self._foreseen(wishes)
        plain = [(wish.plan, wish.problems) for wish in wishes]
        answer = present.plan_answer(
            plain,
            audience,
            left=left,
            foreseen=foreseen,
            continues=command.continues,
            unusable=unusable,
        )
        return Outcome(accepted=True, answer=answer)

    async def _parameters(
        self, heard: Heard, command: commands.Start, pipeline: Pipeline
    ) -> tuple[dict[str, Mapping[str, str]], list[Refusal]]:
        """By version; one that goes on keeps what it was begun with, unless something else is given.

        What is given must fit in any case; what is missing for one of several versions refuses that version alone.
        """
        if not command.continues:
            return dict.fromkeys(command.versions, resolve_parameters(pipeline, command.parameters)), []
        with suppress(ParameterMissing):  # it may be known from before
            resolve_parameters(pipeline, command.parameters)
        chosen: dict[str, Mapping[str, str]] = {}
        unfit: list[Refusal] = []
        for version in command.versions:
            before = await self._leftovers.parameters(heard.home, pipeline=pipeline.name, version=version)
            try:
                given = with_those_before(pipeline, command.parameters, before, version=version)
                chosen[version] = resolve_parameters(pipeline, given)
            except BadParameter as error:
                if len(command.versions) == 1:
                    raise
                unfit.append((version, (_unfit(error, replace(command, versions=(version,)), pipeline),)))
        return chosen, unfit

    async def _bad_parameter(
        self, heard: Heard, command: commands.Start, pipeline: Pipeline, book: Book, error: BadParameter
    ) -> Outcome:
        """Of a file that is kept where the readers may not look, no name and no value is told."""
        kept = [book.repo] if book.repo is not None else []
        shown = (await self._means.audiences.of(heard.home, kept)).sees(book.repo)
        told = shown or isinstance(error, OptionMeant)
        sentence = _sentence(error, command) if told else _which(pipeline, command.parameters)
        return Outcome(accepted=False, answer=present.malformed_answer(sentence))

    async def _checked(
        self,
        heard: Heard,
        command: commands.Start,
        plans: Sequence[Plan],
        pipeline: Pipeline,
        standing: Standing,
    ) -> tuple[Wish, ...]:
        means = self._means
        roles = Roles(means.github, means.clock, known=standing)
        preflight = Preflight(means.github, means.clock, means.audiences, roles)
        role = "read" if command.dry_run else pipeline.permission
        barred = await preflight.access(heard.person, plans[0], role)

        async def wish(plan: Plan) -> Wish:
            seen = await preflight.check(plan, barred, means.releases.open(), tagged=command.continues)
            problems = (*barred, *seen.problems)
            is_open = any(problem.release is not None for problem in problems)
            if command.continues and not is_open:
                left, more = await self._leftovers.of(seen.plan, unread(problems))
                return Wish(seen.plan, tuple(dict.fromkeys((*_in_the_way(problems, left), *more))), left)
            tagged = not is_open and any(problem.kind is ProblemKind.TAG for problem in problems)
            over = await self._leftovers.released(seen.plan) if tagged else None
            return Wish(seen.plan, problems if over is None else (over, *problems))

        return tuple(await asyncio.gather(*map(wish, plans)))

    async def _foreseen(self, wishes: Sequence[Wish]) -> dict[tuple[str, str], present.Foreseen]:
        """What would become of moving names now; nothing where GitHub cannot or must not be read.

        The versions that would start are open together.
        """
        found: dict[tuple[str, str], present.Foreseen] = {}
        would_start = frozenset(wish.plan.version for wish in wishes if not wish.problems)
        moved: dict[tuple[str, str], tuple[str, ...]] = {}
        for wish in _in_turn(wishes):
            version, closed = wish.plan.version, unread(wish.problems)
            for step in wish.plan.run_steps:
                # A run that is taken up was told before, and a skipped step has none.
                if step.name in wish.left.skipped or step.name in wish.left.runs:
                    continue
                if isinstance(step, DispatchStep) and step.moves and step.repo.lower() not in closed:
                    with suppress(GitHubError):
                        told = await self._names.of(wish.plan, step, Supposed(would_start, moved))
                        found[version, step.name] = present.Foreseen(*told)
                        taken = [move.name for move in told[0] if move.after == version]
                        for key in ((step.repo.lower(), name) for name in taken if version in would_start):
                            moved[key] = (*moved.get(key, ()), version)
        return found

    async def _begin(
        self,
        heard: Heard,
        command: commands.Start,
        pipeline: Pipeline,
        book: Book,
        wishes: Sequence[Wish],
        unusable: Sequence[Refusal],
        audience: Audience,
    ) -> None:
        """One transaction: the releases that may start, the refusals of the others, and the end of the command."""
        new = _together([self._new(heard, wish) for wish in wishes if not wish.problems])
        good = await knowing_usual_times(self._means.store, new)
        go_on = "" if command.continues else _go_on(command, wishes)

        def conflicts(others: tuple[Stored, ...]) -> tuple[str, ...]:
            open_ones = [other.release for other in others]
            return tuple(release.id for release in good if same_work(release.plan, open_ones))

        def posts(started: tuple[Stored, ...]) -> list[PostToMake]:
            begun = {stored.release.version for stored in started}
            refused = [
                *unusable,
                *(
                    (wish.plan.version, wish.problems or (_just_opened(wish.plan),))
                    for wish in wishes
                    if wish.plan.version not in begun
                ),
            ]
            answer = present.preflight_answer(
                refused,
                sorted(begun),
                audience,
                file_repo=book.repo,
                permission=pipeline.permission,
                go_on=go_on,
                again=command,
            )
            return posts_of(heard, Outcome(accepted=bool(begun), answer=answer if refused else None))

        async with self._one_at_a_time:
            started = await until_stored(
                self._means.clock,
                lambda: self._means.store.releases.start(
                    good, posts, finished_delivery=heard.delivery, conflicts=conflicts
                ),
            )
            self._means.releases.adopt(started)
        self._means.metrics.commands.labels(verb="start", outcome="accepted" if started else "refused").inc()
        self._poster.ring()
        for stored in started:
            log.info("release started", release=stored.release.id, version=stored.release.version)
            await self._means.releases.tick(stored.release.id)

    def _new(self, heard: Heard, wish: Wish) -> Release:
        comment, plan = heard.comment, wish.plan
        release = new_release(
            release_id(comment.comment_id, plan.pipeline, plan.version),
            plan,
            issue=comment.issue_number,
            comment_id=comment.comment_id,
            starter=heard.person,
            asked_at=comment.created_at,
        )
        return continued(release, wish.left, at=self._means.clock.now(), by=heard.person.login)


def _in_turn(wishes: Sequence[Wish]) -> Iterator[Wish]:
    """Of one group in the order of the command; among the firsts of the groups, the lowest version first."""
    groups: dict[tuple[str, str], list[Wish]] = {}
    for wish in wishes:
        alone = wish.plan.version if wish.problems else ""  # what is refused is waited for by nobody
        groups.setdefault((wish.plan.group, alone), []).append(wish)
    waiting = list(groups.values())
    while waiting:
        group = min(waiting, key=lambda group: Version.parse(group[0].plan.version))
        yield group.pop(0)
        waiting = [group for group in waiting if group]


def _go_on(command: commands.Start, wishes: Sequence[Wish]) -> str:
    """The command that goes on with the versions that are refused for nothing but their tags; empty: none."""
    tagged = [wish for wish in wishes if {problem.kind for problem in wish.problems} == {ProblemKind.TAG}]
    versions = tuple(wish.plan.version for wish in tagged)
    return as_typed(replace(command, versions=versions, continues=True)) if versions else ""


def _plans(
    pipeline: Pipeline, parameters: Mapping[str, Mapping[str, str]], home: str, book: Book
) -> tuple[list[Plan], list[Refusal]]:
    """The plan of each version; a version whose texts cannot be used is refused, the others are not.

    `parameters`: by version, in the order of the command.
    """
    plans: list[Plan] = []
    unusable: list[Refusal] = []
    for text, chosen in parameters.items():
        version = Version.parse(text)
        try:
            plan = make_plan(pipeline, version, home=home, file_repo=book.repo, parameters=chosen)
        except BadTemplate as error:
            unusable.append((text, (Problem(ProblemKind.FILE, (), book.repo, str(error)),)))
        else:
            plans.append(plan)
    return plans, unusable


def _in_the_way(problems: Sequence[Problem], left: Left) -> list[Problem]:
    """Without what would only keep steps from being started whose tag exists: they are not started again."""
    to_start = {ProblemKind.WORKFLOW, ProblemKind.REF}
    return [
        problem
        for problem in problems
        if problem.kind not in to_start or not set(problem.steps) <= set(left.skipped)
    ]


def _which(pipeline: Pipeline, given: Sequence[tuple[str, str]]) -> str:
    """Which of the given parameters do not fit, without a word of the file."""
    known = {parameter.name.lower(): parameter for parameter in pipeline.parameters}
    wrong = [
        name
        for name, value in given
        if (parameter := known.get(name.lower())) is None or parameter.allowed(value) is None
    ]
    where = "who can see the pipeline file finds there what fits"
    if wrong:
        return f"This does not fit the pipeline's parameters: {quoted(', '.join(wrong))}; {where}."
    return f"A parameter that has to be given is missing; {where}."


def _sentence(error: BadParameter, command: commands.Start) -> str:
    """Of what is missing, the whole line to type."""
    if not isinstance(error, ParameterMissing):
        return str(error)
    line = as_typed(replace(command, parameters=(*command.parameters, *error.example)))
    return f"{error.what}, for example `{line}`."


def _unfit(error: BadParameter, command: commands.Start, pipeline: Pipeline) -> Problem:
    """`command`: of the one version."""
    sentence, without_file = _sentence(error, command), _which(pipeline, command.parameters)
    return UnfitParameter(ProblemKind.FILE, (), None, sentence, without_file=without_file)


def _just_opened(plan: Plan) -> Problem:
    step = plan.run_steps[0] if plan.run_steps else None
    names = (step.name,) if step else ()
    detail = f"a release of {plan.version} was opened a moment ago"
    return Problem(ProblemKind.OPEN_RELEASE, names, step.repo if step else plan.home, detail)


def release_id(comment_id: int, pipeline: str, version: str) -> str:
    """The same command gives the same id, so hearing it twice starts nothing twice.

    `bot.core.binding` knows a nonce by the form of this id.
    """
    digest = hashlib.sha256(f"{comment_id}/{pipeline.lower()}/{version}".encode()).digest()
    return "r" + b32encode(digest)[:12].decode().lower()


def _together(releases: Sequence[Release]) -> list[Release]:
    """Those that one comment asks for know of each other."""
    ids = tuple(release.id for release in releases) if len(releases) > 1 else ()
    return [replace(release, together=ids) for release in releases]
