"""Short answers to commands; the longer ones have modules of their own.

Rule: the first sentence says the state or the refusal, the next what to do. No line begins with a slash,
nobody is mentioned, and none carries the marker of a status comment.
"""

from collections.abc import Sequence
from datetime import timedelta

from bot.core.audience import Audience
from bot.core.model import Release
from bot.core.present.inert import code, cut, inert
from bot.core.present.outlook import outlook
from bot.core.present.view import View
from bot.core.present.words import count, duration, names, release_icon, step_state
from bot.core.states import word_of


def status_answer(releases: Sequence[Release], audience: Audience, *, web_url: str) -> str:
    """Where things stand: each release with its steps."""
    if not releases:
        return (
            "No release is open here. Start one with its version; `help` after the pipeline's name says how."
        )
    still_open = sum(not release.word.final for release in releases)
    parts = [] if len(releases) == 1 else [f"{count(still_open, 'release')} {_is(still_open)} open."]
    for release in releases:
        steps = "\n".join(f"- {name}: {_state(release, name)}" for name in release.steps)
        parts.append(f"{_headline(release)} {outlook(View(release, audience, web_url))}\n\n{steps}")
    return cut("\n\n".join(parts))


def _headline(release: Release) -> str:
    return f"{release_icon(release.word)} **{release.pipeline} {release.version}: {release.word}.**"


def _state(release: Release, step: str) -> str:
    return step_state(word_of(release.steps[step].state))


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def late_answer(age: timedelta) -> str:
    """A command came too late to be carried out safely."""
    return (
        f"This command reached the bot {duration(age)} after it was written, so it was not carried out. "
        "If it is still wanted, repeat it in a new comment."
    )


def two_commands_answer() -> str:
    return (
        "This comment has more than one command, and a comment can carry only one. "
        "Nothing was done; write each in a comment of its own."
    )


def malformed_answer(sentence: str) -> str:
    """`sentence` is the parser's."""
    said = inert(sentence, most=1_000)
    return said if "nothing was done" in said.lower() else f"{said} Nothing was done."


def not_permitted_answer(permission: str, *, everywhere: bool = False) -> str:
    """The role is missing, in this repository or somewhere in the pipeline (`everywhere`)."""
    where = "in every repository of the pipeline" if everywhere else "in this repository"
    return (
        f"This needs the role {code(permission)} {where}, so nothing was done. "
        "Somebody who has the role can give the command, or an administrator can give you the role."
    )


def unverified_answer() -> str:
    return (
        "GitHub could not say whether you may do this, so nothing was done. "
        "Give the command again in a few minutes."
    )


def which_release_answer(pipeline: str, versions: Sequence[str]) -> str:
    """No version was given, and the issue has none or several open; `versions`: open here or elsewhere."""
    if not versions:
        return f"No release of {code(pipeline)} is open, so there is nothing to do."
    example = code(f"/{pipeline} pause {versions[0]}")
    if len(versions) == 1:
        first = f"In this issue no release of {code(pipeline)} is open; in another one {names(versions)} is."
    else:
        several = names(versions, most=10)
        first = f"It is not clear which release of {code(pipeline)} is meant: open are {several}."
    return f"{first} Put the version behind the verb, as in {example}."


def no_release_answer(pipeline: str, version: str) -> str:
    """No release of that version was ever started here."""
    status = code(f"/{pipeline} status")
    return (
        f"There is no release {code(version, most=64)} of {code(pipeline)} in this repository. "
        f"{status} tells which are open."
    )


def not_in_file_answer(pipeline: str) -> str:
    """Its open releases are still steered, but new ones cannot be started."""
    return (
        f"The pipeline file has no pipeline {code(pipeline)} any more, so no release of it can be started. "
        "Commands about its open releases still work."
    )


def finished_answer(release: Release) -> str:
    """Of a finished release only `status` can be asked."""
    status = code(f"/{release.pipeline} status {release.version}")
    return (
        f"{release.pipeline} {release.version} is {release.word}, so nothing about it can be changed. "
        f"{status} still works."
    )
