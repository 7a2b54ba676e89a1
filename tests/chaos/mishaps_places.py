"""What becomes of the places: a repository has another name or other readers, an issue is gone.

Rule: names and readers are given back after a while, since a release cannot end at a place that nobody may enter; an
issue that is deleted stays deleted.
"""

from dataclasses import replace
from random import Random

from bot.simulator.repositories import Repository
from tests.chaos.house import House
from tests.chaos.kinds import SOON, Kind
from tests.chaos.shapes import CANARY_REPO
from tests.chaos.story import Mishap
from tests.scenarios.stage import OSS

_NAMES = {"oss": OSS.partition("/")[2], "ee": CANARY_REPO}
RENAMED, SHOWN, DELETED = (
    "F57 a repository is renamed",
    "attack 41: other people read a repository",
    "F55 an issue is deleted",
)


def _one_of_two(luck: Random, mishap: Mishap) -> Mishap:
    return replace(mishap, where=luck.choice(tuple(_NAMES)), m=luck.choice(SOON), n=luck.randint(0, 1))


def _repository(house: House, mishap: Mishap) -> Repository:
    return house.oss if mishap.where == "oss" else house.ee


def _renamed(house: House, mishap: Mishap) -> None:
    """The old name answers with redirects until it is given back; the secret of a name is in the new one, too."""
    repo, name = _repository(house, mishap), _NAMES[mishap.where]
    if repo.name == name:
        house.world.hand("ada").renames(repo, f"{name}-moved")
        house.after(mishap.m, lambda: _named_back(house))


def _named_back(house: House) -> None:
    for repo, name in ((house.oss, _NAMES["oss"]), (house.ee, _NAMES["ee"])):
        if repo.name != name:
            house.tell(f"ada gives {name} its name back")
            house.world.hand("ada").renames(repo, name)
            del house.world.old_names[repo.full_name.lower()]


def _shown(house: House, mishap: Mishap) -> None:
    """The private edition is public for a while, or the public one private or internal."""
    hand, repo = house.world.hand("ada"), _repository(house, mishap)
    if repo is house.ee:
        hand.changes_visibility(repo, "public")
    else:
        hand.changes_visibility(repo, "internal" if mishap.n else "private")
    house.after(mishap.m, lambda: _hidden_again(house))


def _hidden_again(house: House) -> None:
    house.world.hand("ada").changes_visibility(house.ee, "private")
    house.world.hand("ada").changes_visibility(house.oss, "public")


def _issue_deleted(house: House, mishap: Mishap) -> None:
    """With everything that was said in it; the other issue stays. No event of the app tells of it."""
    issues = house.home.issues
    number = 7 + mishap.n % 2
    if number in issues and len(issues) > 1:
        house.silenced = True
        for comment in issues.pop(number).comments:
            comment.deleted = True


KINDS: dict[str, Kind] = {
    RENAMED: Kind(
        1.5, _one_of_two, _renamed, "the repository {where} has another name for {m} s", heals=_named_back
    ),
    SHOWN: Kind(
        1.5, _one_of_two, _shown, "the repository {where} has other readers for {m} s", heals=_hidden_again
    ),
    DELETED: Kind(0.5, _one_of_two, _issue_deleted, "an issue is deleted"),
}
