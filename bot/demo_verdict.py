"""How the demo ends: the thread, what GitHub saw, whether it went as told, what to try next.

Rule: what failed is named with its reason, and where to look; a success says how it can be seen again.
"""

import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.demo_process import BotProcess
from bot.demo_screen import Screen
from bot.simulator.story import Expectation, Story

STOP_LIMIT = 10.0
"""Seconds in which the bot has to stop when it is asked to (contract section 1)."""

_LONGEST = 60.0


@dataclass(slots=True)
class Death:
    """The bot's end half-way, in chaos. `moment`: after what."""

    moment: str
    happened: bool = False


@dataclass(slots=True)
class Course:
    """How the telling went. `broke_off`: why it did not come to its end; `took`: seconds after the command."""

    death: Death | None
    broke_off: str | None = None
    took: float | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """What became of the deliveries, counted."""

    announced: int
    lost: int
    doubled: int
    refused: int

    @classmethod
    def of(cls, story: Story) -> "Post":
        hook = story.world.hook
        arrived = len({id(delivery.payload) for delivery in hook.log})  # copies share the payload
        refused = sum(not delivery.ok for delivery in hook.log)
        announced = len(hook.announced)
        return cls(announced, announced - arrived, len(hook.log) - arrived, refused)


def conclude(screen: Screen, story: Story, bot: BotProcess, course: Course) -> int:
    """Prints it all. The exit code: 0 only if everything went as told."""
    screen.thread(story.issue)
    screen.heading("What GitHub saw")
    screen.facts(tuple(_figures(story, course)))
    screen.heading("Did it go as told?")
    expectations = [*_ending(bot, course), *story.expectations()]
    if course.broke_off is None:
        expectations += _chaos(story, bot, course.death) if course.death else []
    screen.judge(expectations)
    failed = sum(each.problem is not None for each in expectations)
    screen.say()
    if failed:
        _complain(screen, bot, f"{failed} of {len(expectations)} expectations failed")
        return 1
    screen.say(f"It went as told, all {len(expectations)} of it, in {screen.elapsed:.0f} s.", "bold")
    _suggest(screen, bot, chaos=course.death is not None)
    return 0


def _figures(story: Story, course: Course) -> Iterator[tuple[str, str]]:
    world, post = story.world, Post.of(story)
    ledger, comments = world.ledger, story.comments()
    checks = [c for repo in (story.oss, story.ee) for c in repo.check_runs.values() if c.app is world.app]
    if course.took is not None:
        yield "time", f"{course.took:.1f} s from the command to the end"
    yield "dispatches", f"{len(ledger.dispatches)}, to {len({e.path for e in ledger.dispatches})} workflows"
    yield "re-runs", f"{len(ledger.reruns)} asked for by the bot"
    yield "comments", f"{len(comments)}, edited {sum(len(comment.history) for comment in comments)} times"
    yield "check runs", f"{len(checks)}"
    yield (
        "requests",
        f"{len(ledger)}: {len(ledger.writes)} writes, {len(ledger.public_writes)} of them in public",
    )
    yield (
        "deliveries",
        f"{post.announced}: {post.lost} lost, {post.doubled} came twice, {post.refused} found nobody at home",
    )


def _ending(bot: BotProcess, course: Course) -> Iterator[Expectation]:
    yield Expectation("the story comes to its end", course.broke_off)
    errors = bot.logged_errors()
    yield Expectation("the bot logs no error", "; ".join(errors[:3]) or None)
    if course.broke_off is not None or course.took is None:
        return
    slow = f"it took {course.took:.0f} s" if course.took > _LONGEST else None
    yield Expectation("it takes less than a minute", slow)
    left = (
        f"it did not within {STOP_LIMIT:.0f} s"
        if course.exit_code is None
        else f"exit code {course.exit_code}"
    )
    yield Expectation("the bot stops when it is asked to", None if course.exit_code == 0 else left)


def _chaos(story: Story, bot: BotProcess, death: Death) -> Iterator[Expectation]:
    post = Post.of(story)
    calm = None if post.lost and post.doubled else f"{post.lost} lost, {post.doubled} came twice"
    yield Expectation("deliveries are lost, and come twice", calm)
    alive = None if death.happened and bot.starts == 2 else f"it was started {bot.starts} times"
    yield Expectation(f"the bot is killed when {death.moment}, and started again", alive)


def _complain(screen: Screen, bot: BotProcess, what: str) -> None:
    screen.say(f"It did not go as told: {what}. The end of the bot's log:", "bold red")
    for line in bot.log_tail():
        screen.say(f"  {line}")
    screen.say(f"The database and the whole log are in {bot.folder}")


def _suggest(screen: Screen, bot: BotProcess, *, chaos: bool) -> None:
    screen.say(f"The database and the bot's log are kept in {bot.folder}")
    screen.say()
    screen.say("Try next:")
    file = shlex.quote(str(bot.folder / "release-bot.yml"))
    bot_here = _as_called()
    again = (
        (f"{bot_here} demo", "the same without the chaos")
        if chaos
        else (f"{bot_here} demo --chaos", "deliveries get lost, and the bot is killed half-way")
    )
    screen.facts(
        (
            again,
            (f"{bot_here} check {file}", "the pipeline of this story: change it, then check it"),
            (f"{bot_here} serve", "with your own GitHub App; README.md says how"),
        )
    )


def _as_called() -> str:
    """How this program was started: a virtual environment that is not active has no place on the search path."""
    called, known = Path(sys.argv[0]), shutil.which("release-bot")
    if known is not None and called.name == "release-bot" and Path(known).samefile(called):
        return "release-bot"
    python = f"{shlex.quote(sys.executable)} -m bot"
    return shlex.quote(str(called)) if called.name == "release-bot" else python
