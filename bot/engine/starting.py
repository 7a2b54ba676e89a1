"""Starting releases: plans from the pipeline file, preflight, and one transaction for all that comes of it."""

import asyncio
import hashlib
from base64 import b32encode
from collections.abc import Sequence

import structlog

from bot.core import commands, present
from bot.core.audience import Audience
from bot.core.model import new_release
from bot.core.plan import Plan
from bot.core.problems import Problem, ProblemKind
from bot.core.versions import Version
from bot.engine.heard import Heard, Outcome, posts_of
from bot.engine.means import Means
from bot.engine.pipelines import Book
from bot.engine.posts import Poster
from bot.engine.preflight import Preflight, same_work
from bot.engine.roles import Roles, Standing
from bot.pipeline.plans import Pipeline, make_plan
from bot.pipeline.template import BadTemplate
from bot.store import PostToMake, Stored

log = structlog.get_logger(__name__)

Refusal = tuple[str, tuple[Problem, ...]]
"""A version and everything that stands in its way."""


class Starter:
    """Carries out `/PIPELINE VERSION ...`, dry or not."""

    def __init__(self, means: Means, *, poster: Poster) -> None:
        self._means = means
        self._poster = poster
        self._one_at_a_time = asyncio.Lock()

    async def start(
        self, heard: Heard, command: commands.Start, book: Book, standing: Standing
    ) -> Outcome | None:
        """What to answer; None when everything was done in one transaction."""
        pipeline = book.pipelines.find(command.pipeline)
        if pipeline is None:
            return Outcome(accepted=False, answer=present.not_in_file_answer(command.pipeline))
        means = self._means
        plans, unusable = _plans(pipeline, command.versions, heard.home, book)
        kept = [book.repo] if book.repo is not None else []
        audience = await means.audiences.of(heard.home, [*pipeline.repositories(heard.home), *kept])
        found: list[tuple[Plan, tuple[Problem, ...]]] = []
        if plans:
            roles = Roles(means.github, means.clock, known=standing)
            preflight = Preflight(means.github, means.clock, means.audiences, roles)
            role = "read" if command.dry_run else pipeline.permission
            barred = await preflight.access(heard.person, plans[0], role)
            checked = await asyncio.gather(
                *(preflight.check(plan, barred, means.releases.open()) for plan in plans)
            )
            found = [(c.plan, (*barred, *c.problems)) for c in checked]
        if not command.dry_run:
            await self._begin(heard, pipeline, found, unusable, audience)
            return None
        if not found:
            answer = present.preflight_answer(unusable, [], audience, permission=pipeline.permission)
            return Outcome(accepted=False, answer=answer)
        return Outcome(accepted=True, answer=present.plan_answer(found, audience))

    async def _begin(
        self,
        heard: Heard,
        pipeline: Pipeline,
        found: Sequence[tuple[Plan, tuple[Problem, ...]]],
        unusable: Sequence[Refusal],
        audience: Audience,
    ) -> None:
        """One transaction: the releases that may start, the refusals of the others, and the end of the command."""
        comment = heard.comment
        good = [
            new_release(
                release_id(comment.comment_id, plan.pipeline, plan.version),
                plan,
                issue=comment.issue_number,
                comment_id=comment.comment_id,
                starter=heard.person,
                asked_at=comment.created_at,
            )
            for plan, problems in found
            if not problems
        ]

        def conflicts(others: tuple[Stored, ...]) -> tuple[str, ...]:
            open_ones = [other.release for other in others]
            return tuple(release.id for release in good if same_work(release.plan, open_ones))

        def posts(started: tuple[Stored, ...]) -> list[PostToMake]:
            begun = {stored.release.version for stored in started}
            refused = [
                *unusable,
                *((p.version, why or (_just_opened(p),)) for p, why in found if p.version not in begun),
            ]
            permission = pipeline.permission
            answer = present.preflight_answer(refused, sorted(begun), audience, permission=permission)
            return posts_of(heard, Outcome(accepted=bool(begun), answer=answer if refused else None))

        async with self._one_at_a_time:
            started = await self._means.store.releases.start(
                good, posts, finished_delivery=heard.delivery, conflicts=conflicts
            )
            self._means.releases.adopt(started)
        self._means.metrics.commands.labels(verb="start", outcome="accepted" if started else "refused").inc()
        self._poster.ring()
        for stored in started:
            log.info("release started", release=stored.release.id, version=stored.release.version)
            await self._means.releases.tick(stored.release.id)


def _plans(
    pipeline: Pipeline, versions: Sequence[str], home: str, book: Book
) -> tuple[list[Plan], list[Refusal]]:
    """The plan of each version; a version whose texts cannot be used is refused, the others are not."""
    plans: list[Plan] = []
    unusable: list[Refusal] = []
    for text in versions:
        try:
            plans.append(make_plan(pipeline, Version.parse(text), home=home, file_repo=book.repo))
        except BadTemplate as error:
            unusable.append((text, (Problem(ProblemKind.FILE, (), book.repo, str(error)),)))
    return plans, unusable


def _just_opened(plan: Plan) -> Problem:
    step = plan.run_steps[0] if plan.run_steps else None
    names = (step.name,) if step else ()
    detail = f"a release of {plan.version} was opened a moment ago"
    return Problem(ProblemKind.OPEN_RELEASE, names, plan.home, detail)


def release_id(comment_id: int, pipeline: str, version: str) -> str:
    """The same command gives the same id, so hearing it twice starts nothing twice."""
    digest = hashlib.sha256(f"{comment_id}/{pipeline.lower()}/{version}".encode()).digest()
    return "r" + b32encode(digest)[:12].decode().lower()
