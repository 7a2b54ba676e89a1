"""`release-bot demo`: a whole release against the built-in GitHub simulator, and the proof that it went as told.

Rule: everything is real but GitHub: HTTP over loopback, a database file, the bot as a process of its own. Nothing is
read from the user's environment and nothing leaves this machine.
"""

import asyncio
import random
import signal
import tempfile
from pathlib import Path

from bot.demo_network import Post, address, listening, served
from bot.demo_process import DATABASE, BotProcess
from bot.demo_screen import Screen
from bot.demo_verdict import STOP_LIMIT, Course, Death, conclude
from bot.simulator.chronicle import Chronicle
from bot.simulator.clock import SystemClock
from bot.simulator.front import api
from bot.simulator.storage import log_storage
from bot.simulator.story import EE, OSS, PIPELINE, PIPELINE_FILE, STARTER, TITLE, Story
from bot.simulator.world import Urls, World

SEED = 11
_LIMIT = 90.0
"""Seconds after which the whole telling is given up."""

_QUIET = 1.5
"""Seconds in which everything has to stay as expected before the story is over."""

_DEATHS = {
    "both starts were dispatched": (r"/dispatches$", 1),
    "the failed jobs were asked to run again": (r"/rerun-failed-jobs$", 0),
    "both images were dispatched": (r"/dispatches$", 3),
}
"""When `--chaos` kills the bot: GitHub has done what was asked, the bot has not heard so (path, how many before it).
A pair has reached GitHub as a whole by then: of a send that was cut off earlier nobody could tell whether it was made,
and the bot would rightly stop and ask a person."""


class DemoFailed(Exception):
    """The story cannot go on; the message says why."""


def play(*, chaos: bool, seed: int = SEED) -> int:
    """Tells the story in the terminal. 0: it went as told; 1: it did not; 128 + number: ended by that signal."""
    screen, ending = Screen(), Ending()
    try:
        return asyncio.run(_play(screen, ending, chaos=chaos, seed=seed))
    except (KeyboardInterrupt, asyncio.CancelledError):
        interrupted = ending.signal == signal.SIGINT
        how = "Interrupted" if interrupted else "Ended from outside"
        screen.say(f"{how}. The bot and the simulator have stopped.")
        return 128 + ending.signal


class Ending:
    """Being told to go: everything is cleaned up on the way out."""

    def __init__(self) -> None:
        self.signal = signal.SIGINT
        self._asked = False

    def listen(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask, number, task)

    def check(self) -> None:
        """A connection that is being made can swallow one cancellation: it is asked for again at the next look."""
        if self._asked:
            raise asyncio.CancelledError

    def _ask(self, number: signal.Signals, task: "asyncio.Task[object]") -> None:
        self.signal, self._asked = number, True
        task.cancel()


async def _play(screen: Screen, ending: Ending, *, chaos: bool, seed: int) -> int:
    ending.listen()
    folder = Path(tempfile.mkdtemp(prefix="release-bot-demo-"))
    (folder / "release-bot.yml").write_text(PIPELINE, encoding="utf-8")
    death = Death(random.Random(f"death {seed}").choice(list(_DEATHS))) if chaos else None  # noqa: S311
    with listening() as front, listening() as logs:
        urls = Urls(api=address(front), web="https://github.example", logs=address(logs))
        world = World(SystemClock(), seed=seed, urls=urls)
        bot = BotProcess(folder, _settings(world))
        post = Post(world, bot.url)
        demo = Demo(Story(world), bot, post, screen, Course(death), ending)
        _introduce(screen, world, bot)
        if death is not None:
            screen.say(
                f"Chaos, seed {seed}: 30 % of the deliveries are lost, 30 % come twice, none keeps its place."
            )
            screen.say(f"The bot is killed as soon as {death.moment}.")
        screen.say()
        try:
            async with served(api(world), front), served(log_storage(world), logs), post:
                with screen:
                    await demo.tell()
        finally:
            bot.close()
    return conclude(screen, demo.story, bot, demo.course)


class Demo:
    """One telling of the story."""

    def __init__(
        self, story: Story, bot: BotProcess, post: Post, screen: Screen, course: Course, ending: Ending
    ) -> None:
        self._ending = ending
        self.story = story
        self.course = course
        self._bot = bot
        self._post = post
        self._screen = screen
        self._chronicle = Chronicle(story.world)

    async def tell(self) -> None:
        """Plays it to its end; `course` says how that was."""
        try:
            await self._start_bot()
            if self.course.death is not None:
                self.story.spoils_post()
                self._plot(self.course.death)
            began = self._screen.elapsed
            self._begin()
            self.course.took = await self._watch() - began
            await self._stop_bot()
        except DemoFailed as error:
            self.course.broke_off = str(error)

    async def _start_bot(self) -> None:
        self._bot.start()
        while not await self._post.bot_is_ready():
            if self._bot.exit_code is not None:
                raise DemoFailed(f"the bot did not start: exit code {self._bot.exit_code}")
            await self._look()
        self._screen.tell("bot        is ready" + (" again" if self._bot.starts > 1 else ""))

    def _plot(self, death: Death) -> None:
        path, before = _DEATHS[death.moment]

        def die() -> None:
            self._bot.kill()
            death.happened = True

        self.story.world.trouble.calls("POST", path, die, when="after", skip=before)

    def _begin(self) -> None:
        self.story.begins()
        self._tell_news()
        if self.story.world.hook.next_due() is None:
            self._screen.tell(
                "chaos      the delivery of this command is lost: the bot has to find it by looking"
            )

    async def _watch(self) -> float:
        """Until everything is, and stays, as expected. The time when it became so."""
        since: float | None = None
        while since is None or self._screen.elapsed - since < _QUIET:
            await self._look()
            if self._bot.exit_code is not None:
                await self._revive()
            if (reason := self.story.over) is not None:
                raise DemoFailed(reason)
            if not self.story.is_as_told:
                since = None
            elif since is None:
                since = self._screen.elapsed
        return since

    async def _look(self) -> None:
        """Tells what is new. Nothing is waited for without end, nor a simulator that has stopped."""
        await asyncio.sleep(0.1)
        self._ending.check()
        if self._screen.elapsed > _LIMIT:
            raise DemoFailed(f"it is not over after {_LIMIT:.0f} s")
        self._post.check()
        self._tell_news()
        self._screen.show(self.story.status())

    def _tell_news(self) -> None:
        for line in self._chronicle.news():
            self._screen.tell(line)

    async def _revive(self) -> None:
        """As whoever looks after a process (a platform, systemd) does."""
        death = self.course.death
        if death is None or not death.happened or self._bot.starts > 1:
            raise DemoFailed(f"the bot stopped by itself: exit code {self._bot.exit_code}")
        self._screen.tell("chaos      the bot is killed (SIGKILL)")
        self._bot.close()
        await asyncio.sleep(1)
        await self._start_bot()

    async def _stop_bot(self) -> None:
        self._bot.terminate()
        end = self._screen.elapsed + STOP_LIMIT
        while self._bot.exit_code is None and self._screen.elapsed < end:
            await self._look()
        self.course.exit_code = self._bot.exit_code
        self._screen.tell("bot        has stopped")


def _introduce(screen: Screen, world: World, bot: BotProcess) -> None:
    screen.say(f"release-bot demo: {TITLE} of a public and a private edition", "bold")
    screen.say(
        "GitHub is simulated; the rest is real: the bot is a process of its own and talks HTTP over loopback."
    )
    screen.say("Nothing leaves this machine.")
    screen.facts(
        (
            ("repositories", f"{OSS} (public), {EE} (private)"),
            ("people", f"{STARTER}, who may release"),
            ("GitHub's API", world.urls.api),
            ("log storage", world.urls.logs),
            ("bot", f"{bot.url}/webhook"),
            ("database", str(bot.folder / DATABASE)),
            ("bot's log", str(bot.log)),
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
