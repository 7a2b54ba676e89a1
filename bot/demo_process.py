"""The bot of the demo: a process of its own, started as an operator would start it.

Rule: it sees a clean environment and an empty folder, so neither the user's settings nor a `.env` reach it; and it
never outlives the demo, however that ends.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import bot

LOG, DATABASE = "bot.log", "release-bot.db"
_WATCHDOG = "import os, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), 9)"
"""Its standard input ends when the demo does, even by SIGKILL; then it ends the bot."""


class BotProcess:
    """`start`, `kill`, `stop`; may be started again. `folder` keeps its database and its log."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = _free_port()
        self.log = folder / LOG
        self.starts = 0
        self._environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),
            "PYTHONUTF8": "1",
            "DATABASE_URL": f"sqlite:///{DATABASE}",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "LOG_FORMAT": "json",
            **settings,
        }
        self._bot: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return None if self._bot is None else self._bot.poll()

    def start(self) -> None:
        """Its own process group, so that a Ctrl-C in the terminal reaches only the demo."""
        self.starts += 1
        with self.log.open("ab") as log:
            self._bot = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(self._bot.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        """At once and without a word, as a machine dies."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """As a platform asks a process to go."""
        self._signal(signal.SIGTERM)

    def close(self) -> None:
        """Whatever still runs is over afterwards. Waits for nothing that can take long."""
        self.kill()
        if self._bot is not None:
            self._bot.wait()
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.wait()
            if self._watchdog.stdin is not None:
                self._watchdog.stdin.close()
            self._watchdog = None

    def _signal(self, number: signal.Signals) -> None:
        if self._bot is not None and self._bot.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._bot.pid, number)

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines it wrote."""
        return self._log_lines()[-lines:]

    def logged_errors(self) -> list[str]:
        """What it logged as an error, and lines that are no log at all (a traceback on the way down)."""
        found = []
        for line in self._log_lines():
            try:
                entry = json.loads(line)
            except ValueError:
                found.append(line)
                continue
            if isinstance(entry, dict) and entry.get("level") in {"error", "critical"}:
                found.append(str(entry.get("event")))
        return found

    def _log_lines(self) -> list[str]:
        if not self.log.exists():
            return []
        return [line for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
