"""GitHub's JSON for issues, comments, reactions and check runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bot.simulator.clock import stamp, stamp_or_none
from bot.simulator.ledger import JsonObject
from bot.simulator.repositories import Annotation, CheckRun, Comment, Issue, Reaction
from bot.simulator.shapes import app_shape, node_id, person_shape, repository_url, web_url

if TYPE_CHECKING:
    from bot.simulator.world import World

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def issue_shape(world: World, issue: Issue) -> JsonObject:
    url = f"{repository_url(world, issue.repository)}/issues/{issue.number}"
    kind = "pull" if issue.pull_request else "issues"
    web = f"{web_url(world, issue.repository)}/{kind}/{issue.number}"
    shape: JsonObject = {
        "id": issue.id,
        "node_id": node_id("I", issue.id),
        "url": url,
        "repository_url": repository_url(world, issue.repository),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": web,
        "number": issue.number,
        "state": issue.state,
        "state_reason": None,
        "title": issue.title,
        "body": "",
        "user": person_shape(world, issue.user),
        "labels": [],
        "assignees": [],
        "milestone": None,
        "locked": issue.locked,
        "active_lock_reason": None,
        "comments": len([comment for comment in issue.comments if not comment.deleted]),
        "closed_at": None,
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.created_at),
        "author_association": "MEMBER",
        "reactions": rollup_shape(url, []),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
    }
    if issue.pull_request:
        # The only mark by which an issue_comment tells a pull request from an issue.
        pull = url.replace("/issues/", "/pulls/")
        shape["pull_request"] = {"url": pull, "html_url": web, "diff_url": web, "patch_url": web}
    return shape


def rollup_shape(url: str, reactions: list[Reaction]) -> JsonObject:
    counts = Counter(reaction.content for reaction in reactions)
    names = {name: counts[name] for name in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **names}


def comment_shape(world: World, comment: Comment) -> JsonObject:
    issue = comment.issue
    url = f"{repository_url(world, issue.repository)}/issues/comments/{comment.id}"
    page = f"{web_url(world, issue.repository)}/{'pull' if issue.pull_request else 'issues'}/{issue.number}"
    return {
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "url": url,
        "html_url": f"{page}#issuecomment-{comment.id}",
        "issue_url": f"{repository_url(world, issue.repository)}/issues/{issue.number}",
        "body": comment.body,
        "user": person_shape(world, comment.user),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        # A private member of an organisation shows as CONTRIBUTOR: never a proof of anything.
        "author_association": "CONTRIBUTOR",
        "performed_via_github_app": app_shape(world, comment.via) if comment.via else None,
        "reactions": rollup_shape(url, comment.reactions),
    }


def reaction_shape(world: World, reaction: Reaction) -> JsonObject:
    return {
        "id": reaction.id,
        "node_id": node_id("REA", reaction.id),
        "user": person_shape(world, reaction.user),
        "content": reaction.content,
        "created_at": stamp(reaction.at),
    }


def check_run_shape(world: World, check: CheckRun) -> JsonObject:
    url = f"{repository_url(world, check.repository)}/check-runs/{check.id}"
    output: JsonObject = {
        "title": check.title,
        "summary": check.summary,
        "text": check.text,
        "annotations_count": len(check.annotations),
        "annotations_url": f"{url}/annotations",
    }
    return {
        "id": check.id,
        "node_id": node_id("CR", check.id),
        "name": check.name,
        "head_sha": check.head_sha,
        "external_id": check.external_id,
        "url": url,
        "html_url": f"{web_url(world, check.repository)}/runs/{check.id}",
        "details_url": check.details_url,
        "status": check.status,
        "conclusion": check.conclusion,
        "started_at": stamp_or_none(check.started_at),
        "completed_at": stamp_or_none(check.completed_at),
        "output": output,
        "check_suite": {"id": check.suite_id},
        "app": app_shape(world, check.app),
        "pull_requests": [],
    }


def hook_check_run_shape(world: World, check: CheckRun) -> JsonObject:
    """In a webhook the suite is told in full, and so are the buttons."""
    shape = check_run_shape(world, check)
    suite_url = f"{repository_url(world, check.repository)}/check-suites/{check.suite_id}"
    shape["check_suite"] = {
        "id": check.suite_id,
        "node_id": node_id("CS", check.suite_id),
        "head_branch": next(
            (name for name, sha in check.repository.branches.items() if sha == check.head_sha), None
        ),
        "head_sha": check.head_sha,
        "status": check.status,
        "conclusion": check.conclusion,
        "url": suite_url,
        "before": None,
        "after": None,
        "pull_requests": [],
        "app": app_shape(world, check.app),
        "created_at": stamp(check.started_at or world.now()),
        "updated_at": stamp(check.completed_at or world.now()),
    }
    return shape


def annotation_shape(world: World, check: CheckRun, annotation: Annotation) -> JsonObject:
    place = f"{web_url(world, check.repository)}/blob/{check.head_sha}/{annotation.path}"
    return {
        "path": annotation.path,
        "blob_href": place,
        "start_line": annotation.line,
        "start_column": None,
        "end_line": annotation.line,
        "end_column": None,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
        "raw_details": "",
    }
