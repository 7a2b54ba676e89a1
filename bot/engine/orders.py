"""Commands: from a comment that a person wrote to what becomes of it.

Rule: reading comes first, and then one transaction holds everything - the releases, the reactions, the answer, and the
delivery that is done - so a command is carried out once or not at all, whatever crashes.
"""

import asyncio
import hashlib
from base64 import b32encode
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.core import commands, present
from bot.core.audience import Audience
from bot.core.commands import Command, Malformed, NotOurs, parse_comment
from bot.core.deliveries import CommentCreated
from bot.core.events import Event
from bot.core.facts import GitHubError, NotInstalled
from bot.core.model import Person, Release, new_release
from bot.core.plan import Plan, same_repository
from bot.core.problems import Problem, ProblemKind
from bot.core.steering import NamedRun, OpenCommand, Refused, find_step, resolve, resolve_adopt
from bot.core.versions import Version
from bot.engine.means import Means
from bot.engine.patience import patiently
from bot.engine.pipelines import BadBook, Book, Bookshelf, NoBook
from bot.engine.posts import Poster
from bot.engine.preflight import Preflight, same_work
from bot.engine.roles import Roles, Standing
from bot.markdown import command_lines
from bot.pipeline.load import BadPipelineFile
from bot.pipeline.plans import Pipeline, make_plan
from bot.pipeline.template import BadTemplate
from bot.store import PostToMake, Stored

log = structlog.get_logger(__name__)

SILENT_AFTER = timedelta(days=1)
STRANGERS_PER_HOUR = 10
DEFAULT_PIPELINE = "release"


@dataclass(frozen=True, slots=True)
class Heard:
    """A comment that may be a command, and the delivery it came with."""

    comment: CommentCreated
    delivery: str

    @property
    def person(self) -> Person:
        return Person(self.comment.author_login, self.comment.author_id)

    @property
    def home(self) -> str:
        return self.comment.repository.full_name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a command: the last reaction and at most one comment. `None`: silence."""

    accepted: bool
    answer: str | None = None


class Orders:
    """Carries out commands, one at a time in each issue."""

    def __init__(self, means: Means, *, poster: Poster) -> None:
        self._settings = means.settings
        self._store = means.store
        self._github = means.github
        self._clock = means.clock
        self._releases = means.releases
        self._audiences = means.audiences
        self._poster = poster
        self._metrics = means.metrics
        self._shelf = Bookshelf(means.github, means.clock, means.settings.pipelines)
        self._queues: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._starting = asyncio.Lock()

    def may_be_command(self, comment: CommentCreated) -> bool:
        """Whether it is worth reading anything at all: a line like a command, in a home, not from another day."""
        age = self._clock.now() - comment.created_at
        is_home = self._settings.is_home(comment.repository.full_name)
        return is_home and age <= SILENT_AFTER and bool(command_lines(comment.body))

    async def hear(self, heard: Heard) -> None:
        """One comment, to its end. Raises only what makes the delivery worth another try."""
        async with self._queues[heard.home.lower(), heard.comment.issue_number]:
            await self._hear(heard)

    # -- is it ours, and whose is it? -------------------------------------------------------------

    async def _hear(self, heard: Heard) -> None:
        lines = command_lines(heard.comment.body)
        open_here = self._releases.at_home(heard.home)
        book = await self._book(heard)
        names = dict.fromkeys(release.pipeline for release in open_here)
        if isinstance(book, Book):
            names = {**dict.fromkeys(book.pipelines.names), **names}
        elif not any(name.lower() == DEFAULT_PIPELINE for name in names):
            names = {**names, DEFAULT_PIPELINE: None}
        steps = [step.name for release in open_here for step in release.plan]
        command = parse_comment(lines, _distinct(names), steps)
        if isinstance(command, NotOurs):
            return await self._done(heard, "not a command of any pipeline")
        comment = heard.comment
        if self._settings.homes or isinstance(book, Book):
            await self._store.homes.remember_home(
                heard.home,
                repository_id=comment.repository.id,
                installation_id=comment.repository.installation_id,
            )
        await self._receive(heard, command, book)
        return None

    async def _book(self, heard: Heard) -> Book | BadBook | NoBook:
        try:
            return await self._shelf.book(heard.home)
        except GitHubError as error:
            log.warning("the pipeline file could not be read", home=heard.home, error=str(error))
            return NoBook("", None)

    async def _receive(
        self, heard: Heard, command: Command | Malformed, book: Book | BadBook | NoBook
    ) -> None:
        """Seen at once; then who it is decides how much is said."""
        comment = heard.comment
        known = isinstance(book, Book) or await self._is_about_release(heard, command)
        crowded = await self._crowded(heard)
        seen_at_once = known and not crowded and not comment.is_pull_request
        if seen_at_once:
            self._poster.react_soon(heard.home, comment.comment_id, "eyes")
        try:
            standing = await Roles(self._github, self._clock).of(heard.person, heard.home)
        except NotInstalled:
            return await self._done(heard, "the app is not installed here")
        if standing.known and not standing.reaches("triage"):
            return await self._stranger(heard, crowded=crowded, known=known)
        if comment.is_pull_request:
            return await self._finish(heard, Outcome(accepted=False), command)
        unread = isinstance(book, NoBook) and not book.where
        if not known and not standing.reaches("write") and not (unread and not standing.known):
            return await self._done(heard, "no pipeline file, and nobody to tell")
        if not seen_at_once:
            self._poster.react_soon(heard.home, comment.comment_id, "eyes")
        outcome = await self._judge(heard, command, book, standing)
        if outcome is not None:
            await self._finish(heard, outcome, command)
        return None

    async def _is_about_release(self, heard: Heard, command: Command | Malformed) -> bool:
        """Whether it can be carried out without the pipeline file: only starting and help read it."""
        here = self._releases.at_home(heard.home)
        match command:
            case Malformed():
                return bool(here)
            case commands.Start() | commands.Help():
                return False
        if any(release.pipeline.lower() == command.pipeline.lower() for release in here):
            return True
        version = command.version
        return version is not None and bool(
            await self._store.releases.find(heard.home, pipeline=command.pipeline, version=version)
        )

    async def _crowded(self, heard: Heard) -> bool:
        hour_ago = self._clock.now() - timedelta(hours=1)
        return await self._store.homes.strangers(heard.home, hour_ago) >= STRANGERS_PER_HOUR

    async def _stranger(self, heard: Heard, *, crowded: bool, known: bool) -> None:
        """Reactions only, and after ten in an hour nothing: nobody can make the bot shout."""
        if crowded or not known:
            return await self._done(heard, "a stranger, met with silence")
        await self._store.homes.count_stranger(heard.home, self._clock.now())
        await self._finish(heard, Outcome(accepted=False), None)
        return None

    async def _judge(
        self,
        heard: Heard,
        command: Command | Malformed,
        book: Book | BadBook | NoBook,
        standing: Standing,
    ) -> Outcome | None:
        """What to do; None when it is finished already, in one transaction with its effect."""
        age = self._clock.now() - heard.comment.created_at
        if age > timedelta(seconds=self._settings.command_ttl_seconds):
            return Outcome(accepted=False, answer=present.late_answer(age))
        if not standing.known:
            return Outcome(accepted=False, answer=present.unverified_answer())
        if not isinstance(book, Book) and not await self._is_about_release(heard, command):
            return await self._bookless(heard, book)
        not_write = Outcome(accepted=False, answer=present.not_permitted_answer("write"))
        match command:
            case Malformed(sentence=sentence):
                return Outcome(accepted=False, answer=present.malformed_answer(sentence))
            case commands.Help() | commands.Status() if not standing.reaches("write"):
                return not_write
            case commands.Start(dry_run=True) if not standing.reaches("write"):
                return not_write
            case commands.Start():
                if not isinstance(book, Book):
                    return await self._bookless(heard, book)
                return await self._start(heard, command, book, standing)
            case commands.Help():
                if not isinstance(book, Book):
                    return await self._bookless(heard, book)
                return await self._help(heard, book)
            case commands.Status():
                return await self._status(heard, command)
            case _:
                return await self._steer(heard, command, standing)

    async def _bookless(self, heard: Heard, book: Book | BadBook | NoBook) -> Outcome:
        """There is no pipeline file, or it is broken: whoever may write here is told."""
        shown = (await self._audiences.of(heard.home, [book.repo] if book.repo else [])).sees(book.repo)
        if isinstance(book, BadBook):
            answer = present.bad_file_answer([str(m) for m in book.mistakes], book.file, shown=shown)
            return Outcome(accepted=False, answer=answer)
        if isinstance(book, NoBook) and book.where:
            answer = present.no_file_answer(book.where if shown else None)
            return Outcome(accepted=False, answer=answer)
        return Outcome(accepted=False, answer=present.unverified_answer())

    # -- commands that only answer -------------------------------------------------------------------

    async def _help(self, heard: Heard, book: Book) -> Outcome:
        repos = {repo for pipeline in book.pipelines for repo in pipeline.repositories(heard.home)}
        audience = await self._audiences.of(heard.home, [*sorted(repos), *([book.repo] if book.repo else [])])
        shown = audience.sees(book.repo)
        facts = [present.PipelineFacts.of(pipeline, shown=shown) for pipeline in book.pipelines]
        answer = present.help_answer(facts, audience)
        return Outcome(accepted=True, answer=answer)

    async def _status(self, heard: Heard, command: commands.Status) -> Outcome:
        here = self._releases.at_home(heard.home, command.pipeline)
        if command.version is not None:
            stored = await self._store.releases.find(
                heard.home, pipeline=command.pipeline, version=command.version
            )
            shown = [stored[-1].release] if stored else []
            if not shown:
                answer = present.no_release_answer(command.pipeline, command.version)
                return Outcome(accepted=False, answer=answer)
        else:
            shown = [r for r in here if r.issue == heard.comment.issue_number] or list(here)
        repos = [repo for release in shown for repo in release.plan.repositories]
        kept = [release.plan.file_repo for release in shown if release.plan.file_repo is not None]
        audience = await self._audiences.of(heard.home, [*repos, *kept])
        answer = present.status_answer(shown, audience, web_url=self._settings.github_url)
        return Outcome(accepted=True, answer=answer)

    # -- starting ------------------------------------------------------------------------------------

    async def _start(
        self, heard: Heard, command: commands.Start, book: Book, standing: Standing
    ) -> Outcome | None:
        pipeline = book.pipelines.find(command.pipeline)
        if pipeline is None:
            return Outcome(accepted=False, answer=present.not_in_file_answer(command.pipeline))
        try:
            plans = [_plan(pipeline, text, heard.home, book) for text in command.versions]
        except (BadTemplate, BadPipelineFile) as error:
            return await self._bad_text(heard, book, str(error))
        preflight = self._preflight(standing)
        role = "read" if command.dry_run else pipeline.permission
        barred = await preflight.access(heard.person, plans[0], role)
        checked = await asyncio.gather(
            *(preflight.check(plan, barred, self._releases.open()) for plan in plans)
        )
        audience = await self._audiences.of_plan(heard.home, plans[0])
        found = [(c.plan, (*barred, *c.problems)) for c in checked]
        if command.dry_run:
            return Outcome(accepted=True, answer=present.plan_answer(found, audience))
        return await self._begin(heard, pipeline, found, audience)

    async def _bad_text(self, heard: Heard, book: Book, complaint: str) -> Outcome:
        """This version makes a text that cannot be used; of a file that may not be seen here only the place is told."""
        shown = (await self._audiences.of(heard.home, [book.repo] if book.repo else [])).sees(book.repo)
        place = complaint.partition(":")[0].partition(",")[0]
        told = (
            complaint
            if shown
            else f"The pipeline file has a mistake that shows with this version, in {place}."
        )
        return Outcome(accepted=False, answer=present.malformed_answer(told))

    async def _begin(
        self,
        heard: Heard,
        pipeline: Pipeline,
        found: list[tuple[Plan, tuple[Problem, ...]]],
        audience: Audience,
    ) -> Outcome | None:
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
                (plan.version, problems or (_just_opened(plan),))
                for plan, problems in found
                if plan.version not in begun
            ]
            answer = (
                present.preflight_answer(refused, sorted(begun), audience, permission=pipeline.permission)
                if refused
                else None
            )
            return self._posts(heard, Outcome(accepted=bool(begun), answer=answer))

        async with self._starting:
            started = await self._store.releases.start(
                good, posts, finished_delivery=heard.delivery, conflicts=conflicts
            )
            self._releases.adopt(started)
        self._metrics.commands.labels(verb="start", outcome="accepted" if started else "refused").inc()
        self._poster.ring()
        for stored in started:
            log.info("release started", release=stored.release.id, version=stored.release.version)
            await self._releases.tick(stored.release.id)
        return None

    # -- steering an open release --------------------------------------------------------------------

    async def _steer(
        self, heard: Heard, command: OpenCommand | commands.Adopt, standing: Standing
    ) -> Outcome | None:
        release = await self._release_meant(heard, command)
        if isinstance(release, Outcome):
            return release
        return await self._carry_out(heard, command, release, standing)

    def _preflight(self, standing: Standing) -> Preflight:
        roles = Roles(self._github, self._clock, known=standing)
        return Preflight(self._github, self._clock, self._audiences, roles)

    async def _carry_out(
        self,
        heard: Heard,
        command: OpenCommand | commands.Adopt,
        release: Release,
        standing: Standing,
    ) -> Outcome | None:
        """Checks the role in every repository of the frozen plan, then carries the command out."""
        audience = await self._audiences.of_plan(heard.home, release.plan)
        barred = await self._preflight(standing).access(heard.person, release.plan, release.plan.permission)
        if barred:
            return Outcome(accepted=False, answer=_barred_answer(release, barred, audience))
        named = await self._named_run(release, command) if isinstance(command, commands.Adopt) else None
        refusal: list[Refused] = []

        def choose(current: Release) -> Event | None:
            by = heard.person.login
            outcome = (
                resolve_adopt(current, command.step, named, by)
                if isinstance(command, commands.Adopt)
                else resolve(current, command, by)
            )
            if isinstance(outcome, Refused):
                refusal.append(outcome)
                return None
            return outcome

        done = self._posts(heard, Outcome(accepted=True))
        changed = await self._releases.happen(
            release.id, choose, posts=done, finished_delivery=heard.delivery
        )
        if changed is None:
            why = refusal[0] if refusal else None
            answer = (
                present.refused_answer(why, release, audience) if why else present.finished_answer(release)
            )
            return Outcome(accepted=False, answer=answer)
        self._metrics.commands.labels(verb=type(command).__name__.lower(), outcome="accepted").inc()
        self._poster.ring()
        return None

    async def _release_meant(self, heard: Heard, command: OpenCommand | commands.Adopt) -> Release | Outcome:
        """By version anywhere in the home repository; without one, the only open one of this issue."""
        here = self._releases.at_home(heard.home, command.pipeline)
        if command.version is None:
            mine = [release for release in here if release.issue == heard.comment.issue_number]
            if len(mine) == 1:
                return mine[0]
            versions = [release.version for release in mine or here]
            answer = present.which_release_answer(command.pipeline, versions)
            return Outcome(accepted=False, answer=answer)
        named = [release for release in here if release.version == command.version]
        if named:
            return named[-1]
        stored = await self._store.releases.find(
            heard.home, pipeline=command.pipeline, version=command.version
        )
        if stored:
            return Outcome(accepted=False, answer=present.finished_answer(stored[-1].release))
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
            run = await patiently(self._clock, lambda: self._github.run(step.repo, command.run_id))
        except GitHubError as error:
            log.warning("a run to adopt could not be read", error=str(error))
            return NamedRun(step.repo, None)
        owner = (await self._store.sends.bindings(step.repo, [run.id])).get(run.id)
        return NamedRun(step.repo, run, owner is not None and owner != (release.id, step.name))

    # -- the end of a command ------------------------------------------------------------------------

    async def _finish(self, heard: Heard, outcome: Outcome, command: Command | Malformed | None) -> None:
        verb = "stranger" if command is None else type(command).__name__.lower()
        word = "accepted" if outcome.accepted else "refused"
        log.info("command", verb=verb, outcome=word, by=heard.person.login, home=heard.home)
        self._metrics.commands.labels(verb=verb, outcome=word).inc()
        await self._store.posts.add(self._posts(heard, outcome))
        self._poster.ring()
        await self._done(heard, word)

    async def _done(self, heard: Heard, outcome: str) -> None:
        await self._store.deliveries.finish(heard.delivery, outcome)

    def _posts(self, heard: Heard, outcome: Outcome) -> list[PostToMake]:
        comment = heard.comment
        content = "rocket" if outcome.accepted else "confused"
        key = f"comment:{comment.repository.id}:{comment.comment_id}"
        reaction = PostToMake(
            key=f"{key}:{content}",
            repo=heard.home,
            kind="reaction",
            comment_id=comment.comment_id,
            body=content,
        )
        if outcome.answer is None:
            return [reaction]
        answer = PostToMake(
            key=f"{key}:answer",
            repo=heard.home,
            kind="comment",
            issue=comment.issue_number,
            body=outcome.answer,
        )
        return [reaction, answer]


def _barred_answer(release: Release, barred: tuple[Problem, ...], audience: Audience) -> str:
    """Who may steer a release is who might have started it: the role in every repository of its frozen plan."""
    if all(problem.kind is ProblemKind.UNVERIFIED for problem in barred):
        return present.unverified_answer()
    return present.preflight_answer(
        [(release.version, barred)], [], audience, permission=release.plan.permission
    )


def _distinct(names: dict[str, None]) -> tuple[str, ...]:
    """Names that differ in letter case only are one name; the pipeline file's spelling wins."""
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(name.lower(), name)
    return tuple(seen.values())


def _plan(pipeline: Pipeline, version: str, home: str, book: Book) -> Plan:
    return make_plan(pipeline, Version.parse(version), home=home, file_repo=book.repo)


def _just_opened(plan: Plan) -> Problem:
    step = plan.run_steps[0] if plan.run_steps else None
    names = (step.name,) if step else ()
    detail = f"a release of {plan.version} was opened a moment ago"
    return Problem(ProblemKind.OPEN_RELEASE, names, plan.home, detail)


def release_id(comment_id: int, pipeline: str, version: str) -> str:
    """The same command gives the same id, so hearing it twice starts nothing twice."""
    digest = hashlib.sha256(f"{comment_id}/{pipeline.lower()}/{version}".encode()).digest()
    return "r" + b32encode(digest)[:12].decode().lower()
