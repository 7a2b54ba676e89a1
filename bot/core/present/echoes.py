"""What an answer may repeat of a command where everybody reads along.

Rule: whoever types the name of a repository that is hidden here can delete the comment; the bot's answer would keep it.
"""

import re
from collections.abc import Collection, Iterable

_SPAN = re.compile(r"`[^`]*`")


def named_in(typed: str, repos: Iterable[str], said: Collection[str]) -> tuple[str, ...]:
    """Those of the repositories whose names stand in what somebody typed.

    `said`: the names of steps, which may be read everywhere: a repository of that name is named by its owner, too.
    """
    return tuple(repo for repo in repos if _naming(repo, said).search(typed))


def unnamed(answer: str, hidden: Iterable[str], said: Collection[str]) -> str:
    """The answer with a `…` for each name of these repositories in its code spans, where everything typed stands."""
    namings = [_naming(repo, said) for repo in hidden]

    def without(span: re.Match[str]) -> str:
        text = span[0]
        for naming in namings:
            text = naming.sub("…", text)
        return text

    return _SPAN.sub(without, answer)


def _naming(repo: str, said: Collection[str]) -> re.Pattern[str]:
    """The name as a word of its own, and what is named by a path in the repository; no command's own name."""
    owner, _, name = repo.partition("/")
    by_owner = "" if name.lower() in map(str.lower, said) else "?"
    whole = rf"(?:{re.escape(owner)}/){by_owner}{re.escape(name)}(?:/[^\s`]*)?"
    return re.compile(rf"(?<![\w.-])(?<![`\s]/)(?<!^/){whole}(?![\w-])", re.IGNORECASE)
