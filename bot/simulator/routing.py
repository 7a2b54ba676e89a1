"""From a request to the route that answers it: version, renamed repositories, permission, unknown keys.

Rule: refusals come in GitHub's order: manners, endpoint, version, redirect, limit, credentials, permission.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from bot.simulator import (
    routes_actions,
    routes_app,
    routes_checks,
    routes_contents,
    routes_deliveries,
    routes_issues,
    routes_repositories,
    routes_runs,
)
from bot.simulator.actions import RefusedError
from bot.simulator.auth import Caller, authorize
from bot.simulator.call import Answer, Call, HttpError, Route, not_found
from bot.simulator.ledger import Entry
from bot.simulator.repositories import Repository

if TYPE_CHECKING:
    from bot.simulator.world import World

ROUTES: tuple[Route, ...] = (
    *routes_app.ROUTES,
    *routes_actions.ROUTES,
    *routes_runs.ROUTES,
    *routes_checks.ROUTES,
    *routes_issues.ROUTES,
    *routes_deliveries.ROUTES,
    *routes_repositories.ROUTES,
    *routes_contents.ROUTES,
)
NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
    "(https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent)."
)


def raw_path(request: Request) -> str:
    """The path with its percent signs: `%2F` inside the name of a branch is no slash yet."""
    raw = request.scope.get("raw_path")
    text = raw.decode("ascii") if isinstance(raw, bytes) else request.url.path
    return text.partition("?")[0]


def handle(world: World, request: Request, entry: Entry, raw: bytes) -> Answer:
    try:
        prefix = urlsplit(world.urls.api).path
        if prefix and not raw_path(request).startswith(prefix + "/"):
            world.unexpected.append(f"{entry.method} {raw_path(request)}: not below {prefix}")
            raise not_found()
        if not request.headers.get("user-agent"):
            raise HttpError(403, NO_USER_AGENT)
        if raw and entry.body is None:
            raise HttpError(400, "Problems parsing JSON")
        return _route(world, request, entry)
    except RefusedError as refusal:
        return HttpError(refusal.status, refusal.message).answer
    except HttpError as error:
        return error.answer


def _route(world: World, request: Request, entry: Entry) -> Answer:
    path = _by_name(world, entry.path)
    for route in ROUTES:
        if route.method == entry.method and (params := route.params(path)) is not None:
            entry.template = route.template
            return _call(world, request, entry, route, params)
    world.unexpected.append(f"{entry.method} {entry.path}: no such endpoint here")
    raise not_found()


def _by_name(world: World, path: str) -> str:
    """`/repositories/ID/…` is another spelling of `/repos/OWNER/NAME/…`."""
    match = re.match(r"/repositories/(\d+)(?=/|$)", path)
    place = world.repository_by_id(int(match[1])) if match else None
    return f"/repos/{place.full_name}{path[match.end() :]}" if match and place else path


def _call(world: World, request: Request, entry: Entry, route: Route, params: dict[str, str]) -> Answer:
    version = _version(world, request)
    place = _place(world, entry, params)
    caller = Caller(world, request.headers.get("authorization", ""))
    if not world.rates.take(entry.scope.installation_id):
        raise HttpError(403, f"API rate limit exceeded for installation ID {entry.scope.installation_id}.")
    authorize(caller, route.needs, place, reads=entry.method == "GET")
    body = entry.body or {}
    strange = [f"query {key!r}" for key in entry.query if key not in route.query]
    strange += [f"body key {key!r}" for key in body if key not in route.body]
    world.unexpected += [
        f"{entry.method} {route.template}: {what} is not in its description" for what in strange
    ]
    call = Call(
        world,
        entry.method,
        entry.path,
        params,
        entry.query,
        body,
        accept=request.headers.get("accept", ""),
        version=version,
        token=caller.token,
        place=place,
    )
    return route.handler(call)


def _version(world: World, request: Request) -> str:
    """https://docs.github.com/rest/about-the-rest-api/api-versions"""
    version = request.headers.get("x-github-api-version", "2022-11-28")
    if version not in world.api_versions:
        known = ", ".join(world.api_versions)
        raise HttpError(400, f"{version} is not a supported API version. Supported versions: {known}")
    return version


def _place(world: World, entry: Entry, params: dict[str, str]) -> Repository | None:
    if "owner" not in params:
        return None
    name = f"{params['owner']}/{params['repo']}"
    place = world.repositories.get(name.lower())
    moved = world.old_names.get(name.lower())
    if place is None and moved is not None:
        rest = entry.path.removeprefix(f"/repos/{name}")
        url = f"{world.urls.api}/repositories/{moved.id}{rest}"
        # A renamed repository redirects; a write with 307, so that its method is kept.
        # https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
        status = 301 if entry.method == "GET" else 307
        message = "Moved Permanently" if status == 301 else "Temporary Redirect"
        raise HttpError(status, message, headers={"Location": url})
    if place is not None:
        entry.repository, entry.private = place.full_name, place.private
    return place
