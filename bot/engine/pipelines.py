"""Where the pipeline file is, read afresh for every command.

Rule: what is read for a command is asked for after the command came. Commands that come together share a reading, so
that a flood of them costs a few.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bot.core.facts import NotFound, NotInstalled, Suspended, Unprocessable
from bot.core.plan import same_repository
from bot.engine.patience import patiently
from bot.engine.ports import Clock, GitHub
from bot.engine.sharing import Sharing
from bot.pipeline.load import BadPipelineFile, Mistake, load
from bot.pipeline.plans import Pipelines
from bot.settings import LocalPipelines, RepositoryPipelines

DEFAULT_PATH = ".github/release-bot.yml"

_Place = tuple[str, str, bool]
"""The repository, the path in it, and whether it is the home itself."""


@dataclass(frozen=True, slots=True)
class Book:
    """The pipeline file as it is now. `repo`: where it is kept, None for a local file."""

    pipelines: Pipelines
    repo: str | None


@dataclass(frozen=True, slots=True)
class BadBook:
    """There is a file, and it has mistakes. `quotes`: they may have words of it; not where nobody could read it."""

    mistakes: tuple[Mistake, ...]
    file: str
    repo: str | None
    quotes: bool = True


@dataclass(frozen=True, slots=True)
class NoBook:
    """There is no file where it belongs."""

    where: str
    repo: str | None


class Bookshelf:
    """Finds the pipeline file for a home repository."""

    def __init__(
        self, github: GitHub, clock: Clock, source: LocalPipelines | RepositoryPipelines | None
    ) -> None:
        self._github = github
        self._clock = clock
        self._source = source
        self._readings = Sharing[_Place, Book | BadBook | NoBook](clock)

    async def book(self, home: str) -> Book | BadBook | NoBook:
        """Raises `GitHubError` when GitHub cannot be read."""
        match self._source:
            case LocalPipelines(path=path):
                return _local(path)
            case RepositoryPipelines(repository=repo, path=path):
                return await self._together((repo, path, same_repository(repo, home)))
            case None:
                return await self._together((home, DEFAULT_PATH, True))

    async def _together(self, place: _Place) -> Book | BadBook | NoBook:
        return await self._readings.ask(place, lambda: self._remote(*place))

    async def _remote(self, repo: str, path: str, home: bool) -> Book | BadBook | NoBook:
        try:
            text = await patiently(self._clock, lambda: self._github.file(repo, path))
        except Suspended:  # says nothing about the file
            raise
        except NotInstalled:
            if home:  # a command came from there a moment ago: it says nothing about the file
                raise
            return NoBook(path, repo)
        except NotFound:
            return NoBook(path, repo)
        except Unprocessable as error:  # too large, no text, a folder: asking again does not help
            return _unreadable(path, f"it {str(error).removeprefix(f'{repo}:{path} ')}", repo)
        return _read(text, path, repo)


def _local(path: Path) -> Book | BadBook | NoBook:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return NoBook(str(path), None)
    except UnicodeDecodeError:
        return _unreadable(path.name, "it is not text in UTF-8", None)
    except OSError as error:  # its whole text names a place on this machine
        return _unreadable(path.name, f"the file cannot be read: {error.strerror or 'unknown error'}", None)
    return _read(text, path.name, None)


def _unreadable(file: str, why: str, repo: str | None) -> BadBook:
    return BadBook((Mistake(file, 1, 1, why),), file, repo, quotes=False)


@lru_cache(maxsize=16)
def _read(text: str, file: str, repo: str | None) -> Book | BadBook:
    """The same text is the same book: nothing of it has to be worked out again."""
    try:
        return Book(load(text, file), repo)
    except BadPipelineFile as error:
        return BadBook(error.mistakes, file, repo)
