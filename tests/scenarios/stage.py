"""The stage on which stories are told: a whole bot over HTTP against the simulator, and time that tests turn by hand.

Rule: nothing sleeps and nothing is patched. Time stands still until a test says how much passes, and then everything
that is due happens in its order: GitHub's runs and deliveries, and the bot's own pauses.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from bot.app import Bot
from bot.settings import Settings
from bot.simulator.clock import VirtualClock
from bot.simulator.repositories import CheckRun, Comment, Issue, Repository
from bot.simulator.runs import Run, Workflow
from bot.simulator.transport import SimulatorTransport
from bot.simulator.webhooks import Courier
from bot.simulator.world import World
from tests.scenarios.reading import StatusComment
from tests.scenarios.wire import Wire

OSS, EE = "acme/widget", "acme/widget-ee"
START = 'inputs: {releaseVersion: "{{ version }}"}, unless-tag: "v{{ version }}"'
TWO_EDITIONS = f"""\
pipelines:
  release:
    about: Micro release of both editions, then their images
    steps:
      oss-start: {{repo: {OSS}, dispatch: global-start-release.yml, ref: develop, {START}}}
      oss: {{needs: oss-start, repo: {OSS}, watch: pre-release.yml, ref: "v{{{{ version }}}}"}}
      ee-start: {{repo: {EE}, dispatch: global-start-release.yml, ref: develop, {START}}}
      ee: {{needs: ee-start, repo: {EE}, watch: pre-release.yml, ref: "v{{{{ version }}}}"}}
      oss-docker: {{needs: [oss, ee], repo: {OSS}, dispatch: release-docker.yml, ref: "v{{{{ version }}}}"}}
      ee-docker: {{needs: [oss, ee], repo: {EE}, dispatch: release-docker.yml, ref: "v{{{{ version }}}}"}}
"""
ONE_CHAIN = f"""\
pipelines:
  release:
    steps:
      start: {{repo: {OSS}, dispatch: global-start-release.yml, ref: develop, {START}}}
      build: {{needs: start, repo: {OSS}, watch: pre-release.yml, ref: "v{{{{ version }}}}"}}
      images: {{needs: build, repo: {OSS}, dispatch: release-docker.yml, ref: "v{{{{ version }}}}"}}
"""
ONE_STEP = f"""\
pipelines:
  release:
    steps:
      build: {{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}
"""
PIPELINE_FILE = ".github/release-bot.yml"


class TestClock(VirtualClock):
    """GitHub's and the bot's time: it moves when a test says so, and wakes who sleeps."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now() + timedelta(seconds=seconds), next(self._order), woken))
        await woken

    def next_wake(self) -> datetime | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def wake(self) -> None:
        while (at := self.next_wake()) is not None and at <= self.now():
            heapq.heappop(self._sleepers)[2].set_result(None)


class Replica:
    """A further process of the bot, its own door and its own wire to GitHub."""

    def __init__(self, bot: Bot, wire: Wire) -> None:
        self.bot = bot
        self.wire = wire
        app = httpx.ASGITransport(app=bot.web, raise_app_exceptions=False)
        self.door = httpx.AsyncClient(transport=app, base_url="http://replica")

    async def closes(self) -> None:
        await self.door.aclose()
        await self.bot.close()


class Stage:
    """A public edition, a private one, the people, one issue for release day - and the bot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = TestClock()
        self.world = World(self.clock, seed=0)
        self.courier = Courier(self.world, self._post)
        self.oss = self.world.add_repository(OSS)
        self.ee = self.world.add_repository(EE, visibility="private")
        self.workflows: dict[tuple[str, str], Workflow] = {}
        for repo in (self.oss, self.ee):
            self._release_workflows(repo)
        for login, role in (("maya", "maintain"), ("ada", "admin"), ("walt", "write"), ("tess", "triage")):
            self.world.give_role(login, role)
        self.issue = self.world.add_issue(self.oss, 7)
        self.pipeline(TWO_EDITIONS)
        self.bot: Bot | None = None
        self.replicas: list[Replica] = []
        self.answering: httpx.AsyncClient | None = None
        self.wire = Wire(SimulatorTransport(self.world, self.clock.sleep))
        self._not_ours: set[asyncio.Task[object]] = set()
        self._http: httpx.AsyncClient | None = None
        self._environment = {
            "APP_ID": str(self.world.app.id),
            "PRIVATE_KEY": self.world.private_key,
            "WEBHOOK_SECRET": self.world.webhook_secret,
            "GITHUB_API_URL": self.world.urls.api,
            "GITHUB_URL": self.world.urls.web,
            "DATABASE_URL": "sqlite:///bot.db",
        }

    def _release_workflows(self, repo: Repository) -> None:
        start = self.world.add_workflow(repo, "global-start-release.yml", inputs=["releaseVersion"])
        start.on_run().pushes_tag("v{releaseVersion}")
        self.world.add_workflow(repo, "pre-release.yml", on_tag=True)
        self.world.add_workflow(repo, "release-docker.yml")
        self.world.add_workflow(repo, "build.yml", inputs=["version"])

    # -- the bot -----------------------------------------------------------------------------------

    async def opens(self, **settings: str) -> "Stage":
        """Starts the bot; may be said again after `bot_dies`."""
        self._environment |= settings
        loaded = Settings.load(self._environment, self.folder)
        self.wire.mended()
        self._not_ours = asyncio.all_tasks()
        self.bot = await Bot.build(loaded, clock=self.clock, transport=self.wire)
        app = httpx.ASGITransport(app=self.bot.web, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=app, base_url="http://bot")
        await self.bot.start()
        await self.settle()
        return self

    async def replica_opens(self) -> "Replica":
        """One more process on the same database; deliveries go to the first until `answering` is set."""
        settings = Settings.load(self._environment, self.folder)
        wire = Wire(SimulatorTransport(self.world, self.clock.sleep))
        replica = Replica(await Bot.build(settings, clock=self.clock, transport=wire), wire)
        self.replicas.append(replica)
        await replica.bot.start()
        await self.settle()
        return replica

    async def closes(self) -> None:
        for replica in self.replicas:
            await replica.closes()
        await self.closes_first()

    async def closes_first(self) -> None:
        if self.bot is not None and self._http is not None:
            bot, http, self.bot, self._http = self.bot, self._http, None, None
            await http.aclose()
            await bot.close()

    async def bot_restarts(self) -> None:
        """The process goes and comes again; what is not on disk is forgotten."""
        await self.closes()
        await self.opens()

    async def bot_dies(self) -> None:
        """The process is killed: no goodbye and no grace. What it asked for last may be done or not."""
        assert self.bot is not None
        assert self._http is not None
        self.wire.cut = True
        while self.bot.store.busy:  # noqa: ASYNC110 - the database has a thread of its own
            await asyncio.sleep(0.0002)
        bot, http, self.bot, self._http = self.bot, self._http, None, None
        lost = asyncio.all_tasks() - self._not_ours - {*self.wire.received}
        for task in lost:
            task.cancel()
        await asyncio.gather(*lost, return_exceptions=True)
        await http.aclose()
        await bot.store.close()

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        door = self.answering or self._http
        if door is None:
            raise OSError("nobody listens")
        answer = await door.post("/webhook", content=body, headers=headers)
        return answer.status_code

    # -- time --------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Everything that can happen without time passing happens."""
        loop = asyncio.get_running_loop()
        quiet = 0
        while quiet < 4:
            if self.wire.cut and self.bot is not None:
                await self.bot_dies()
                await self.opens()
            self.world.turn()
            await self.courier.deliver_due()
            await asyncio.sleep(0)
            ready = len(loop._ready)  # type: ignore[attr-defined]
            if any(bot.store.busy for bot in self._bots()):
                await asyncio.sleep(0.0002)
                quiet = 0
            else:
                quiet = 0 if ready else quiet + 1

    def _bots(self) -> list[Bot]:
        return [bot for bot in (self.bot, *(replica.bot for replica in self.replicas)) if bot is not None]

    async def passes(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        """So much time passes, and everything that is due in it happens."""
        end = self.clock.now() + timedelta(seconds=seconds, minutes=minutes, hours=hours)
        await self.settle()
        while (due := self._next_due()) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            self.world.turn()
            self.clock.wake()
            await self.settle()
        self.clock.move_to(end)
        await self.settle()

    async def until(self, what: Callable[[], object], *, hours: float = 12) -> None:
        """Time passes until something is true; the test fails when it does not come to be."""
        end = self.clock.now() + timedelta(hours=hours)
        await self.settle()
        while not what():
            due = self._next_due()
            assert due is not None, f"nothing is ever going to happen any more\n{self.glance()}"
            assert due <= end, f"not within {hours} hours\n{self.glance()}"
            self.clock.move_to(max(due, self.clock.now()))
            self.world.turn()
            self.clock.wake()
            await self.settle()

    def _next_due(self) -> datetime | None:
        times = [at for at in (self.world.next_due(), self.clock.next_wake()) if at is not None]
        return min(times, default=None)

    # -- people ------------------------------------------------------------------------------------

    def pipeline(self, text: str, repo: Repository | None = None, path: str = PIPELINE_FILE) -> None:
        (repo or self.oss).files[path] = text

    async def says(
        self, text: str, *, by: str = "maya", issue: Issue | None = None, **more: object
    ) -> Comment:
        """Somebody writes a comment, and the bot answers as far as it can at once."""
        comment = self.world.hand(by).comments(issue or self.issue, text, **more)  # type: ignore[arg-type]
        await self.passes(seconds=1)
        return comment

    # -- what GitHub shows ---------------------------------------------------------------------------

    def workflow(self, repo: Repository, file: str) -> Workflow:
        return repo.workflows[file]

    def statuses(self) -> list[StatusComment]:
        found = [StatusComment.read(c.body) for c in self.world.comments_of_bot() if not c.deleted]
        return [status for status in found if status is not None]

    def status(self, version: str = "1.0.3") -> StatusComment:
        """The status comment of a release; fails when there is none."""
        found = [status for status in self.statuses() if status.version == version]
        assert found, f"no status comment of {version}: {self.said()}"
        return found[-1]

    def state(self, version: str = "1.0.3") -> str | None:
        found = [status.state for status in self.statuses() if status.version == version]
        return found[-1] if found else None

    def step(self, name: str, version: str = "1.0.3") -> str | None:
        found = [status for status in self.statuses() if status.version == version]
        return found[-1].steps.get(name) if found else None

    def said(self) -> list[str]:
        """Comments of the bot other than status comments."""
        comments = [c.body for c in self.world.comments_of_bot() if not c.deleted]
        return [body for body in comments if StatusComment.read(body) is None]

    def answer(self) -> str:
        """The newest comment of the bot that is no status comment; fails when there is none."""
        assert self.said(), f"the bot said nothing\n{self.glance()}"
        return self.said()[-1]

    def reactions(self, comment: Comment) -> list[str]:
        """The bot's reactions to a comment, in their order."""
        return comment.reactions_of(self.world.bot.login)

    def dispatches(self, file: str = "") -> list[str]:
        """What left the bot: "widget/build.yml@develop" for every dispatch request, in order."""
        found = []
        for entry in self.world.ledger.matching("POST", r"dispatches$"):
            name = entry.path.split("/workflows/")[1].split("/")[0]
            if file in name:
                repo = str(entry.repository or entry.path.split("/actions/")[0]).split("/")[-1]
                found.append(f"{repo}/{name}@{entry.body['ref']}")  # type: ignore[index]
        return found

    def checks(self, step: str, version: str = "1.0.3", pipeline: str = "release") -> list[CheckRun]:
        name = f"{pipeline} {version} / {step}"
        repos = self.world.repositories.values()
        found = [check for repo in repos for check in repo.check_runs.values() if check.name == name]
        return sorted(found, key=lambda check: check.id)

    def run(self, repo: Repository, file: str) -> Run:
        """The newest run of a workflow."""
        return repo.workflows[file].runs[-1]

    def run_ids(self, repo: str, file: str = "pre-release.yml") -> list[int]:
        return [run.id for run in self.world.repositories[repo].workflows[file].runs]

    def glance(self) -> str:
        shown = [f"{status.version}: {status.state} {status.steps}" for status in self.statuses()]
        return "\n".join(shown) or "no status comment"
