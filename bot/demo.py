"""`release-bot demo`: a whole release against the built-in GitHub simulator, and the proof that it went as told.

Rule: everything is real but GitHub: HTTP over loopback, a database file, the bot as a process of its own. Nothing is
read from the user's environment and nothing leaves this machine.
"""

import asyncio
import contextlib
import random
import shlex
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

from bot.demo_process import DATABASE, BotProcess
from bot.demo_screen import Screen
from bot.simulator.chronicle import Chronicle
from bot.simulator.clock import SystemClock
from bot.simulator.front import api
from bot.simulator.loop import keep_turning
from bot.simulator.storage import log_storage
from bot.simulator.story import EE, OSS, PIPELINE, PIPELINE_FILE, STARTER, TITLE, Expectation, Story
from bot.simulator.transport import post_to
from bot.simulator.webhooks import Courier
from bot.simulator.world import Urls, World

SEED = 7
_LIMIT = 90.0
_PROMISED = 60.0
_START_LIMIT = 20.0
_STOP_LIMIT = 10.0
_QUIET = 1.5
"""Seconds in which everything has to stay as expected before the story is over."""

_DEATHS = {
    "both starts were dispatched": (r"/dispatches$", 1),
    "the failed jobs were asked to run again": (r"/rerun-failed-jobs$", 0),
    "both images were dispatched": (r"/dispatches$", 3),
}
"""When `--chaos` kills the bot: after GitHub did what was asked, before the bot hears so. Both requests of a pair have
reached GitHub by then; one that was never sent could not be told from one that was, and would need a person."""


class DemoFailed(Exception):
    """The story cannot go on; the message says why."""


def play(*, chaos: bool, seed: int = SEED) -> int:
    """Tells the story in the terminal. 0: it went as told; 1: it did not; 128 + number: ended by that signal."""
    screen = Screen()
    try:
        return asyncio.run(_play(screen, chaos=chaos, seed=seed))
    except KeyboardInterrupt:
        screen.say("Interrupted; the bot and the simulator have stopped.")
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        screen.say("Ended from outside; the bot and the simulator have stopped.")
        return 128 + signal.SIGTERM


async def _play(screen: Screen, *, chaos: bool, seed: int) -> int:
    _end_on_signals()
    folder = Path(tempfile.mkdtemp(prefix="release-bot-demo-"))
    (folder / "release-bot.yml").write_text(PIPELINE, encoding="utf-8")
    with _listening() as front, _listening() as logs:
        urls = Urls(api=_address(front), web="https://github.example", logs=_address(logs))
        world = World(SystemClock(), seed=seed, urls=urls)
        demo = Demo(world, folder, screen, random.Random(seed) if chaos else None)  # noqa: S311 - no secret
        demo.introduce(seed)
        try:
            async with _served(api(world), front), _served(log_storage(world), logs), demo.mail():
                with screen:
                    problem = await demo.tell()
        finally:
            demo.bot.close()
    return demo.conclude(problem)


@dataclass(slots=True)
class Death:
    """The bot's end half-way, in chaos. `moment`: after what."""

    moment: str
    happened: bool = False


class Demo:
    """One telling of the story. `luck`: chooses when the bot dies; None: no chaos."""

    def __init__(self, world: World, folder: Path, screen: Screen, luck: random.Random | None) -> None:
        self._world = world
        self._folder = folder
        self._screen = screen
        self.story = Story(world)
        self.bot = BotProcess(folder, _settings(world))
        self._chronicle = Chronicle(world)
        self._death = Death(luck.choice(list(_DEATHS))) if luck else None
        self._mail: asyncio.Task[None] | None = None
        self._http = httpx.AsyncClient(trust_env=False, timeout=10.0)
        self._commanded = self._took = 0.0
        self._exit_code: int | None = None

    # -- before ----------------------------------------------------------------------------------------

    def introduce(self, seed: int) -> None:
        """The banner: what is simulated, what is real, and where."""
        say, facts = self._screen.say, self._screen.facts
        say(f"release-bot demo: {TITLE} of a public and a private edition", "bold")
        say("GitHub is simulated, the rest is real: the bot is a process of its own, and talks HTTP over loopback.")
        say("Nothing leaves this machine.")
        facts(
            (
                ("repositories", f"{OSS} (public), {EE} (private)"),
                ("people", f"{STARTER}, who may release"),
                ("GitHub API", self._world.urls.api),
                ("log storage", self._world.urls.logs),
                ("bot", f"{self.bot.url}/webhook"),
                ("database", str(self._folder / DATABASE)),
                ("bot's log", str(self.bot.log)),
            )
        )
        if self._death is not None:
            say(f"Chaos, seed {seed}: 30 % of the deliveries are lost, 30 % come twice, all come in disorder;")
            say(f"the bot is killed as soon as {self._death.moment}.")
        say()

    @contextlib.asynccontextmanager
    async def mail(self) -> AsyncIterator[None]:
        """GitHub's time passes and its deliveries are carried, as long as this lasts."""
        async with self._http:
            courier = Courier(self._world, post_to(self._http, f"{self.bot.url}/webhook"))
            self._mail = asyncio.create_task(keep_turning(self._world, courier, asyncio.sleep))
            try:
                yield
            finally:
                self._mail.cancel()
                await asyncio.gather(self._mail, return_exceptions=True)

    # -- the story -------------------------------------------------------------------------------------

    async def tell(self) -> str | None:
        """Plays it to its end; why it broke off, or None."""
        try:
            await self._start_bot()
            if self._death is not None:
                self.story.spoils_post()
                self._plot(self._death)
            self.story.begins()
            self._commanded = self._screen.elapsed
            await self._watch()
            await self._stop_bot()
        except DemoFailed as error:
            return str(error)
        return None

    async def _start_bot(self) -> None:
        again = " again" if self.bot.starts else ""
        self.bot.start()
        end = self._screen.elapsed + _START_LIMIT
        while not await self._is_ready():
            if self.bot.exit_code is not None:
                raise DemoFailed(f"the bot did not start: exit code {self.bot.exit_code}")
            if self._screen.elapsed > end:
                raise DemoFailed(f"the bot is not ready after {_START_LIMIT:.0f} s: see {self.bot.url}/readyz")
            await self._look()
        self._screen.tell(f"bot        is ready{again}")

    async def _is_ready(self) -> bool:
        try:
            answer = await self._http.get(f"{self.bot.url}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def _plot(self, death: Death) -> None:
        path, skip = _DEATHS[death.moment]

        def die() -> None:
            self.bot.kill()
            death.happened = True

        self._world.trouble.calls("POST", path, die, when="after", skip=skip)

    async def _watch(self) -> None:
        quiet_since: float | None = None
        while quiet_since is None or self._screen.elapsed - quiet_since < _QUIET:
            await self._look()
            if self.bot.exit_code is not None:
                await self._revive()
            if (reason := self.story.over) is not None:
                raise DemoFailed(reason)
            if self._screen.elapsed - self._commanded > _LIMIT:
                raise DemoFailed(f"the story is not over after {_LIMIT:.0f} s")
            if any(each.problem for each in self.story.expectations()) or self._world.next_due() is not None:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = self._screen.elapsed
                self._took = quiet_since - self._commanded

    async def _look(self) -> None:
        """What is new is told; a simulator that has stopped is not waited for."""
        await asyncio.sleep(0.1)
        if self._mail is not None and self._mail.done() and (error := self._mail.exception()):
            raise error
        for line in self._chronicle.news():
            self._screen.tell(line)
        self._screen.show(self.story.status())

    async def _revive(self) -> None:
        """Whoever looks after the process (a platform, systemd) starts it again."""
        if self._death is None or not self._death.happened or self.bot.starts > 1:
            raise DemoFailed(f"the bot stopped by itself: exit code {self.bot.exit_code}")
        self._screen.tell("chaos      the bot is killed (SIGKILL)")
        await asyncio.sleep(1)
        self.bot.close()
        await self._start_bot()

    async def _stop_bot(self) -> None:
        self.bot.terminate()
        end = self._screen.elapsed + _STOP_LIMIT
        while self.bot.exit_code is None and self._screen.elapsed < end:
            await self._look()
        self._exit_code = self.bot.exit_code
        self._screen.tell("bot        has stopped")

    # -- after -----------------------------------------------------------------------------------------

    def conclude(self, broke_off: str | None) -> int:
        """The thread, the proof, what to try next. The exit code."""
        screen = self._screen
        screen.thread(self.story.issue)
        screen.heading("What GitHub saw")
        screen.facts(tuple(self._figures()))
        screen.heading("Went as told?")
        expectations = [*self.story.expectations(), *(self._own_expectations() if broke_off is None else ())]
        if broke_off is not None:
            expectations.insert(0, Expectation("the story comes to its end", broke_off))
        screen.judge(expectations)
        failed = sum(each.problem is not None for each in expectations)
        screen.say()
        if failed:
            self._complain(failed, len(expectations))
            return 1
        screen.say(f"It went as told: {len(expectations)} of {len(expectations)}, {screen.elapsed:.0f} s.", "bold")
        self._suggest()
        return 0

    def _figures(self) -> Iterator[tuple[str, str]]:
        ledger, hook = self._world.ledger, self._world.hook
        repos = (self.story.oss, self.story.ee)
        checks = [c for repo in repos for c in repo.check_runs.values() if c.app is self._world.app]
        arrived = len({id(delivery.payload) for delivery in hook.log})
        refused = sum(not delivery.ok for delivery in hook.log)
        edits = sum(len(comment.history) for comment in self.story.comments())
        distinct = len({entry.path for entry in ledger.dispatches})
        yield "time", f"{self._took:.1f} s from the command to the end" if self._took else "–"
        yield "requests", f"{len(ledger)}, {len(ledger.writes)} of them writes"
        yield "dispatches", f"{len(ledger.dispatches)}, of {distinct} workflows"
        yield "re-runs", f"{len(ledger.reruns)}, of failed jobs only"
        yield "comments", f"{len(self.story.comments())} written, {edits} edits"
        yield "check runs", str(len(checks))
        yield "deliveries", f"{len(hook.announced)} announced, {len(hook.announced) - arrived} lost on the way, "
        yield "", f"{len(hook.log) - arrived} came twice, {refused} found nobody at home"

    def _own_expectations(self) -> Iterator[Expectation]:
        errors = self.bot.logged_errors()
        yield Expectation("the bot logs no error", "; ".join(errors[:3]) or None)
        code = self._exit_code
        problem = None if code == 0 else f"exit code {code}" if code is not None else f"not in {_STOP_LIMIT:.0f} s"
        yield Expectation("the bot stops when it is asked to", problem)
        slow = f"it took {self._took:.0f} s" if self._took > _PROMISED else None
        yield Expectation("it takes less than a minute", slow)
        if self._death is not None:
            yield from self._chaos_expectations(self._death)

    def _chaos_expectations(self, death: Death) -> Iterator[Expectation]:
        hook = self._world.hook
        arrived = len({id(delivery.payload) for delivery in hook.log})
        lost, twice = len(hook.announced) - arrived, len(hook.log) - arrived
        calm = None if lost and twice else f"{lost} were lost, {twice} came twice"
        yield Expectation("deliveries are lost and come twice", calm)
        alive = None if death.happened and self.bot.starts == 2 else f"it was started {self.bot.starts} times"
        yield Expectation(f"the bot is killed when {death.moment}, and started again", alive)

    def _complain(self, failed: int, of: int) -> None:
        say = self._screen.say
        say(f"It did not go as told: {failed} of {of} expectations failed. The end of the bot's log:", "bold red")
        for line in self.bot.log_tail():
            say(f"  {line}")
        say(f"Database and whole log: {self._folder}")

    def _suggest(self) -> None:
        say = self._screen.say
        say(f"Database and log are kept in {self._folder}")
        say()
        say("Try next:")
        other = "release-bot demo" if self._death else "release-bot demo --chaos"
        about = "the same in quiet" if self._death else "deliveries get lost, the bot is killed half-way"
        file = shlex.quote(str(self._folder / "release-bot.yml"))
        self._screen.facts(
            (
                (other, about),
                (f"release-bot check {file}", "the pipeline of this story: change it and check it"),
                ("release-bot serve", "with your own GitHub App: README.md says how"),
            )
        )


def _settings(world: World) -> dict[str, str]:
    return {
        "APP_ID": str(world.app.id),
        "PRIVATE_KEY": world.private_key,
        "WEBHOOK_SECRET": world.webhook_secret,
        "GITHUB_API_URL": world.urls.api,
        "GITHUB_URL": world.urls.web,
        "PIPELINES": f"{EE}:{PIPELINE_FILE}",
        "HOMES": OSS,
        "LOOK_SECONDS": "1",
        "EDIT_SECONDS": "1",
        "WRITES_PER_MINUTE": "600",
    }


def _end_on_signals() -> None:
    """Being told to go is like Ctrl-C: everything is cleaned up on the way out."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


class _Server(uvicorn.Server):
    """Uvicorn without its own idea of signals: Ctrl-C belongs to the demo."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _served(app: ASGIApp, sock: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _address(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"
