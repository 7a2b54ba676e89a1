"""Reading a command: the parser of one line, and of all lines of a comment.

Rule: a closed, bounded grammar in plain ASCII. What does not fit as a whole is refused as a whole, with one
sentence; a line that belongs to no pipeline is not ours and is met with silence.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import assert_never

from bot.core.commands import (
    Adopt,
    Approve,
    Cancel,
    Command,
    Flakes,
    Help,
    Malformed,
    NotOurs,
    Pause,
    Redo,
    Resume,
    Retry,
    Skip,
    Start,
    Status,
)
from bot.core.ledger import line_of
from bot.core.suggest import echoed, nearest
from bot.core.verbs import BY_NAME, CONTINUE, DRY_RUN, OPTIONS, Verb
from bot.core.versions import BadVersion, Version

_LONGEST_LINE = 1_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_LINE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}")
_RUN_ID = r"[1-9][0-9]{0,17}"
# https://github.com/OWNER/REPO/actions/runs/ID, then /attempts/N, /job/ID or a fragment, as people copy it.
_RUN_URL = r"https?://[A-Za-z0-9.:-]+/([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)/actions/runs/"
_RUN = re.compile(rf"(?:{_RUN_URL})?({_RUN_ID})(?(1)(?:[/?#]\S*)?)", re.IGNORECASE)

_NOT_PLAIN = (
    "The command has a character that is not plain ASCII: an invisible mark, a letter or digit that only "
    "looks like the right one, or a dash that the keyboard made of `--`. "
    "Nothing was done; type the line again by hand."
)
_DASHED = re.compile(
    r"(?<=[ \t])[\u2013\u2014\u2015\u2212](?=(?:dry-run|continue|help)(?:[ \t]|$))", re.IGNORECASE
)
"""A dash right before the name of an option: phones make it of `--`, and nothing else can be meant."""

_ASKS_FOR_HELP = frozenset({"--help", "-h"})
_MEANT = {
    "stop": "pause",
    "halt": "pause",
    "hold": "pause",
    "abort": "cancel",
    "kill": "cancel",
    "rerun": "retry",
}
"""What other tools call our verbs; what may mean two of them means the one that ends nothing."""
_STARTS = frozenset({"start", "begin", "run"})

_THE_OPTIONS = f"There are {' and '.join(f'`{option}`' for option in OPTIONS)}."
_TOO_LONG = (
    f"The command is longer than {_LONGEST_LINE:,} characters. Nothing was done; give fewer versions at once."
)
_TWO = (
    "This comment has more than one command, and a comment can carry only one. "
    "Nothing was done; write each in a comment of its own."
)
_PARAMETER = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=(.*)")

# Cyrillic and Greek letters over the Latin ones they look like: a look-alike of ours deserves a reason.
_LOOKALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝһӏαβεικνορτυχı",
    "abekmhopctyxijsdqwhlabeikvoptuxi",
)


class _Refused(Exception):
    """Why the line is malformed, as one sentence."""


def parse_comment(
    lines: Sequence[str], pipelines: Collection[str], steps: Collection[str] = ()
) -> Command | NotOurs | Malformed:
    """The one command of a comment, given its candidate lines; two lines that are ours are refused."""
    readings = (parse(line, pipelines, steps) for line in lines)
    match [reading for reading in readings if not isinstance(reading, NotOurs)]:
        case []:
            return NotOurs()
        case [reading]:
            return reading
        case _:
            return Malformed(_TWO)


def parse(
    line: str, pipelines: Collection[str], steps: Collection[str] = ()
) -> Command | NotOurs | Malformed:
    """Read one candidate line. `steps`: the step names known so far; they only make a refusal kinder.

    The pipeline comes back in its own spelling, a step as typed: letter case matters in versions only.
    """
    first = next(iter(line.split(maxsplit=1)), "")
    pipeline = _pipeline(first, pipelines)
    if pipeline is None:
        return NotOurs()
    try:
        if len(line) > _LONGEST_LINE:
            raise _Refused(_TOO_LONG)
        dashed = _DASHED.sub("--", line).replace("\t", " ")
        if not _is_plain(dashed):
            raise _Refused(_NOT_PLAIN)
        return _read(pipeline, dashed.split()[1:], steps)
    except (_Refused, BadVersion) as refusal:
        return Malformed(str(refusal))


def _pipeline(first: str, pipelines: Collection[str]) -> str | None:
    """The pipeline that the first word names, or only seems to name: then the line is not plain."""
    if not first.startswith("/"):
        return None
    word = first[1:].lower() if _is_plain(first) else _lookalike(first[1:])
    return {name.lower(): name for name in pipelines}.get(word)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _lookalike(word: str) -> str:
    """The word in small ASCII letters that a reader would take this one for."""
    letters = unicodedata.normalize("NFKD", word[:_LONGEST_LINE]).lower()
    seen = (letter for letter in letters if unicodedata.category(letter) not in ("Cf", "Cc", "Mn"))
    return "".join(seen).translate(_LOOKALIKES)


def _read(pipeline: str, typed: Sequence[str], steps: Collection[str]) -> Command:
    words = [word for word in typed if not word.startswith("-")]
    flags = [word for word in typed if word.startswith("-")]
    verb = BY_NAME.get(words[0].lower()) if words else BY_NAME["help"]
    if verb is not None and len(words) < 2 and len(flags) == 1 and flags[0].lower() in _ASKS_FOR_HELP:
        return Help(pipeline=pipeline)
    options = _options(flags, pipeline, verb if words else None)
    if verb is not None:
        idle = [*options, *(word for word in words if _PARAMETER.fullmatch(word))]
        if idle:
            raise _Refused(_only_with_version(idle[0], pipeline))
        return _Arguments(words[1:], verb, pipeline).command()
    if _PARAMETER.fullmatch(words[0]) or not _resembles_version(words[0]):
        raise _Refused(_unknown_verb(words, pipeline, steps))
    given = [found for word in words if (found := _PARAMETER.fullmatch(word))]
    wanted = [word for word in words if not _PARAMETER.fullmatch(word)]
    versions = dict.fromkeys(_version_to_start(word, words[0], pipeline) for word in wanted)
    return Start(
        pipeline=pipeline,
        versions=tuple(versions),
        parameters=_each_once((found[1], found[2]) for found in given),
        dry_run=DRY_RUN in options,
        continues=CONTINUE in options,
    )


def _options(flags: Sequence[str], pipeline: str, verb: Verb | None) -> tuple[str, ...]:
    for flag in flags:
        if flag.lower() not in OPTIONS:
            said = f"{echoed(flag)} is not an option of `/{pipeline}`."
            if flag.lower() in _ASKS_FOR_HELP:
                raise _Refused(f"{said} Did you mean `/{pipeline} help`?")
            if verb is not None:
                raise _Refused(f"`/{pipeline} {verb.name}` has no options: leave out {echoed(flag)}.")
            near = nearest(flag.partition("=")[0], OPTIONS)
            if near is None and _PARAMETER.fullmatch(flag.lstrip("-")):
                raise _Refused(f"{said} Did you mean {echoed(flag.lstrip('-'))}?")
            raise _Refused(f"{said} {_did_you_mean(near)}" if near else f"{said} {_THE_OPTIONS}")
    return tuple(dict.fromkeys(flag.lower() for flag in flags))


def _each_once(given: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """A parameter that is given twice is a slip, whichever value was meant."""
    values: dict[str, tuple[str, str]] = {}
    for name, value in given:
        if name.lower() in values:
            raise _Refused(f"The parameter {echoed(name)} is given twice.")
        values[name.lower()] = (name, value)
    return tuple(values.values())


def _only_with_version(word: str, pipeline: str) -> str:
    """`word` is an option or a parameter."""
    return f"{echoed(word)} goes with a version to start: {echoed(f'/{pipeline} 1.0.3 {word}')}."


def _did_you_mean(option: str) -> str:
    return f"Did you mean `{option}`?"


def _version_to_start(word: str, first: str, pipeline: str) -> str:
    """The word, when it is a version; what people write there instead gets a refusal that helps."""
    if word.lower() in BY_NAME and _is_version(first):
        raise _Refused(f"The version goes behind the verb: `/{pipeline} {word.lower()} {first}`.")
    if near := _option_without_dashes(word):
        raise _Refused(f"{echoed(word)} is not a version. {_did_you_mean(near)}")
    return Version.parse(word).text


def _option_without_dashes(word: str) -> str | None:
    near = nearest(word, [option.lstrip("-") for option in OPTIONS])
    return f"--{near}" if near else None


def _unknown_verb(words: Sequence[str], pipeline: str, steps: Collection[str]) -> str:
    word = words[0]
    version = next(filter(_is_version, words[1:]), None)
    if _PARAMETER.fullmatch(word):
        return _only_with_version(word, pipeline)
    said = f"{echoed(word)} is not a command of `/{pipeline}`."
    if word.lower() in _STARTS and version is not None:
        return f"{said} Did you mean `/{pipeline} {version}`?"
    if word.lower() in {step.lower() for step in steps}:
        return f"{said} It is a step; say what to do with it, for example `/{pipeline} retry {word}`."
    if word.lower() in _STARTS:
        return f"{said} Did you mean `/{pipeline} 1.0.3`?"
    if near := _MEANT.get(word.lower()) or nearest(word, BY_NAME):
        return f"{said} Did you mean `/{pipeline} {near}`?"
    if option := _option_without_dashes(word):
        return f"{said} Did you mean `/{pipeline} 1.0.3 {option}`?"
    return f"{said} See `/{pipeline} help`."


def _resembles_version(word: str) -> bool:
    """Meant as a version, by the look of it: `1.0`, `01.0.0`, `v1.0.3`, `1.0.3;id`."""
    return re.match(r"[vV]?\.?[0-9]", word) is not None


def _is_version(word: str) -> bool:
    try:
        return bool(Version.parse(word))
    except BadVersion:
        return False


class _Arguments:
    """The words behind a verb, taken one after the other from the left."""

    def __init__(self, words: Sequence[str], verb: Verb, pipeline: str) -> None:
        self._words = list(words)
        self._verb = verb
        self._pipeline = pipeline
        self._usage = f"`{verb.usage(pipeline)}`"

    def command(self) -> Command:
        """The command, every word of it used up."""
        command = self._command()
        if self._words and _is_version(self._words[0]):
            version = echoed(self._words[0])
            raise _Refused(f"{version} is one version too many, or in the wrong place: {self._usage}.")
        if self._words:
            raise _Refused(f"{echoed(self._words[0])} is one word too many: {self._usage}.")
        return command

    def _command(self) -> Command:
        pipeline, version = self._pipeline, self._version()
        command: Command
        match self._verb.name:
            case "help" | "":
                command = Help(pipeline=pipeline)
            case "status":
                command = Status(pipeline=pipeline, version=version)
            case "retry":
                command = Retry(pipeline=pipeline, version=version, step=self._step_or_none())
            case "redo":
                command = Redo(pipeline=pipeline, version=version, step=self._step())
            case "skip":
                command = Skip(pipeline=pipeline, version=version, step=self._step())
            case "adopt":
                command = self._adopt(version)
            case "approve":
                command = Approve(pipeline=pipeline, version=version, step=self._step_or_none())
            case "pause":
                command = Pause(pipeline=pipeline, version=version)
            case "resume":
                command = Resume(pipeline=pipeline, version=version)
            case "cancel":
                command = Cancel(pipeline=pipeline, version=version)
            case "flakes":
                command = Flakes(pipeline=pipeline, line=self._line_or_none())
            case never:
                assert_never(never)
        return command

    def _takes(self, argument: str) -> bool:
        return argument in self._verb.arguments

    def _version(self) -> str | None:
        """The version, when the next word is meant as one; a badly formed one refuses the command."""
        if not self._words or not self._takes("VERSION") or not _resembles_version(self._words[0]):
            return None
        if self._takes("STEP") and _NAME.fullmatch(self._words[0]):
            return None  # a step may well be named `v2`
        if self._takes("RUN") and _RUN.fullmatch(self._words[0]):
            return None  # `adopt 123` lacks its step, and is not a badly formed version
        return Version.parse(self._words.pop(0)).text

    def _step(self) -> str:
        if not self._words:
            raise _Refused(f"The name of the step is missing: {self._usage}.")
        word = self._words.pop(0)
        if not _NAME.fullmatch(word):
            raise _Refused(f"{echoed(word)} cannot be the name of a step: {self._usage}.")
        return word

    def _step_or_none(self) -> str | None:
        return self._step() if self._words else None

    def _line_or_none(self) -> str | None:
        if not self._words:
            return None
        word = self._words.pop(0)
        if not _LINE.fullmatch(word):
            raise _Refused(f"{echoed(word)} cannot be the name of a branch or a series: {self._usage}.")
        return line_of(word)

    def _adopt(self, version: str | None) -> Adopt:
        step = self._step()
        if not self._words:
            raise _Refused(f"The run is missing, its id or its URL: {self._usage}.")
        word = self._words.pop(0)
        run = _RUN.fullmatch(word)
        if run is None:
            raise _Refused(f"{echoed(word)} is neither the id nor the URL of a workflow run: {self._usage}.")
        return Adopt(
            pipeline=self._pipeline,
            version=version,
            step=step,
            run_id=int(run[2]),
            run_repository=run[1],
        )
