"""The app's manifest asks for what the contract allows, and the README's link and the Procfile agree with it."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from ruamel.yaml import YAML

from bot.core.intake import read_delivery
from bot.github.tokens import PERMISSIONS
from bot.metrics import KNOWN_EVENTS

ROOT = Path(__file__).parent.parent
ALLOWED = {"actions": "write", "checks": "write", "contents": "read", "issues": "write", "metadata": "read"}
EVENTS = ["issue_comment", "workflow_run", "workflow_job", "check_run"]


@pytest.fixture(scope="module")
def manifest() -> dict[str, object]:
    text = (ROOT / "app.yml").read_text(encoding="utf-8")
    read: dict[str, object] = YAML(typ="safe", pure=True).load(text)
    return read


def test_attack_32_the_app_asks_for_exactly_the_permissions_of_the_contract(
    manifest: dict[str, object],
) -> None:
    assert manifest["default_permissions"] == ALLOWED


def test_the_app_subscribes_to_exactly_the_events_of_the_contract(manifest: dict[str, object]) -> None:
    assert manifest["default_events"] == EVENTS


def test_the_app_is_private_to_its_owner(manifest: dict[str, object]) -> None:
    assert manifest["public"] is False


def test_the_manifest_has_only_keys_that_github_knows(manifest: dict[str, object]) -> None:
    """https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest"""
    known = {
        "name",
        "url",
        "description",
        "public",
        "hook_attributes",
        "default_permissions",
        "default_events",
    }

    assert set(manifest) == known


def test_every_permission_and_event_has_its_reason_beside_it() -> None:
    lines = (ROOT / "app.yml").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if re.match(r"  (?:- )?[a-z_]+(?:: (?:read|write))?(?:\s|$)", line)]

    assert len(asked) == len(ALLOWED) + len(EVENTS)
    assert [line for line in asked if "  # " not in line] == []


def test_no_token_of_the_bot_needs_more_than_the_app_has() -> None:
    levels = {"read": 1, "write": 2}
    missing = [
        (purpose, name)
        for purpose, permissions in PERMISSIONS.items()
        for name, level in permissions.items()
        if levels[level] > levels.get(ALLOWED.get(name, ""), 0)
    ]

    assert missing == []


@pytest.mark.parametrize("event", EVENTS)
def test_the_bot_understands_each_event_it_subscribes_to(event: str) -> None:
    unused = read_delivery("fork", {})

    assert event in KNOWN_EVENTS
    assert read_delivery(event, {}) != unused


def test_the_readmes_link_fills_in_the_same_form() -> None:
    """https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-using-url-parameters"""
    found = re.search(
        r"\((https://github\.com/settings/apps/new\?\S+)\)", (ROOT / "README.md").read_text("utf-8")
    )
    assert found is not None
    asked = parse_qsl(urlsplit(found[1]).query)

    assert [value for name, value in asked if name == "events[]"] == EVENTS
    assert {name: value for name, value in asked if value in {"read", "write"}} == ALLOWED
    assert ("public", "false") in asked


def test_the_procfile_starts_the_server_for_a_platform_that_chooses_the_port() -> None:
    assert (ROOT / "Procfile").read_text("utf-8") == "web: HOST=0.0.0.0 release-bot serve\n"
