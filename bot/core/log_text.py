"""A job's raw log, made fit to read: the end of it, as plain text and without secrets.

Rule of this file: what leaves here may be shown to people and stored, so secrets go before anything is cut to
length, and a cut never leaves half a secret behind. Everything runs in time linear in the size of the input.

Job logs carry terminal escapes, a timestamp on each line and group markers; nobody promises valid UTF-8 or a
size.
https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
"""

import re
from dataclasses import dataclass

BLANK = "***"
MAX_LINE = 500  # characters; longer lines are cut, with an ellipsis
TAIL_LINES = 400  # lines of a log that are judged
READ_BYTES = 262_143  # one less than is fetched: a log fetched to the last byte may have been cut
STEP_BEGIN = "##[group]Run "
"""Begins the output of a step in a cleaned log."""
_MAX_RAW_LINE = 8_000  # characters; what is cleaned of a longer line

# A sequence ends with a letter; it must not take the first letter of a token that follows a broken one.
_NOT_A_KEY = r"(?!gh[pousr]_|github_pat_|eyJ|A[KSR][IO]A|npm_|pypi-|dckr_|glpat-|xox|sk_|AIza)"
_ESCAPE = re.compile(
    rf"(?:\x1b\[|\x9b)[0-?]{{0,64}}[ -/]{{0,8}}{_NOT_A_KEY}[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC: titles, hyperlinks
    rf"|\x1b[ -/]{{0,4}}{_NOT_A_KEY}[0-Z\\-~]"
)
# Control characters, and the invisible ones that reorder or hide text.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
# The runner writes seven digits of a second before every line.
# GitHub's command line (`gh run view --log`) writes job and step before that.
_TIMESTAMP = re.compile(r"(?:[^\t]{1,200}\t[^\t]{1,200}\t)?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z ?")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Workflow commands that fold lines or speak to debuggers only.
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
_NOISE = ("##[group]", "##[endgroup]", "##[debug]", "::group::", "::endgroup::", "::debug::")

# The runner tells script or inputs, shell and environment of a step before its output, as one group.
_ECHO = re.compile(r"shell: \S|with:$|env:$")
_MOST_ECHO = 300  # lines

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=\\]+|(?:Proc-Type|DEK-Info|Version|Comment): .*")

_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization|x-api-key|private-token|set-cookie|cookie)([\"']?[ \t]{0,5}[:=]).*"
)
# A number that may be a status of HTTP is no secret.
_ASSIGNED = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]{0,30}"
    r"(?:\"|'|\\\")?[ \t]{0,5}(?:=|:(?!:))[ \t]{0,5})(?![1-5]\d\d(?:[ \t]|$))(\"[^\"]*\"?|'[^']*'?|[^\s,;&\"']+)"
)
_BEARER = re.compile(r"(?i)(bearer[ \t]{1,5})[A-Za-z0-9._~+/=-]{8,}")
_IN_URL = re.compile(r"://[^/\s@]{1,1500}@")
_RUN = re.compile(r"[A-Za-z0-9_.=+/~-]{12,}")
_TOKEN = re.compile(
    r"gh[pousr]_[A-Za-z0-9_]{6}|github_pat_\w{6}|(?:AKIA|ASIA|AROA)[A-Z0-9]{12}|npm_[A-Za-z0-9]{30}|pypi-AgE"
    r"|dckr_pat_|glpat-|xox[abeprs]-|sk_live_|AIza[\w-]{30}"
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line fit to read, and its number, counted from 1, in the log it comes from."""

    number: int
    text: str


def clean_tail(raw: bytes, *, lines: int = TAIL_LINES, max_bytes: int = READ_BYTES) -> str:
    """The last `lines` lines of a raw log as plain text; only its last `max_bytes` bytes are looked at.

    An answer of the log storage that says there is no log gives the empty text. Never raises.
    """
    return "\n".join(line.text for line in numbered_tail(raw, lines=lines, max_bytes=max_bytes))


def numbered_tail(
    raw: bytes, *, first_line: int = 1, lines: int = TAIL_LINES, max_bytes: int = READ_BYTES
) -> tuple[LogLine, ...]:
    """What `clean_tail` gives, line by line; `first_line` is the number of the first line of `raw`."""
    if _is_storage_error(raw):
        return ()
    readable = [LogLine(number, _plain(line)) for number, line in _split(raw, first_line, max_bytes)]
    told = [line for line in _without_echo(_without_pem(readable)) if not _is_noise(line.text)]
    tail = _without_double_blanks(told)[-lines:] if lines > 0 else []
    while tail and not tail[-1].text:
        tail.pop()
    first = next((at for at, line in enumerate(tail) if line.text), 0)
    return tuple(LogLine(line.number, _capped(blank_secrets(line.text))) for line in tail[first:])


def blank_secrets(line: str) -> str:
    """One line with everything that looks like a credential replaced by `***`."""
    line = _PEM_BEGIN.split(line, maxsplit=1)[0] + BLANK if _PEM_BEGIN.search(line) else line
    line = _HEADER.sub(rf"\1\2 {BLANK}", line)
    line = _IN_URL.sub(f"://{BLANK}@", line)
    line = _RUN.sub(_blank_run, line)
    line = _BEARER.sub(rf"\1{BLANK}", line)
    return _ASSIGNED.sub(rf"\1{BLANK}", line)


def _blank_run(match: re.Match[str]) -> str:
    """A run of token characters, cut where a token begins.

    Whole runs are taken at once, so that text full of token beginnings costs no more than any other.
    """
    run = match.group()
    token = _TOKEN.search(run)
    starts = [token.start()] if token else []
    jwt = run.find("eyJ")
    if jwt >= 0 and "." in run[jwt + 8 :]:
        starts.append(jwt)
    return run[: min(starts)] + BLANK if starts else run


def _is_storage_error(raw: bytes) -> bool:
    # For a log that was never written or has expired, the storage behind the redirect answers XML with a code
    # such as BlobNotFound, sometimes with status 200 from a proxy.
    # https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes
    head = raw[:600].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith((b"<?xml", b"<Error>")) and b"<Error><Code>" in head.replace(b"\n", b"").replace(
        b"\r", b""
    ).replace(b" ", b"")


def _split(raw: bytes, first_line: int, max_bytes: int) -> list[tuple[int, str]]:
    """The lines with their numbers; a carriage return alone begins a new line of the same number."""
    cut = len(raw) > max_bytes
    start = len(raw) - max(0, max_bytes) if cut else 0
    text = _decode(raw[start:], head=raw[:2]).replace("\r\n", "\n")
    numbered = [
        (number, part)
        for number, line in enumerate(text.split("\n"), start=first_line + raw.count(b"\n", 0, start))
        for part in line.split("\r")
    ]
    # The first line of a cut log is a fragment, and may be the second half of a secret.
    return numbered[1:] if cut else numbered


def _decode(window: bytes, *, head: bytes) -> str:
    """UTF-8, or UTF-16, which Windows' own tools write into files."""
    sample = window[:4_096]
    if head not in _UTF_16 and sample.count(0) * 4 <= len(sample):
        return window.decode("utf-8", errors="replace")
    whole = window[
        len(window) % 2 :
    ]  # a log ends with a whole letter, a window may begin in the middle of one
    even, odd = whole[:4_096:2].count(0), whole[1:4_096:2].count(0)
    big = even > odd or (even == odd and head == _UTF_16[1])
    return whole.decode("utf-16-be" if big else "utf-16-le", errors="replace")


def _plain(line: str) -> str:
    bare = _CONTROL.sub("", _ESCAPE.sub("", line))
    bare = _TIMESTAMP.sub("", bare, count=1) if _TIMESTAMP.match(bare) else bare
    if len(bare) > _MAX_RAW_LINE:
        # Cut at a blank: half a token would no longer look like one.
        whole, blank, _ = bare[:_MAX_RAW_LINE].rpartition(" ")
        bare = whole if blank else "(a line too long to show)"
    return bare.rstrip()


def _is_noise(text: str) -> bool:
    return text.startswith(_NOISE) and not text.startswith(STEP_BEGIN)


def _without_echo(lines: list[LogLine]) -> list[LogLine]:
    """Without what the runner repeats of the workflow before a step: script and inputs were said by nobody."""
    kept: list[LogLine] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.text.startswith(STEP_BEGIN):
            kept.append(line)
            continue
        rest = (there for there in range(at, min(len(lines), at + _MOST_ECHO)) if _ends(lines[there].text))
        end = next(rest, at)
        echo = lines[at:end]
        if not echo or any(_ECHO.match(told.text) for told in echo):
            kept.append(line)
            at = end
        else:  # a group that the workflow itself named so
            kept.append(LogLine(line.number, line.text.removeprefix("##[group]")))
    return kept


def _ends(text: str) -> bool:
    return text.startswith("##[endgroup]")


def _without_pem(lines: list[LogLine]) -> list[LogLine]:
    """The lines with every PEM block replaced, also one that the window cut at either end."""
    kept: list[LogLine] = []
    inside = False
    for line in lines:
        text = line.text
        if _PEM_END.search(text) and not _PEM_BEGIN.search(text):
            while not inside and kept and _PEM_BODY.fullmatch(kept[-1].text.strip()):
                kept.pop()
            if not inside:
                kept.append(LogLine(line.number, BLANK))
            inside = False
            continue
        if inside and (not text.strip() or _PEM_BODY.fullmatch(text.strip())):
            continue
        inside = bool(_PEM_BEGIN.search(text)) and not _PEM_END.search(text)
        kept.append(line)
    return kept


def _without_double_blanks(lines: list[LogLine]) -> list[LogLine]:
    before = [LogLine(0, ""), *lines]
    return [line for last, line in zip(before, lines, strict=False) if line.text or last.text]


def _capped(line: str) -> str:
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
