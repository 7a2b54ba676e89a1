"""Single values of a pipeline file: what each may be, and the sentence that says what is wrong with it.

Rule: a check takes the text as it is written, gives the text that is meant, and raises ValueError with a sentence
that names what was written and what to write.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from bot.core.plan import MOST_RERUNS
from bot.core.suggest import nearest, quoted
from bot.pipeline.durations import seconds_of
from bot.pipeline.patterns import BadPattern, check_pattern
from bot.pipeline.template import is_template

TAGS = "refs/tags/"

_LONGEST_INPUTS = 65_535
_LONGEST_TEXT = 500
_LONGEST_PATTERN = 500
_LONGEST_SAMPLE = 2_000
_LONGEST_REASON = 100
_LONGEST_WILDCARD = 200


def about(text: str) -> str:
    """One line, which may be empty."""
    return one_line(text) if text.strip() else ""


def one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise ValueError("the text is empty: write one or leave the key out")
    if len(line) > _LONGEST_TEXT:
        raise ValueError(f"the text has {len(line)} characters; at most {_LONGEST_TEXT}")
    return line


def repository(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}", text):
        name = text.partition("/")[2]
        if name not in {".", ".."} and not name.endswith(".git"):
            return text
    found = re.search(r"([A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+?)(?:\.git)?/?$", text)
    hint = f": did you mean {quoted(found[1])}?" if found else ": write `OWNER/NAME`"
    raise ValueError(f"{quoted(text)} is not a repository{hint}")


def workflow_file(text: str) -> str:
    """The plain file name: GitHub reads workflows from one folder only.
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax"""
    name = re.sub(r"^(?:\./|/)?\.github/workflows/", "", text)
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+ ()-]{0,200}\.ya?ml", name):
        return name
    if is_template(text):
        raise ValueError(
            f"{quoted(text)} is a template, which is not possible here: write the workflow's file name"
        )
    hint = (
        f": did you mean {quoted(text + '.yml')}?"
        if re.fullmatch(r"[\w-]+", text)
        else ", such as `build.yml`"
    )
    raise ValueError(f"{quoted(text)} is not the file name of a workflow{hint}")


def one_of(choices: Sequence[str], what: str) -> AfterValidator:
    """One of a few words; `what` they are called."""

    def checked(text: str) -> str:
        if text in choices:
            return text
        near = nearest(text, choices)
        *others, last = (f"`{choice}`" for choice in choices)
        hint = f"did you mean {quoted(near)}?" if near else f"write {', '.join(others)} or {last}"
        raise ValueError(f"{quoted(text)} is not {what}: {hint}")

    return AfterValidator(checked)


def input_name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,99}", text):
        return text
    raise ValueError(f"{quoted(text)} is not the name of a workflow input: letters, digits, `-` and `_` only")


def event_name(text: str) -> str:
    if re.fullmatch(r"[a-z]+(?:_[a-z]+)*", text):
        return text
    raise ValueError(f"{quoted(text)} is not the name of an event: write it as GitHub does, such as `push`")


def ref_name(text: str) -> str:
    """A branch or tag as git allows it, also behind `refs/heads/` or `refs/tags/`, which are kept.

    https://git-scm.com/docs/git-check-ref-format
    """
    name = text.removeprefix("refs/heads/") if text.startswith("refs/heads/") else text.removeprefix(TAGS)
    if not name:
        raise ValueError("the name of the branch or tag is empty")
    if name.startswith("refs/"):
        rule = "write it alone, or behind `refs/heads/` or `refs/tags/`"
        raise ValueError(f"{quoted(text)} is neither a branch nor a tag: {rule}")
    parts = name.split("/")
    wrong = (
        re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", text) is not None
        or not text.isprintable()
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        or name.startswith("-")
        or name.endswith(".")
        or name == "@"
        or len(name) > 244
    )
    if wrong:
        raise ValueError(f"{quoted(text)} cannot be the name of a branch or tag")
    return text


def tag_name(text: str) -> str:
    """A tag alone, also when it is written behind `refs/tags/`."""
    if text.startswith("refs/heads/"):
        raise ValueError(f"{quoted(text)} is a branch: write a tag")
    return ref_name(text).removeprefix(TAGS)


def group_name(text: str) -> str:
    if not text.strip():
        raise ValueError("the concurrency group is empty")
    if not text.isprintable() or len(text) > 200:
        raise ValueError(f"{quoted(text)} cannot be a concurrency group: one line, at most 200 characters")
    return text


def input_value(text: str) -> str:
    """Any text, also empty; the loader lets no other control characters through than line breaks and tabs."""
    return text


def too_long_together(characters: int) -> str | None:
    """What is wrong with inputs of so many characters in all.
    https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#providing-inputs
    """
    if characters <= _LONGEST_INPUTS:
        return None
    return f"the inputs of this step have {characters:,} characters; GitHub takes at most {_LONGEST_INPUTS:,}"


# -- judging failures, and observing ---------------------------------------------------------------


def rule_name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", text):
        return text
    rule = "letters, digits, `-`, `_` and `.`, at most 60 in all, a letter or digit first"
    raise ValueError(f"{quoted(text)} cannot be the name of a rule: {rule}")


def rule_reason(text: str) -> str:
    """A few words that "in job build" can follow."""
    words = one_line(text).rstrip(".")
    if not words:
        raise ValueError("the reason is empty: say in a few words what happened, or leave the key out")
    if len(words) > _LONGEST_REASON:
        raise ValueError(
            f"the reason has {len(words)} characters; at most {_LONGEST_REASON}, it is read in a table"
        )
    return words


def sample(text: str) -> str:
    """Lines of a log, as they were printed."""
    if not text.strip():
        raise ValueError("the example is empty: copy the line from a log, or leave the key out")
    if len(text) > _LONGEST_SAMPLE:
        raise ValueError(
            f"the example has {len(text):,} characters; at most {_LONGEST_SAMPLE:,}: the line that tells is enough"
        )
    return text


def regular_expression(text: str) -> str:
    if not text.strip():
        raise ValueError("the regular expression is empty")
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(
            f"the regular expression has {len(text)} characters; at most {_LONGEST_PATTERN}: make a list of it"
        )
    if "\n" in text:
        raise ValueError("the regular expression has a line break, and logs are searched line by line")
    try:
        check_pattern(text)
    except BadPattern as error:
        raise ValueError(f"{quoted(text)} {error}") from error
    return text


def job_pattern(text: str) -> str:
    """A job's name in which `*` is any text and `?` one character."""
    pattern = " ".join(text.split())
    if not pattern:
        raise ValueError("the pattern is empty: write the name of a job, such as `publish*`")
    if len(pattern) > _LONGEST_WILDCARD:
        raise ValueError(f"the pattern has {len(pattern)} characters; at most {_LONGEST_WILDCARD}")
    if is_template(pattern):
        raise ValueError(f"{quoted(text)} is a template, which is not possible here: write `*` instead")
    if pattern.startswith("^") or pattern.endswith("$"):
        raise ValueError(
            f"{quoted(text)} looks like a regular expression: here `*` is any text and `?` one character"
        )
    return pattern


def branch_pattern(text: str) -> str:
    """A branch in which `*` is any text, also with `/`, and `?` one character."""
    if not text:
        raise ValueError("the pattern is empty: write the name of a branch, such as `main` or `release/*`")
    if is_template(text):
        raise ValueError(
            f"{quoted(text)} is a template, but what is observed belongs to no version: write `*` instead"
        )
    if len(text) > _LONGEST_WILDCARD:
        raise ValueError(f"the pattern has {len(text)} characters; at most {_LONGEST_WILDCARD}")
    if text.startswith("!"):
        raise ValueError(f"{quoted(text)} excludes, which is not possible here: name the branches that count")
    if text.startswith("refs/"):
        raise ValueError(f"{quoted(text)}: write the branch alone, without `refs/heads/`")
    try:
        ref_name(re.sub(r"[*?]+", "x", text))
    except ValueError as error:
        raise ValueError(f"{quoted(text)}: this fits no name that a branch can have") from error
    return text


def duration(*, least: float) -> BeforeValidator:
    return BeforeValidator(lambda value: seconds_of(_scalar(value, "a duration such as `15m`"), least=least))


def _scalar(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"this must be {wanted}, not {shape_word(value)}")
    return value


def _reruns(value: object) -> int:
    text = _scalar(value, "a number")
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > MOST_RERUNS:
        raise ValueError(f"{quoted(text)} is not a number of re-runs: 0 to {MOST_RERUNS}")
    return int(text)


def listed(most: int, what: str, *, single: type = str) -> BeforeValidator:
    """A list of at least one and at most so many, or a `single` one for a list of one.

    They are counted before each is looked at, which may take time.
    """

    def checked(value: object) -> object:
        if isinstance(value, single):
            return [value]
        if isinstance(value, list) and not value:
            raise ValueError("the list is empty: write something or leave the key out")
        if isinstance(value, list) and len(value) > most:
            raise ValueError(f"there are {len(value):,} {what}; at most {most}")
        return value

    return BeforeValidator(checked)


def shape_word(value: object) -> str:
    """What a value of the wrong shape is."""
    match value:
        case str():
            return f"the text {quoted(value)}" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "keys with values"


About = Annotated[str, AfterValidator(about)]
Repository = Annotated[str, AfterValidator(repository)]
WorkflowFile = Annotated[str, AfterValidator(workflow_file)]
InputName = Annotated[str, AfterValidator(input_name)]
Wait = Annotated[float, duration(least=0)]
Reruns = Annotated[int, BeforeValidator(_reruns)]
RuleName = Annotated[str, AfterValidator(rule_name)]
Reason = Annotated[str, AfterValidator(rule_reason)]
Sample = Annotated[str, AfterValidator(sample)]
Expression = Annotated[str, AfterValidator(regular_expression)]
JobPattern = Annotated[str, AfterValidator(job_pattern)]
BranchPattern = Annotated[str, AfterValidator(branch_pattern)]
