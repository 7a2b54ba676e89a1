"""`release-bot flakes`: from the database file, or by way of the server that owns it."""

import asyncio
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import run as run_process

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from bot.cli import app
from bot.core.causes import Cause
from bot.core.ledger import AttemptOutcome, Flake, JobOutcome
from bot.demo_process import DATABASE, BotProcess
from bot.operators import desk
from bot.operators.caller import ServerRefused, ask
from bot.operators.words import LONGEST_QUESTION, FlakesAsked, socket_of
from bot.store import Store

NOW = datetime.now(UTC)
FLAKE = Flake("acme/widget", "1.0", "build.yml", "build", "T.a()", None, 1, 1, NOW, 60.0)
ASKED = FlakesAsked(since=NOW - timedelta(days=30))
SOCKET = f"{DATABASE}.socket"


def clock() -> datetime:
    return NOW


async def remember(url: str) -> None:
    """Two lines of two repositories with a flake each, one of them old; and a failure that never healed."""
    store = await Store.open(url, now=clock)
    try:
        if store.shared:
            store.fence(await store.leases.take("a test", 60.0) or 0, lambda: None)
        for run, (repo, line, test, days) in enumerate(
            [
                ("acme/widget", "1.0", "CartTest.empty()", 1),
                ("acme/widget", "develop", "CartTest.full()", 2),
                ("acme/widget-ee", "1.0", "VaultTest.opens()", 20),
            ]
        ):
            end = NOW - timedelta(days=days)
            failed = JobOutcome("build", "failure", 600.0, end, Cause.UNKNOWN, None, (test,))
            passed = JobOutcome("build", "success", 600.0, end + timedelta(minutes=11))
            for attempt, outcome in enumerate((failed, passed), 1):
                await store.ledger.record(
                    AttemptOutcome(repo, "build.yml", line, run, attempt, f"{run}" * 40, (outcome,))
                )
        broken = JobOutcome("lint", "failure", 60.0, NOW, Cause.UNKNOWN)
        await store.ledger.record(
            AttemptOutcome("acme/widget", "build.yml", "1.0", 9, 1, "f" * 40, (broken,))
        )
    finally:
        await store.close()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short, wherever temporary files are: the name of a socket has little room."""
    roomy = "/tmp" if os.access("/tmp", os.W_OK) else None  # noqa: S108 - a folder of its own is made there
    with tempfile.TemporaryDirectory(prefix="rb-", dir=roomy) as name:
        yield Path(name)


@pytest.fixture
def folder(short: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; its database remembers a few flakes."""
    monkeypatch.chdir(short)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    asyncio.run(remember(f"sqlite:///{short / DATABASE}"))
    return short


def told(*words: str, **environment: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["flakes", *words], env=environment)
    return result.exit_code, result.stdout, result.stderr


def named_in(text: str) -> set[str]:
    return {name for name in ("CartTest.empty()", "CartTest.full()", "VaultTest.opens()") if name in text}


# -- what is printed ---------------------------------------------------------------------------------


def test_people_read_a_table_for_each_repository_and_line(folder: Path) -> None:
    code, out, err = told()

    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Flakes of the last 30 days: 3 flakes, seen 3 times, 30m lost."
    assert "acme/widget, line 1.0: 1 flake, seen once, 10m lost" in out.splitlines()
    assert named_in(out) == {"CartTest.empty()", "CartTest.full()", "VaultTest.opens()"}
    assert "lint" not in out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--days", "10"], {"CartTest.empty()", "CartTest.full()"}),
        (["--repo", "Acme/Widget-EE"], {"VaultTest.opens()"}),
        (["--line", "1.0"], {"CartTest.empty()", "VaultTest.opens()"}),
        (["--line", "v1.0.3", "--repo", "acme/widget"], {"CartTest.empty()"}),
        (["--line", "develop"], {"CartTest.full()"}),
    ],
)
@pytest.mark.parametrize("form", [[], ["--markdown"], ["--json"]], ids=["text", "markdown", "json"])
def test_the_list_can_be_narrowed(folder: Path, words: list[str], named: set[str], form: list[str]) -> None:
    code, out, err = told(*words, *form)

    assert (code, err) == (0, "")
    assert named_in(out) == named


def test_a_report_can_be_pasted(folder: Path) -> None:
    code, out, _ = told("--markdown")

    assert code == 0
    begin, end = re.match(r"# Flakes from (\S+) to (\S+)\n", out).groups()  # type: ignore[union-attr]
    assert date.fromisoformat(end) - date.fromisoformat(begin) == timedelta(days=30)
    assert "## `acme/widget`, line `develop`" in out
    assert "| `CartTest.full()` | `build.yml: build` | 1 | 1 |" in out


def test_programs_read_one_object_per_flake(folder: Path) -> None:
    code, out, _ = told("--json", "--line", "develop")

    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {
            "repo": "acme/widget",
            "line": "develop",
            "workflow": "build.yml",
            "job": "build",
            "test": "CartTest.full()",
            "rule": None,
            "healed": 1,
            "failures": 1,
            "last": f"{NOW - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}",
            "minutes": 10.0,
        }
    ]


def test_without_flakes_a_sentence_says_what_feeds_the_memory(folder: Path) -> None:
    code, out, err = told("--repo", "acme/other", "--line", "1.0")

    assert (code, err) == (0, "")
    assert out.startswith("No flake of acme/other, line 1.0 is known from the last 30 days.")
    assert "observe:" in out


def test_without_flakes_programs_read_nothing(folder: Path) -> None:
    assert told("--repo", "acme/other", "--json") == (0, "", "")


# -- which database ----------------------------------------------------------------------------------


def test_the_database_is_the_one_that_the_environment_names(folder: Path) -> None:
    (folder / DATABASE).rename(folder / "other.db")

    assert told(DATABASE_URL="sqlite:///other.db")[0] == 0


def test_the_environment_wins_over_the_file_of_settings(folder: Path) -> None:
    (folder / ".env").write_text("DATABASE_URL=sqlite:///nowhere.db\nAPP_ID=\n")

    assert told()[0] == 2
    assert told(DATABASE_URL=f"sqlite:///{DATABASE}")[0] == 0


def test_a_database_that_does_not_exist_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    code, out, err = told()

    assert (code, out) == (2, "")
    place = tmp_path / DATABASE
    assert err == f"DATABASE_URL: there is no database at {place}: name the one that the server uses\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "environment", "problem"),
    [
        (["--repo", "widget"], {}, "--repo: 'widget' must be OWNER/NAME"),
        (["--json", "--markdown"], {}, "--json, --markdown: choose one of them"),
        ([], {"DATABASE_URL": "mysql://x"}, "DATABASE_URL: must begin with sqlite:/// or postgresql://"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(
    folder: Path, words: list[str], environment: dict[str, str], problem: str
) -> None:
    assert told(*words, **environment) == (2, "", f"{problem}\n")


def test_a_database_server_is_read_while_a_process_holds_its_lease(postgres_url: str) -> None:
    asyncio.run(remember(postgres_url))
    code, out, err = told("--json", DATABASE_URL=postgres_url)

    assert (code, err) == (0, "")
    assert named_in(out) == {"CartTest.empty()", "CartTest.full()", "VaultTest.opens()"}


def test_a_file_that_a_stranger_has_open_is_left_alone(folder: Path) -> None:
    held = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN EXCLUSIVE'); "
    script = f"{held} import subprocess; sys.exit(subprocess.call([sys.executable, '-m', 'bot', 'flakes']))"
    ended = run_process(
        [sys.executable, "-c", script, DATABASE],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"DATABASE_URL: The database file {folder / DATABASE} is in use by another process, and no server answers at "
        f"{folder / SOCKET}: if the other one is a server, its log says why there is no socket; stop it, "
        "or name another file.\n"
    )


# -- by way of a running server ----------------------------------------------------------------------


@pytest.fixture
def server(folder: Path, private_key_pem: str) -> Iterator[BotProcess]:
    """A real process that owns the database; its GitHub does not answer."""
    settings = {
        "APP_ID": "1",
        "PRIVATE_KEY": private_key_pem,
        "WEBHOOK_SECRET": "secret",
        "GITHUB_API_URL": "http://127.0.0.1:9",
    }
    process = BotProcess(folder, settings)
    process.start()
    try:
        wait_until((folder / SOCKET).exists, process)
        yield process
    finally:
        process.close()


def wait_until(what: Callable[[], object], process: BotProcess) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, process.log_tail()
        time.sleep(0.02)


def test_a_running_server_is_asked_and_goes_on(folder: Path, server: BotProcess) -> None:
    code, out, err = told("--json")

    assert (code, err) == (0, "")
    assert named_in(out) == {"CartTest.empty()", "CartTest.full()", "VaultTest.opens()"}
    assert told("--json") == (code, out, err)
    assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600
    assert server.exit_code is None
    assert server.logged_errors() == []


def test_a_server_that_stops_takes_its_socket_along(folder: Path, server: BotProcess) -> None:
    server.terminate()
    wait_until(lambda: server.exit_code is not None, server)

    assert server.exit_code == 0
    assert not (folder / SOCKET).exists()
    assert told()[0] == 0


def test_the_socket_of_a_killed_server_stands_in_nobodys_way(folder: Path, server: BotProcess) -> None:
    server.close()  # by SIGKILL
    assert (folder / SOCKET).exists()
    from_file = told("--json")
    before = (folder / SOCKET).stat().st_ctime_ns
    server.start()
    wait_until(lambda: (folder / SOCKET).exists() and (folder / SOCKET).stat().st_ctime_ns != before, server)

    assert from_file[0] == 0
    assert told("--json") == from_file


# -- the socket by itself ------------------------------------------------------------------------------


async def one(asked: FlakesAsked) -> tuple[Flake, ...]:
    return (FLAKE,)


async def said_to(path: Path, line: bytes) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = await reader.readline()
    writer.close()
    said: dict[str, object] = json.loads(answer)
    return said


async def test_what_is_asked_is_answered(short: Path) -> None:
    async with desk.listening(short / "s", one):
        assert await ask(short / "s", ASKED) == (FLAKE,)
        assert await asyncio.gather(*(ask(short / "s", ASKED) for _ in range(20))) == [(FLAKE,)] * 20
    assert await ask(short / "s", ASKED) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\n", "no JSON"),
        (b"[]\n", "no JSON object"),
        (b"[" * 3_000 + b"\n", "no JSON"),
        (b"\xff\xfe\n", "no JSON"),
        (b'{"command": "drop"}\n', "does not know the command 'drop'"),
        (b'{"command": "flakes", "since": 7, "repo": null}\n', "does not know the command"),
        (b'{"command": "flakes", "since": "today", "repo": null}\n', "'today' is no time"),
        (b'{"command": "flakes", "since": "2026-11-20", "repo": null}\n', "names no time zone"),
        (b"x" * (2 * LONGEST_QUESTION) + b"\n", "too long"),
    ],
)
async def test_what_is_not_understood_is_refused_with_a_sentence(
    short: Path, line: bytes, words: str
) -> None:
    async with desk.listening(short / "s", one):
        assert words in str((await said_to(short / "s", line))["error"])
        assert await ask(short / "s", ASKED) == (FLAKE,)


async def test_a_server_that_cannot_answer_says_so(short: Path) -> None:
    async def fails(asked: FlakesAsked) -> tuple[Flake, ...]:
        raise RuntimeError("secret of the database")

    with capture_logs() as entries:
        async with desk.listening(short / "s", fails):
            with pytest.raises(ServerRefused, match="its log says why"):
                await ask(short / "s", ASKED)
    assert [entry["log_level"] for entry in entries] == ["warning"]


async def test_who_knocks_and_says_nothing_does_not_delay_the_end(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "QUESTION_SECONDS", 3_600.0)
    async with asyncio.timeout(60):
        async with desk.listening(short / "s", one):
            _, silent = await asyncio.open_unix_connection(short / "s")
            await asyncio.sleep(0.01)
    silent.close()

    assert not (short / "s").exists()


def is_let_in() -> bool:
    """Asyncio has taken somebody from the system and is about to make a connection of it."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return any(getattr(one, "__name__", "") == "_accept_connection2" for one in coroutines)


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 5])
async def test_who_knocks_in_the_last_moment_is_let_go(short: Path, turns: int) -> None:
    """However far the server has come: it has not heard of the knocking yet, or is about to listen, or listens."""
    async with asyncio.timeout(4):  # a question is waited for longer
        async with desk.listening(short / "s", one):
            reader, writer = await asyncio.open_unix_connection(short / "s")
            while not is_let_in():  # noqa: ASYNC110 - asyncio tells nobody
                await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
        try:
            assert await reader.read() == b""
        finally:
            writer.close()


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="only Linux has a way round the limit for a socket's name"
)


@needs_proc
@pytest.mark.parametrize("length", [60, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 250])
async def test_a_socket_may_lie_in_a_folder_of_any_length(short: Path, length: int) -> None:
    """Around the limit of 107 bytes, which the name of this folder leaves some of."""
    place = short / ("d" * length)
    place.mkdir()
    socket = place / "a.socket"
    with capture_logs() as entries:
        async with desk.listening(socket, one):
            assert await ask(socket, ASKED) == (FLAKE,)
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600
            before = open_files()
            assert await ask(socket, ASKED) == (FLAKE,)
            assert open_files() == before
    assert await ask(socket, ASKED) is None
    assert entries == []
    assert not socket.exists()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@needs_proc
async def test_a_long_folder_that_is_not_ours_to_enter_is_told_of(short: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may enter every folder")
    closed = short / "closed"
    (closed / ("d" * 100)).mkdir(parents=True)
    closed.chmod(0)
    try:
        with pytest.raises(ServerRefused, match="not for this user"):
            await ask(closed / ("d" * 100) / "s", ASKED)
    finally:
        closed.chmod(0o700)


async def test_a_start_that_is_given_up_leaves_no_socket(short: Path) -> None:
    """Whatever the moment: the start is cut off at each of its pauses in turn."""
    for pauses in range(4):
        opening = asyncio.create_task(stay_open(short / "s"))
        for _ in range(pauses):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert contents(short) == []


async def stay_open(path: Path) -> None:
    async with desk.listening(path, one):
        await asyncio.Event().wait()


def a_long_name(folder: Path) -> Path:
    return folder / ("x" * 200)


def a_file(folder: Path) -> Path:
    (folder / "s").write_text("precious")
    return folder / "s"


def a_missing_folder(folder: Path) -> Path:
    return folder / "nowhere" / "s"


def contents(folder: Path) -> list[str]:
    return [child.read_text() for child in folder.iterdir()]


@pytest.mark.parametrize("place", [a_long_name, a_file, a_missing_folder])
async def test_where_there_can_be_no_socket_the_server_goes_without(
    short: Path, place: Callable[[Path], Path]
) -> None:
    path = place(short)
    with capture_logs() as entries:
        async with desk.listening(path, one):
            assert await ask(path, ASKED) is None
    assert [entry["event"] for entry in entries] == ["there is no socket for operators' commands"]
    assert contents(short) == (["precious"] if place is a_file else [])


async def test_the_mode_of_new_files_is_as_before(short: Path) -> None:
    before = os.umask(0o022)
    try:
        async with desk.listening(short / "s", one):
            assert stat.S_IMODE((short / "s").stat().st_mode) == 0o600
            (short / "plain").touch()
    finally:
        os.umask(before)

    assert stat.S_IMODE((short / "plain").stat().st_mode) == 0o644


async def answers_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'{"flakes": [{"repo": 7}]}\n')
    writer.close()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.close()


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    finally:  # the test may end before the other side is seen to have left
        writer.close()


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (answers_nonsense, "may be of another version"),
        (hangs_up, "does not answer"),
        (says_nothing, "does not answer"),
    ],
)
async def test_a_strange_server_is_told_of_in_one_sentence(
    short: Path,
    server: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    words: str,
) -> None:
    async with await asyncio.start_unix_server(server, short / "s"):
        with pytest.raises(ServerRefused, match=words):
            await ask(short / "s", ASKED, patience=0.2)


def test_the_socket_lies_beside_the_file_itself_whatever_it_is_called(short: Path) -> None:
    (short / "data").mkdir()
    (short / "data" / "real.db").touch()
    (short / "link.db").symlink_to(short / "data" / "real.db")

    assert socket_of(short / "link.db") == short / "data" / "real.db.socket"
