"""A private repository full of marks, and the search for them in everything that leaves the bot for the public.

Rule: a mark counts as betrayed when six characters of it in a row can be read anywhere: plain, in another letter
case, URL-encoded, as HTML entities, in base64 or in hexadecimal.
"""

import base64
import binascii
import html
import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from bot.simulator.ledger import Entry
from bot.simulator.repositories import Annotation, Repository
from tests.scenarios.stage import OSS, Stage

FRAGMENT = 6
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
_LETTERS = "bcdfghjkmnpqrstvwxz"


@dataclass(frozen=True, slots=True)
class Marks:
    """One random word for everything that a private repository can be known by."""

    repo: str
    file: str
    other: str
    branch: str
    job: str
    line: str
    note: str
    place: str
    key: str
    value: str
    tag: str
    title: str
    error: str
    person: str
    renamed: str

    @classmethod
    def drawn(cls, seed: int) -> "Marks":
        luck = random.Random(seed)
        return cls(**{name: "".join(luck.choices(_LETTERS, k=14)) for name in cls.__slots__})

    def __iter__(self) -> Iterator[str]:
        return (getattr(self, name) for name in self.__slots__)


def readings(text: str) -> Iterator[str]:
    """The text as it can be read, in small letters."""
    for plain in {text, unquote(text), html.unescape(text)}:
        yield plain.casefold()
    for run in _BASE64.findall(text):
        for start in range(4):
            cut = run[start : start + (len(run) - start) // 4 * 4].replace("-", "+").replace("_", "/")
            yield base64.b64decode(cut).decode("latin-1").casefold()
    for run in _HEX.findall(text):
        yield binascii.unhexlify(run).decode("latin-1").casefold()


def fragments(word: str) -> set[str]:
    return {word[start : start + FRAGMENT].casefold() for start in range(len(word) - FRAGMENT + 1)}


@dataclass(slots=True)
class Vault:
    """The private repository of the story, with two workflows."""

    stage: Stage
    repo: Repository
    marks: Marks
    pieces: set[str] = field(default_factory=set)

    @classmethod
    def on(cls, stage: Stage, *, seed: int = 1, visibility: str = "private") -> "Vault":
        marks = Marks.drawn(seed)
        repo = stage.world.add_repository(f"acme/{marks.repo}", default_branch=marks.branch)
        repo.visibility = "public" if visibility == "public" else "private"
        stage.world.add_workflow(
            repo, f"{marks.file}.yml", inputs=[marks.key], run_name=f"{marks.title} {{{marks.key}}}"
        )
        stage.world.add_workflow(repo, f"{marks.other}.yml").on_branches = (marks.branch,)
        for login, role in (("maya", "maintain"), (marks.person, "write")):
            stage.world.give_role(login, role, repo)
        made = cls(stage, repo, marks, {piece for mark in marks for piece in fragments(mark)})
        stage.pipeline(made.pipeline)
        return made

    @property
    def pipeline(self) -> str:
        """One public step, and two private ones in a row."""
        marks = self.marks
        hidden = (
            f"repo: acme/{marks.repo}, dispatch: {marks.file}.yml, ref: {marks.branch}, "
            f'inputs: {{{marks.key}: "{marks.value}{{{{ version }}}}"}}, unless-tag: "{marks.tag}{{{{ version }}}}"'
        )
        after = f"repo: acme/{marks.repo}, watch: {marks.other}.yml, ref: {marks.branch}, appears-within: 5m"
        return f"""\
pipelines:
  release:
    steps:
      open: {{repo: {OSS}, dispatch: build.yml, ref: develop, inputs: {{version: "{{{{ version }}}}"}}}}
      hidden: {{{hidden}}}
      after: {{needs: hidden, {after}}}
"""

    def fails_twice(self) -> None:
        """The private run fails twice, and says everything it knows."""
        marks, rules = self.marks, self.repo.workflows[f"{self.marks.file}.yml"]
        log = f"{marks.line}\nnpm error code ECONNRESET {marks.line}\n##[error]{marks.error} {marks.branch}\n"
        rules.on_run().jobs(marks.job)
        rules.on_run(attempts=2).job(marks.job).fails(
            log=log, annotations=(Annotation(f"{marks.note} in {marks.job}"),)
        )

    def numbers(self) -> Iterator[str]:
        """What GitHub gave out there; a number or a commit is betrayed as a whole only, or by its short form."""
        yield str(self.repo.id)
        yield from (sha[:7] for sha in {*self.repo.commits, *self.repo.branches.values()})
        for run in self.repo.runs.values():
            yield from (str(run.id), str(run.workflow.id))
            yield from (str(job.id) for attempt in run.attempts for job in attempt.jobs)
        yield from map(str, self.repo.check_runs)

    def betrayed_in(self, text: str) -> list[str]:
        """Pieces of marks, and numbers, that can be read in the text."""
        return self._found([text])

    def betrayed(self, since: int = 0) -> list[tuple[str, list[str]]]:
        """Every request about a public place that shows something, with what it shows."""
        asked = {f"{entry.method} {_text_of(entry)}": entry for entry in self._public(since)}
        if not self._found(asked):
            return []
        return [
            (f"{entry.method} {entry.path}", found)
            for text, entry in asked.items()
            if (found := self._found([text]))
        ]

    def told_at_home(self) -> list[str]:
        """What the bot wrote of it where it may be read: without this, nothing could have been betrayed."""
        return self._found([_text_of(entry) for entry in self.stage.world.ledger.writes if entry.private])

    def _found(self, texts: Iterable[str]) -> list[str]:
        looked_for = re.compile("|".join(sorted({*self.pieces, *self.numbers()})))
        return sorted(
            {piece for text in texts for seen in readings(text) for piece in looked_for.findall(seen)}
        )

    def _public(self, since: int) -> list[Entry]:
        """Requests that staged troubles answer are known by their path only; the app's own name no surface."""
        there = (f"/repos/{self.repo.full_name}", f"/repos/acme/{self.marks.repo}", "/app/installations/")
        ledger = self.stage.world.ledger[since:]
        return [entry for entry in ledger if not entry.private and not entry.path.startswith(there)]


def _text_of(entry: Entry) -> str:
    parts = (entry.path, entry.query, entry.headers, entry.body)
    return " ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts)
