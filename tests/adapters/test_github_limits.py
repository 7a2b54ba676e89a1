"""Writes take turns: how many, and who goes first."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from bot.core.facts import Limited, OutOfTurn
from bot.github.limits import DRIVES_IN_FLIGHT, IN_FLIGHT, REPORTS_IN_FLIGHT, Limiter, Rank

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


async def settled() -> None:
    """Lets every task go as far as it can without time passing."""
    for _ in range(10):
        await checkpoint()


@dataclass
class HandClock:
    """Time that a test lets pass by hand."""

    time: datetime = START
    sleepers: list[tuple[datetime, anyio.Event]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        woken = anyio.Event()
        self.sleepers.append((self.time + timedelta(seconds=seconds), woken))
        await woken.wait()

    async def passes(self, seconds: float) -> None:
        """Wakes sleepers in order, each at its time, and lets everybody go as far as they can."""
        end = self.time + timedelta(seconds=seconds)
        await settled()
        while due := sorted((s for s in self.sleepers if s[0] <= end), key=lambda s: s[0]):
            self.time, woken = max(self.time, due[0][0]), due[0][1]
            self.sleepers.remove(due[0])
            woken.set()
            await settled()
        self.time = end


@dataclass
class Queue:
    """Writers of one installation, in the order in which they got their turn."""

    clock: HandClock
    limiter: Limiter
    group: TaskGroup
    went: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def _write(self, name: str, rank: Rank) -> None:
        try:
            await self.limiter.turn(rank)
            self.went.append(name)
        except Limited:
            self.refused.append(name)

    async def joins(self, rank: Rank, *names: str) -> None:
        for name in names:
            self.group.start_soon(self._write, name, rank)
            await settled()


def limiter(clock: HandClock, *, writes_per_minute: int) -> Limiter:
    return Limiter(writes_per_minute=writes_per_minute, now=clock.now, sleep=clock.sleep)


def names(count: int, kind: str = "w") -> list[str]:
    return [f"{kind}{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("writes_per_minute", "burst", "after_a_minute"), [(60, 10, 70), (6, 1, 7), (1, 1, 2), (120, 20, 140)]
)
async def test_a_burst_goes_at_once_and_the_rest_at_the_rate(
    writes_per_minute: int, burst: int, after_a_minute: int
) -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=writes_per_minute), group)
        await queue.joins(Rank.DRIVE, *names(200))
        at_once = len(queue.went)
        await clock.passes(60)
        group.cancel_scope.cancel()

    assert (at_once, len(queue.went)) == (burst, after_a_minute)
    assert queue.went == names(after_a_minute)


async def test_a_higher_class_that_comes_later_goes_first() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=6), group)
        await queue.joins(Rank.REPORT, "r0", "r1", "r2")
        await clock.passes(5)
        await queue.joins(Rank.REACT, "e0")
        await queue.joins(Rank.DRIVE, "d0", "d1")
        assert queue.limiter.waiting == 5
        await clock.passes(60)

    assert queue.went == ["r0", "d0", "d1", "e0", "r1", "r2"]


async def test_reports_leave_room_for_a_dispatch_at_once() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=60), group)
        await queue.joins(Rank.REPORT, *names(30, "r"))
        await queue.joins(Rank.DRIVE, "d0", "d1", "d2")
        group.cancel_scope.cancel()

    assert queue.went[-3:] == ["d0", "d1", "d2"]
    assert len(queue.went) == 10


async def test_somebody_who_gives_up_takes_no_turn_and_blocks_nobody() -> None:
    clock = HandClock()
    writes = limiter(clock, writes_per_minute=6)
    async with anyio.create_task_group() as group:
        queue = Queue(clock, writes, group)
        await queue.joins(Rank.REPORT, "r0")
        async with anyio.create_task_group() as impatient:
            impatient.start_soon(writes.turn, Rank.DRIVE)
            await settled()
            await queue.joins(Rank.REPORT, "r1")
            impatient.cancel_scope.cancel()
        await clock.passes(11)

    assert queue.went == ["r0", "r1"]
    assert writes.waiting == 0


async def test_a_limit_of_github_sends_everybody_away_who_waits() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=6), group)
        await queue.joins(Rank.DRIVE, "d0", "d1", "d2")
        until = queue.limiter.refused(90, "GitHub said so").until
        await clock.passes(30)
        assert sorted(queue.refused) == ["d1", "d2"]
        await clock.passes(60)
        await queue.joins(Rank.DRIVE, "d3")

    assert until == START + timedelta(seconds=90)
    assert queue.went == ["d0", "d3"]


async def test_answers_to_requests_under_way_together_count_as_one_refusal() -> None:
    clock = HandClock()
    writes = limiter(clock, writes_per_minute=60)

    waits = [(writes.refused(None, "slow down").until - START).total_seconds() for _ in range(5)]

    assert waits == [60] * 5


async def test_a_shorter_limit_does_not_lift_a_longer_one() -> None:
    writes = limiter(HandClock(), writes_per_minute=60)
    writes.refused(600, "the long one")

    assert writes.refused(5, "the short one").until == START + timedelta(minutes=10)


async def test_a_limit_that_names_no_time_to_wait_lasts_a_second() -> None:
    assert limiter(HandClock(), writes_per_minute=60).refused(0, "now").until == START + timedelta(seconds=1)


async def test_the_log_and_the_error_say_why_and_until_when_nothing_is_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    writes = limiter(HandClock(), writes_per_minute=60)
    writes.refused(90, "GitHub limits the rate of GET /x")
    writes.refused(90, "GitHub limits the rate of GET /y")

    told = "GitHub limits the rate of GET /x; nothing more is asked until 09:01:30 UTC"
    assert [record.message for record in caplog.records] == [told]
    with pytest.raises(Limited, match="in force until 09:01:30 UTC") as error:
        writes.check()
    assert error.value.until == START + timedelta(seconds=90)


async def test_a_dispatch_that_would_be_too_late_is_refused_at_once_and_definitely() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=6), group)
        await queue.joins(Rank.DRIVE, "d0", "d1", "d2")
        with pytest.raises(OutOfTurn, match="too many writes to GitHub come before it") as error:
            await queue.limiter.turn(Rank.DRIVE, send_by=clock.time + timedelta(seconds=29))
        group.cancel_scope.cancel()

    assert error.value.definite
    assert clock.time == START


async def test_nothing_else_goes_in_the_place_of_a_dispatch_that_comes_again() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=6), group)
        await queue.joins(Rank.REACT, "eyes", "rocket")
        with pytest.raises(OutOfTurn) as error:
            await queue.limiter.turn(Rank.DRIVE, send_by=clock.time + timedelta(seconds=9))
        await clock.passes(11)
        await queue.joins(Rank.DRIVE, "dispatch")
        await clock.passes(30)

    assert error.value.until == START + timedelta(seconds=10)
    assert queue.went == ["eyes", "dispatch", "rocket"]


async def test_a_place_is_kept_for_some_seconds_only() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=6), group)
        await queue.joins(Rank.REACT, "eyes", "rocket")
        with pytest.raises(OutOfTurn):
            await queue.limiter.turn(Rank.DRIVE, send_by=clock.time + timedelta(seconds=9))
        await clock.passes(30)

    assert queue.went == ["eyes", "rocket"]


async def test_a_clock_that_jumps_back_gives_no_writes_away_and_stops_nobody() -> None:
    clock = HandClock()
    async with anyio.create_task_group() as group:
        queue = Queue(clock, limiter(clock, writes_per_minute=6), group)
        await queue.joins(Rank.DRIVE, "d0")
        clock.time -= timedelta(hours=1)
        await queue.joins(Rank.DRIVE, "d1")
        before = list(queue.went)
        await clock.passes(10)

    assert (before, queue.went) == (["d0"], ["d0", "d1"])


async def test_dispatches_find_a_place_while_reads_and_reports_take_all_of_theirs() -> None:
    writes = limiter(HandClock(), writes_per_minute=60)
    inside: list[Rank | None] = []

    async def hold(rank: Rank | None) -> None:
        async with writes.slot(rank):
            inside.append(rank)
            await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        for rank in [Rank.REPORT] * 50 + [None] * 60 + [Rank.DRIVE] * 10:
            group.start_soon(hold, rank)
        await settled()
        group.cancel_scope.cancel()

    assert inside.count(Rank.REPORT) == REPORTS_IN_FLIGHT
    assert (inside.count(None), inside.count(Rank.DRIVE)) == (IN_FLIGHT, DRIVES_IN_FLIGHT)
    assert len(inside) == 40
