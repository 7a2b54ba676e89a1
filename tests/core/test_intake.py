"""Intake: what each delivery means, and that whatever else arrives is ignored with a reason."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.deliveries import (
    ButtonPressed,
    CheckRerunAsked,
    CommentCreated,
    CommentDeleted,
    Happening,
    Ignored,
    InstallationChanged,
    JobChanged,
    Ping,
    RepositorySeen,
    RunChanged,
    RunSeen,
)
from bot.core.intake import (
    BadShape,
    comment_from_listing,
    may_be_answered,
    read_delivery,
    run_from_http,
    second_key,
)

PAYLOADS = Path(__file__).parent / "payloads"
SHA = "3f2a9c1d5e7b8a6f4c3d2e1f0a9b8c7d6e5f4a3b"
WIDGET = RepositorySeen(id=5001, full_name="acme/widget", visibility="public", installation_id=77)
SPOKEN = datetime(2026, 11, 21, 9, 15, 30, tzinfo=UTC)
COMMENT = CommentCreated(
    repository=WIDGET,
    issue_number=7,
    is_pull_request=False,
    comment_id=3001,
    author_id=101,
    author_login="maya",
    body="Good morning!\r\n\r\n/release 1.0.3",
    created_at=SPOKEN,
    updated_at=SPOKEN,
)
RUN = RunSeen(
    id=6001,
    attempt=2,
    status="completed",
    conclusion="failure",
    event="push",
    path=".github/workflows/pre-release.yml",
    head_branch="v1.0.3",
    head_sha=SHA,
    display_title="Release 1.0.3",
    actor_login="maya",
    triggering_actor_login="noor",
    created_at=SPOKEN,
    run_started_at=datetime(2026, 11, 21, 9, 40, tzinfo=UTC),
    updated_at=datetime(2026, 11, 21, 10, 2, tzinfo=UTC),
    html_url="https://github.com/acme/widget/actions/runs/6001",
)
HAPPENINGS: dict[str, Happening] = {
    "issue_comment.created": COMMENT,
    "issue_comment.deleted": CommentDeleted(repository=WIDGET, comment_id=3002),
    "workflow_run.completed": RunChanged(repository=WIDGET, run=RUN),
    "workflow_job.completed": JobChanged(repository=WIDGET, run_id=6001, run_attempt=2),
    "check_run.requested_action": ButtonPressed(
        repository=WIDGET,
        check_run_id=7001,
        external_id="r-1/oss",
        identifier="retry",
        sender_id=101,
        sender_login="maya",
    ),
    "check_run.rerequested": CheckRerunAsked(
        repository=WIDGET,
        check_run_id=7001,
        external_id="r-1/oss",
        sender_id=101,
        sender_login="maya",
    ),
    "installation.created": InstallationChanged(
        installation_id=77, action="created", repositories=("acme/widget", "acme/widget-ee")
    ),
    "installation_repositories.removed": InstallationChanged(
        installation_id=77, action="removed", repositories=("acme/widget-ee",)
    ),
    "ping": Ping(),
}
EVENTS = sorted({name.partition(".")[0] for name in HAPPENINGS})


def payload(name: str, changes: Mapping[str, object] | None = None) -> dict[str, object]:
    """A payload of ours, with the fields at these dotted paths put in place of what was there."""
    whole = json.loads((PAYLOADS / f"{name}.json").read_text())
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        place = whole
        for parent in parents:
            place = place[parent]
        place[last] = value
    assert isinstance(whole, dict)
    return whole


def without(name: str, path: str) -> dict[str, object]:
    whole = payload(name)
    *parents, last = path.split(".")
    place = whole
    for parent in parents:
        inner = place[parent]
        assert isinstance(inner, dict)
        place = inner
    del place[last]
    return whole


def listed(**changes: object) -> dict[str, object]:
    """The comment as an item of a REST listing."""
    comment = payload("issue_comment.created")["comment"]
    assert isinstance(comment, dict)
    return {**comment, **changes}


def rest_run(**changes: object) -> dict[str, object]:
    run = payload("workflow_run.completed")["workflow_run"]
    assert isinstance(run, dict)
    return {**run, **changes}


@pytest.mark.parametrize(("name", "happening"), HAPPENINGS.items())
def test_a_delivery_is_read_as_what_happened(name: str, happening: Happening) -> None:
    assert read_delivery(name.partition(".")[0], payload(name)) == happening


@pytest.mark.parametrize("name", HAPPENINGS)
@pytest.mark.parametrize("event", EVENTS)
def test_a_body_replayed_under_another_event_name_is_ignored(name: str, event: str) -> None:
    family = {"installation", "installation_repositories"}
    own = name.partition(".")[0]
    reading = read_delivery(event, payload(name))

    assert isinstance(reading, Ignored) or event == own or {event, own} == family


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"action": "edited"}, "only new comments are commands"),
        ({"comment.updated_at": "2026-11-21T09:15:31Z"}, "the comment was edited"),
        ({"action": "pinned"}, "only new comments are commands"),
        ({"sender.id": 102}, "the sender is not the author of the comment"),
        ({"sender.type": "Bot"}, "the sender is not a person"),
        ({"sender.login": "maya[bot]"}, "the sender is not a person"),
        ({"comment.user.type": "Bot"}, "the author is not a person"),
        ({"comment.user.type": "Mannequin"}, "the author is not a person"),
        ({"comment.user.login": "helper[BOT]"}, "the author is not a person"),
        ({"comment.performed_via_github_app": {"id": 55}}, "an app wrote the comment for somebody"),
    ],
)
def test_attack_18_only_a_new_comment_by_a_person_counts(changes: Mapping[str, object], reason: str) -> None:
    assert read_delivery("issue_comment", payload("issue_comment.created", changes)) == Ignored(reason)


def test_attack_17_who_speaks_is_told_by_id_and_not_by_login() -> None:
    renamed = payload("issue_comment.created", {"sender.login": "maya-new"})

    assert read_delivery("issue_comment", renamed) == COMMENT


@pytest.mark.parametrize(("mark", "is_pull"), [({"url": "https://api.github.com/x"}, True), (None, False)])
def test_a_comment_on_a_pull_request_is_told_apart(mark: object, is_pull: bool) -> None:
    reading = read_delivery("issue_comment", payload("issue_comment.created", {"issue.pull_request": mark}))

    assert isinstance(reading, CommentCreated)
    assert reading.is_pull_request is is_pull


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("issue_comment.created", "action"),
        ("issue_comment.created", "sender"),
        ("issue_comment.created", "repository"),
        ("issue_comment.created", "repository.private"),
        ("issue_comment.created", "comment.user"),
        ("issue_comment.created", "comment.body"),
        ("issue_comment.created", "issue.number"),
        ("workflow_run.completed", "workflow_run.head_sha"),
        ("workflow_job.completed", "workflow_job.run_id"),
        ("check_run.requested_action", "check_run.external_id"),
        ("check_run.requested_action", "requested_action"),
        ("check_run.rerequested", "sender"),
        ("installation.created", "installation.id"),
        ("ping", "hook_id"),
    ],
)
def test_a_missing_field_is_named_in_the_reason(name: str, path: str) -> None:
    event = name.partition(".")[0]
    reading = read_delivery(event, without(name, path))

    assert isinstance(reading, Ignored)
    assert reading.reason.startswith(f"not a {event} delivery: {path.rpartition('.')[2]}") or (
        f" {path} " in reading.reason
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("repository.id", True),
        ("repository.id", -1),
        ("repository.id", 2**63),
        ("repository.id", 1.5),
        ("repository.id", "5001"),
        ("repository.full_name", "acme/../widget"),
        ("repository.full_name", "../widget"),
        ("repository.full_name", "acme/widget?x=1"),
        ("repository.full_name", "acme/widget\n"),
        ("repository.visibility", 1),
        ("installation", []),
        ("comment.created_at", "2026-11-21T09:15:30"),
        ("comment.created_at", "0001-01-01T00:00:00+23:59"),
        ("comment.created_at", "yesterday"),
        ("comment.created_at", 1795254930),
        ("comment.body", None),
        ("comment", "text"),
    ],
)
def test_a_field_of_another_type_makes_no_command(path: str, value: object) -> None:
    assert isinstance(
        read_delivery("issue_comment", payload("issue_comment.created", {path: value})), Ignored
    )


@pytest.mark.parametrize(
    ("facts", "visibility"),
    [
        ({"repository.visibility": "public", "repository.private": False}, "public"),
        ({"repository.visibility": "internal", "repository.private": True}, "internal"),
        ({"repository.visibility": "private", "repository.private": True}, "private"),
        ({"repository.visibility": None, "repository.private": False}, "public"),
        ({"repository.visibility": None, "repository.private": True}, "private"),
        ({"repository.visibility": "public", "repository.private": True}, "private"),
        ({"repository.visibility": "internal", "repository.private": False}, "private"),
        ({"repository.visibility": "galactic", "repository.private": False}, "private"),
    ],
)
def test_a_doubtful_visibility_counts_as_private(facts: Mapping[str, object], visibility: str) -> None:
    reading = read_delivery("issue_comment", payload("issue_comment.created", facts))

    assert isinstance(reading, CommentCreated)
    assert reading.repository.visibility == visibility


@pytest.mark.parametrize("event", ["push", "check_suite", "workflow_dispatch", "", "ISSUE_COMMENT", "ping "])
def test_other_events_are_ignored(event: str) -> None:
    assert read_delivery(event, payload("issue_comment.created")) == Ignored("this event is not used")


@pytest.mark.parametrize("name", sorted(set(HAPPENINGS) - {"ping"}))
def test_unknown_actions_are_ignored(name: str) -> None:
    assert isinstance(read_delivery(name.partition(".")[0], payload(name, {"action": "polished"})), Ignored)


@pytest.mark.parametrize("name", ["check_run.requested_action", "check_run.rerequested"])
def test_an_app_presses_no_buttons(name: str) -> None:
    reading = read_delivery("check_run", payload(name, {"sender.type": "Bot"}))

    assert reading == Ignored("the sender is not a person")


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"status": "on_hold", "conclusion": "half_done"}, ("on_hold", "half_done")),
        ({"status": "queued", "conclusion": None}, ("queued", None)),
    ],
)
def test_words_that_github_invents_later_are_kept(
    changes: dict[str, object], seen: tuple[str, str | None]
) -> None:
    run = run_from_http(rest_run(**changes))

    assert (run.status, run.conclusion) == seen


def test_a_run_without_its_optional_fields_is_read() -> None:
    bare = rest_run(head_branch=None, actor=None, triggering_actor=None, run_started_at=None, status=None)
    del bare["display_title"], bare["run_attempt"]

    run = run_from_http(bare)

    assert (run.head_branch, run.actor_login, run.triggering_actor_login) == (None, None, None)
    assert (run.display_title, run.run_started_at) == ("", SPOKEN)
    assert (run.attempt, run.status) == (1, "unknown")


def test_a_run_that_is_no_run_is_an_error_for_the_caller() -> None:
    with pytest.raises(BadShape, match="run_attempt is not a positive whole number"):
        run_from_http(rest_run(run_attempt=0))


def test_a_comment_found_by_listing_is_the_same_as_the_delivered_one() -> None:
    assert comment_from_listing(WIDGET, listed()) == COMMENT


@pytest.mark.parametrize(
    ("page", "is_pull"),
    [
        ("https://github.com/acme/widget/pull/7#issuecomment-3001", True),
        ("https://github.com/acme/pull/issues/7#issuecomment-3001", False),
        ("https://github.com/pull/pull/issues/7#issuecomment-3001", False),
        ("https://git.acme.example/acme/widget/pull/7#issuecomment-3001", True),
    ],
)
def test_a_listed_comment_on_a_pull_request_is_told_apart(page: str, is_pull: bool) -> None:
    reading = comment_from_listing(WIDGET, listed(html_url=page))

    assert isinstance(reading, CommentCreated)
    assert reading.is_pull_request is is_pull


@pytest.mark.parametrize(
    ("reactions", "may_be"),
    [
        ({"rocket": 1, "confused": 0}, True),
        ({"rocket": 0, "confused": 2}, True),
        ({"rocket": 0, "confused": 0, "eyes": 1}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_listed_comment_with_a_last_reaction_may_be_answered(reactions: object, may_be: bool) -> None:
    assert may_be_answered(listed(reactions=reactions)) is may_be


@pytest.mark.parametrize(
    "changes",
    [
        {"updated_at": "2026-11-21T09:15:31Z"},
        {"user": None},
        {"user": {"login": "release-bot[bot]", "id": 900, "type": "Bot"}},
        {"performed_via_github_app": {"id": 55}},
        {"issue_url": "https://api.github.com/repos/acme/widget/issues/"},
        {"issue_url": "https://api.github.com/repos/acme/widget/issues/7/events"},
        {"issue_url": "https://[broken"},
        {"html_url": 7},
        {"body": None},
    ],
)
def test_a_listed_comment_that_is_edited_or_no_persons_is_ignored(changes: dict[str, object]) -> None:
    assert isinstance(comment_from_listing(WIDGET, listed(**changes)), Ignored)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("issue_comment.created", "comment:5001:3001:created"),
        ("workflow_run.completed", "run:5001:6001:2:completed"),
        ("workflow_job.completed", "job:5001:6501:2:completed"),
        ("issue_comment.deleted", None),
        ("installation.created", None),
        ("ping", None),
    ],
)
def test_the_body_tells_two_deliveries_of_one_happening(name: str, key: str | None) -> None:
    assert second_key(name.partition(".")[0], payload(name)) == key


@pytest.mark.parametrize("name", ["check_run.requested_action", "check_run.rerequested"])
def test_the_same_body_is_the_same_click(name: str) -> None:
    click = payload(name)
    later = payload(name, {"check_run.status": "in_progress"})

    keys = {second_key("check_run", body) for body in (click, dict(reversed(click.items())), later)}

    assert len(keys) == 2
    assert None not in keys


@pytest.mark.parametrize("event", ["workflow_run", "workflow_job", "check_run", "push"])
def test_a_comment_under_another_event_name_uses_up_no_key(event: str) -> None:
    assert second_key(event, payload("issue_comment.created")) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
PATHS = ["action", "sender", "comment", "comment.user", "comment.created_at", "issue", "repository.full_name"]


@given(
    event=st.sampled_from(EVENTS) | st.text(), body=st.dictionaries(st.text(max_size=12), JSON, max_size=5)
)
def test_arbitrary_json_is_ignored(event: str, body: dict[str, object]) -> None:
    assert isinstance(read_delivery(event, body), Ignored)
    assert second_key(event, body) is None
    assert isinstance(comment_from_listing(WIDGET, body), Ignored)


@given(path=st.sampled_from(PATHS), junk=JSON)
def test_junk_in_one_field_never_raises(path: str, junk: object) -> None:
    body = payload("issue_comment.created", {path: junk})
    before = deepcopy(body)

    assert isinstance(read_delivery("issue_comment", body), (CommentCreated, Ignored))
    assert repr(body) == repr(before)
