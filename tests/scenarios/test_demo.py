"""`release-bot demo`, as somebody types it: a program of its own, in a folder and an environment full of traps."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from bot.simulator.clock import VirtualClock
from bot.simulator.story import COMMAND, Story
from bot.simulator.talk import react
from bot.simulator.world import World

ROOT = Path(__file__).parents[2]
LONGEST = 150.0
"""Seconds. It takes about 20 and gives up by itself after 90; the rest is for a machine that has much else to do."""

TRAPS = {
    "APP_ID": "not an id",
    "PRIVATE_KEY": "not a key",
    "PORT": "none",
    "DATABASE_URL": "postgresql://somebody-else/database",
    "PIPELINES": "missing.yml",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with settings that are not meant for the demo."""
    (tmp_path / ".env").write_text("WEBHOOK_SECRET=\nPORT=never\n")
    return tmp_path


def start(place: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", *options],
        cwd=place,
        env={**TRAPS, "PYTHONPATH": str(ROOT), "TMPDIR": str(place), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def told(place: Path, *options: str) -> str:
    """All it printed; fails when it did not end well and in time."""
    demo = start(place, *options)
    try:
        text, _ = demo.communicate(timeout=LONGEST)
    finally:
        demo.kill()
    assert demo.returncode == 0, text
    return text


def test_the_demo_tells_a_whole_release_and_ends_with_success(place: Path) -> None:
    text = told(place)

    assert "Nothing leaves this machine." in text
    assert "run        acme/widget: pre-release.yml: failure in build / publish" in text
    assert "oss: re-run 1 of 3: Maven Central reset the connection" in text
    assert "@maya release 1.0.3 is released" in text
    assert "dispatches  4, to 4 workflows" in text
    assert "It went as told" in text
    assert f"  {sys.executable} -m bot demo --chaos  " in text
    assert "❌" not in text
    assert "\x1b" not in text


def test_under_chaos_the_release_ends_the_same(place: Path) -> None:
    text = told(place, "--chaos")

    assert "chaos      the delivery of this command is lost" in text
    assert "chaos      the bot is killed (SIGKILL)" in text
    assert "bot        is ready again" in text
    assert "dispatches  4, to 4 workflows" in text
    assert "✅ every dispatch leaves the bot exactly once" in text
    assert "It went as told" in text
    assert "❌" not in text


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
)
def test_the_bot_never_outlives_the_demo(place: Path, number: signal.Signals, exit_code: int) -> None:
    demo = start(place)
    try:
        assert demo.stdout is not None
        bot = bot_address(demo.stdout)
        assert answers(bot)
        with socket.create_connection(bot, timeout=20) as connection:
            demo.send_signal(number)
            with suppress(ConnectionResetError):  # it was gone before it had taken the connection
                assert connection.recv(1) == b""
        demo.communicate(timeout=20)
    finally:
        demo.kill()
    assert demo.returncode == exit_code
    assert not answers(bot)


def bot_address(lines: IO[str]) -> tuple[str, int]:
    """Where the bot listens, read from the banner; returns when it is ready."""
    port = None
    for line in lines:
        found = re.search(r"  bot +http://127\.0\.0\.1:(\d+)/webhook", line)
        port = int(found[1]) if found else port
        if "is ready" in line and port is not None:
            return ("127.0.0.1", port)
    raise AssertionError("the bot was never ready")


def answers(bot: tuple[str, int]) -> bool:
    """Whether somebody is there. A connection to a process that is just dying is made, and reset."""
    try:
        with socket.create_connection(bot, timeout=20) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: bot\r\n\r\n")
            return connection.recv(1) != b""
    except ConnectionError:
        return False


# -- the judge ---------------------------------------------------------------------------------------------


@pytest.fixture
def story() -> Story:
    return Story(World(VirtualClock()))


def problems(story: Story) -> Iterator[str]:
    return (each.name for each in story.expectations() if each.problem is not None)


def test_a_story_in_which_the_bot_does_nothing_has_not_come_true(story: Story) -> None:
    story.begins()

    assert not story.is_as_told
    assert set(problems(story)) >= {
        "the command is acknowledged with 👀 and accepted with 🚀",
        "every dispatch leaves the bot exactly once",
        "one status comment says 'released' and every step in it 'passed'",
        "every step has one check run, and it is green",
    }


def test_a_refused_command_ends_the_story_at_once(story: Story) -> None:
    story.begins()
    assert story.command is not None
    assert story.command.body == COMMAND
    assert story.over is None

    react(story.world, story.command, "confused", by=story.world.bot)

    assert story.over == "the command was refused"
