"""By what name the system reaches a socket in a folder of any length.

Rule: both sides ask here, so where the server finds room for its socket the commands find the socket.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 107
"""Bytes of a socket's name on Linux, without its end: https://man7.org/linux/man-pages/man7/unix.7.html"""


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """What to bind or connect to, good until the end of the block; OSError when the folder cannot be entered.

    A name that is too long begins with an open folder instead. Only Linux has words for that; elsewhere it stays long.
    """
    if sys.platform != "linux" or len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
