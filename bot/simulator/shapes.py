"""GitHub's JSON for people, repositories, apps and installations.

Rule: shapes only read state; a key GitHub always sends is always here.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from bot.simulator.clock import stamp, stamp_or_none
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import App, Installation, Person, Repository

if TYPE_CHECKING:
    from bot.simulator.world import World

# The addresses a repository object carries, as GitHub writes them after the repository's own.
REPOSITORY_ADDRESSES = {
    "archive": "{/archive_format}{/ref}",
    "assignees": "{/user}",
    "blobs": "",
    "branches": "{/branch}",
    "collaborators": "{/collaborator}",
    "comments": "{/number}",
    "commits": "{/sha}",
    "compare": "/{base}...{head}",
    "contents": "/{+path}",
    "contributors": "",
    "deployments": "",
    "downloads": "",
    "events": "",
    "forks": "",
    "git_commits": "{/sha}",
    "git_refs": "{/sha}",
    "git_tags": "{/sha}",
    "hooks": "",
    "issue_comment": "{/number}",
    "issue_events": "{/number}",
    "issues": "{/number}",
    "keys": "{/key_id}",
    "labels": "{/name}",
    "languages": "",
    "merges": "",
    "milestones": "{/number}",
    "notifications": "{?since,all,participating}",
    "pulls": "{/number}",
    "releases": "{/id}",
    "stargazers": "",
    "statuses": "/{sha}",
    "subscribers": "",
    "subscription": "",
    "tags": "",
    "teams": "",
    "trees": "{/sha}",
}
USER_ADDRESSES = (
    "followers",
    "following{/other_user}",
    "gists{/gist_id}",
    "starred{/owner}{/repo}",
    "subscriptions",
    "orgs",
    "repos",
    "events{/privacy}",
    "received_events",
)


def node_id(kind: str, number: int | str) -> str:
    return f"{kind}_{b64encode(str(number).encode()).decode().rstrip('=')}"


def person_shape(world: World, person: Person) -> JsonObject:
    url = f"{world.urls.api}/users/{person.login}"
    shape: JsonObject = {
        "login": person.login,
        "id": person.id,
        "node_id": node_id("U", person.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{person.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.urls.web}/{person.login.removesuffix('[bot]')}",
        "type": person.kind,
        "user_view_type": "public",
        "site_admin": False,
    }
    for address in USER_ADDRESSES:
        name = address.partition("{")[0].replace("orgs", "organizations")
        shape[f"{name}_url"] = f"{url}/{address}"
    return shape


def public_user_shape(world: World, person: Person) -> JsonObject:
    nothing = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    born = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    return {**person_shape(world, person), **nothing, **counts, **born, "blog": ""}


def repository_url(world: World, repository: Repository) -> str:
    return f"{world.urls.api}/repos/{repository.full_name}"


def web_url(world: World, repository: Repository) -> str:
    return f"{world.urls.web}/{repository.full_name}"


def small_repository_shape(world: World, repository: Repository) -> JsonObject:
    """The repository as runs and token answers carry it (GitHub's "minimal repository")."""
    url = repository_url(world, repository)
    shape: JsonObject = {
        "id": repository.id,
        "node_id": node_id("R", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": person_shape(world, repository.owner),
        "html_url": web_url(world, repository),
        "description": None,
        "fork": False,
        "url": url,
    }
    for name, rest in REPOSITORY_ADDRESSES.items():
        path = {"git_commits": "git/commits", "git_refs": "git/refs", "git_tags": "git/tags"}.get(name)
        path = path or {"issue_comment": "issues/comments", "issue_events": "issues/events"}.get(name)
        path = path or {"archive": "", "blobs": "git/blobs{/sha}", "trees": "git/trees"}.get(name, name)
        shape[f"{name}_url"] = f"{url}/{path}{rest}"
    return shape


def repository_shape(world: World, repository: Repository) -> JsonObject:
    web = web_url(world, repository)
    host = world.urls.web.removeprefix("https://").removeprefix("http://")
    open_issues = len([issue for issue in repository.issues.values() if issue.state == "open"])
    counts = ("forks_count", "stargazers_count", "watchers_count", "size", "forks", "watchers")
    return {
        **small_repository_shape(world, repository),
        **dict.fromkeys((*counts, "network_count", "subscribers_count"), 0),
        **dict.fromkeys(("mirror_url", "homepage", "language", "license")),
        **dict.fromkeys(("has_projects", "has_wiki", "has_pages", "has_discussions"), False),
        **dict.fromkeys(("archived", "disabled", "is_template", "web_commit_signoff_required"), False),
        "has_issues": repository.has_issues,
        "visibility": repository.visibility,
        "default_branch": repository.default_branch,
        "open_issues_count": open_issues,
        "open_issues": open_issues,
        "topics": [],
        "allow_forking": True,
        "pushed_at": stamp(repository.created_at),
        "created_at": stamp(repository.created_at),
        "updated_at": stamp(repository.created_at),
        "git_url": f"git://{host}/{repository.full_name}.git",
        "ssh_url": f"git@{host}:{repository.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
    }


def app_shape(world: World, app: App) -> JsonObject:
    return {
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": node_id("A", app.id),
        "owner": person_shape(world, app.owner),
        "name": app.name,
        "description": "Runs a company's release day.",
        "external_url": f"{world.urls.web}/apps/{app.slug}",
        "html_url": f"{world.urls.web}/apps/{app.slug}",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "permissions": dict(app.permissions),
        "events": list(app.events),
    }


def installation_shape(world: World, installation: Installation) -> JsonObject:
    url = f"{world.urls.api}/app/installations/{installation.id}"
    login = installation.account.login
    suspended = installation.suspended_at
    return {
        "id": installation.id,
        "client_id": world.app.client_id,
        "account": person_shape(world, installation.account),
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{world.urls.api}/installation/repositories",
        "html_url": f"{world.urls.web}/organizations/{login}/settings/installations/{installation.id}",
        "app_id": world.app.id,
        "app_slug": world.app.slug,
        "target_id": installation.account.id,
        "target_type": installation.account.kind,
        # What was taken away is left out, it is not "none".
        "permissions": {name: level for name, level in installation.permissions.items() if level != "none"},
        "events": list(world.app.events),
        "repository_selection": "selected",
        "created_at": stamp(installation.created_at),
        "updated_at": stamp(suspended or installation.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": person_shape(world, installation.account) if suspended else None,
        "suspended_at": stamp_or_none(suspended),
    }
