"""Short answers to commands; the longer ones have modules of their own.

Rule: the first sentence says the state or the refusal, the next what to do. No line begins with a slash,
nobody is mentioned, and none carries the marker of a status comment.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.audience import Audience
from bot.core.commands import Adopt, as_typed
from bot.core.model import Release
from bot.core.present.inert import code, cut, inert
from bot.core.present.outlook import outlook
from bot.core.present.sides import how_to_go_on
from bot.core.present.view import View
from bot.core.present.words import clock, duration, names, release_icon, step_state
from bot.core.states import word_of
from bot.core.steering import OpenCommand
from bot.core.suggest import unaddressed


def status_answer(release: Release, audience: Audience, *, web_url: str, comment: int | None) -> str:
    """Where one release stands, with its steps. `comment`: the id of its status comment, if that is known."""
    view = View(release, audience, web_url)
    steps = "\n".join(f"- {name}: {_state(release, name)}" for name in release.steps)
    link = f"[Status of {view.title}]({view.comment_url(comment)})" if comment is not None else ""
    parts = [f"{_headline(release)} {outlook(view)}", steps, how_to_go_on(view), link]
    return cut("\n\n".join(filter(None, parts)))


def nothing_open_answer(pipeline: str) -> str:
    start, help_ = code(f"/{pipeline} 1.0.3"), code(f"/{pipeline} help")
    return f"No release is open here. Start one with {start}; {help_} says what else there is."


def _headline(release: Release) -> str:
    return f"{release_icon(release.word)} **{release.pipeline} {release.version}: {release.word}.**"


def _state(release: Release, step: str) -> str:
    return step_state(word_of(release.steps[step].state))


def _not_done(line: str, at: datetime) -> str:
    """Which command it is: the answer may come long after it. `line`: as typed, empty where it is not clear which."""
    which = (
        f"{code(unaddressed(line), most=200)} ({clock(at, day=at)})"
        if line
        else f"The command of {clock(at, day=at)}"
    )
    return f"{which} was not carried out"


def late_answer(line: str, at: datetime, age: timedelta) -> str:
    """A command came too late to be carried out safely."""
    late = f"it reached the bot {duration(age)} after it was written"
    return f"{_not_done(line, at)}: {late}. If it is still wanted, give it again in a new comment."


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


def unverified_answer(line: str, at: datetime) -> str:
    return f"{_not_done(line, at)}: GitHub could not say whether you may do this. Give it again in a new comment."


def which_release_answer(command: OpenCommand | Adopt, versions: Sequence[str]) -> str:
    """No version was given, and the issue has none or several open; `versions`: open here or elsewhere."""
    pipeline = command.pipeline
    if not versions:
        return f"No release of {code(pipeline)} is open, so there is nothing to do."
    line = as_typed(replace(command, version=versions[0]))
    if isinstance(command, Adopt):  # the run may be one that nobody may hear of here
        line = line.removesuffix(str(command.run_id)) + "RUN"
    example = code(line, most=200)
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
