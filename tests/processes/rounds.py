"""The kinds of violence. Each is one round: a release is under way, something terrible happens, the release goes on.

Rule: a round says what is done to the process; what must hold afterwards is said once, in `verdict`.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Literal

from bot.simulator.ledger import Ledger
from bot.simulator.webhooks import Delivery
from tests.processes.database import FileDatabase, ServerDatabase, fresh
from tests.processes.disk import NoSmallDisk, small_disk
from tests.processes.fleet import Misbehaved
from tests.processes.ground import Ground, ground
from tests.processes.moments import Moment
from tests.processes.person import Help
from tests.processes.replica import Replica
from tests.processes.verdict import violations

SEND_BY = 10.0
"""Seconds within which a send leaves after its repository was read, or not at all (contract, promise 1)."""
LEASE = 15.0
"""Seconds after which another process takes over from one that is silent."""
_LONGEST = 400.0
"""Seconds of a round in which nothing that was awaited was noticed to be missing."""


@dataclass(slots=True)
class Result:
    """What became of a round. `moment`: the one it waited for; `reached`: it came. `note`: how it was done."""

    violations: list[str] = field(default_factory=list)
    kills: int = 0
    dispatches: int = 0
    helped: list[Help] = field(default_factory=list)
    moment: Moment | None = None
    reached: bool = False
    note: str | None = None
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(slots=True)
class Round:
    """Everything one round is told. `database`: a server's URL, or `sqlite`; `pooled`: the processes reach it through
    a transaction pooler; `moment`: for those that need one;
    `long`: a pause beyond every deadline, or not; `alone`: one release only."""

    folder: Path
    rng: random.Random
    _: KW_ONLY
    database: str = "sqlite"
    pooled: bool = False
    replicas: int = 1
    moment: Moment | None = None
    long: bool | None = None
    alone: bool = False
    result: Result = field(default_factory=Result)

    @contextlib.asynccontextmanager
    async def fight(
        self, *, restored: bool = False, starved: bool = False, disk: Path | None = None, **settings: str
    ) -> AsyncIterator[Ground]:
        """The ground, its fleet not started; judged when the round is over."""
        single = self.alone or restored or self.rng.random() < 0.7
        versions = ("1.0.3",) if single else ("1.0.3", "1.1.0")
        with fresh(self.database, disk or self.folder, pooled=self.pooled) as database:
            async with ground(
                self.folder, database, self.rng, replicas=self.replicas, versions=versions, **settings
            ) as made:
                try:
                    yield made
                    for replica in made.fleet.replicas:
                        await made.fleet.stop(replica)
                except Misbehaved as error:
                    self.result.violations.append(str(error))
                    await made.fleet.close()
                self.result.kills = made.fleet.deaths
            self.result.violations += violations(made, restored=restored, starved=starved)
            self.result.ledger = made.world.ledger
            self.result.dispatches = len(made.scene.dispatches())
            self.result.helped = made.manager.helped


async def calm(told: Round) -> None:
    """Nothing happens at all: the measure of everything else."""
    async with told.fight() as made:
        await made.fleet.start()
        made.begins()
        await made.ends()


async def killed_at_random(told: Round) -> None:
    """`kill -9` at any time, while it starts too, several times in one release."""
    rng = told.rng
    async with told.fight() as made:
        await made.fleet.start()
        made.begins()
        for _ in range(rng.randint(2, 5)):
            await made.passes(rng.uniform(0.0, 1.5))
            replica = made.replica
            replica.kill()
            await made.passes(rng.choice([0.0, 0.0, 0.5]))
            replica.close()
            replica.start()
            if rng.random() < 0.6:
                await made.fleet.ready(replica)
        for replica in made.fleet.replicas:
            await made.fleet.ready(replica)
        await made.ends()


async def killed_at_a_mutation(told: Round) -> None:
    """GitHub holds a request of the bot in its hand, done or not done, and the bot dies."""
    assert told.moment is not None
    told.result.moment = told.moment
    async with told.fight() as made:
        victim: list[Replica] = []

        def die() -> None:
            for replica in made.fleet.victims():
                replica.kill()
                victim.append(replica)

        told.moment.arms(made.world, die)
        await made.fleet.start()
        made.begins()
        while not (victim or made.scene.released):
            made.manager.helps()
            await made.passes(0.02)
        if victim:
            told.result.reached = True
            await made.passes(told.rng.uniform(0.0, 0.5))
            for replica in victim:
                await made.fleet.restart(replica)
        await made.ends()


async def asked_to_go(told: Round) -> None:
    """SIGTERM in mid-release: it leaves with 0 in time, the next one goes on, and nobody has to be asked."""
    rng = told.rng
    async with told.fight() as made:
        await made.fleet.start()
        made.begins()
        for _ in range(rng.randint(1, 3)):
            if rng.random() < 0.5:
                await _about_to_send(made)
            else:
                await made.passes(rng.uniform(0.0, 1.5))
            replica = made.replica
            await made.fleet.stop(replica)
            await made.fleet.restart(replica)
        await made.ends()
        if made.manager.helped:
            raise Misbehaved(f"after a clean stop a person was asked about {made.manager.helped[0].step}")


async def _about_to_send(made: Ground) -> None:
    """Until GitHub has told the runs that are looked at before a send, or takes its time over the send itself."""
    come: list[None] = []
    skip = made.rng.randrange(2)
    if made.rng.random() < 0.3:
        made.world.trouble.is_slow("POST", r"/(dispatches|rerun-failed-jobs)$", seconds=1.0, skip=skip)
        await made.passes(made.rng.uniform(0.2, 1.5))
        return
    runs = r"/actions/workflows/[^/]+/runs$"
    made.world.trouble.calls("GET", runs, lambda: come.append(None), when="after", skip=skip)
    await made.until(lambda: bool(come) or made.scene.released, "the reads before a send")
    await asyncio.sleep(made.rng.uniform(0.0, 0.08))


async def frozen(told: Round) -> None:
    """SIGSTOP and SIGCONT: for moments, or between the reads before a send and the send, until it is stale."""
    long = told.rng.random() < 0.25 if told.long is None else told.long
    # The server ends a transaction in which somebody fell asleep for so long, and whoever wakes up in it is told.
    async with told.fight(starved=long and told.replicas > 1) as made:
        asleep: list[Replica] = []

        def sleep() -> None:
            for replica in made.fleet.victims():
                replica.freeze()
                asleep.append(replica)

        await made.fleet.start()
        if long:
            path, skip = told.rng.choice(_BEFORE_A_SEND), told.rng.randrange(3)
            made.world.trouble.calls(*path, sleep, when="after", skip=skip)
        made.begins()
        if long:
            await made.until(lambda: bool(asleep) or made.scene.released, "the moment to freeze it")
            await made.passes(SEND_BY + 1.0 if told.replicas == 1 else LEASE + 2.0)
        else:
            await made.passes(told.rng.uniform(0.0, 2.0))
            sleep()
            await made.passes(told.rng.uniform(0.2, 2.0))
        for replica in asleep:
            replica.thaw()
        await made.ends()


_BEFORE_A_SEND = (
    ("GET", r"/actions/workflows/[^/]+/runs$"),
    ("GET", r"/git/"),
    ("POST", r"/dispatches$"),
)


_BOTH: tuple[Literal["before", "after"], ...] = ("before", "after")


async def cut_off(told: Round) -> None:
    """The server ends every connection, again and again, at a dispatch too; sometimes somebody is killed as well."""
    rng = told.rng
    async with told.fight(starved=True) as made:
        database = made.database
        assert isinstance(database, ServerDatabase)
        if rng.random() < 0.5:
            skip, when = rng.randrange(4), rng.choice(_BOTH)
            made.world.trouble.calls("POST", r"/dispatches$", database.cuts, when=when, skip=skip)
        await made.fleet.start()
        made.begins()
        for _ in range(rng.randint(2, 5)):
            await made.passes(rng.uniform(0.0, 1.5))
            database.cuts()
        if rng.random() < 0.3:
            replica = made.replica
            replica.kill()
            await made.fleet.restart(replica)
        await made.ends()


async def doubled(told: Round) -> None:
    """A second process on the same file: it is refused and says so; the first does not even notice."""
    async with told.fight() as made:
        assert isinstance(made.database, FileDatabase)
        await made.fleet.start()
        made.begins()
        await made.passes(told.rng.uniform(0.0, 2.0))
        second = made.fleet.another()
        second.start()
        try:
            code = await made.fleet.exit_code(second, within=20.0)
        finally:
            second.close()
        if code != 2:
            raise Misbehaved(f"the second process on the file ended with exit code {code}, not 2")
        if str(made.database.path) not in second.says() or "in use" not in second.says():
            raise Misbehaved(f"the second process does not say which file is in use: {second.says()!r}")
        await made.ends()


async def starved(told: Round) -> None:
    """The disk is full in mid-release: the door says 503, nothing is lost, and nothing leaves that is not on disk."""
    with small_disk(told.folder / "disk") as disk:
        told.result.note = disk.kind
        async with told.fight(starved=True, disk=told.folder / "disk") as made:
            await made.fleet.start()
            moment = told.rng.choice([*_FULL_AFTER, None])
            full: list[Moment | None] = []

            def fills() -> None:
                full.append(moment)
                disk.fills(made.fleet)

            if moment is not None:
                moment.arms(made.world, fills)
            made.begins()
            if moment is not None:
                await made.until(lambda: bool(full), f"the moment {moment}")
            else:
                await made.passes(told.rng.uniform(0.0, 2.0))
                fills()
            try:
                await _is_shut(made)
                if told.rng.random() < 0.5:
                    await _dies_on_a_full_disk(made)
                else:
                    await made.passes(told.rng.uniform(0.0, 2.0))
            finally:
                disk.has_room_again(made.fleet)
            if made.replica.exit_code is not None:
                await made.fleet.restart(made.replica)
            await made.fleet.ready(made.replica)
            await made.ends()


_FULL_AFTER = (
    Moment("dispatch", 0, "after"),
    Moment("dispatch", 2, "after"),
    Moment("re-run", 0, "after"),
    Moment("reaction", 1, "after"),
    Moment("comment", 0, "after"),
    Moment("check run", 1, "after"),
)


async def _is_shut(made: Ground) -> None:
    """GitHub's deliveries are refused, and the operator learns it as well: the last free page is gone after a while."""
    hook = made.world.hook
    for size in (*[30_000] * 200, *[500] * 200):
        before = len(hook.log)
        made.world.hand("walt").comments(made.scene.issue, "x" * size)
        await made.until(lambda before=before: _answered(hook.log[before:]), "an answer of the door")  # type: ignore[misc]
        refused = any(delivery.status_code == 503 for delivery in hook.log[before:])
        if refused and await made.fleet.readiness(made.replica) == 503:
            return
    raise Misbehaved("the disk is full, and the door and /readyz do not both say 503")


def _answered(deliveries: Sequence[Delivery]) -> bool:
    comments = [delivery for delivery in deliveries if delivery.event == "issue_comment"]
    return bool(comments) and all(delivery.status_code for delivery in comments)


async def _dies_on_a_full_disk(made: Ground) -> None:
    """What was only in memory is gone. Until there is room it may refuse to start, with a reason."""
    replica = made.replica
    replica.kill()
    replica.close()
    replica.start()
    with contextlib.suppress(Misbehaved):
        await made.fleet.ready(replica, within=3.0)
    if replica.exit_code not in {None, 2}:
        raise Misbehaved(f"on a full disk the process ends with exit code {replica.exit_code}")
    if replica.exit_code == 2 and "make room" not in replica.says():
        raise Misbehaved(f"on a full disk the process does not say what to do: {replica.says()[-500:]}")


async def restored(told: Round) -> None:
    """The database of an earlier moment is put back: what was dispatched since is found on GitHub, not sent again."""
    async with told.fight(restored=True) as made:
        copy_after = told.rng.randrange(4)
        back_after = told.rng.randint(copy_after + 1, 4)
        await made.fleet.start()
        made.begins()
        await made.until(lambda: all(made.scene.states()), "the status comment")
        await _sent(made, copy_after)
        await made.passes(told.rng.uniform(0.0, 0.5))
        await _copied(made, told.folder / "copy")
        await _sent(made, back_after)
        await made.passes(told.rng.choice([0.0, 0.3, 3.0]))
        await _put_back(made, told.folder / "copy")
        await made.ends()


async def restored_from_before(told: Round) -> None:
    """The copy knows nothing of the release. If its command is still good it is taken up, and no run is doubled."""
    ttl = told.rng.choice(["900", "2"])
    async with told.fight(restored=True, COMMAND_TTL_SECONDS=ttl) as made:
        await made.fleet.start()
        await _copied(made, told.folder / "copy")
        made.begins()
        await _sent(made, told.rng.randint(1, 4))
        await made.passes(told.rng.uniform(0.0, 1.0) if ttl == "900" else 3.0)
        await _put_back(made, told.folder / "copy")
        sent = len(made.scene.dispatches())
        if ttl == "2":
            await made.passes(4.0)
            if len(made.scene.dispatches()) > sent:
                raise Misbehaved("a command that was too old was carried out a second time")
            return
        await _goes_on_or_is_refused(made)


async def _goes_on_or_is_refused(made: Ground) -> None:
    """Heard again, the command is taken up where GitHub stands, or refused because its tag exists."""

    def over() -> bool:
        made.manager.helps()
        assert made.scene.command is not None
        refused = "confused" in made.scene.command.reactions_of(made.world.bot.login)
        return (refused or made.scene.released) and made.world.next_due() is None

    await made.until(over, "the command is neither carried out nor refused")
    await made.passes(2.0)


async def _sent(made: Ground, number: int) -> None:
    def sent() -> bool:
        made.manager.helps()
        return len(made.scene.dispatches()) >= number

    await made.until(sent, f"dispatch {number}")


async def _copied(made: Ground, folder: Path) -> None:
    assert isinstance(made.database, FileDatabase)
    await made.fleet.stop(made.replica)
    made.database.copies_to(folder)
    await made.fleet.restart(made.replica)


async def _put_back(made: Ground, folder: Path) -> None:
    assert isinstance(made.database, FileDatabase)
    await made.fleet.stop(made.replica)
    made.database.comes_back_from(folder)
    await made.fleet.restart(made.replica)
    await made.passes(3.0)  # what GitHub shows is from before; the bot looks first


@dataclass(frozen=True, slots=True)
class Kind:
    """`share`: how many of twenty rounds are of this kind. `file_only`, `server_only`: where it makes sense."""

    name: str
    play: Callable[[Round], Awaitable[None]]
    share: int
    file_only: bool = False
    server_only: bool = False

    def fits(self, database: str) -> bool:
        return not (self.file_only if database != "sqlite" else self.server_only)


CALM = Kind("calm", calm, 0)
KINDS = (
    Kind("kill -9 at random", killed_at_random, 5),
    Kind("kill -9 at a mutation", killed_at_a_mutation, 7),
    Kind("SIGTERM", asked_to_go, 2),
    Kind("SIGSTOP", frozen, 2),
    Kind("second process", doubled, 1, file_only=True),
    Kind("full disk", starved, 1, file_only=True),
    Kind("older copy put back", restored, 1, file_only=True),
    Kind("copy from before", restored_from_before, 1, file_only=True),
    Kind("connections cut", cut_off, 3, server_only=True),
)


async def play(kind: Kind, told: Round) -> Result:
    """One round from its beginning to the verdict; whatever goes wrong is a violation."""
    try:
        await asyncio.wait_for(kind.play(told), _LONGEST)
    except Misbehaved as error:
        told.result.violations.append(str(error))
    except TimeoutError:
        told.result.violations.append(f"the round was not over within {_LONGEST:.0f} s")
    except NoSmallDisk:
        raise
    except Exception as error:  # one round that goes wrong does not stop the campaign
        told.result.violations.append(f"the round itself went wrong: {error!r}")
    return told.result
