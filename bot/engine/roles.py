"""May this person do that? Asked from GitHub at that moment; any doubt is a no (contract, promise 6)."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.facts import GitHubError, NotFound, NotInstalled, RoleFacts
from bot.core.model import Person
from bot.core.plan import same_repository
from bot.core.problems import Problem, ProblemKind
from bot.engine.patience import patiently
from bot.engine.ports import Clock, GitHub

RANKS = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}
"""https://docs.github.com/organizations/managing-user-access-to-your-organizations-repositories"""

_MOST_STRANGERS = 1000
"""Who is kept in mind; forgetting them costs a question each."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What GitHub says of a person in one repository; `rank` -1: GitHub could not say."""

    repo: str
    rank: int
    role: str

    def reaches(self, role: str) -> bool:
        return self.rank >= RANKS[role]

    @property
    def known(self) -> bool:
        return self.rank >= 0


class Roles:
    """Roles of one person, for the length of one command; `known`: what was asked for it already."""

    def __init__(self, github: GitHub, clock: Clock, *, known: Standing | None = None) -> None:
        self._github = github
        self._clock = clock
        self._known = known

    async def of(self, person: Person, repo: str) -> Standing:
        """The person's standing; raises `NotInstalled` where the bot itself has no access."""
        if self._known is not None and same_repository(self._known.repo, repo):
            return self._known
        try:
            facts = await patiently(self._clock, lambda: self._github.role(repo, person.login))
        except NotInstalled:
            raise
        except NotFound:
            return Standing(repo, 0, "none")
        except GitHubError:
            return Standing(repo, -1, "unknown")
        if facts.user_id is None:  # an answer about nobody is none
            return Standing(repo, -1, "unknown")
        if facts.user_id != person.id:
            return Standing(repo, 0, "none")
        return Standing(repo, rank_of(facts), facts.role_name)

    async def problem(self, person: Person, repo: str, role: str, steps: Iterable[str]) -> Problem | None:
        """Why this person may not act on this repository, or None."""
        names = tuple(steps)
        try:
            standing = await self.of(person, repo)
        except NotInstalled as error:
            return Problem(ProblemKind.INSTALLATION, names, repo, str(error))
        if not standing.known:
            return Problem(ProblemKind.UNVERIFIED, names, repo, "GitHub could not say which role you have")
        if standing.rank < RANKS["read"]:
            return Problem(ProblemKind.NO_ACCESS, names, repo, "no access")
        if not standing.reaches(role):
            return Problem(ProblemKind.ROLE, names, repo, f"it needs `{role}`, you have `{standing.role}`")
        return None


class HomeRoles:
    """Roles in the home repository, asked anew for each command.

    A stranger's commands that came before a question was asked are answered by it: a flood of them costs a few.
    """

    def __init__(self, github: GitHub, clock: Clock) -> None:
        self._github = github
        self._clock = clock
        self.asked = 0
        """Questions so far: what a command notes when it comes."""
        self._strangers: dict[tuple[str, int], tuple[int, Standing]] = {}

    async def of(self, person: Person, home: str, *, since: int) -> Standing:
        """`since`: what `asked` was when the command came."""
        who = home.lower(), person.id
        number, told = self._strangers.get(who, (0, None))
        if told is not None and number > since:
            return told
        self.asked += 1
        number = self.asked
        self._strangers.pop(who, None)
        standing = await Roles(self._github, self._clock).of(person, home)
        if standing.known and not standing.reaches("triage"):
            if len(self._strangers) >= _MOST_STRANGERS:
                self._strangers.clear()
            self._strangers[who] = number, standing
        return standing


def rank_of(facts: RoleFacts) -> int:
    """A role name the bot does not know counts as what `permission` says.

    https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    known = RANKS.get(facts.role_name.lower())
    return known if known is not None else RANKS.get(facts.permission.lower(), 0)
