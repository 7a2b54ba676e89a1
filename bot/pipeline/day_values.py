"""Single values of the keys for a day of several releases: names that move, what can be chosen, who is told.

Rule: as in `values`: a check takes the text as it is written, gives the text that is meant, and raises ValueError
with a sentence that names what was written and what to write.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

from bot.core.suggest import nearest, quoted
from bot.pipeline.template import is_template

HIGHEST = "highest released"
SERIES = "series "

_LONGEST_VALUE = 100
_NUMBER = r"(?:0|[1-9][0-9]*)"


def line_name(text: str) -> str:
    """What steps that run one after the other have in common."""
    if not text.strip():
        raise ValueError("the name is empty: steps of one name run one after the other")
    if not text.isprintable() or len(text) > 200:
        raise ValueError(
            f"{quoted(text)} cannot be a name of `one-at-a-time`: one line, at most 200 characters"
        )
    return text


def moving_name(text: str) -> str:
    """A tag of an image and the like. https://docs.docker.com/reference/cli/docker/image/tag/"""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", text):
        return text
    rule = "letters, digits, `.`, `_` and `-`, at most 128 in all, no `.` or `-` first"
    raise ValueError(f"{quoted(text)} cannot be a name that moves: {rule}")


def name_rule(text: str) -> str:
    """How a version earns a name: the highest of all, or of one series."""
    rule = " ".join(text.split())
    if rule == HIGHEST or re.fullmatch(rf"{SERIES}{_NUMBER}\.{_NUMBER}", rule):
        return rule
    if is_template(text):
        raise ValueError(f"{quoted(text)} is a template, which is not possible here: write `series 1.0`")
    plain = rule.lower().replace("-", " ").replace("_", " ")
    if number := re.fullmatch(rf"(?:series |v)?({_NUMBER}\.{_NUMBER})(?:\.[0-9x*]+)?", plain):
        hint = f"did you mean {quoted(SERIES + number[1])}?"
    elif nearest(plain, [HIGHEST]) or plain in {"highest", "latest", "newest"}:
        hint = f"did you mean `{HIGHEST}`?"
    else:
        hint = f"write `{HIGHEST}` or, for the versions of one series, `series 1.0`"
    raise ValueError(f"{quoted(text)} is not a rule for a name: {hint}")


def parameter_value(text: str) -> str:
    """Something that can be typed in a command as one word."""
    if not text:
        raise ValueError("an allowed value is empty: a parameter is always some text, such as `none`")
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(f"{quoted(text)} cannot be given with a command: plain ASCII without spaces only")
    if len(text) > _LONGEST_VALUE:
        raise ValueError(f"the value {quoted(text)} has {len(text)} characters; at most {_LONGEST_VALUE}")
    return text


_LOGIN = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"


def mention(text: str) -> str:
    """A user or a team, without the `@`.
    https://docs.github.com/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#mentioning-people-and-teams
    """
    name = text.removeprefix("@")
    if re.fullmatch(rf"{_LOGIN}(?:/[a-z0-9_-]{{1,100}})?", name):
        return name
    if is_template(text):
        raise ValueError(f"{quoted(text)} is a template, which is not possible here: write a user or a team")
    link = re.fullmatch(rf"https://[^/]+/(?:orgs/({_LOGIN})/teams/([a-z0-9_-]+)|({_LOGIN}))/?", name)
    if link:
        meant = link[3] or f"{link[1]}/{link[2]}"
        raise ValueError(f"{quoted(text)} is a link: did you mean {quoted(meant)}?")
    owner, slash, team = name.partition("/")
    slug = re.sub(r"[^a-z0-9_-]+", "-", team.lower()).strip("-")
    if slash and slug and re.fullmatch(_LOGIN, owner):
        raise ValueError(f"{quoted(text)} is not a team: did you mean {quoted(f'{owner}/{slug}')}?")
    raise ValueError(f"{quoted(text)} is neither a user nor a team: write `LOGIN` or `ORGANIZATION/TEAM`")


NameRule = Annotated[str, AfterValidator(name_rule)]
ParameterValue = Annotated[str, AfterValidator(parameter_value)]
Mention = Annotated[str, AfterValidator(mention)]
