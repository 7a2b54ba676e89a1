"""What happens to the bot's process, to its disk and to its clock.

Rule: a crash or an error is armed here and strikes at the point that was named.
"""

from dataclasses import replace
from datetime import timedelta
from random import Random

from tests.chaos.house import House
from tests.chaos.kinds import Do, Kind, for_a_while, plain
from tests.chaos.points import Crash, Point, Refusal
from tests.chaos.story import Mishap

_MOST: dict[Point, int] = {
    Point.BEFORE_REQUEST: 25,
    Point.AFTER_REQUEST: 25,
    Point.BEFORE_WRITE: 8,
    Point.AFTER_WRITE: 8,
    Point.BEFORE_DISPATCH: 2,
    Point.AFTER_DISPATCH: 2,
    Point.BEGIN: 40,
    Point.STATEMENT: 80,
    Point.COMMIT: 40,
    Point.COMMITTED: 40,
}
"""How far away a crash may be, in points of its kind."""
RESTORED = "F69 an older copy is put back"


def _crash(luck: Random, mishap: Mishap) -> Mishap:
    point = luck.choice(list(_MOST))
    return replace(
        mishap,
        where=point.value,
        n=1 + int(_MOST[point] * luck.random() ** 1.5),
        m=luck.choice((0.1, 0.1, 1, 5, 30, 200)),
    )


def _crashes(house: House, mishap: Mishap) -> None:
    house.crashes.append(Crash(Point(mishap.where), mishap.n, mishap.m))


def _while_sending(luck: Random, mishap: Mishap) -> Mishap:
    """Before it leaves, after its effect, or after the commit of its intent - whichever send comes first."""
    point = luck.choice((Point.BEFORE_DISPATCH, Point.AFTER_DISPATCH, Point.AFTER_DISPATCH))
    return replace(mishap, where=point.value, n=luck.choice((1, 1, 2)), m=luck.choice((0.1, 5, 30, 200)))


def _dies_now(house: House, mishap: Mishap) -> None:
    if house.life is not None:
        house.life.dies("killed", mishap.m)


def _stops(house: House, mishap: Mishap) -> None:
    house.stop_after = mishap.m


def _refusal(luck: Random, mishap: Mishap) -> Mishap:
    point = luck.choice((Point.BEGIN, Point.STATEMENT, Point.COMMIT, Point.COMMITTED))
    return replace(
        mishap, where=point.value, n=luck.choice((1, 1, 2, 4, 12)), m=luck.choice((0, 0, 1, 3, 7, 20))
    )


def _storage(message: str) -> Do:
    def do(house: House, mishap: Mishap) -> None:
        house.storage_failed = True
        house.refusals.append(Refusal(Point(mishap.where), int(mishap.m), mishap.n, message))

    return do


def _full(house: House, mishap: Mishap) -> None:
    """The disk is full for a while; nothing can be committed."""
    house.storage_failed = True
    refusal = Refusal(Point.COMMIT, 0, 1_000_000, "database or disk is full")
    house.refusals.append(refusal)
    house.after(mishap.m, lambda: setattr(refusal, "times", 0))


def _jump(luck: Random, mishap: Mishap) -> Mishap:
    return replace(mishap, m=luck.choice((-600, -60, -5, 2, 5, 60, 600)))


def _jumps(house: House, mishap: Mishap) -> None:
    house.bot_clock.off += timedelta(seconds=mishap.m)


def _older_copy(house: House, mishap: Mishap) -> None:
    """The database is copied now, and this copy is put back later, with the process stopped."""
    copies = {file: file.read_bytes() for file in sorted(house.folder.glob("bot.db*"))}
    memory = house.witness.remembers()
    calm = max(house.story.calm, *(each.at for each in house.story.mishaps))

    def put_back() -> None:
        if house.seconds >= calm or house.restored:
            return
        if house.life is not None:
            house.life.dies("stopped for its operator", 2.0)
            house.after(0.5, put_back)
            return
        house.tell("an older copy of the database is put back")
        for file in house.folder.glob("bot.db*"):
            file.unlink()
        for file, content in copies.items():
            file.write_bytes(content)
        house.witness.goes_back(memory)
        house.restored = True

    house.after(mishap.m, put_back)


KINDS: dict[str, Kind] = {
    "F61 a crash at a point": Kind(
        24, _crash, _crashes, "the bot is killed {where} (number {n}), and rests {m} s"
    ),
    "F61 a crash while a send is open": Kind(
        4, _while_sending, _crashes, "the bot is killed {where} (number {n}), and rests {m} s", early=True
    ),
    "F61 a crash": Kind(2, plain, _dies_now, "the bot is killed, and rests {m} s"),
    "F62 a restart": Kind(1.5, plain, _stops, "the bot is stopped and rests {m} s"),
    "F65 the database is locked": Kind(
        2, _refusal, _storage("database is locked"), "the database is locked {where}, {n} times"
    ),
    "F68 the disk fails": Kind(2, _refusal, _storage("disk I/O error"), "the disk fails {where}, {n} times"),
    "F68 the disk is full": Kind(0.7, for_a_while((3.0, 20.0, 90.0)), _full, "the disk is full for {m} s"),
    RESTORED: Kind(
        1.5,
        for_a_while((20.0, 45.0, 90.0, 200.0)),
        _older_copy,
        "the database is copied, and {m} s later the copy is put back",
    ),
    "F71 the clock jumps": Kind(2, _jump, _jumps, "the bot's clock jumps by {m} s"),
}
