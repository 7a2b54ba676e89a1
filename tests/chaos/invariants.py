"""What must be true when the faults have stopped and everything has come to rest.

Rule: the truth is what is on disk; GitHub's face is what people see. Both are read here, and nothing is asked.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

from pydantic import ValidationError

from bot.core.model import Release
from bot.core.plan import RunStep
from bot.core.states import (
    AwaitingApproval,
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Passed,
    Rerunning,
    Running,
    Sending,
    Skipped,
    StepState,
    Waiting,
    word_of,
)
from bot.core.trouble import asked_on, barred
from bot.simulator.ledger import Entry
from bot.simulator.repositories import CheckRun, Comment
from tests.chaos.exceptional_times import open_times, quiet_times
from tests.chaos.house import House
from tests.chaos.lines import behind_somebody_stuck, broken_lines
from tests.chaos.mishaps_poison import ODD
from tests.chaos.places import place
from tests.chaos.shapes import CANARIES, VAULT
from tests.chaos.witness import Known
from tests.scenarios.reading import StatusComment
from tests.simulator.oracle import check_ledger

Finding_ = tuple[str, str]
"""Name of the promise, and how it was broken."""
_POST = re.compile(r"<!-- post ([0-9a-f]+) -->\s*\Z")
_MOST_REQUESTS_A_MINUTE = 60
"""While nothing happens and GitHub is fine: looks, comments of the homes, tokens."""


def at_rest(house: House) -> bool:
    """Every release has ended, or only people can bring it on."""
    releases = house.witness.releases.values()
    return all(known.release.word.final or _rests(house, known) for known in releases)


def _rests(house: House, known: Known) -> bool:
    release = known.release
    moves = Due | Sending | Finding | Expecting | Running | Diagnosing | Cooling | Rerunning | GaveWay
    if any(isinstance(record.state, moves) for record in release.steps.values()):
        return False
    in_line = [name for name, record in release.steps.items() if isinstance(record.state, InLine)]
    if in_line:
        return all(behind_somebody_stuck(house.witness, known, name) for name in in_line)
    if not release.turn:
        return True
    return any(isinstance(record.state, NeedsPerson) for record in release.steps.values())


def troubles(house: House) -> Iterator[tuple[Release, str, NeedsPerson]]:
    """Steps that wait for a person."""
    for known in house.witness.releases.values():
        for name, record in known.release.steps.items():
            if isinstance(record.state, NeedsPerson):
                yield known.release, name, record.state


def untrue_surfaces(house: House) -> list[Finding_]:
    """Where what GitHub shows is not what is true."""
    return [*_untrue_comments(house), *_untrue_checks(house)]


def _untrue_comments(house: House) -> Iterator[Finding_]:
    shown: dict[str, list[StatusComment]] = {}
    for comment in house.home.comments.values():
        status = StatusComment.read(comment.body) if comment.via is house.world.app else None
        if status is not None and not comment.deleted:
            shown.setdefault(status.release_id, []).append(status)
    for release_id, known in house.witness.releases.items():
        release, found = known.release, shown.get(release_id, [])
        if len(found) != 1:
            if not house.silenced:
                yield "one status comment per release", f"{release.version} has {len(found)}"
            continue
        words = {name: str(word_of(record.state)) for name, record in release.steps.items()}
        if (found[0].state, found[0].steps) != (str(release.word), words):
            yield (
                "the status comment tells the truth",
                f"{release.version} is {release.word} {words}, shown is {found[0].state} {found[0].steps}",
            )


def _untrue_checks(house: House) -> Iterator[Finding_]:
    for known in house.witness.releases.values():
        release = known.release
        for step in release.plan.run_steps:
            record = release.steps[step.name]
            expected = _expected(record.state)
            newest = _newest_check(house, release, step)
            has_commit = record.run is not None and bool(record.run.head_sha)
            if newest is None:
                if expected is not None and has_commit and record.final:
                    yield (
                        "every step has its check run",
                        f"{release.version} / {step.name} ({record.state.kind})",
                    )
            elif house.restored and record.run is None and isinstance(record.state, Skipped | Cancelled):
                continue  # over before it was sent, in this life; in the forgotten one it had a run
            elif expected is not None and (newest.status, newest.conclusion) != expected:
                what = f"{release.version} / {step.name} is {record.state.kind}"
                yield "check runs tell the truth", f"{what}, shown is {newest.status} {newest.conclusion}"


def _newest_check(house: House, release: Release, step: RunStep) -> CheckRun | None:
    repo = place(house.world, step.repo)
    name, mine = f"{release.pipeline} {release.version} / {step.name}", f"{release.id}/{step.name}"
    found = [c for c in repo.check_runs.values() if c.name == name and c.external_id == mine]
    return max(found, key=lambda check: check.id, default=None)


def _expected(state: StepState) -> tuple[str, str] | None:
    match state:
        case Passed():
            return ("completed", "success")
        case Skipped():
            return ("completed", "skipped")
        case Cancelled():
            return ("completed", "cancelled")
        case NeedsPerson():
            return ("completed", "action_required")
        case Waiting() | AwaitingApproval() | _:
            return None


def at_the_end(house: House) -> Iterator[Finding_]:
    """Everything else that must be true at the end of a story."""
    if house.world.unexpected:
        yield "nothing unknown is asked of GitHub", house.world.unexpected[0]
    yield from _against_the_description(house)
    yield from _without_owner(house)
    yield from _said_twice(house)
    yield from _unanswered(house)
    yield from _leaks(house)
    yield from _left_over(house)
    if not house.restored:  # an older copy does not know whose turn it was
        yield from broken_lines(house.witness, house.world)
    if house.life is not None:
        for error in house.life.unseen():
            yield "no part ends unseen", f"{type(error).__name__}: {error}"


def _against_the_description(house: House) -> Iterator[Finding_]:
    """GitHub's own description knows everything that was asked and answered."""
    for entry in house.world.ledger:
        try:
            check_ledger((entry,))
        except (ValidationError, AssertionError, KeyError) as error:
            yield "requests are as GitHub describes them", f"{entry.method} {entry.path}: {error}"


def _without_owner(house: House) -> Iterator[Finding_]:
    for _, name, state in troubles(house):
        if not str(state.trouble.kind):
            yield "needs attention has a reason", name
        if barred(state.trouble):
            yield "a repository that answers again is noticed", f"{name}: {state.trouble.detail}"
        if asked_on(state.trouble):
            yield "a question that is answered again is noticed", f"{name}: {state.trouble.detail}"


def _said_twice(house: House) -> Iterator[Finding_]:
    marks = Counter(
        (comment.issue.id, found[1])
        for comment in house.world.comments_of_bot()
        if (found := _POST.search(comment.body))
    )
    for (_, mark), times in marks.items():
        if times > 1 + house.restored:
            yield "nothing is said twice", f"post {mark} was made {times} times"


def unanswered(house: House) -> list[Comment]:
    """Commands by people with the role that have neither been accepted nor refused."""
    return [
        comment
        for comment in house.orders
        if not (comment.deleted or comment.history)
        and not {"rocket", "confused"} & set(comment.reactions_of(house.world.bot.login))
    ]


def _unanswered(house: House) -> Iterator[Finding_]:
    """While the app, its home or the pipeline file was taken away, silence is the answer (contract section 4)."""
    late, silences = unanswered(house), [*quiet_times(house)]
    for comment in house.orders:
        reactions = comment.reactions_of(house.world.bot.login)
        silence = any(begin <= comment.created_at <= end for begin, end in silences)
        if comment in late and not silence:
            yield "no command is lost", f"{comment.body!r} by {comment.user.login}: {reactions}"
        if {"rocket", "confused"} <= set(reactions) and not house.restored:
            yield "one answer per command", f"{comment.body!r} by {comment.user.login}: {reactions}"


def posts_left(house: House) -> list[tuple[str, str, str | None]]:
    """Key, kind and last outcome of what is still to be said."""
    raw = house.disk.connection.raw if house.disk.connection else None
    query = "SELECT key, kind, outcome FROM posts WHERE state IN ('todo', 'sending')"
    return [] if raw is None else raw.execute(query).fetchall()


def _left_over(house: House) -> Iterator[Finding_]:
    """Nothing stays undone in the books."""
    raw = house.disk.connection.raw if house.disk.connection else None
    if raw is None:
        yield "the bot lives at the end", str(house.life and house.life.ended_by)
        return
    for key, kind, outcome in posts_left(house):
        yield "every post is made or dropped", f"{kind} {key}: {outcome}"
    poisoned = {delivery.guid for delivery in house.world.hook.log if ODD in delivery.payload}
    for number, event, state in raw.execute(
        "SELECT id, event, state FROM deliveries WHERE state = 'quarantined'"
    ):
        if not (house.storage_failed or number in poisoned):
            yield "no delivery is set aside", f"{event} {number} is {state}"
    open_ids = {i for i, known in house.witness.releases.items() if not known.release.word.final}
    for (key,) in raw.execute("SELECT key FROM outbox WHERE state = 'open'"):
        if key.partition(":")[0] not in open_ids:
            yield "no send stays open", key


def _leaks(house: House) -> Iterator[Finding_]:
    if house.home.private:
        writes = [entry for entry in house.world.ledger.writes if entry.repository and not entry.private]
    else:
        writes = [e for e in house.world.ledger.public_writes if f"/repos/{VAULT}/" not in e.path]
    words, shown = [*CANARIES, *_numbers(house)], [*open_times(house)]
    for entry in writes:
        if any(begin <= entry.at <= end for begin, end in shown):
            continue
        text = _text(entry)
        for word in words:
            if word in text:
                yield "private stays private", f"{entry.method} {entry.path} shows {word}"


def _numbers(house: House) -> Iterator[str]:
    yield str(house.ee.id)
    yield from (sha[:7] for sha in house.ee.commits)
    for run in house.ee.runs.values():
        yield str(run.id)
        yield from (str(job.id) for attempt in run.attempts for job in attempt.jobs)
    yield from (str(number) for number in house.ee.check_runs)


def _text(entry: Entry) -> str:
    return unquote(f"{entry.path} {json.dumps(entry.body, ensure_ascii=False)}")


def busy_rate(house: House, since: int, minutes: float) -> Finding_ | None:
    """Requests while nothing happens."""
    made = len(house.world.ledger) - since
    if made > 20 + _MOST_REQUESTS_A_MINUTE * minutes:
        return "calls are bounded", f"{made} requests in {minutes:.0f} quiet minutes"
    return None
