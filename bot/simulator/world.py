"""The whole simulated GitHub in memory: its accounts, its time, its ledger, its bad days.

Rule: single event loop, no threads; everything that happens later is an entry of one heap, done by `turn()`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count

from bot.simulator.actions import Actions
from bot.simulator.agenda import Agenda
from bot.simulator.app_key import private_key_pem
from bot.simulator.clock import Clock
from bot.simulator.faults import Trouble
from bot.simulator.ledger import Ledger
from bot.simulator.people import Hand
from bot.simulator.rates import Rates
from bot.simulator.repositories import (
    App,
    Comment,
    Installation,
    Issue,
    Level,
    Person,
    Repository,
    Token,
    Visibility,
)
from bot.simulator.runs import Input, Run, Workflow
from bot.simulator.webhooks import Hook

NEW_VERSION, OLD_VERSION = "2026-03-10", "2022-11-28"
APP_PERMISSIONS: dict[str, Level] = {
    "actions": "write",
    "checks": "write",
    "contents": "read",
    "issues": "write",
    "metadata": "read",
}
APP_EVENTS = ("check_run", "issue_comment", "workflow_job", "workflow_run")
# Ids are as long as GitHub's, so that a leaked one is found in a text and no short number matches it.
FIRST_IDS = {
    "user": 1_001,
    "repository": 900_001,
    "workflow": 160_000_001,
    "run": 17_000_000_001,
    "suite": 30_000_000_001,
    "job": 48_000_000_001,
    "check_run": 61_000_000_001,
    "comment": 3_100_000_001,
    "issue": 2_500_000_001,
    "reaction": 270_000_001,
    "delivery": 5_200_000_001,
    "installation": 7_001,
    "environment": 810_001,
}


@dataclass(frozen=True, slots=True)
class Urls:
    """Base addresses without trailing slash; `api` may end in `/api/v3` (GitHub Enterprise Server)."""

    api: str = "https://api.github.com"
    web: str = "https://github.com"
    logs: str = "https://logs.simulator.example"


class World:
    """A GitHub. Stage it, let a client talk to `front.api(world)`, call `turn()` as time passes, and look."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 0,
        urls: Urls | None = None,
        webhook_secret: str = "hook-secret-of-the-simulator",  # noqa: S107 - the simulator's own
        app_id: int = 424_242,
    ) -> None:
        self.clock = clock
        self.urls = urls or Urls()
        self.random = random.Random(seed)  # noqa: S311 - a seeded story
        self._counters = {kind: count(first) for kind, first in FIRST_IDS.items()}
        self.agenda = Agenda(clock)
        self.people: dict[str, Person] = {}
        self.repositories: dict[str, Repository] = {}
        self.old_names: dict[str, Repository] = {}
        self.installations: list[Installation] = []
        self.tokens: dict[str, Token] = {}
        self.log_links: dict[str, tuple[bytes | None, datetime]] = {}
        owner = self.account("acme", kind="Organization")
        self.app = App(app_id, "release-bot", "Release bot", "Iv23liSIMULATOR", owner, APP_EVENTS)
        self.app.permissions = dict(APP_PERMISSIONS)
        self.actions_app = App(15_368, "github-actions", "GitHub Actions", "Iv1.05c79e9ad1f6bdfa", owner)
        self.bot = self.account("release-bot[bot]", kind="Bot")
        self.webhook_secret = webhook_secret
        self.ledger = Ledger()
        self.unexpected: list[str] = []
        self.trouble = Trouble(clock)
        self.rates = Rates(clock)
        self.hook = Hook(self)
        self.actions = Actions(self)
        # Switches for what differs between GitHub's editions, or is not known for sure.
        self.api_versions: tuple[str, ...] = (NEW_VERSION, OLD_VERSION)
        self.knows_return_run_details = True
        self.rerun_lag = timedelta(0)
        self.rerun_keeps_job_ids = False
        self.announces_rerun_completion = True
        self.token_life = timedelta(hours=1)

    # -- time ------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The clock's time; while an entry of the agenda is done, the moment it was due."""
        return self.agenda.now()

    def after(self, span: timedelta, act: Callable[[], None]) -> None:
        self.agenda.at(self.now() + span, act)

    def next_due(self) -> datetime | None:
        """When the next thing happens: something in a run, or a delivery that a courier has to carry."""
        times = (self.agenda.next_due(), self.hook.next_due())
        return min((when for when in times if when is not None), default=None)

    def turn(self) -> None:
        """Does everything that is due by now, in order. Deliveries are carried by a courier, not here."""
        self.agenda.turn()

    def new_id(self, kind: str) -> int:
        return next(self._counters[kind])

    # -- staging ---------------------------------------------------------------------------------------

    def account(self, login: str, *, kind: str = "User") -> Person:
        """The account of that name, made when it is new."""
        if login.lower() not in self.people:
            made = Person(self.new_id("user"), login)
            made.kind = "Organization" if kind == "Organization" else "Bot" if kind == "Bot" else "User"
            self.people[login.lower()] = made
        return self.people[login.lower()]

    def hand(self, login: str) -> Hand:
        """What that person can do at a keyboard: `world.hand("maya").comments(issue, "/release 1.0.3")`."""
        return Hand(self, self.account(login))

    def add_repository(
        self,
        full_name: str,
        *,
        visibility: Visibility = "public",
        default_branch: str = "develop",
        installed: bool = True,
    ) -> Repository:
        """With one commit on its default branch; `installed`: its owner's installation reaches it."""
        owner, _, name = full_name.partition("/")
        account = self.account(owner, kind="Organization")
        made = Repository(self.new_id("repository"), account, name, visibility, default_branch, self.now())
        made.commit("Initial commit", on=default_branch, author=owner, at=self.now())
        self.repositories[full_name.lower()] = made
        if installed:
            self.installation(owner).repositories.append(made)
        return made

    def repository(self, full_name: str) -> Repository:
        """By name, whatever its case; KeyError when there is none."""
        return self.repositories[full_name.lower()]

    def repository_by_id(self, number: int) -> Repository | None:
        return next((each for each in self.repositories.values() if each.id == number), None)

    def installation(self, owner: str) -> Installation:
        """The app's installation at that account, made when it is new (with the app's permissions)."""
        account = self.account(owner, kind="Organization")
        for each in self.installations:
            if each.account is account and not each.deleted:
                return each
        made = Installation(self.new_id("installation"), account, dict(self.app.permissions), [], self.now())
        self.installations.append(made)
        return made

    def installation_of(self, repository: Repository) -> Installation | None:
        return next((each for each in self.installations if each.reaches(repository)), None)

    def add_workflow(
        self,
        repository: Repository,
        file: str,
        *,
        inputs: Mapping[str, Input] | Iterable[str] = (),
        dispatchable: bool = True,
        on_tag: bool = False,
        on_branches: tuple[str, ...] = (),
        run_name: str | None = None,
    ) -> Workflow:
        """`inputs`: in full, or names of required ones. `run_name`: template, `{input}` is filled in."""
        given = inputs if isinstance(inputs, Mapping) else {name: Input(required=True) for name in inputs}
        name = file.removesuffix(".yml").replace("-", " ").capitalize()
        made = Workflow(self.new_id("workflow"), repository, file, name, self.now(), dict(given))
        made.dispatchable, made.on_tag, made.on_branches = dispatchable, on_tag, on_branches
        made.run_name = run_name
        repository.workflows[file] = made
        return made

    def add_issue(
        self,
        repository: Repository,
        number: int = 7,
        *,
        title: str = "Release day",
        by: str = "maya",
        pull_request: bool = False,
    ) -> Issue:
        user = self.account(by)
        made = Issue(self.new_id("issue"), repository, number, title, user, self.now(), pull_request)
        repository.issues[number] = made
        return made

    def give_role(self, login: str, role: str, *repositories: Repository) -> None:
        """In those repositories, or in all; `role=""` takes it away."""
        self.account(login)
        for repository in repositories or self.repositories.values():
            if role:
                repository.roles[login.lower()] = role
            else:
                repository.roles.pop(login.lower(), None)

    # -- looking ---------------------------------------------------------------------------------------

    @property
    def private_key(self) -> str:
        """The app's key, PEM."""
        return private_key_pem()

    @property
    def runs(self) -> list[Run]:
        every = [run for each in self.repositories.values() for run in each.runs.values() if not run.deleted]
        return sorted(every, key=lambda run: run.id)

    def comments_of_bot(self, repository: Repository | None = None) -> list[Comment]:
        """Comments of the app that still stand, oldest first."""
        places = [repository] if repository else list(self.repositories.values())
        every = [comment for place in places for comment in place.comments.values()]
        return sorted((c for c in every if c.via is self.app and not c.deleted), key=lambda c: c.id)

    def new_token(self, installation: Installation, token_number: int) -> str:
        # The format staged since April 2026: about 520 characters, with dots, after `ghs_` and the app's id.
        seed = f"{installation.id}-{token_number}".encode()
        parts = "".join(sha256(seed + bytes([n])).hexdigest() for n in range(8))
        return f"ghs_{self.app.id}_{parts[:80]}.{parts[80:400]}.{parts[400:]}"
