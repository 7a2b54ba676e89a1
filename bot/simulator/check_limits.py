"""What GitHub refuses in a check run: nulls, unknown words, too long texts, too many buttons.

Rule: only the body is judged here, never the state of the check run.
"""

from __future__ import annotations

from bot.simulator.call import HttpError
from bot.simulator.ledger import JsonObject

# https://docs.github.com/rest/checks/runs#create-a-check-run
STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out")
LONGEST_TEXT = 65_535
MOST_ACTIONS = 3
ACTION_LIMITS = {"label": 20, "description": 40, "identifier": 20}
MOST_ANNOTATIONS = 50


def invalid(why: str) -> HttpError:
    return HttpError(422, f"Invalid request.\n\n{why}")


def validate(body: JsonObject, *, creating: bool) -> None:
    _refuse_nulls(body, "properties")
    status = body.get("status")
    if status is not None and status not in STATUSES:
        raise invalid(f"{status} is not a member of {list(STATUSES)}.")
    conclusion = body.get("conclusion")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise invalid(f"{conclusion} is not a member of {list(CONCLUSIONS)}.")
    if status == "completed" and conclusion is None:
        raise invalid("Missing required key `conclusion` for status `completed`.")
    _validate_output(body.get("output"), creating=creating)
    _validate_actions(body.get("actions", []))


def _refuse_nulls(value: object, place: str) -> None:
    if value is None:
        raise invalid(f"For '{place}', nil is not a string.")
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_nulls(part, f"{place}/{key}")
    if isinstance(value, list):
        for number, part in enumerate(value):
            _refuse_nulls(part, f"{place}/{number}")


def _validate_output(output: object, *, creating: bool) -> None:
    if output is None:
        return
    if not isinstance(output, dict):
        raise invalid("For 'properties/output', the value is not an object.")
    for key in ("title", "summary") if creating else ("summary",):
        if not output.get(key):
            raise invalid(f"For 'properties/output', \"{key}\" wasn't supplied.")
    for key in ("summary", "text"):
        size = len(str(output.get(key, "")))
        if size > LONGEST_TEXT:
            raise invalid(f"Only {LONGEST_TEXT} characters are allowed; {size} were supplied.")
    if len(output.get("annotations", [])) > MOST_ANNOTATIONS:
        raise invalid(f"No more than {MOST_ANNOTATIONS} annotations are allowed.")


def _validate_actions(actions: object) -> None:
    if not isinstance(actions, list) or len(actions) > MOST_ACTIONS:
        raise invalid(f"No more than {MOST_ACTIONS} actions are allowed.")
    for action in actions:
        for key, most in ACTION_LIMITS.items():
            text = action.get(key) if isinstance(action, dict) else None
            if not isinstance(text, str) or not text:
                raise invalid(f"For 'properties/actions', \"{key}\" wasn't supplied.")
            if len(text) > most:
                size = f"only {most} characters are allowed; {len(text)} were supplied."
                raise invalid(f"For 'properties/actions', {key}: {size}")
