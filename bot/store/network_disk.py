"""Whether a file lies on a disk that other machines write to as well.

There the locks that keep a second process out do not hold (https://sqlite.org/faq.html#q5), and two bots could work on
one file. Linux alone tells; elsewhere nothing is known.
"""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_SHARED = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3"}
    | {"smbfs", "fuse.ceph", "fuse.glusterfs", "fuse.goofys", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)
"""Kinds of file systems as Linux names them."""
_OCTAL = re.compile(r"\\([0-7]{3})")


def mounts() -> str:
    """What is mounted where, as https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html says; or nothing."""
    try:
        return _MOUNTS.read_text()
    except OSError:
        return ""


def shared_disk(path: Path, mounted: str) -> str | None:
    """The kind of the network file system that `path` lies on; None: it is on none, or nobody knows."""
    here, found, depth = path.resolve(), "", -1
    for line in mounted.splitlines():
        place, _, device = line.partition(" - ")
        words, kind = place.split(" "), device.partition(" ")[0]
        if len(words) < 5:
            continue
        point = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), words[4]))
        deep = len(point.parts)
        if deep >= depth and here.is_relative_to(point):
            found, depth = kind, deep
    return found if found in _SHARED else None
