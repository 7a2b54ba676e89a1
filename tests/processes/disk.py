"""A disk that is full, and has room again: a small file system of its own, or a limit on the size of files.

Rule: what cannot be had on this machine is said aloud (`NoSmallDisk`), never quietly left out.
"""

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.processes.fleet import Fleet

_SIZE = "24m"


class NoSmallDisk(Exception):
    """Neither way works here; the text says why."""


class Disk(Protocol):
    @property
    def kind(self) -> str: ...

    def fills(self, fleet: Fleet, /) -> None:
        """From now on nothing more can be written to it."""

    def has_room_again(self, fleet: Fleet, /) -> None: ...


class SmallFileSystem:
    """In memory, on its own mount point: full for everybody (ENOSPC)."""

    kind = "a file system of its own"

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fills(self, _: Fleet, /) -> None:
        block = bytes(65_536)
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while True:
                filler.write(block)
                if len(block) > 1 and os.statvfs(self._filler.parent).f_bavail < 16:
                    block = bytes(4_096)

    def has_room_again(self, _: Fleet, /) -> None:
        self._filler.unlink(missing_ok=True)


class LimitedFiles:
    """No file of the processes may grow beyond what the largest one is now (EFBIG), their logs included."""

    kind = "a limit on the size of files"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fills(self, fleet: Fleet, /) -> None:
        largest = max((file.stat().st_size for file in self._folder.iterdir()), default=0)
        for replica in fleet.replicas:
            replica.limits_files(largest)

    def has_room_again(self, fleet: Fleet, /) -> None:
        for replica in fleet.replicas:
            replica.limits_files(None)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """`folder` is on the disk. Raises NoSmallDisk."""
    folder.mkdir()
    if _mounted(folder):
        try:
            yield SmallFileSystem(folder)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607 - wherever it lies
    elif hasattr(resource, "prlimit"):
        yield LimitedFiles(folder)
    else:
        raise NoSmallDisk("neither may a file system be mounted here, nor can a process's files be limited")


def _mounted(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    options = f"size={_SIZE},mode=700"
    command = ["mount", "-t", "tmpfs", "-o", options, "release-bot-test", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False
