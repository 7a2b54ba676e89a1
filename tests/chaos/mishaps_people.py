"""What people do: settings of GitHub, commands, buttons, comments.

Rule: what is taken away is given back after a while; strangers may say whatever maintainers may.
"""

from dataclasses import replace
from random import Random

from bot.simulator.repositories import Level
from tests.chaos.house import House
from tests.chaos.kinds import SOON, Kind, for_a_while, issue_number, lucky, pick, plain
from tests.chaos.shapes import SHAPES
from tests.chaos.story import Mishap

VERBS = (
    "retry",
    "retry STEP",
    "redo STEP",
    "skip STEP",
    "pause",
    "resume",
    "cancel",
    "cancel",
    "approve",
    "adopt STEP",
    "status",
    "help",
)


def _suspended(house: House, mishap: Mishap) -> None:
    installation, owner = house.world.installation("acme"), house.world.hand("ada")
    if installation.suspended_at is None:
        owner.suspends(installation)
        house.after(mishap.m, house.heals_installation)


def _dropped(house: House, mishap: Mishap) -> None:
    installation = house.world.installation("acme")
    repo = (house.oss, house.ee)[mishap.n % 2]
    if repo in installation.repositories:
        house.world.hand("ada").removes_from_installation(installation, repo)
        house.after(mishap.m, house.heals_installation)


def _less_permission(house: House, mishap: Mishap) -> None:
    installation = house.world.installation("acme")
    name = ("actions", "issues", "checks", "contents")[mishap.n % 4]
    less: Level = "none" if mishap.n % 2 else "read"
    house.world.hand("ada").accepts_permissions(installation, **{name: less})
    house.after(mishap.m, house.heals_installation)


def _loses_role(house: House, mishap: Mishap) -> None:
    """In one repository or in both; the name stays the same."""
    who, role = mishap.where.split()
    places = ((house.oss,), (house.ee,), (house.oss, house.ee))[mishap.n % 3]
    house.world.give_role(who, "" if role == "nothing" else role, *places)
    house.after(mishap.m, lambda: _has_role_again(house))


def _has_role_again(house: House) -> None:
    for login, role in (("maya", "maintain"), ("ada", "admin")):
        house.world.give_role(login, role, house.oss, house.ee)


def _some_role(luck: Random, mishap: Mishap) -> Mishap:
    where = f"{luck.choice(('maya', 'maya', 'ada'))} {luck.choice(('nothing', 'read', 'triage', 'write'))}"
    return replace(mishap, where=where, m=luck.choice(SOON), n=luck.randint(0, 2))


def _other_file(house: House, mishap: Mishap) -> None:
    texts = ("", "pipelines: {release: {steps: {other: {dispatch: build.yml}}}}\n", "no: [yaml")
    house.home.files[".github/release-bot.yml"] = texts[mishap.n % 3]
    house.after(mishap.m, house.heals_file)


def _command(luck: Random, mishap: Mishap) -> Mishap:
    who = luck.choice(("maya", "maya", "ada", "walt", "tess", "eve"))
    return replace(mishap, where=f"{who} {luck.choice(VERBS)}", n=luck.randint(0, 3))


def _says(house: House, mishap: Mishap) -> None:
    who, _, verb = mishap.where.partition(" ")
    ask = pick(mishap.luck, house.story.asks)
    steps = SHAPES[house.story.shape].steps
    step = steps[mishap.luck // 7 % len(steps)]
    word, _, needs_step = verb.partition(" ")
    version = f" {ask.version}" if ask is not None and word != "help" and mishap.n else ""
    run = pick(mishap.luck // 3, house.world.runs)
    tail = f" {step}" if needs_step else ""
    if word == "adopt":
        tail += f" {run.id if run else 17_000_000_001}"
    issue = issue_number(house, ask.issue if ask else 7)
    house.says_command(f"/release {word}{version}{tail}", by=who, issue=issue)


def _presses(house: House, mishap: Mishap) -> None:
    checks = [
        c for repo in (house.oss, house.ee) for c in repo.check_runs.values() if c.app is house.world.app
    ]
    check = pick(mishap.luck, checks)
    if check is None:
        return
    hand = house.world.hand(("maya", "ada", "walt")[mishap.n % 3])
    button = pick(mishap.luck // 5, [*check.buttons, "again"])
    house.tell(f"{hand.person.login} presses {button} at {check.name}")
    if button == "again":
        hand.rerequests(check)
    elif button is not None:
        hand.presses(check, button)


def _deletes_comment(house: House, mishap: Mishap) -> None:
    comment = pick(mishap.luck, [c for c in house.world.comments_of_bot() if "<!-- release-bot:" in c.body])
    if comment is not None:
        house.silenced = True
        house.tell("maya deletes a status comment")
        house.world.hand("maya").deletes(comment)


def _edits_command(house: House, mishap: Mishap) -> None:
    comment = pick(mishap.luck, house.orders)
    if comment is not None:
        house.world.hand("ada").edits(comment, comment.body + "\n/release cancel")


def _locks(house: House, mishap: Mishap) -> None:
    issue = house.home.issues[issue_number(house, 7 + mishap.n % 2)]
    issue.locked = True
    house.after(mishap.m, lambda: setattr(issue, "locked", False))


KINDS: dict[str, Kind] = {
    "F54 an issue is locked": Kind(0.5, for_a_while(SOON), _locks, "the issue is locked for {m} s"),
    "F55 a status comment is deleted": Kind(0.7, lucky, _deletes_comment, "a status comment is deleted"),
    "F58 the app is suspended": Kind(0.7, for_a_while(SOON), _suspended, "the app is suspended for {m} s"),
    "F58 a repository is taken from the app": Kind(
        0.5, for_a_while(SOON), _dropped, "a repository is taken from the app for {m} s"
    ),
    "F58 a permission is taken away": Kind(
        0.5, for_a_while(SOON), _less_permission, "a permission is taken away for {m} s"
    ),
    "a role is taken away": Kind(
        1.5, _some_role, _loses_role, "{where}: a role is another for {m} s", heals=_has_role_again
    ),
    "F72 the pipeline file changes": Kind(
        0.7, for_a_while(SOON), _other_file, "the pipeline file is another for {m} s"
    ),
    "somebody says something": Kind(14, _command, _says, "{where}"),
    "somebody presses a button": Kind(4, plain, _presses, "somebody presses a button"),
    "a command is edited": Kind(0.5, lucky, _edits_command, "ada edits a command"),
}
