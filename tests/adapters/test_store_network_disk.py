"""A database file on a disk that other machines write to is told from one on this machine's own."""

from pathlib import Path

import pytest

from bot.store import StoreRefused
from bot.store.network_disk import mounts, shared_disk
from bot.store.opening import open_database

MOUNTED = """\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 24 0:40 / /srv rw,relatime shared:20 master:2 - nfs4 files:/export rw,vers=4.2
31 30 0:41 / /srv/local rw - xfs /dev/vdb rw
32 24 0:42 / /mnt/our\\040files rw - fuse.sshfs maya@files: rw
33 24 0:43 / /twice rw - nfs files:/export rw
34 24 0:44 / /twice rw - ext4 /dev/vdc rw
torn line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/bot/bot.db", None),
        ("/srv/bot/bot.db", "nfs4"),
        ("/srv/local/bot.db", None),
        ("/srvother/bot.db", None),
        ("/mnt/our files/bot.db", "fuse.sshfs"),
        ("/twice/bot.db", None),
    ],
)
def test_f68_the_nearest_mount_tells_what_kind_of_disk_it_is(path: str, kind: str | None) -> None:
    assert shared_disk(Path(path), MOUNTED) == kind
    assert shared_disk(Path(path), "") is None


async def test_f68_a_file_on_a_network_disk_is_refused_before_it_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"{MOUNTED}35 24 0:45 / {tmp_path} rw - nfs4 files:/bot rw\n")
    monkeypatch.setattr("bot.store.network_disk._MOUNTS", table)

    with pytest.raises(StoreRefused, match=r"bot\.db is on a network file system \(nfs4\)"):
        await open_database(f"sqlite:///{tmp_path}/bot.db")

    assert not (tmp_path / "bot.db").exists()


def test_f68_the_disk_of_the_tests_is_no_network_disk(tmp_path: Path) -> None:
    assert shared_disk(tmp_path, mounts()) is None
