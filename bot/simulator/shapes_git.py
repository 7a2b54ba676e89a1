"""GitHub's JSON for refs, tags, commits, branches and file contents."""

from __future__ import annotations

from base64 import encodebytes
from hashlib import sha1
from typing import TYPE_CHECKING

from bot.simulator.clock import stamp
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import Commit, Repository, Tag, TagObject
from bot.simulator.shapes import node_id, repository_url, web_url

if TYPE_CHECKING:
    from bot.simulator.world import World

UNSIGNED = {
    "verified": False,
    "reason": "unsigned",
    "payload": None,
    "signature": None,
    "verified_at": None,
}


def ref_shape(world: World, repository: Repository, name: str, *, sha: str, kind: str) -> JsonObject:
    url = repository_url(world, repository)
    return {
        "ref": f"refs/{name}",
        "node_id": node_id("REF", name),
        "url": f"{url}/git/refs/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{url}/git/{kind}s/{sha}"},
    }


def tag_ref_shape(world: World, repository: Repository, tag: Tag) -> JsonObject:
    # The ref of an annotated tag names the tag object, not the commit.
    # https://docs.github.com/rest/git/tags
    kind = "tag" if tag.annotation else "commit"
    return ref_shape(world, repository, f"tags/{tag.name}", sha=tag.object_sha, kind=kind)


def tag_object_shape(world: World, repository: Repository, tag: Tag, annotation: TagObject) -> JsonObject:
    url = repository_url(world, repository)
    who = {"name": annotation.tagger, "email": f"{annotation.tagger}@users.noreply.github.com"}
    return {
        "node_id": node_id("TA", annotation.sha),
        "tag": tag.name,
        "sha": annotation.sha,
        "url": f"{url}/git/tags/{annotation.sha}",
        "message": annotation.message,
        "tagger": {**who, "date": stamp(annotation.at)},
        "object": {
            "type": "commit",
            "sha": annotation.target,
            "url": f"{url}/git/commits/{annotation.target}",
        },
        "verification": dict(UNSIGNED),
    }


def commit_shape(world: World, repository: Repository, commit: Commit) -> JsonObject:
    url, web = repository_url(world, repository), web_url(world, repository)
    who = {
        "name": commit.author,
        "email": f"{commit.author}@users.noreply.github.com",
        "date": stamp(commit.at),
    }
    parents = [
        {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{web}/commit/{sha}"}
        for sha in commit.parents
    ]
    tree = commit.sha[::-1]
    return {
        "sha": commit.sha,
        "node_id": node_id("C", commit.sha),
        "commit": {
            "author": who,
            "committer": who,
            "message": commit.message,
            "tree": {"sha": tree, "url": f"{url}/git/trees/{tree}"},
            "url": f"{url}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": dict(UNSIGNED),
        },
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{url}/commits/{commit.sha}/comments",
        "author": None,
        "committer": None,
        "parents": parents,
    }


def short_branch_shape(world: World, repository: Repository, name: str) -> JsonObject:
    sha = repository.branches[name]
    url = f"{repository_url(world, repository)}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": False}


def branch_shape(world: World, repository: Repository, name: str) -> JsonObject:
    url = f"{repository_url(world, repository)}/branches/{name}"
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": commit_shape(world, repository, repository.commits[repository.branches[name]]),
        "_links": {"self": url, "html": f"{web_url(world, repository)}/tree/{name}"},
        "protected": False,
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{url}/protection",
    }


def file_shape(world: World, repository: Repository, *, path: str, ref: str, text: str) -> JsonObject:
    raw = text.encode("utf-8", "surrogateescape")  # so a file that is no text can be kept, too
    sha = sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
    url = f"{repository_url(world, repository)}/contents/{path}?ref={ref}"
    git = f"{repository_url(world, repository)}/git/blobs/{sha}"
    web = f"{web_url(world, repository)}/blob/{ref}/{path}"
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(raw),
        "name": path.rpartition("/")[2],
        "path": path,
        # GitHub breaks the text into lines of 60 characters; Python's codec into 76. Both must be joined.
        "content": encodebytes(raw).decode(),
        "sha": sha,
        "url": url,
        "git_url": git,
        "html_url": web,
        "download_url": f"{web_url(world, repository)}/raw/{ref}/{path}",
        "_links": {"self": url, "git": git, "html": web},
    }
