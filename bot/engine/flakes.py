"""The command `flakes`: which repositories it is about, and the comment that answers it.

Rule: a repository is listed when the readers of the home may see it, and the pipeline file that names it, and when who
asks may read it. A pipeline file can name any repository, so else its author could read here what is not for them.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.core import commands, present
from bot.core.audience import Audience
from bot.core.facts import NotInstalled
from bot.core.ledger import REMEMBERED
from bot.engine.heard import Heard, Outcome
from bot.engine.means import Means
from bot.engine.pipelines import Book
from bot.engine.roles import Roles, Standing
from bot.pipeline.rules import shipped_rules

MOST = 1_000
"""Flakes that are read at once, over all repositories and lines; a comment holds fewer."""


class FlakesDesk:
    """Answers `flakes`."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def answer(
        self, heard: Heard, command: commands.Flakes, book: Book | None, standing: Standing
    ) -> Outcome:
        """One comment. `book`: the pipeline file as it is now, None when it cannot be used."""
        named = self._named(heard.home, command.pipeline, book)
        files = {file for file in named.values() if file is not None}
        audience = await self._means.audiences.of(heard.home, [*named, *sorted(files)])
        known = {repo: audience.sees(repo) and audience.sees(file) for repo, file in named.items()}
        mine = await self._readable(
            heard, [repo for repo, shown in known.items() if shown], audience, standing
        )
        now = self._means.clock.now()
        flakes = await self._means.store.ledger.flakes(mine, since=now - REMEMBERED, most=MOST)
        rules = self._rules(command.pipeline, book, audience)
        answer = present.flakes_answer(
            [
                flake if flake.rule in rules else replace(flake, rule=None)
                for flake in flakes
                if command.line in (None, flake.line)
            ],
            audience,
            days=REMEMBERED // timedelta(days=1),
            line=command.line,
            left_out=len(mine) < len(named),
        )
        return Outcome(accepted=True, answer=answer)

    def _rules(self, name: str, book: Book | None, audience: Audience) -> frozenset[str]:
        """The rules that may be named: those shipped, and those of a pipeline file that these readers may see."""
        pipeline = book.pipelines.find(name) if book is not None and audience.sees(book.repo) else None
        own = pipeline.failures if pipeline is not None else ()
        return frozenset(rule.name for rule in shipped_rules()) | {rule.name for rule in own}

    def _named(self, home: str, name: str, book: Book | None) -> Mapping[str, str | None]:
        """The repositories of the pipeline, the home first, each with the repository whose file names it; None: a
        file on this machine, which is no secret, like the home."""
        pipeline = book.pipelines.find(name) if book is not None else None
        pairs: list[tuple[str, str | None]] = [(home, None)]
        if book is not None and pipeline is not None:
            every = (*pipeline.repositories(home), *pipeline.observed_repositories(home))
            pairs += ((repo, book.repo) for repo in every)
        else:
            releases = self._means.releases.at_home(home, name)
            pairs += ((repo, r.plan.file_repo) for r in releases for repo in r.plan.repositories)
        first: dict[str, tuple[str, str | None]] = {}
        for repo, file in pairs:
            first.setdefault(repo.lower(), (repo, file))
        return dict(first.values())

    async def _readable(
        self, heard: Heard, repos: list[str], audience: Audience, standing: Standing
    ) -> tuple[str, ...]:
        """Those that who asks may read; any doubt is a no. What is public anybody may read."""
        roles = Roles(self._means.github, self._means.clock, known=standing)

        async def reads(repo: str) -> bool:
            if audience.visibilities.get(repo.lower()) == "public":
                return True
            try:
                return (await roles.of(heard.person, repo)).reaches("read")
            except NotInstalled:
                return False

        answers = await asyncio.gather(*map(reads, repos))
        return tuple(repo for repo, may in zip(repos, answers, strict=True) if may)
