"""A release comes back from its JSON text exactly as it was, whatever state its steps are in."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.causes import Cause, Verdict
from bot.core.deliveries import RunSeen
from bot.core.events import AdoptAsked, BotStarted, Event, Judged, SendChecked, SendDone, SendStopped, Tick
from bot.core.model import NameMove, Note, NoteKind, Person, Release, StepRecord
from bot.core.plan import ApprovalStep, DispatchStep, MovingName, Plan, Retry, WatchStep
from bot.core.states import (
    AwaitingApproval,
    Behind,
    BoundRun,
    Cancelled,
    Cooling,
    Diagnosing,
    Due,
    Expecting,
    Finding,
    GaveWay,
    InLine,
    NeedsPerson,
    Parked,
    Passed,
    Rerunning,
    Running,
    Sending,
    Skipped,
    StepState,
    Waiting,
)
from bot.core.trouble import Trouble, TroubleKind
from bot.store.codec import SCHEMA, event_to_json, release_from_json, release_to_json

times = st.datetimes(timezones=st.just(UTC)).map(lambda time: time.replace(fold=0))
words = st.text(max_size=8)
maybe_words = st.none() | words
numbers = st.integers(0, 2**53)
seconds = st.floats(0, 1e9)
flags = st.booleans()

runs = st.builds(
    BoundRun,
    id=numbers,
    attempt=numbers,
    status=words,
    conclusion=maybe_words,
    head_sha=words,
    url=words,
    started_at=times,
)
troubles = st.builds(
    Trouble,
    kind=st.sampled_from(TroubleKind),
    detail=words,
    links=st.lists(words, max_size=2).map(tuple),
    tail=words,
)
PARKED: dict[type, st.SearchStrategy[Parked]] = {
    Due: st.builds(Due, since=times, not_before=times, why=words),
    Finding: st.builds(Finding, send=numbers, since=times, until=times, nonce=maybe_words, why=words),
    Expecting: st.builds(Expecting, since=times, until=times, seek=flags),
    Running: st.builds(
        Running,
        run=runs,
        confirm=flags,
        rerun=flags,
        held_since=st.none() | times,
        held=seconds,
        reminded_at=st.none() | times,
    ),
    Diagnosing: st.builds(Diagnosing, run=runs),
    Cooling: st.builds(Cooling, run=runs, until=times, cause=st.sampled_from(Cause), by=maybe_words),
    Rerunning: st.builds(Rerunning, run=runs, until=times, by=maybe_words),
    GaveWay: st.builds(
        GaveWay,
        run=runs,
        since=times,
        until=times,
        group=words,
        others=st.lists(numbers, max_size=2).map(tuple),
    ),
}
STATES: dict[type, st.SearchStrategy[StepState]] = {
    **PARKED,
    Waiting: st.builds(Waiting),
    InLine: st.builds(
        InLine,
        since=times,
        behind=st.none()
        | st.builds(Behind, home=words, pipeline=words, version=words, step=words, stuck=flags),
    ),
    Sending: st.builds(Sending, send=numbers, since=times, send_by=times, nonce=maybe_words),
    AwaitingApproval: st.builds(AwaitingApproval, since=times, reminded_at=times),
    NeedsPerson: st.builds(
        NeedsPerson,
        trouble=troubles,
        since=times,
        run=st.none() | runs,
        parked=st.none() | st.one_of(*PARKED.values()),
        confirm=flags,
    ),
    Passed: st.builds(Passed, at=times, by=maybe_words),
    Skipped: st.builds(Skipped, at=times, by=words),
    Cancelled: st.builds(Cancelled, at=times),
}
notes = st.builds(
    Note,
    at=times,
    kind=st.sampled_from(NoteKind),
    text=words,
    number=numbers,
    most=numbers,
    by=maybe_words,
    attempt=numbers,
)
retries = st.builds(Retry, transient=numbers, flaky=numbers, unknown=numbers, broken=numbers, wait=seconds)
needs = st.lists(words, max_size=2).map(tuple)
pairs = st.lists(st.tuples(words, words), max_size=2).map(tuple)
moves = st.builds(NameMove, name=words, before=words, after=words)
moving = st.builds(MovingName, name=words, template=words, series=words)
steps = st.one_of(
    st.builds(
        DispatchStep,
        name=words,
        needs=needs,
        repo=words,
        workflow=words,
        ref=words,
        inputs=pairs,
        unless_tag=maybe_words,
        nonce=maybe_words,
        appears_within=seconds,
        timeout=seconds,
        retry=retries,
        one_at_a_time=words,
        moves=st.lists(moving, max_size=2).map(tuple),
        version_tag=st.none() | st.tuples(words, words),
        late_inputs=pairs,
    ),
    st.builds(
        WatchStep,
        name=words,
        needs=needs,
        repo=words,
        workflow=words,
        ref=words,
        event=words,
        appears_within=seconds,
        timeout=seconds,
        retry=retries,
    ),
    st.builds(ApprovalStep, name=words, needs=needs, question=words),
)
plans = st.builds(
    Plan,
    pipeline=words,
    version=words,
    about=words,
    permission=words,
    group=words,
    steps=st.lists(steps, max_size=3).map(tuple),
    home=words,
    file_repo=maybe_words,
    parameters=pairs,
    notify=needs,
)


def records(states: st.SearchStrategy[StepState]) -> st.SearchStrategy[StepRecord]:
    return st.builds(
        StepRecord,
        state=states,
        sends=numbers,
        run=st.none() | runs,
        reruns=st.dictionaries(words, numbers, max_size=2),
        reruns_in_all=numbers,
        problems=numbers,
        began_at=st.none() | times,
        ended_at=st.none() | times,
        notes=st.lists(notes, max_size=2).map(tuple),
        moves=st.lists(moves, max_size=2).map(tuple),
        inputs=pairs,
        found=st.none() | runs,
        gave_way=numbers,
        usual=st.none() | seconds,
    )


def releases(states: st.SearchStrategy[StepState]) -> st.SearchStrategy[Release]:
    return st.builds(
        Release,
        id=words,
        plan=plans,
        issue=numbers,
        comment_id=numbers,
        starter=st.builds(Person, login=words, id=numbers),
        asked_at=times,
        steps=st.dictionaries(words, records(states), min_size=1, max_size=2),
        turn=flags,
        ahead=maybe_words,
        paused_by=maybe_words,
        paused_at=st.none() | times,
        cancelled_by=maybe_words,
        ended_at=st.none() | times,
        end_told=flags,
        together=needs,
    )


def plain(release: Release) -> str:
    """Shows what equality hides, such as a word that was a member of an enumeration. Both zones are UTC."""
    return repr(release).replace("TzInfo(0)", "datetime.timezone.utc")


few = settings(max_examples=25)


@few
@pytest.mark.parametrize("state", get_args(StepState), ids=lambda state: state.__name__)
@given(data=st.data())
def test_a_release_comes_back_exactly_as_it_was(state: type, data: st.DataObject) -> None:
    before = data.draw(releases(STATES[state]))

    after = release_from_json(release_to_json(before))

    assert after == before
    assert plain(after) == plain(before)


@few
@pytest.mark.parametrize("parked", get_args(Parked), ids=lambda state: state.__name__)
@given(data=st.data())
def test_a_parked_state_keeps_its_kind(parked: type, data: st.DataObject) -> None:
    inside = data.draw(PARKED[parked])
    state = NeedsPerson(Trouble(TroubleKind.MOVED), datetime(2026, 11, 17, tzinfo=UTC), parked=inside)
    before = data.draw(releases(st.just(state)))

    after = release_from_json(release_to_json(before))

    assert after == before
    assert plain(after) == plain(before)


def test_half_a_character_from_outside_cannot_stop_a_release() -> None:
    at = datetime(2026, 11, 17, tzinfo=UTC)
    state = NeedsPerson(Trouble(TroubleKind.FAILED, detail="half \ud800 and NUL \0"), at)
    plan = Plan("release", "1.0.3", "", "maintain", "1.0", (), "acme/widget", None)
    before = Release("r1", plan, 7, 99, Person("maya", 12), at, {"oss": StepRecord(state)})

    after = release_from_json(release_to_json(before)).steps["oss"].state

    assert isinstance(after, NeedsPerson)
    assert after.trouble.detail == "half ? and NUL \0"


def test_a_field_that_the_text_does_not_have_takes_its_default() -> None:
    at = datetime(2026, 11, 17, tzinfo=UTC)
    plan = Plan("release", "1.0.3", "", "maintain", "1.0", (), "acme/widget", None)
    before = Release("r1", plan, 7, 99, Person("maya", 12), at, {"oss": StepRecord()})
    older = json.loads(release_to_json(before))
    del older["end_told"], older["steps"]["oss"]["notes"]

    assert release_from_json(json.dumps(older)) == before


FORMS = {3: "ccfe031779e55a6b"}
"""What the form of a release was under each `SCHEMA`. A failing test means: the form has changed; raise `SCHEMA`, say
what is new there, and add a line here. Lines that are there already never change."""


def test_the_form_of_a_release_changes_only_with_its_schema() -> None:
    """Otherwise an older version that runs beside a newer one drops what it does not know, or breaks at it."""
    assert form_of(Release) == FORMS.get(SCHEMA)


def form_of(kind: type) -> str:
    """A short name of everything that the JSON of `kind` can say: fields, alternatives, words of enumerations."""
    said: dict[str, list[str]] = {}
    todo: list[object] = [kind]
    while todo:
        each = todo.pop()
        if isinstance(each, type) and repr(each) not in said:
            if is_dataclass(each):
                hints = get_type_hints(each)
                said[repr(each)] = [f"{field.name}: {hints[field.name]}" for field in fields(each)]
                todo += hints.values()
            elif issubclass(each, Enum):
                said[repr(each)] = [str(member.value) for member in each]
        todo += get_args(each)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def test_a_text_that_is_no_release_is_an_error() -> None:
    with pytest.raises(ValueError, match="plan"):
        release_from_json('{"id": "r1"}')


AT = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
RUN = RunSeen(
    id=7,
    attempt=1,
    status="queued",
    conclusion=None,
    event="push",
    path=".github/workflows/build.yml",
    head_branch="develop",
    head_sha="a" * 40,
    display_title="build",
    actor_login="maya",
    triggering_actor_login=None,
    created_at=AT,
    run_started_at=AT,
    updated_at=AT,
    html_url="https://github.example/7",
)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (BotStarted(), {}),
        (Tick("1.0.2"), {"ahead": "1.0.2"}),
        (SendDone("oss", 1, 7, None), {"step": "oss", "send": 1, "run_id": 7, "url": None}),
        (SendStopped("oss", Trouble(TroubleKind.STRANGE_RUN, "run 8")), {"step": "oss"}),
        (SendChecked("oss", AT, None), {"at": "2026-11-17T10:00:00Z", "nonce": None}),
        (Judged("oss", 7, 1, Verdict(Cause.FLAKY, ()), "the end"), {"attempt": 1, "tail": "the end"}),
        (AdoptAsked("oss", RUN, "maya"), {"by": "maya"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_journal_names_the_event_and_its_fields(event: Event, wanted: dict[str, object]) -> None:
    told = json.loads(event_to_json(event))
    assert told["event"] == type(event).__name__
    assert {name: told[name] for name in wanted} == wanted
