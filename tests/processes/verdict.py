"""What must be true after a round, judged from outside: GitHub's ledger, the comments, the log, the database.

Rule: nothing here knows how the bot works; each sentence is a promise of the contract, and comes with what broke it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from bot.simulator.leaks import leaks
from bot.simulator.runs import Run
from tests.processes.database import Books
from tests.processes.ground import Ground
from tests.processes.replica import Replica
from tests.processes.scene import DISPATCHED, NEEDS, PLACES, Scene

_UNUSABLE = "cannot be used"
"""What every error says that comes from a database which cannot be written; only on a full disk may there be one."""
_MOST_TRIES = 12
"""The same request so often, beyond the restarts, is a loop."""


def violations(
    ground: Ground, *, strangers: Sequence[Replica] = (), restored: bool = False, starved: bool = False
) -> list[str]:
    """After the end, with every process gone. `restored`: an older database was put back; `starved`: it failed."""
    scene = ground.scene
    found = [*_doubles(ground), *_order(scene), *_truth(scene, restored=restored), *_comments(scene)]
    found += _calls_for_a_person(ground, restored=restored)
    found += _privacy(scene)
    found += _loops(ground)
    for replica in (*ground.fleet.replicas, *strangers):
        found += _log(replica, starved=starved)
    return found + list(_kept(ground, ground.database.books(), restored=restored))


def _doubles(ground: Ground) -> Iterator[str]:
    """At most one dispatch for each (release, step, send number); only a person opens a second number here."""
    sent = ground.scene.dispatches()
    retried = Counter((h.version, h.step) for h in ground.manager.helped if h.verb == "retry")
    for key, times in Counter((each.version, each.step) for each in sent).items():
        if times > 1 + retried[key]:
            yield f"{key[1]} of {key[0]} was dispatched {times} times; a person asked for {retried[key]} more"
    done = Counter((each.version, each.step) for each in sent if each.entry.effect)
    for (version, step), times in done.items():
        if times > 1:
            yield f"{step} of {version} ran {times} times"
    nonces = Counter(_nonce(each.entry.body or {}) for each in sent)
    for nonce, times in nonces.items():
        if nonce is not None and times > 1:
            yield f"the send {nonce} left {times} times"


def _nonce(body: dict[str, object]) -> str | None:
    inputs = body.get("inputs")
    return str(inputs["sent-as"]) if isinstance(inputs, dict) and "sent-as" in inputs else None


def _order(scene: Scene) -> Iterator[str]:
    """Nothing leaves before what it needs has ended with success."""
    for sent in scene.dispatches():
        for needed in NEEDS.get(sent.step, ()):
            if not any(_green_by(run, sent.entry.at.timestamp()) for run in scene.runs(sent.version, needed)):
                yield f"{sent.step} of {sent.version} was dispatched before {needed} was green"


def _green_by(run: Run, when: float) -> bool:
    return run.conclusion == "success" and run.attempt.updated_at.timestamp() <= when


def _truth(scene: Scene, *, restored: bool) -> Iterator[str]:
    """What is called released is released: every run once, green, and re-run no oftener than it failed."""
    for status in scene.statuses():
        if status.state == "needs attention":
            continue
        if status.state != "released":
            if not restored:
                yield f"{status.version} stands at {status.state!r} for ever"
            continue
        for step in PLACES:
            runs = scene.runs(status.version, step)
            if [run.conclusion for run in runs] != ["success"]:
                yield f"{step} of {status.version} says released, its runs are {[r.conclusion for r in runs]}"
            if any(len(run.attempts) > 2 for run in runs):
                yield f"{step} of {status.version} was re-run more than once"


def _comments(scene: Scene) -> Iterator[str]:
    """One status comment for each release, and an answer to every command."""
    for (version, marker), times in Counter((s.version, s.release_id) for s in scene.statuses()).items():
        if times > 1:
            yield f"{version} ({marker}) has {times} status comments"
    if scene.command is not None and not scene.command.reactions_of(scene.world.bot.login):
        yield "the command has no reaction"


def _calls_for_a_person(ground: Ground, *, restored: bool) -> Iterator[str]:
    """A person is needed only where nobody else could know, and is told what for."""
    for help_ in ground.manager.helped:
        if not help_.reason:
            yield f"{help_.step} needs attention without a reason"
        if not help_.named:
            yield f"{help_.step} needs attention, and no comment names the run that stands in the way"
        if restored:
            continue
        if help_.verb == "adopt":
            yield f"a person had to adopt the run of {help_.step}, which the bot had dispatched itself"
        if help_.step not in DISPATCHED:
            yield f"a person was needed for {help_.step}, which is only watched"
        if not any("needs you" in said and help_.step in said for said in ground.scene.said()):
            yield f"nobody was called for {help_.step}"


def _privacy(scene: Scene) -> Iterator[str]:
    private = f"/repos/{scene.ee.full_name}/"
    public = [entry for entry in scene.world.ledger.writes if not entry.path.startswith(private)]
    for leak in leaks(public, scene.ee):
        yield f"{leak.method} {leak.path} shows {leak.what} in public"
    for request in scene.world.unexpected:
        yield f"GitHub does not know the request {request}"


def _loops(ground: Ground) -> Iterator[str]:
    """Nothing is written to GitHub over and over."""
    most = _MOST_TRIES + sum(replica.starts for replica in ground.fleet.replicas)
    writes = Counter(f"{e.method} {e.path} {e.body}" for e in ground.world.ledger.writes)
    for write, times in writes.items():
        if times > most:
            yield f"written {times} times: {write[:200]}"


def _log(replica: Replica, *, starved: bool) -> Iterator[str]:
    for line in replica.complaints():
        if not (starved and _UNUSABLE in line):
            yield f"the log of {replica.folder.name} has: {line}"


def _kept(ground: Ground, books: Books, *, restored: bool) -> Iterator[str]:
    """The database is whole, agrees with the comment, and knew of every send before it left."""
    if books.damage is not None:
        yield f"the database is damaged: {books.damage}"
    for release, numbers in books.revisions.items():
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            yield f"the journal of {release} has gaps or doubles: {numbers}"
    for status in ground.scene.statuses():
        word = books.words.get(status.version)
        if word != status.state and not (restored and word is None):
            yield f"{status.version} is {status.state!r} on GitHub and {word!r} in the database"
    if not restored:
        yield from _intents(ground.scene, books)


def _intents(scene: Scene, books: Books) -> Iterator[str]:
    sends = Counter[tuple[str, str]]()
    opened: dict[tuple[str, str, int], float] = {}
    versions = {status.release_id: status.version for status in scene.statuses()}
    for release_id, step, send, _, written in books.outbox:
        opened[versions.get(release_id, release_id), step, send] = written / 1e6
    for sent in scene.dispatches():
        key = (sent.version, sent.step)
        sends[key] += 1
        at = opened.get((*key, sends[key]))
        if at is None:
            yield f"a dispatch of {sent.step} of {sent.version} left that the database never heard of"
        elif at > sent.entry.at.timestamp():
            yield f"a dispatch of {sent.step} of {sent.version} left before its intent was written"
