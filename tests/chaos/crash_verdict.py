"""What a telling has to come to: what people see on GitHub is what they see when nothing ends, and the books agree.

Rule: judged from the outside - the simulator's ledger, what GitHub shows, and the database file read as a file.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bot.simulator.leaks import leaks
from bot.simulator.ledger import Entry
from tests.chaos.crash_stories import Day
from tests.scenarios.reading import StatusComment
from tests.simulator.oracle import check_ledger

_CHANGING = re.compile(r"\d+[smhd](\d+[smhd])*|\d\d:\d\d|\d+|needed .*")
_BOOKS = {
    "a delivery is not finished": "SELECT id FROM deliveries WHERE state NOT IN ('done', 'ignored')",
    "a post was not made": "SELECT key FROM posts WHERE state != 'done'",
    "a send has no end": "SELECT key FROM outbox WHERE state = 'open'",
    "a release has no end": "SELECT id FROM releases WHERE NOT final",
    "the journal has a gap": (
        "SELECT release_id FROM journal GROUP BY release_id HAVING count(DISTINCT revision) != count(*)"
    ),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What people see at the end."""

    statuses: dict[str, tuple[str, dict[str, str]]]
    comments: Counter[str]
    checks: Counter[tuple[str, str | None]]
    questions: Counter[tuple[str, str | None]]
    """Check runs that may be there besides; a question that comes right after another one stands in its check run."""
    reactions: list[list[str]]
    dispatches: Counter[str]
    runs: Counter[tuple[str, int, str | None]]

    @classmethod
    def of(cls, day: Day) -> "Seen":
        """Without what belongs to the questions a crash between intent and deed led to."""
        stage, world = day.stage, day.stage.world
        comments = Counter(map(_gist, stage.said()))
        checks = Counter(
            (check.name, check.conclusion)
            for repo in world.repositories.values()
            for check in repo.check_runs.values()
            if check.app is world.app
        )
        for _, step in day.asked:
            comments -= Counter([f"@maya release N needs you at `{step}`"])
        return cls(
            {status.version: (status.state, status.steps) for status in stage.statuses()},
            comments,
            checks,
            Counter((f"release {version} / {step}", "action_required") for version, step in day.asked),
            [comment.reactions_of(world.bot.login) for comment in day.commands],
            Counter(f"{entry.path} {entry.body}" for entry in world.ledger.dispatches if entry.effect),
            Counter((run.workflow.file, len(run.attempts), run.conclusion) for run in world.runs),
        )

    def differs(self, other: "Seen") -> Iterator[str]:
        if not other.checks <= self.checks <= other.checks + self.questions:
            yield f"checks: {self.checks} instead of {other.checks} and some of {self.questions}"
        for name in self.__slots__:
            if name in {"checks", "questions"}:
                continue
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                yield f"{name}: {mine} instead of {theirs}"


def _gist(body: str) -> str:
    """The first line of a comment without what depends on the time."""
    first = body.split("\n", 1)[0]
    asks = re.match(r"(@\w+ release )\S+( needs you at `[\w-]+`)", first)
    return f"{asks[1]}N{asks[2]}" if asks else _CHANGING.sub("N", first.split(", ")[0])


def wrongs(day: Day, usual: Seen | None) -> Iterator[str]:
    """What is not as promised; `usual` is what is seen when the process never ends."""
    if usual is not None:
        yield from Seen.of(day).differs(usual)
    yield from day.stage.world.unexpected
    yield from _promises(day)
    yield from _books(day)
    check_ledger(day.stage.world.ledger)


def _promises(day: Day) -> Iterator[str]:
    stage, world = day.stage, day.stage.world
    if len(day.asked) > stage.deaths:
        yield f"{len(day.asked)} questions after {stage.deaths} crashes: {day.asked}"
    if day.asked and not all(any(f"`{step}`" in said for said in stage.said()) for _, step in day.asked):
        yield f"a person was needed and not told why: {day.asked}"
    versions = Counter(status.version for status in stage.statuses())
    if any(count != 1 + day.again[version] for version, count in versions.items()):
        yield f"status comments: {versions}"
    for name, sent in Counter(map(_place, world.ledger.dispatches)).items():
        if sent > (opened := _opened(day)[name]):
            yield f"{sent} dispatches of {name} left for {opened} sends that were opened"
    for comment in day.answers:
        if "rocket" not in comment.reactions_of(world.bot.login):
            yield f"{comment.body}: {comment.reactions_of(world.bot.login)}"
    for leak in leaks(world.ledger.public_writes, stage.ee):
        yield f"told in public: {leak}"
    yield from _unproved(day)


def _unproved(day: Day) -> Iterator[str]:
    """Steps that are shown as passed without a bound run that is."""
    rows = _ask(
        day, "SELECT releases.version, runs.step, run_id FROM runs JOIN releases ON releases.id = release_id"
    )
    succeeded = {run.id for run in day.stage.world.runs if run.conclusion == "success"}
    proved = {(version, step) for version, step, run_id in rows if run_id in succeeded}
    for status in day.stage.statuses():
        for step, word in status.steps.items():
            if word == "passed" and step != "go" and (status.version, step) not in proved:
                yield f"{step} of {status.version} is passed without a run that is"


def _books(day: Day) -> Iterator[str]:
    for name, query in _BOOKS.items():
        if rows := _ask(day, query):
            yield f"{name}: {rows}"


def _opened(day: Day) -> Counter[tuple[str, str, str]]:
    rows = _ask(day, "SELECT repo, workflow, ref FROM outbox")
    return Counter((str(repo), str(file), str(ref)) for repo, file, ref in rows)


def _place(entry: Entry) -> tuple[str, str, str]:
    assert entry.body is not None
    _, _, owner, name, _, _, file, _ = entry.path.split("/")
    return (f"{owner}/{name}", file, str(entry.body["ref"]))


def _ask(day: Day, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(day.stage.folder / "bot.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def shown(day: Day) -> list[str]:
    """Every word the bot has on GitHub, for comparing two tellings byte for byte."""
    comments = [comment.body for comment in day.stage.world.comments_of_bot()]
    assert all(StatusComment.read(body) is None or body for body in comments)
    return comments
