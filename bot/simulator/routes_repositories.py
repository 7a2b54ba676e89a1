"""REST: repositories, people and their roles, and GitHub's own facts."""

from __future__ import annotations

from bot.simulator.call import PAGING, Answer, Call, Door, HttpError, Permission, Routes, not_found, paged
from bot.simulator.ledger import JsonObject
from bot.simulator.shapes import (
    person_shape,
    public_user_shape,
    repository_shape,
    small_repository_shape,
)

ROUTES = Routes()
METADATA = Permission("metadata")


@ROUTES.on("GET", "/versions", Door.OPEN)
def list_versions(call: Call) -> Answer:
    return Answer(200, list(call.world.api_versions))


@ROUTES.on("GET", "/meta", Door.OPEN)
def show_meta(call: Call) -> Answer:
    facts: JsonObject = {"verifiable_password_authentication": False, "hooks": ["192.0.2.0/24"]}
    if call.world.urls.api.endswith("/api/v3"):
        # Only GitHub Enterprise Server says its version.
        facts["installed_version"] = "3.19.1"
    return Answer(200, facts)


@ROUTES.on("GET", "/rate_limit", Door.OPEN)
def show_rate_limit(call: Call) -> Answer:
    core = call.world.rates.core(call.token.installation.id if call.token else None)
    answer: JsonObject = {
        "resources": {"core": core, "search": {**core, "limit": 30, "remaining": 30, "used": 0}}
    }
    if call.version == "2022-11-28":
        answer["rate"] = core
    return Answer(200, answer)


@ROUTES.on("GET", "/users/{username}", Door.TOKEN)
def show_user(call: Call) -> Answer:
    person = call.world.people.get(call.params["username"].lower())
    if person is None:
        raise not_found()
    return Answer(200, public_user_shape(call.world, person))


@ROUTES.on("GET", "/repos/{owner}/{repo}", METADATA)
def show_repository(call: Call) -> Answer:
    return Answer(200, repository_shape(call.world, call.repository))


@ROUTES.on("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", METADATA)
def show_permission(call: Call) -> Answer:
    """`permission` knows four words; the real role is in `role_name`.
    https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user"""
    login = call.params["username"]
    person = call.world.people.get(login.lower())
    if person is None:
        raise HttpError(404, f"{login} is not a user")
    place = call.repository
    permission = place.permission(login)
    order = ("pull", "triage", "push", "maintain", "admin")
    rank = {"read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}
    have = max(rank.get(place.role(login), 0), rank.get(permission, 0))
    granted = {name: number < have for number, name in enumerate(order)}
    user = {**person_shape(call.world, person), "permissions": granted, "role_name": place.role(login)}
    return Answer(200, {"permission": permission, "role_name": place.role(login), "user": user})


@ROUTES.on("GET", "/repos/{owner}/{repo}/collaborators/{username}", METADATA)
def is_collaborator(call: Call) -> Answer:
    if call.params["username"].lower() in call.repository.roles:
        return Answer(204)
    raise not_found()


@ROUTES.on("GET", "/orgs/{org}/repos", Door.TOKEN, query=(*PAGING, "type", "sort", "direction"))
def list_organization_repositories(call: Call) -> Answer:
    reached = call.token.repositories if call.token else ()
    named = [each for each in call.world.repositories.values() if each.owner.login == call.params["org"]]
    shown = [each for each in named if each.visibility == "public" or each in reached]
    return paged(call, [small_repository_shape(call.world, each) for each in shown])
