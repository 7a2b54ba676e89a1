"""What is said when the pipeline file is missing or has mistakes.

Rule: of a file that is kept where the readers may not look, only the places of its mistakes are told.
"""

import re
from collections.abc import Sequence

from bot.core.present.inert import code, cut, fence
from bot.core.present.words import count

DEFAULT_FILE = ".github/release-bot.yml"
_MOST = 50
_PLACE = re.compile(r"(\d{1,9}):(\d{1,9}): ")
_EXAMPLE = """\
pipelines:
  release:
    steps:
      build: {dispatch: build.yml, inputs: {version: "{{ version }}"}}"""


def bad_file_answer(mistakes: Sequence[str], file: str, *, shown: bool) -> str:
    """`mistakes` are the lines of `check`, `FILE:LINE:COLUMN: what`; `shown`: the file may be seen here."""
    found = count(len(mistakes), "mistake")
    rest = len(mistakes) - _MOST
    more = f"\n\nAnd {count(rest, 'more mistake')}." if rest > 0 else ""
    if not shown:
        places = "\n".join(f"- {_place(mistake, file)}" for mistake in mistakes[:_MOST])
        first = f"The pipeline file has {found}, so nothing was started. Who can see it finds them here:"
        return cut(f"{first}\n\n{places}{more}")
    lines = "\n".join(" ".join(mistake.split()) for mistake in mistakes[:_MOST])
    mend = f"Mend it and give the command again; {code('release-bot check FILE')} finds the same mistakes."
    return cut(f"{code(file)} has {found}, so nothing was started. {mend}\n\n{fence(lines)}{more}")


def _place(mistake: str, file: str) -> str:
    """Line and column, and nothing that could be the file's own text."""
    found = _PLACE.match(mistake.removeprefix(f"{file}:"))
    return (
        f"line {found[1]}, column {found[2]} (`FILE:{found[1]}:{found[2]}`)"
        if found
        else "a place that cannot be told here"
    )


def no_file_answer(where: str | None = None, *, docs_url: str | None = None) -> str:
    """There is no pipeline file. `where`: where it was looked for, None when that may not be told here.

    A path of the machine the bot runs on is never told.
    """
    place = f" at {code(where)}" if where and not where.startswith(("/", "\\")) and ":\\" not in where else ""
    docs = f"\n\n[How the file is written]({docs_url})" if docs_url is not None else ""
    return (
        f"There is no pipeline file{place}, so there is nothing to start. "
        f"It belongs at {code(DEFAULT_FILE)} on the default branch of this repository, "
        f"or where the setting {code('PIPELINES')} says. For example:\n\n{fence(_EXAMPLE)}{docs}"
    )
