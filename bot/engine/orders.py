"""Commands: from a comment that a person wrote to what becomes of it.

Rule: reading comes first, and then one transaction holds everything - the releases, the reactions, the answer, and the
delivery that is done - so a command is carried out once or not at all, whatever crashes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.core import commands, present
from bot.core.commands import Command, Malformed, NotOurs
from bot.core.deliveries import CommentCreated
from bot.core.facts import GitHubError, NotInstalled, Suspended
from bot.core.grammar import parse_comment
from bot.engine.eyes import Eyes
from bot.engine.flakes import FlakesDesk
from bot.engine.heard import Heard, Outcome, line_of, posts_of
from bot.engine.helm import Helm, of_issue
from bot.engine.means import Means
from bot.engine.patience import until_stored
from bot.engine.pipelines import BadBook, Book, Bookshelf, NoBook
from bot.engine.posts import Poster
from bot.engine.roles import HomeRoles, Standing
from bot.engine.starting import Starter
from bot.markdown import command_lines
from bot.store import StoreUnavailable

log = structlog.get_logger(__name__)

SILENT_AFTER = timedelta(days=1)
DEFAULT_PIPELINE = "release"

Reading = asyncio.Task[Book | BadBook | NoBook]

_FILE_SECONDS = 1.0
"""So long the pipeline file and the role of a person may take before it is shown that the command was seen: the
contract gives two seconds, and showing it takes its time, too."""


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
        self._doubtful: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        """Where the lines wait in their order of which only the pipeline file can say whether they are commands."""
        self._eyes = Eyes(means, poster)
        self._roles = HomeRoles(means.github, means.clock)
        self._starter = Starter(means, poster=poster)
        self._helm = Helm(means, poster=poster)
        self._flakes = FlakesDesk(means)

    def may_be_command(self, comment: CommentCreated) -> bool:
        """Whether it is worth reading anything at all: a line like a command, in a home, not from another day."""
        age = self._clock.now() - comment.created_at
        is_home = self._settings.is_home(comment.repository.full_name)
        return is_home and age <= SILENT_AFTER and bool(command_lines(comment.body))

    async def hear(self, heard: Heard) -> None:
        """One comment, to its end. Raises only what makes the delivery worth another try."""
        place = heard.home.lower(), heard.comment.issue_number
        queue, doubtful, asked = self._queues[place], self._doubtful[place], self._roles.asked
        waits = queue.locked() or doubtful.locked()
        book, reading = None, asyncio.create_task(self._book(heard))
        seeing = asyncio.create_task(self._see(heard, reading) if waits else self._see_soon(heard))
        try:
            if not self._has_known_name(heard):
                async with doubtful:  # not in the queue: anybody can write such a line
                    book = await self._awaited_book(heard, reading)
                await self._see_by(heard, book)
            async with queue:
                await self._see_early(heard)
                await self._hear(heard, book or await self._read(heard, reading), asked)
        finally:
            reading.cancel()
            seeing.cancel()
            self._eyes.forget(heard)

    async def _see(self, heard: Heard, reading: Reading) -> None:
        """It has to wait for the command before it in its issue; that it was seen is shown meanwhile."""
        with suppress(StoreUnavailable):
            await self._see_early(heard)
            await self._see_by(heard, await asyncio.shield(reading))

    async def _see_soon(self, heard: Heard) -> None:
        """By the usual name it is somebody's command; whose file it is read from may take its time to be read."""
        await self._clock.sleep(_FILE_SECONDS)
        if self._has_known_name(heard):
            with suppress(StoreUnavailable):
                await self._eyes.at_once(heard)

    async def _see_early(self, heard: Heard) -> None:
        """What is about an open release does not need the file, whose reading may take its time."""
        names = dict.fromkeys(release.pipeline for release in self._releases.at_home(heard.home))
        command = parse_comment(command_lines(heard.comment.body), _distinct(names))
        if not isinstance(command, NotOurs) and await self._is_about_release(heard, command):
            await self._eyes.at_once(heard)

    async def _see_by(self, heard: Heard, book: Book | BadBook | NoBook) -> None:
        command = parse_comment(command_lines(heard.comment.body), self._names(heard.home, book))
        if not isinstance(command, NotOurs) and (
            isinstance(book, Book) or await self._is_about_release(heard, command)
        ):
            await self._eyes.at_once(heard)

    # -- is it ours, and whose is it? -------------------------------------------------------------

    async def _hear(self, heard: Heard, book: Book | BadBook | NoBook, asked: int) -> None:
        """`asked`: how often roles had been asked for when it came."""
        lines = command_lines(heard.comment.body)
        steps = [step.name for release in self._releases.at_home(heard.home) for step in release.plan]
        command = parse_comment(lines, self._names(heard.home, book), steps)
        if isinstance(command, NotOurs):
            return await self._done(heard, "not a command of any pipeline")
        if self._settings.homes or isinstance(book, Book):
            await self._remember_home(heard)
        await self._receive(heard, command, book, asked)
        return None

    async def _remember_home(self, heard: Heard) -> None:
        repository = heard.comment.repository
        await self._store.homes.remember_home(
            heard.home, repository_id=repository.id, installation_id=repository.installation_id
        )

    def _names(self, home: str, book: Book | BadBook | NoBook) -> Sequence[str]:
        """The pipelines that a command here can be for."""
        names = dict.fromkeys(release.pipeline for release in self._releases.at_home(home))
        if isinstance(book, Book):
            names = {**dict.fromkeys(book.pipelines.names), **names}
        elif not any(name.lower() == DEFAULT_PIPELINE for name in names):
            names = {**names, DEFAULT_PIPELINE: None}
        return _distinct(names)

    def _has_known_name(self, heard: Heard) -> bool:
        """Whether it is somebody's command whatever the pipeline file says: by the usual name or an open release's."""
        names = (DEFAULT_PIPELINE, *(r.pipeline for r in self._releases.at_home(heard.home)))
        lines = command_lines(heard.comment.body)
        return not isinstance(parse_comment(lines, _distinct(dict.fromkeys(names))), NotOurs)

    async def _book(self, heard: Heard) -> Book | BadBook | NoBook:
        """The pipeline file; one that cannot be read now is nowhere."""
        try:
            return await self._shelf.book(heard.home)
        except GitHubError as error:
            log.warning("the pipeline file could not be read", home=heard.home, error=str(error))
            return NoBook("", None)

    async def _read(self, heard: Heard, reading: Reading) -> Book | BadBook | NoBook:
        """The pipeline file as it was when the command came; if it could not be read then, as it is now."""
        waited = reading.done()
        book = await reading
        return await self._book(heard) if waited and _is_unread(book) else book

    async def _awaited_book(self, heard: Heard, reading: Reading) -> Book | BadBook | NoBook:
        """While the file cannot be read nobody knows whose command this is, so it is awaited while it may be one."""
        ttl = timedelta(seconds=self._settings.command_ttl_seconds)
        book = await self._read(heard, reading)
        while _is_unread(book) and not self._has_known_name(heard):
            if self._clock.now() - heard.comment.created_at > ttl:
                break
            await self._clock.sleep(5.0)
            book = await self._book(heard)
        return book

    async def _receive(
        self, heard: Heard, command: Command | Malformed, book: Book | BadBook | NoBook, asked: int
    ) -> None:
        """Seen at once; then who it is decides how much is said."""
        comment = heard.comment
        known = isinstance(book, Book) or await self._is_about_release(heard, command)
        if known:
            await self._eyes.at_once(heard)
        try:
            standing = await self._roles.of(heard.person, heard.home, since=asked)
        except (Suspended, NotInstalled):  # nobody can be asked or answered now: the answer waits
            standing = Standing(heard.home, -1, "unknown")
        if standing.known and not standing.reaches("triage"):
            return await self._stranger(heard, known=known)
        if not standing.known and not await self._eyes.stranger(heard):
            return await self._done(heard, "may be a stranger's, and one too many")
        self._eyes.judged(heard, known=standing.known)
        if comment.is_pull_request:
            return await self._finish(heard, Outcome(accepted=False), command)
        if not known and not standing.reaches("write") and not _is_unread(book):
            return await self._done(heard, "no pipeline file, and nobody to tell")
        self._eyes.show(heard)
        if not isinstance(book, Book) and standing.reaches("write"):
            await self._remember_home(heard)  # the answer asks to mend the file and to give the command again
        outcome = await self._judge(heard, command, book, standing)
        if outcome is not None:
            await self._finish(heard, await self._discreet(heard, outcome, book), command)
        return None

    async def _discreet(self, heard: Heard, refused: Outcome, book: Book | BadBook | NoBook) -> Outcome:
        """A refusal repeats what somebody typed, but no name of a repository that is hidden where it stands."""
        if refused.accepted or refused.answer is None:
            return refused
        plans = [release.plan for release in self._releases.at_home(heard.home)]
        repos = {repo for plan in plans for repo in plan.repositories}
        steps = {step.name for plan in plans for step in plan}
        for pipeline in book.pipelines if isinstance(book, Book) else ():
            repos.update(pipeline.repositories(heard.home))
            steps.update(step.name for step in pipeline.steps)
        typed = "\n".join(command_lines(heard.comment.body))
        named = present.named_in(typed, sorted(repos), steps)
        if not named:
            return refused
        audience = await self._audiences.of(heard.home, named)
        hidden = [repo for repo in named if not audience.sees(repo)]
        return replace(refused, answer=present.unnamed(refused.answer, hidden, steps))

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
        if isinstance(command, commands.Flakes):
            return False
        version = command.version
        return version is not None and bool(
            await self._store.releases.find(heard.home, pipeline=command.pipeline, version=version)
        )

    async def _stranger(self, heard: Heard, *, known: bool) -> None:
        """Reactions only, and after ten in an hour nothing: nobody can make the bot shout."""
        if not known or not await self._eyes.stranger(heard):
            return await self._done(heard, "a stranger, met with silence")
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
            answer = present.late_answer(line_of(heard, command), heard.comment.created_at, age)
            return Outcome(accepted=False, answer=answer)
        if not standing.known:
            return self._unverified(heard, command)
        if not isinstance(book, Book) and not await self._is_about_release(heard, command):
            return await self._bookless(heard, command, book)
        not_write = Outcome(accepted=False, answer=present.not_permitted_answer("write"))
        match command:
            case Malformed(sentence=sentence):
                return Outcome(accepted=False, answer=present.malformed_answer(sentence))
            case commands.Help() | commands.Status() | commands.Flakes() if not standing.reaches("write"):
                return not_write
            case commands.Start(dry_run=True) if not standing.reaches("write"):
                return not_write
            case commands.Start():
                if not isinstance(book, Book):
                    return await self._bookless(heard, command, book)
                return await self._starter.start(heard, command, book, standing)
            case commands.Help():
                if not isinstance(book, Book):
                    return await self._bookless(heard, command, book)
                return await self._help(heard, book)
            case commands.Status():
                return await self._status(heard, command)
            case commands.Flakes():
                usable = book if isinstance(book, Book) else None
                return await self._flakes.answer(heard, command, usable, standing)
            case _:
                return await self._helm.steer(heard, command, standing)

    def _unverified(self, heard: Heard, command: Command | Malformed) -> Outcome:
        answer = present.unverified_answer(line_of(heard, command), heard.comment.created_at)
        return Outcome(accepted=False, answer=answer)

    async def _bookless(
        self, heard: Heard, command: Command | Malformed, book: Book | BadBook | NoBook
    ) -> Outcome:
        """There is no pipeline file, or it is broken: whoever may write here is told."""
        audience = await self._audiences.of(heard.home, [book.repo] if book.repo else [])
        shown = audience.sees(book.repo)
        if isinstance(book, BadBook):
            if book.repo is None:  # a local file may name any repository
                shown = audience.surface == "private" or not book.quotes
            answer = present.bad_file_answer([str(m) for m in book.mistakes], book.file, shown=shown)
            return Outcome(accepted=False, answer=answer)
        if isinstance(book, NoBook) and book.where:
            answer = present.no_file_answer(book.where if shown else None)
            return Outcome(accepted=False, answer=answer)
        return self._unverified(heard, command)

    # -- commands that only answer -------------------------------------------------------------------

    async def _help(self, heard: Heard, book: Book) -> Outcome:
        repos = {repo for pipeline in book.pipelines for repo in pipeline.repositories(heard.home)}
        audience = await self._audiences.of(heard.home, [*sorted(repos), *([book.repo] if book.repo else [])])
        shown = audience.sees(book.repo)
        facts = [present.PipelineFacts.of(pipeline, shown=shown) for pipeline in book.pipelines]
        answer = present.help_answer(facts, audience)
        return Outcome(accepted=True, answer=answer)

    async def _status(self, heard: Heard, command: commands.Status) -> Outcome:
        shown = self._releases.at_home(heard.home)
        if command.version is not None:
            stored = await self._store.releases.find(
                heard.home, pipeline=command.pipeline, version=command.version
            )
            known = [each.release for each in stored]
            still = [release for release in known if not release.word.final]
            shown = (of_issue(still, heard.comment.issue_number),) if still else tuple(known[-1:])
            if not shown:
                answer = present.no_release_answer(command.pipeline, command.version)
                return Outcome(accepted=False, answer=answer)
        audience = await self._audiences.of_plans(heard.home, [release.plan for release in shown])
        url = self._settings.github_url
        comments = await self._store.surfaces.status_comments([release.id for release in shown])
        if len(shown) == 1 and shown[0].pipeline.lower() == command.pipeline.lower():
            answer = present.status_answer(shown[0], audience, web_url=url, comment=comments.get(shown[0].id))
        elif shown:
            answer = present.board_answer(command.pipeline, shown, audience, web_url=url, comments=comments)
        else:
            answer = present.nothing_open_answer(command.pipeline)
        return Outcome(accepted=True, answer=answer)

    # -- the end of a command ------------------------------------------------------------------------

    async def _finish(self, heard: Heard, outcome: Outcome, command: Command | Malformed | None) -> None:
        verb = "stranger" if command is None else type(command).__name__.lower()
        word = "accepted" if outcome.accepted else "refused"
        log.info("command", verb=verb, outcome=word, by=heard.person.login, home=heard.home)
        self._metrics.commands.labels(verb=verb, outcome=word).inc()
        posts, ends = posts_of(heard, outcome), (heard.delivery, word)
        await until_stored(self._clock, lambda: self._store.posts.add(posts, ends=ends))
        self._poster.ring()

    async def _done(self, heard: Heard, outcome: str) -> None:
        await until_stored(self._clock, lambda: self._store.deliveries.finish(heard.delivery, outcome))


def _is_unread(book: Book | BadBook | NoBook) -> bool:
    """Whether GitHub could not say what the pipeline file is, or whether there is one."""
    return isinstance(book, NoBook) and not book.where


def _distinct(names: dict[str, None]) -> tuple[str, ...]:
    """Names that differ in letter case only are one name; the pipeline file's spelling wins."""
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(name.lower(), name)
    return tuple(seen.values())
