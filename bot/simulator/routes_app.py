"""REST: the app itself, its installations and their tokens."""

from __future__ import annotations

from bot.simulator.call import PAGING, Answer, Call, Door, HttpError, Permission, Routes, not_found, paged
from bot.simulator.clock import stamp
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import LEVELS, Installation, Level, Repository, Token
from bot.simulator.shapes import (
    app_shape,
    installation_shape,
    repository_shape,
)

ROUTES = Routes()
METADATA = Permission("metadata")
NO_SUCH_REPOSITORY = (
    "There is at least one repository that does not exist or is not accessible to the parent installation."
)
NOT_GRANTED = "The permissions requested are not granted to this installation."


@ROUTES.on("GET", "/app", Door.APP)
def show_app(call: Call) -> Answer:
    count = len([each for each in call.world.installations if not each.deleted])
    return Answer(200, {**app_shape(call.world, call.world.app), "installations_count": count})


@ROUTES.on("GET", "/app/installations", Door.APP, query=(*PAGING, "since", "outdated"))
def list_installations(call: Call) -> Answer:
    standing = [each for each in call.world.installations if not each.deleted]
    return paged(call, [installation_shape(call.world, each) for each in standing])


@ROUTES.on("GET", "/app/installations/{installation_id}", Door.APP)
def show_installation(call: Call) -> Answer:
    return Answer(200, installation_shape(call.world, _installation(call)))


def _installation(call: Call) -> Installation:
    number = call.number("installation_id")
    for each in call.world.installations:
        if each.id == number and not each.deleted:
            return each
    raise not_found()


@ROUTES.on("GET", "/repos/{owner}/{repo}/installation", Door.APP)
def show_repository_installation(call: Call) -> Answer:
    found = call.world.installation_of(call.repository)
    if found is None:
        raise not_found()
    return Answer(200, installation_shape(call.world, found))


@ROUTES.on("GET", "/orgs/{org}/installation", Door.APP)
@ROUTES.on("GET", "/users/{org}/installation", Door.APP)
def show_account_installation(call: Call) -> Answer:
    for each in call.world.installations:
        if each.account.login.lower() == call.params["org"].lower() and not each.deleted:
            return Answer(200, installation_shape(call.world, each))
    raise not_found()


@ROUTES.on(
    "POST",
    "/app/installations/{installation_id}/access_tokens",
    Door.APP,
    body=("repositories", "repository_ids", "permissions"),
)
def create_token(call: Call) -> Answer:
    """Narrowed to `repositories` (names without owner) or `repository_ids`, and to `permissions`.
    https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app"""
    world, installation = call.world, _installation(call)
    if installation.suspended_at is not None:
        raise HttpError(403, "This installation has been suspended")
    narrowed = "repositories" in call.body or "repository_ids" in call.body
    places = _chosen(call, installation)
    permissions = _permissions(call, installation)
    text = world.new_token(installation, len(world.tokens) + 1)
    token = Token(text, installation, tuple(places), permissions, world.clock.now() + world.token_life)
    world.tokens[text] = token
    answer: JsonObject = {
        "token": text,
        "expires_at": stamp(token.expires_at),
        "permissions": dict(permissions),
        "repository_selection": "selected",
    }
    if narrowed:
        answer["repositories"] = [repository_shape(world, place) for place in places]
    return Answer(201, answer)


def _chosen(call: Call, installation: Installation) -> list[Repository]:
    places = list(installation.repositories)
    names, ids = call.body.get("repositories"), call.body.get("repository_ids")
    if isinstance(names, list):
        wanted = {str(name).lower() for name in names}
        places = [place for place in places if place.name.lower() in wanted]
        if len(places) != len(wanted):
            raise HttpError(422, NO_SUCH_REPOSITORY)
    if isinstance(ids, list):
        places = [place for place in places if place.id in ids]
        if len(places) != len(set(ids)):
            raise HttpError(422, NO_SUCH_REPOSITORY)
    return places


def _permissions(call: Call, installation: Installation) -> dict[str, Level]:
    wish = call.body.get("permissions")
    if not isinstance(wish, dict):
        return dict(installation.permissions)
    chosen: dict[str, Level] = {"metadata": "read"}
    for name, level in wish.items():
        if LEVELS.get(level, 9) > LEVELS[installation.permissions.get(name, "none")]:
            raise HttpError(422, NOT_GRANTED)
        chosen[name] = level
    return chosen


@ROUTES.on("DELETE", "/installation/token", Door.TOKEN)
def revoke_token(call: Call) -> Answer:
    if call.token is not None:
        del call.world.tokens[call.token.text]
    return Answer(204)


@ROUTES.on("GET", "/installation/repositories", Door.TOKEN, query=PAGING)
def list_installation_repositories(call: Call) -> Answer:
    places = call.token.repositories if call.token else ()
    reached = [place for place in places if call.token and call.token.installation.reaches(place)]
    return paged(call, [repository_shape(call.world, place) for place in reached], "repositories")
