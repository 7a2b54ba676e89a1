"""Real bot processes for the benchmarks: started with settings, watched, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.simulator.app_key import private_key_pem

SECRET = "benchmark-secret"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def settings(folder: Path, port: int) -> dict[str, str]:
    """Default settings, and a GitHub that cannot be reached."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "APP_ID": "1",
        "PRIVATE_KEY": private_key_pem(),
        "WEBHOOK_SECRET": SECRET,
        "GITHUB_API_URL": f"http://127.0.0.1:{free_port()}",
        "DATABASE_URL": "sqlite:///bot.db",
        "PORT": str(port),
    }


class Process:
    """A server process on a port."""

    def __init__(self, command: Sequence[str], folder: Path, environment: dict[str, str], port: int) -> None:
        self.port = port
        with (folder / "bot.log").open("ab") as log:
            self.child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)

    def seconds_until(self, path: str) -> float:
        """Until GET `path` answers 200."""
        began = time.perf_counter()
        while time.perf_counter() - began < 60:
            if self._answers(path):
                return time.perf_counter() - began
            assert self.child.poll() is None, "the server has left"
            time.sleep(0.01)
        raise TimeoutError(path)

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


@contextlib.contextmanager
def bot(folder: Path) -> Iterator[Process]:
    """`release-bot serve` in a folder."""
    port = free_port()
    process = Process([sys.executable, "-m", "bot", "serve"], folder, settings(folder, port), port)
    try:
        yield process
    finally:
        process.kill()


@contextlib.contextmanager
def server(module: str, folder: Path) -> Iterator[Process]:
    """Any other server module of the benchmarks, given its port as argument."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = Process([sys.executable, "-m", module, str(port)], folder, environment, port)
    try:
        yield process
    finally:
        process.kill()
