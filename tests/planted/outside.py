"""Bugs at the door, in who may do what, in what is shown to whom, and in what is stored."""

import asyncio
from dataclasses import replace
from typing import Any

from bot.core.facts import GitHubError
from bot.engine.roles import RANKS, Standing
from tests.planted.bug import Bug

DOOR = "tests/adapters/test_door.py"
PEOPLE = "tests/scenarios/test_people.py"
STARTING = "tests/scenarios/test_starting.py"
REFUSALS = "tests/scenarios/test_refusals.py"
PRIVACY = "tests/scenarios/test_privacy.py"
REPORTING = "tests/scenarios/test_reporting.py"
LOST = "tests/scenarios/test_lost_webhooks.py"
RESTARTS = "tests/scenarios/test_restarts.py"
DELIVERIES = "tests/adapters/test_store_deliveries.py"
REPLICAS = "tests/scenarios/test_replicas.py"


def _always(value: object) -> Any:
    def remake(_: Any) -> Any:
        return lambda *_args, **_more: value

    return remake


def _edits_too(right: Any) -> Any:
    def read(delivery: Any) -> Any:
        edited = delivery._item.get("action") == "edited"
        return right(type(delivery)({**delivery._item, "action": "created"})) if edited else right(delivery)

    return read


def _anybody(_: Any) -> Any:
    return lambda user, **_: (user.number("id"), user.filled("login"))


def _by_login(right: Any) -> Any:
    async def of(self: Any, person: Any, repo: str) -> Any:
        facts = await self._github.role(repo, person.login)
        return await right(self, replace(person, id=facts.user_id or person.id), repo)

    return of


def _doubt_is_yes(right: Any) -> Any:
    async def of(self: Any, person: Any, repo: str) -> Any:
        standing = await right(self, person, repo)
        return standing if standing.known else Standing(repo, RANKS["admin"], "admin")

    return of


def _first_repository_only(right: Any) -> Any:
    async def access(self: Any, person: Any, plan: Any, role: str) -> Any:
        return tuple(p for p in await right(self, person, plan, role) if p.repo == plan.home)

    return access


def _young(right: Any) -> Any:
    async def judge(self: Any, heard: Any, *rest: Any) -> Any:
        comment = replace(heard.comment, created_at=self._clock.now())
        return await right(self, replace(heard, comment=comment), *rest)

    return judge


def _says_yes_first(right: Any) -> Any:
    tasks: set[asyncio.Task[Any]] = set()

    async def accept(self: Any, arrival: Any) -> bool:
        async def later() -> None:
            await asyncio.sleep(0.05)
            await right(self, arrival)

        task = asyncio.create_task(later())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return True

    return accept


def _always_new(right: Any) -> Any:
    async def accept(self: Any, arrival: Any) -> bool:
        await right(self, arrival)
        self._in_hand.discard(arrival.id)
        return True

    return accept


def _signed(_: Any) -> Any:
    return lambda *_args: None


def _creates_blindly(_: Any) -> Any:
    async def create(self: Any, surface: Any, living: Any) -> Any:
        made = await self._github.create_comment(living.home, living.issue, living.body)
        return replace(surface, github_id=made, data={}, made=surface.made + 1)

    return create


def _posts_blindly(right: Any) -> Any:
    async def make(self: Any, post: Any) -> Any:
        return await right(self, replace(post, tries=0))

    return make


def _never_pending(_: Any) -> Any:
    async def pending(*_args: Any) -> None:
        return None

    return pending


def _button_always(_: Any) -> Any:
    async def use_button(*_args: Any, **_more: Any) -> bool:
        return True

    return use_button


def _never_aside(_: Any) -> Any:
    async def failed(*_args: Any, **_more: Any) -> bool:
        return False

    return failed


def _unchanged(_: Any) -> Any:
    return lambda text, **_more: text


def _fence_stays_open(_: Any) -> Any:
    def check(*_args: Any) -> None:
        return None

    return check


def _report_fails_release(right: Any) -> Any:
    async def write(self: Any, *args: Any) -> None:
        try:
            await right(self, *args)
        except GitHubError:
            surface = args[0]
            await self._store.surfaces.save_surface(replace(surface, state="given up"))

    return write


BUGS = (
    Bug(
        "signature-unchecked",
        "the door takes what nobody signed",
        ("bot.web.door:_Door._verify",),
        _signed,
        (DOOR,),
    ),
    Bug(
        "yes-before-commit",
        "the door says 202 before the delivery is on disk",
        ("bot.store.deliveries:Deliveries.accept",),
        _says_yes_first,
        (DELIVERIES, RESTARTS),
    ),
    Bug(
        "dedupe-off",
        "a delivery that was seen before counts as new",
        ("bot.store.deliveries:Deliveries.accept",),
        _always_new,
        (DELIVERIES, DOOR, LOST),
    ),
    Bug(
        "no-second-key",
        "the same comment under another delivery id is another command",
        ("bot.app:second_key",),
        _always(None),
        (LOST, PEOPLE, "tests/scenarios/test_commands.py"),
    ),
    Bug(
        "edits-are-commands",
        "a comment that is edited into a command is one",
        ("bot.core.intake:_READERS[issue_comment]",),
        _edits_too,
        ("tests/core/test_intake.py", PEOPLE),
    ),
    Bug(
        "apps-are-people",
        "comments of bots are commands",
        ("bot.core.intake:_person",),
        _anybody,
        ("tests/core/test_intake.py", PEOPLE),
    ),
    Bug(
        "everybody-may",
        "nobody's role is looked at",
        ("bot.engine.roles:Standing.reaches",),
        _always(True),
        (STARTING, REFUSALS, PEOPLE),
    ),
    Bug(
        "login-is-identity",
        "who took over a login is taken for its former owner",
        ("bot.engine.roles:Roles.of",),
        _by_login,
        (STARTING, REFUSALS, PEOPLE),
    ),
    Bug(
        "doubt-is-yes",
        "a role that GitHub cannot tell counts as the highest",
        ("bot.engine.roles:Roles.of",),
        _doubt_is_yes,
        (STARTING, REFUSALS, PEOPLE),
    ),
    Bug(
        "home-role-suffices",
        "the role is asked in the home repository only",
        ("bot.engine.preflight:Preflight.access",),
        _first_repository_only,
        (STARTING, REFUSALS, PEOPLE),
    ),
    Bug(
        "old-commands-count",
        "a command is carried out however old it is",
        ("bot.engine.orders:Orders._judge",),
        _young,
        (PEOPLE, "tests/faults/test_webhook_intake.py"),
    ),
    Bug(
        "private-in-public",
        "details of private repositories are shown in public",
        ("bot.core.audience:Audience.sees",),
        _always(True),
        (PRIVACY,),
    ),
    Bug(
        "live-mentions",
        "text from logs can mention people and break the table",
        ("bot.core.present.inert:_words",),
        _unchanged,
        ("tests/core/present/test_inert.py", "tests/core/present/test_hostile.py"),
    ),
    Bug(
        "status-comment-twice",
        "a status comment whose answer was lost is made once more",
        ("bot.engine.living:LivingComments._create",),
        _creates_blindly,
        (RESTARTS, REPORTING),
    ),
    Bug(
        "answers-twice",
        "a comment whose answer was lost is made once more",
        ("bot.engine.posts:Poster._make",),
        _posts_blindly,
        (RESTARTS, REPORTING),
    ),
    Bug(
        "reports-give-up",
        "a status comment that GitHub refused once is never written again",
        ("bot.engine.living:LivingComments.write",),
        _report_fails_release,
        (REPORTING, "tests/scenarios/test_rate_limits.py"),
    ),
    Bug(
        "check-runs-stand-still",
        "check runs are never written",
        ("bot.engine.check_reports:CheckReports.pending",),
        _never_pending,
        (REPORTING,),
    ),
    Bug(
        "buttons-count-twice",
        "a button can be used again and again",
        ("bot.store.surfaces:Surfaces.use_button",),
        _button_always,
        ("tests/adapters/test_store_reports.py", "tests/scenarios/test_commands.py", PEOPLE),
    ),
    Bug(
        "poison-goes-round",
        "a delivery that always fails is tried for ever",
        ("bot.store.deliveries:Deliveries.failed",),
        _never_aside,
        (DELIVERIES, "tests/scenarios/test_poison.py"),
    ),
    Bug(
        "lease-epoch-unchecked",
        "a process whose lease another one took goes on writing",
        ("bot.store.fencing:Fence.check",),
        _fence_stays_open,
        ("tests/adapters/test_store_leases.py", REPLICAS),
    ),
    Bug(
        "lease-ignored-at-github",
        "a process that does not hold the lease for certain still writes to GitHub",
        ("bot.engine.duty:Duty.may_write",),
        _always(True),
        (REPLICAS, "tests/engine/test_duty.py"),
    ),
)
