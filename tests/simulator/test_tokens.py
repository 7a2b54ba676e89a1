"""Who may do what: the app's own token, narrowed installation tokens, suspension."""

import pytest

from bot.simulator.repositories import Repository

from .stage import Stage

ISSUE = "/repos/acme/widget/issues/7/comments"


async def test_a_token_for_the_public_repository_cannot_see_the_private_one(stage: Stage) -> None:
    token = await stage.token(stage.oss)
    assert (await stage.get("/repos/acme/widget", token=token)).status_code == 200
    assert (await stage.get("/repos/acme/widget-ee", token=token)).status_code == 404
    assert stage.world.ledger[-1].scope.repositories == ("acme/widget",)


async def test_a_token_without_the_permission_is_refused(stage: Stage) -> None:
    token = await stage.token(stage.oss, issues="read")
    read = await stage.get(ISSUE, token=token)
    write = await stage.ask("POST", ISSUE, {"body": "hello"}, token=token)
    assert read.status_code == 200
    assert (write.status_code, write.json()["message"]) == (403, "Resource not accessible by integration")


async def test_any_token_reads_what_is_public_but_writes_only_where_it_is_good(stage: Stage) -> None:
    token = await stage.token(stage.ee)
    assert (await stage.get(ISSUE, token=token)).status_code == 200
    assert (await stage.ask("POST", ISSUE, {"body": "hello"}, token=token)).status_code == 403


async def test_a_token_is_good_for_an_hour(stage: Stage) -> None:
    token = await stage.token(stage.oss)
    await stage.pass_time(hours=1)
    answer = await stage.get("/repos/acme/widget", token=token)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


@pytest.mark.parametrize(
    "wish",
    [{"permissions": {"contents": "write"}}, {"repositories": ["nowhere"]}, {"repository_ids": [1]}],
)
async def test_a_token_cannot_be_wider_than_its_installation(stage: Stage, wish: object) -> None:
    answer = await stage.ask("POST", "/app/installations/7001/access_tokens", wish, token=stage.jwt())
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("age", "life", "status"), [(60, 540, 200), (60, 700, 401), (-30, 540, 401), (700, -60, 401)]
)
async def test_the_apps_token_has_to_be_in_time(stage: Stage, age: int, life: int, status: int) -> None:
    assert (await stage.get("/app", token=stage.jwt(age=age, life=life))).status_code == status


@pytest.mark.parametrize(("issuer", "status"), [("424242", 200), ("Iv23liSIMULATOR", 200), ("1", 404)])
async def test_the_app_calls_itself_by_id_or_client_id(stage: Stage, issuer: str, status: int) -> None:
    assert (await stage.get("/app", token=stage.jwt(issuer=issuer))).status_code == status


async def test_a_suspended_installation_is_locked_out_until_it_is_back(stage: Stage) -> None:
    token = await stage.token(stage.oss)
    installation = stage.world.installation("acme")
    stage.maya.suspends(installation)
    refused = await stage.get("/repos/acme/widget", token=token)
    stage.maya.comments(stage.issue, "nobody hears this")
    stage.maya.unsuspends(installation)
    await stage.pass_time(seconds=1)

    assert refused.json()["message"] == "This installation has been suspended"
    assert stage.heard == [("installation", "suspend"), ("installation", "unsuspend")]
    assert (await stage.get("/repos/acme/widget", token=token)).status_code == 200


async def test_a_repository_taken_from_the_installation_is_out_of_reach(stage: Stage) -> None:
    token = await stage.token(stage.ee)
    stage.maya.removes_from_installation(stage.world.installation("acme"), stage.ee)
    assert (await stage.get("/repos/acme/widget-ee", token=token)).status_code == 404


async def test_a_renamed_repository_redirects_reads_and_writes(stage: Stage) -> None:
    token = await stage.token()
    stage.maya.renames(stage.oss, "gadget")
    read = await stage.get("/repos/acme/widget/issues/7", token=token)
    write = await stage.ask("POST", ISSUE, {"body": "hello"}, token=token)

    assert (read.status_code, write.status_code) == (301, 307)
    followed = read.headers["location"].removeprefix(stage.world.urls.api)
    assert (await stage.get(followed, token=token)).json()["number"] == 7
    assert stage.issue.comments == []


@pytest.mark.parametrize(
    ("role", "permission"),
    [("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"), ("captain", "write")],
)
async def test_the_role_is_told_beside_the_permission(stage: Stage, role: str, permission: str) -> None:
    stage.oss.custom_roles["captain"] = "write"
    stage.world.give_role("sam", role, stage.oss)
    answer = (await stage.get("/repos/acme/widget/collaborators/sam/permission")).json()
    assert (answer["permission"], answer["role_name"]) == (permission, role)


async def test_a_stranger_reads_in_public_and_nothing_else(stage: Stage) -> None:
    stage.world.account("sam")

    async def permission(place: Repository) -> str:
        answer = await stage.get(f"/repos/{place.full_name}/collaborators/sam/permission")
        return str(answer.json()["permission"])

    assert (await permission(stage.oss), await permission(stage.ee)) == ("read", "none")
    missing = await stage.get("/repos/acme/widget/collaborators/nobody/permission")
    assert missing.status_code == 404


async def test_without_a_user_agent_nothing_is_answered(stage: Stage) -> None:
    answer = await stage.client.get("/versions", headers={"User-Agent": ""})
    assert answer.status_code == 403
