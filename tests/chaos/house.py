"""The house in which stories are told: the stage, a bot that lives and dies, and a clock that can be wrong.

Rule: one thread, one loop, one seed. Everything that happens is written into the trace, in the order it happens.
"""

import asyncio
import heapq
import itertools
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

import httpx
from starlette.types import Message

from bot.app import Bot
from bot.settings import Settings, SqliteFile
from bot.simulator.repositories import Comment
from bot.simulator.transport import SimulatorTransport
from bot.simulator.webhooks import Delivery
from bot.simulator.world import OLD_VERSION
from tests.chaos.disk import Disk
from tests.chaos.life import Life, Line
from tests.chaos.points import Crash, Refusal
from tests.chaos.shapes import CANARY_BRANCH, CANARY_FILE, CANARY_JOB, CANARY_LINE, CANARY_REPO, SHAPES, VAULT
from tests.chaos.standstill import StandstillLoop
from tests.chaos.story import Story
from tests.chaos.witness import Witness
from tests.scenarios.stage import PIPELINE_FILE, Stage, TestClock

_MOST_TURNS = 60_000
"""Turns of the loop in which no time passes: more is a loop that runs hot."""
_MOST_HERE = 250
"""Requests within one second, likewise."""


class BotClock:
    """The clock of the bot's machine: as far off as a story says. Its pauses are as long as anybody's."""

    def __init__(self, clock: TestClock) -> None:
        self._clock = clock
        self.off = timedelta(0)

    def now(self) -> datetime:
        return self._clock.now() + self.off

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Violated(Exception):
    """A promise was broken: `name` says which, the text how."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class House(Stage):
    """`database`: a migrated, empty database file to begin with; `folder` is the story's own."""

    def __init__(self, story: Story, folder: Path, database: Path) -> None:
        super().__init__(folder)
        self.story = story
        self.trace: list[str] = []
        self.luck = Random(story.seed)
        self.world.random.seed(story.seed)
        self.bot_clock = BotClock(self.clock)
        self.began = self.clock.now()
        self.life: Life | None = None
        self.reborn_at: datetime | None = None
        self.crashes: list[Crash] = []
        self.refusals: list[Refusal] = []
        self.storage_failed = False
        self.witness = Witness(self.world, told=self.tell)
        self.errors: list[str] = []
        self.orders: list[Comment] = []
        """Commands by people who may give them: each must be answered."""
        self.silenced = False
        """Somebody deleted a status comment: it is made once more, and then no longer."""
        self.restored = False
        """An older copy of the database was put back: what was done since may be done once more."""
        self.poisoned = False
        """A delivery that makes no sense was sent: it may be set aside."""
        self.stop_after: float | None = None
        self._plans: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._busy_at: tuple[datetime, int] = (self.began, 0)
        self._file = folder / "bot.db"
        shutil.copyfile(database, self._file)
        self.loop = StandstillLoop(self.clock, self._task_made)
        self.disk = Disk(lambda: self._alive)
        self.line = Line(
            SimulatorTransport(self.world, self.clock.sleep), life=lambda: self.life, luck=self.luck
        )
        self.line.leaving, self.line.left = self.witness.leaving, self._left
        self._furnish()

    def _furnish(self) -> None:
        """Repositories, workflows and people; the private repository gets its canaries."""
        world, story = self.world, self.story
        del world.repositories[self.ee.full_name.lower()]
        self.ee.name = CANARY_REPO
        world.repositories[VAULT] = self.ee
        self.ee.branches[CANARY_BRANCH] = self.ee.branches[self.ee.default_branch]
        start = world.add_workflow(self.ee, f"{CANARY_FILE}-start.yml", inputs=["releaseVersion"])
        start.on_run().pushes_tag("v{releaseVersion}")
        world.add_workflow(self.ee, f"{CANARY_FILE}.yml", on_tag=True)
        world.add_workflow(self.ee, f"{CANARY_FILE}-docker.yml")
        for repo, file in ((self.oss, "build.yml"), (self.ee, f"{CANARY_FILE}-build.yml")):
            world.add_workflow(repo, file, inputs=["version"], run_name="Build {version}")
            if "nonce" in SHAPES[story.shape].text:
                world.add_workflow(
                    repo, file, inputs=["version", "ticket"], run_name="Build {version} {ticket}"
                )
        if "moves" in SHAPES[story.shape].text:
            world.add_workflow(self.oss, "release-docker.yml", inputs=["latest", "series"])
        world.add_workflow(self.oss, "nightly.yml", on_branches=("nightly",))
        self.oss.branches["nightly"] = self.oss.branches["develop"]
        for workflow in self.ee.workflows.values():
            workflow.on_run().jobs(CANARY_JOB, "publish").job(CANARY_JOB).succeeds(log=CANARY_LINE)
        self.world.add_issue(self.oss, 8)
        self.home = self.ee if story.private_home else self.oss
        self._homes = (self.home.full_name,)
        if story.private_home:
            for number in (7, 8):
                self.world.add_issue(self.ee, number)
        self.heals_file()
        if story.old_api:
            world.api_versions = (OLD_VERSION,)
            world.knows_return_run_details = bool(story.seed % 2)

    # -- the bot -------------------------------------------------------------------------------------

    @property
    def _alive(self) -> Life:
        assert self.life is not None
        return self.life

    def _task_made(self, task: asyncio.Task[object]) -> None:
        if self.life is not None:
            self.life.tasks.append(task)

    def begins_to_live(self) -> None:
        """A new process."""
        self.tell("the bot starts")
        self.reborn_at = None
        self.witness.lives += 1
        self.life = Life(luck=self.luck, told=self.tell, committed=self.witness.committed)
        self.life.crashes, self.life.refusals = self.crashes, self.refusals
        settings = _settings(self.world.private_key, self.story.look_seconds)
        mine = settings.model_copy(update={"database": SqliteFile(self._file), "homes": self._homes})
        self.loop.create_task(
            self.life.begin(lambda: Bot.build(mine, clock=self.bot_clock, transport=self.line))
        )

    async def ends(self) -> None:
        """The dead process is taken away; the next one starts after its rest."""
        life = self._alive
        self.tell(f"the bot is gone: {life.ended_by}")
        await life.buried()
        self.disk.unplugged()
        self.life = None
        self.crashes = [crash for crash in self.crashes if crash.left > 0]
        self.reborn_at = self.clock.now() + timedelta(seconds=max(0.1, life.rest))

    async def stops(self, rest: float) -> None:
        """SIGTERM: the process may come to its end by itself."""
        life = self._alive
        bot = life.bot
        if bot is None or not life.open:
            return
        life.open = False
        self.tell("the bot is asked to stop")
        ended = asyncio.ensure_future(bot.close())
        end = self.clock.now() + timedelta(seconds=10)
        while not ended.done() and not life.dead and self.clock.now() < end:
            await self._step(end)
        if self.life is not life:
            return  # killed while it stopped, and taken away already
        life.dies("stopped" if ended.done() else "stopped by force", rest)
        await self.ends()

    # -- time ----------------------------------------------------------------------------------------

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._plans, (self.began + timedelta(seconds=seconds), next(self._order), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.seconds + seconds, act)

    @property
    def seconds(self) -> float:
        """Since the beginning, on GitHub's clock."""
        return (self.clock.now() - self.began).total_seconds()

    async def settle(self) -> None:
        """Everything that can happen without time passing happens; GitHub's part of it comes in between."""
        for turn in range(_MOST_TURNS):
            if self.life is not None and self.life.dead:
                await self.ends()
            if turn % 4 == 0 or self.loop.idle:
                self.world.turn()
                self._deliver_due()
                await asyncio.sleep(0)
                if self.loop.idle and not (self.life is not None and self.life.dead):
                    return self._judge()
            else:
                await asyncio.sleep(0)
        raise Violated("no hot loop", "the loop turns and no time passes")

    async def _step(self, end: datetime) -> bool:
        """The next thing that is due by `end`; False when there is none."""
        due = self._next_due()
        if due is None or due > end:
            self.clock.move_to(end)
            await self.settle()
            return False
        self.clock.move_to(max(due, self.clock.now()))
        while self._plans and self._plans[0][0] <= self.clock.now():
            heapq.heappop(self._plans)[2]()
        if self.reborn_at is not None and self.reborn_at <= self.clock.now():
            self.begins_to_live()
        self.world.turn()
        self.clock.wake()
        await self.settle()
        if self.stop_after is not None and self.life is not None:
            rest, self.stop_after = self.stop_after, None
            await self.stops(rest)
        return True

    async def passes(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        end = self.clock.now() + timedelta(seconds=seconds, minutes=minutes, hours=hours)
        await self.settle()
        while await self._step(end):
            pass

    async def until_true(self, what: Callable[[], bool], *, hours: float) -> bool:
        """Time passes until it is true; False when it does not come to be."""
        end = self.clock.now() + timedelta(hours=hours)
        await self.settle()
        while not what():
            if not await self._step(end):
                return what()
        return True

    def _next_due(self) -> datetime | None:
        times = [self.world.next_due(), self.clock.next_wake(), self.reborn_at]
        if self._plans:
            times.append(self._plans[0][0])
        if (timer := self.loop.next_timer) is not None:
            times.append(datetime.fromtimestamp(timer, self.began.tzinfo) + timedelta(microseconds=1))
        return min((at for at in times if at is not None), default=None)

    # -- deliveries ----------------------------------------------------------------------------------

    def _deliver_due(self) -> None:
        """All that are due arrive at the same moment."""
        for delivery in self.world.hook.take_due():
            delivery.delivered_at = self.clock.now()
            delivery.status_code = 0
            self.world.hook.log.append(delivery)
            if self.life is None or not self.life.open or self.life.bot is None:
                self.tell(f"  delivery {delivery.event} {delivery.action}: nobody listens")
            else:
                self.loop.create_task(self._carry(self.life.bot, delivery))

    async def _carry(self, bot: Bot, delivery: Delivery) -> None:
        delivery.status_code = await post(bot, delivery.body, self.world.hook.headers(delivery))
        self.tell(
            f"  delivery {delivery.event} {delivery.action} {delivery.guid[:8]}: {delivery.status_code}"
        )

    # -- what is told and judged ---------------------------------------------------------------------

    def tell(self, line: str) -> None:
        self.trace.append(f"{self.seconds:10.3f}  {line}")

    def _left(self, request: httpx.Request, outcome: str) -> None:
        self.witness.left(request, outcome)
        body = f" {zlib.crc32(request.content):08x}" if request.content else ""
        query = f"?{request.url.query.decode()}" if request.url.query else ""
        dull = "  " if request.method == "GET" or request.url.path.endswith("/access_tokens") else ""
        self.tell(f"{dull}{request.method} {request.url.path}{query}{body}: {outcome}")

    def _judge(self) -> None:
        """After everything that can happen at this moment: has a promise been broken?"""
        self.witness.read_ledger()
        if self.witness.broken:
            raise Violated(*self.witness.broken[0])
        if self.errors:
            raise Violated("no odd error in the log", self.errors[0])
        since, count = self._busy_at
        if self.clock.now() - since >= timedelta(seconds=1):
            self._busy_at = (self.clock.now(), len(self.world.ledger))
        elif len(self.world.ledger) - count > _MOST_HERE:
            raise Violated("no hot loop", f"{len(self.world.ledger) - count} requests within a second")

    def heard_error(self, line: str, error: BaseException | None) -> None:
        """A line of the log at level error; storage that was made to fail may be complained about."""
        if self.life is None or self.life.dead:
            return
        if self.storage_failed and (error is None or _is_storage(error)):
            return
        if self.poisoned and line == "a delivery is set aside":
            return
        self.errors.append(f"{line} ({type(error).__name__}: {error})" if error else line)

    # -- people --------------------------------------------------------------------------------------

    def says_command(self, text: str, *, by: str, issue: int) -> None:
        comment = self.world.hand(by).comments(self.home.issues[issue], text)
        self.tell(f"{by} says {text!r} in issue {issue}")
        if by in {"maya", "ada"}:
            self.orders.append(comment)

    # -- calm ----------------------------------------------------------------------------------------

    def heals_installation(self) -> None:
        """The owner gives back what was taken away."""
        installation, owner = self.world.installation("acme"), self.world.hand("ada")
        if installation.suspended_at is not None:
            owner.unsuspends(installation)
        for repo in (self.oss, self.ee):
            if repo not in installation.repositories:
                owner.adds_to_installation(installation, repo)
        if installation.permissions != self.world.app.permissions:
            owner.accepts_permissions(installation, **self.world.app.permissions)

    def heals_file(self) -> None:
        self.home.files[PIPELINE_FILE] = SHAPES[self.story.shape].text

    def calms(self) -> None:
        """Every fault ends; what was started goes on."""
        self.tell("calm")
        self.world.trouble.ends()
        self.world.hook.post.is_fine()
        self.crashes.clear()
        self.refusals.clear()
        self.bot_clock.off = timedelta(0)
        self.world.rerun_lag = timedelta(0)
        self.heals_installation()
        self.heals_file()
        for repo in (self.oss, self.ee):
            for workflow in repo.workflows.values():
                workflow.state = "active"
        for issue in self.home.issues.values():
            issue.locked = False
        if self.reborn_at is not None:
            self.reborn_at = min(self.reborn_at, self.clock.now() + timedelta(seconds=1))

    @property
    def awake(self) -> bool:
        """The bot lives and listens."""
        return self.life is not None and self.life.open


def _is_storage(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, sqlite3.Error) or type(error).__name__ == "StoreUnavailable":
            return True
        error = error.__cause__ or error.__context__
    return False


async def post(bot: Bot, body: bytes, headers: dict[str, str]) -> int:
    """One POST to the bot's door, without a client and a server in between."""
    statuses: list[int] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/webhook",
        "raw_path": b"/webhook",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 40_000),
        "server": ("bot", 80),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await bot.web(scope, receive, send)
    return statuses[0] if statuses else 0


@cache
def _settings(private_key: str, look_seconds: int) -> Settings:
    """Read once: proving that a key is a key takes longer than a short story."""
    environment = {
        "APP_ID": "424242",
        "PRIVATE_KEY": private_key,
        "WEBHOOK_SECRET": "hook-secret-of-the-simulator",
        "DATABASE_URL": "sqlite:///bot.db",
        "LOOK_SECONDS": str(look_seconds),
    }
    return Settings.load(environment, Path.cwd())
