"""One `release-bot serve`: a real process that is killed, asked to go, frozen, and starved of disk.

Rule: it is treated as an operating system treats a process, by signals and limits; nothing inside it is touched.
"""

import json
import random
import resource
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from bot.demo_process import LOG, BotProcess

_PORTS = range(12_000, 32_000)
"""Below those that the operating system gives to connections: nobody takes the port while the bot is dead."""


class Replica(BotProcess):
    """May be started again after its end, on the same port."""

    def __init__(self, folder: Path, settings: Mapping[str, str], database_url: str) -> None:
        port = _quiet_port()
        super().__init__(folder, {**settings, "DATABASE_URL": database_url, "PORT": str(port)})
        self.port = port
        self.deaths = 0
        self.frozen = False
        self._most_bytes: int | None = None

    @property
    def alive(self) -> bool:
        return self._bot is not None and self._bot.poll() is None

    @property
    def answers(self) -> bool:
        """Whether it makes sense to knock."""
        return self.alive and not self.frozen

    def start(self) -> None:
        super().start()
        self._limit()

    def kill(self) -> None:
        if self.alive:
            self.deaths += 1
        self.frozen = False
        super().kill()

    def freeze(self) -> None:
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.frozen = False
        self._signal(signal.SIGCONT)

    def limits_files(self, most_bytes: int | None) -> None:
        """No file of its may grow beyond that from now on, whoever it is started again; None: no limit."""
        self._most_bytes = most_bytes
        self._limit()

    def _limit(self) -> None:
        if self._bot is not None and self.alive:
            soft = resource.RLIM_INFINITY if self._most_bytes is None else self._most_bytes
            resource.prlimit(self._bot.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def says(self) -> str:
        """Everything it ever wrote on standard error."""
        log = self.folder / LOG
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def complaints(self) -> list[str]:
        """Errors that it logged, and lines that are no log at all: a traceback on the way down."""
        found = []
        for line in filter(str.strip, self.says().splitlines()):
            try:
                entry = json.loads(line)
            except ValueError:
                found.append(f"no log line: {line[:200]}")
                continue
            if "stack:" in line or entry.get("level") in {"error", "critical"}:
                found.append(f"{entry.get('event')} ({str(entry.get('error', ''))[:300]})")
        return found


def _quiet_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
