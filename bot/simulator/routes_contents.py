"""REST: refs, tags, commits, branches, files."""

from __future__ import annotations

from bot.simulator.call import PAGING, Answer, Call, HttpError, Permission, Routes, not_found, paged
from bot.simulator.repositories import Commit
from bot.simulator.shapes_git import (
    branch_shape,
    commit_shape,
    file_shape,
    ref_shape,
    short_branch_shape,
    tag_object_shape,
    tag_ref_shape,
)

ROUTES = Routes()
READ = Permission("contents")
PLACE = "/repos/{owner}/{repo}"


@ROUTES.on("GET", PLACE + "/git/ref/{ref+}", READ)
def show_ref(call: Call) -> Answer:
    """Exactly that one: `tags/v1.0.3` or `heads/develop`."""
    place, ref = call.repository, call.params["ref"]
    if (name := ref.removeprefix("tags/")) != ref and name in place.tags:
        return Answer(200, tag_ref_shape(call.world, place, place.tags[name]))
    if (name := ref.removeprefix("heads/")) != ref and name in place.branches:
        sha = place.branches[name]
        return Answer(200, ref_shape(call.world, place, ref, sha=sha, kind="commit"))
    raise not_found()


@ROUTES.on("GET", PLACE + "/git/matching-refs/{ref+}", READ)
def list_matching_refs(call: Call) -> Answer:
    """By prefix: `tags/1.0.3` finds 1.0.30 too, and none is `[]`, not 404."""
    place, prefix = call.repository, call.params["ref"]
    found = [
        tag_ref_shape(call.world, place, t)
        for t in place.tags.values()
        if f"tags/{t.name}".startswith(prefix)
    ]
    for name, sha in place.branches.items():
        if f"heads/{name}".startswith(prefix):
            found.append(ref_shape(call.world, place, f"heads/{name}", sha=sha, kind="commit"))
    return Answer(200, found)


@ROUTES.on("GET", PLACE + "/git/tags/{tag_sha}", READ)
def show_tag(call: Call) -> Answer:
    for tag in call.repository.tags.values():
        if tag.annotation is not None and tag.annotation.sha == call.params["tag_sha"]:
            return Answer(200, tag_object_shape(call.world, call.repository, tag, tag.annotation))
    raise not_found()


@ROUTES.on("GET", PLACE + "/commits", READ, query=(*PAGING, "sha", "path", "since", "until", "author"))
def list_commits(call: Call) -> Answer:
    """Newest first, from `sha` (a branch, tag or commit) or the default branch; with `path` what changed that file."""
    start = call.repository.resolve(call.query.get("sha", call.repository.default_branch))
    if start is None:
        raise not_found()
    found: list[Commit] = []
    waiting = [start]
    while waiting:
        commit = call.repository.commits[waiting.pop(0)]
        if call.query.get("path") in (None, *commit.files):
            found.append(commit)
        waiting += commit.parents
    return paged(call, [commit_shape(call.world, call.repository, each) for each in found])


@ROUTES.on("GET", PLACE + "/commits/{ref+}", READ, query=PAGING)
def show_commit(call: Call) -> Answer:
    sha = call.repository.resolve(call.params["ref"])
    if sha is None:
        raise HttpError(422, f"No commit found for SHA: {call.params['ref']}")
    shape = commit_shape(call.world, call.repository, call.repository.commits[sha])
    if "vnd.github.sha" in call.accept:
        return Answer(200, sha, {"content-type": "application/vnd.github.sha; charset=utf-8"})
    return Answer(200, {**shape, "stats": {"additions": 0, "deletions": 0, "total": 0}, "files": []})


@ROUTES.on("GET", PLACE + "/branches", READ, query=(*PAGING, "protected"))
def list_branches(call: Call) -> Answer:
    return paged(
        call, [short_branch_shape(call.world, call.repository, name) for name in call.repository.branches]
    )


@ROUTES.on("GET", PLACE + "/branches/{branch+}", READ)
def show_branch(call: Call) -> Answer:
    if call.params["branch"] not in call.repository.branches:
        raise HttpError(404, "Branch not found")
    return Answer(200, branch_shape(call.world, call.repository, call.params["branch"]))


@ROUTES.on("GET", PLACE + "/contents/{path+}", READ, query=("ref",))
def show_file(call: Call) -> Answer:
    """Base64 in JSON, or the text itself for a `raw` media type."""
    place, path = call.repository, call.params["path"]
    ref = call.query.get("ref", place.default_branch)
    if place.resolve(ref) is None:
        raise HttpError(404, f"No commit found for the ref {ref}")
    text = place.file(path, ref)
    if text is None:
        raise not_found()
    if "raw" in call.accept:
        return Answer(200, text, {"content-type": "application/vnd.github.raw+json; charset=utf-8"})
    return Answer(200, file_shape(call.world, place, path=path, ref=ref, text=text))
