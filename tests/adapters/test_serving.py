"""`release-bot serve` as a process: how it refuses an address, and how it ends when it is asked to while it starts."""

import contextlib
import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bot
from bot.store import Store

START_SECONDS = 30.0
"""Enough for a start, or for an end, on a busy machine."""
LEASE_SECONDS = 15.0


class Process:
    """`release-bot serve` in a folder of its own; what it says is in `said`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._log = folder / "bot.log"
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),
            "APP_ID": "1",
            "WEBHOOK_SECRET": "secret",
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "PORT": "0",
            "LOG_FORMAT": "json",
            **settings,
        }
        with self._log.open("wb") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"], cwd=folder, env=environment, stdout=log, stderr=log
            )

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8")

    def comes_to(self, moment: Callable[[], object]) -> None:
        end = time.monotonic() + START_SECONDS
        while not moment():
            assert time.monotonic() < end, self.said
            assert self.child.poll() is None, self.said
            time.sleep(0.002)

    def exit_code(self) -> int:
        return self.child.wait(START_SECONDS)

    def hears(self, number: signal.Signals) -> bool:
        """Whether lines of ours would handle the signal now: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html"""
        status = Path(f"/proc/{self.child.pid}/status").read_text("utf-8")
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path, private_key_pem: str) -> Iterator[Start]:
    with contextlib.ExitStack() as ends:

        def start(**settings: str) -> Process:
            if "PRIVATE_KEY_PATH" not in settings:
                settings["PRIVATE_KEY"] = private_key_pem
            process = Process(tmp_path, **settings)
            ends.callback(process.child.wait)
            ends.callback(process.child.kill)
            return process

        yield start


# -- the address ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "nohost.invalid", "a..b"])
def test_an_address_that_is_not_of_this_machine_is_a_problem_of_host(start: Start, host: str) -> None:
    process = start(HOST=host, PORT="3000")

    assert process.exit_code() == 2
    (line,) = process.said.splitlines()
    assert line.startswith(f"HOST: cannot listen on {f'[{host}]' if ':' in host else host}:3000: ")
    assert line.endswith("; choose another address")
    assert "PORT" not in line


def test_a_port_that_is_in_use_is_a_problem_of_port(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start(PORT=str(port))

        assert process.exit_code() == 2
    assert process.said == (
        f"PORT: cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}; "
        "stop what listens there, or choose another port\n"
    )


# -- the end -------------------------------------------------------------------------------------------


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A database server's port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url_of(server: socket.socket) -> str:
    """It is waited for much longer than an end may take."""
    return (
        f"postgresql://bot@127.0.0.1:{server.getsockname()[1]}/bot?connect_timeout={10 * START_SECONDS:.0f}"
    )


def ends_well(process: Process, number: signal.Signals) -> None:
    process.child.send_signal(number)
    assert process.exit_code() == 0, process.said
    entries = [json.loads(line) for line in process.said.splitlines()]  # and no traceback
    assert [entry for entry in entries if entry["level"] in {"error", "critical"}] == []


ASKED = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells which signals are heard")
def test_it_ends_well_from_its_first_lines_on(start: Start, tmp_path: Path) -> None:
    process = start()
    process.comes_to(lambda: process.hears(signal.SIGTERM))

    ends_well(process, signal.SIGTERM)
    assert not (tmp_path / "release-bot.db").exists()


@ASKED
def test_it_ends_well_while_it_reads_its_settings(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    key = tmp_path / "key.pem"
    os.mkfifo(key)
    process = start(PRIVATE_KEY_PATH=str(key))
    writer = -1

    def is_read() -> bool:
        nonlocal writer
        with contextlib.suppress(OSError):  # nobody reads yet
            writer = os.open(key, os.O_WRONLY | os.O_NONBLOCK)
        return writer >= 0

    process.comes_to(is_read)
    try:
        ends_well(process, number)
    finally:
        os.close(writer)


@ASKED
def test_it_ends_well_while_the_database_server_accepts_and_never_answers(
    start: Start, mute: socket.socket, number: signal.Signals
) -> None:
    process = start(DATABASE_URL=url_of(mute))
    mute.settimeout(START_SECONDS)
    connection, _ = mute.accept()
    with connection:
        ends_well(process, number)


@ASKED
def test_it_ends_well_while_there_is_no_database_server(
    start: Start, mute: socket.socket, tmp_path: Path, number: signal.Signals
) -> None:
    """Nobody listens after the first connection, which is refused in mid-sentence."""
    process = start(DATABASE_URL=url_of(mute))
    mute.settimeout(START_SECONDS)
    connection, _ = mute.accept()
    mute.close()
    connection.close()

    ends_well(process, number)


def exists(name: str) -> Callable[[Process, Path], bool]:
    return lambda _, folder: (folder / name).exists()


def says(event: str) -> Callable[[Process, Path], bool]:
    return lambda process, _: event in process.said


@pytest.mark.parametrize(
    "moment",
    [
        exists("release-bot.db"),
        exists("release-bot.db-wal"),
        exists("release-bot.db.socket"),
        says("release-bot is starting"),
    ],
    ids=["the file is made", "it is open", "operators could ask", "it says so"],
)
def test_it_ends_well_and_gives_the_file_back_from_whatever_moment_of_its_start(
    start: Start, tmp_path: Path, moment: Callable[[Process, Path], bool]
) -> None:
    process = start()
    process.comes_to(lambda: moment(process, tmp_path))

    ends_well(process, signal.SIGTERM)
    assert {path.name for path in tmp_path.iterdir()} <= {"bot.log", "release-bot.db"}
    again = start()
    again.comes_to((tmp_path / "release-bot.db.socket").exists)
    assert stat.S_ISSOCK((tmp_path / "release-bot.db.socket").stat().st_mode)


async def test_it_gives_the_lease_back_however_early_it_is_asked_to_end(
    start: Start, postgres_url: str
) -> None:
    process = start(DATABASE_URL=postgres_url)
    process.comes_to(lambda: "release-bot is starting" in process.said)
    ends_well(process, signal.SIGTERM)

    store = await Store.open(postgres_url, now=lambda: datetime.now(UTC))
    try:
        assert await store.leases.take("heir", LEASE_SECONDS) is not None
    finally:
        await store.close()
