"""A job's raw log, made fit to read: the end of it, as plain text and without secrets.

Rule of this file: what leaves here may be shown to people and stored, so secrets go before anything is cut to
length, and a cut never leaves half a secret behind. Everything runs in time linear in the size of the input.

Job logs carry terminal escapes, a timestamp on each line and group markers; nobody promises valid UTF-8 or a
size.
https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
"""

import re

BLANK = "***"
MAX_LINE = 500  # characters; longer lines are cut, with an ellipsis
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
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z ?")
# Workflow commands that fold lines or speak to debuggers only.
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
_NOISE = ("##[group]", "##[endgroup]", "##[debug]", "::group::", "::endgroup::", "::debug::")

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=\\]+|(?:Proc-Type|DEK-Info|Version|Comment): .*")

_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization|x-api-key|private-token|set-cookie|cookie)([\"']?[ \t]{0,5}[:=]).*"
)
_ASSIGNED = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]{0,30}"
    r"(?:\"|'|\\\")?[ \t]{0,5}(?:=|:(?!:))[ \t]{0,5})(\"[^\"]*\"?|'[^']*'?|[^\s,;&\"']+)"
)
_BEARER = re.compile(r"(?i)(bearer[ \t]{1,5})[A-Za-z0-9._~+/=-]{8,}")
_IN_URL = re.compile(r"://[^/\s@]{1,1500}@")
_RUN = re.compile(r"[A-Za-z0-9_.=+/~-]{12,}")
_TOKEN = re.compile(
    r"gh[pousr]_[A-Za-z0-9_]{6}|github_pat_\w{6}|(?:AKIA|ASIA|AROA)[A-Z0-9]{12}|npm_[A-Za-z0-9]{30}|pypi-AgE"
    r"|dckr_pat_|glpat-|xox[abeprs]-|sk_live_|AIza[\w-]{30}"
)


def clean_tail(raw: bytes, *, lines: int = 200, max_bytes: int = 1_048_576) -> str:
    """The last `lines` lines of a raw log as plain text; only its last `max_bytes` bytes are looked at.

    An answer of the log storage that says there is no log gives the empty text. Never raises.
    """
    if _is_storage_error(raw):
        return ""
    readable = [_plain(line) for line in _split(raw, max_bytes=max_bytes)]
    told = [line for line in _without_pem(readable) if not line.startswith(_NOISE)]
    tail = _without_double_blanks(told)[-lines:] if lines > 0 else []
    return "\n".join(_capped(blank_secrets(line)) for line in tail).strip("\n")


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


def _split(raw: bytes, *, max_bytes: int) -> list[str]:
    cut = len(raw) > max_bytes
    window = raw[-max_bytes:] if cut and max_bytes > 0 else b"" if cut else raw
    text = window.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    # The first line of a cut log is a fragment, and may be the second half of a secret.
    return text.split("\n")[1:] if cut else text.split("\n")


def _plain(line: str) -> str:
    bare = _CONTROL.sub("", _ESCAPE.sub("", line))
    bare = _TIMESTAMP.sub("", bare, count=1) if _TIMESTAMP.match(bare) else bare
    if len(bare) > _MAX_RAW_LINE:
        # Cut at a blank: half a token would no longer look like one.
        whole, blank, _ = bare[:_MAX_RAW_LINE].rpartition(" ")
        bare = whole if blank else "(a line too long to show)"
    return bare.rstrip()


def _without_pem(lines: list[str]) -> list[str]:
    """The lines with every PEM block replaced, also one that the window cut at either end."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if _PEM_END.search(line) and not _PEM_BEGIN.search(line):
            while not inside and kept and _PEM_BODY.fullmatch(kept[-1].strip()):
                kept.pop()
            if not inside:
                kept.append(BLANK)
            inside = False
            continue
        if inside and (not line.strip() or _PEM_BODY.fullmatch(line.strip())):
            continue
        inside = bool(_PEM_BEGIN.search(line)) and not _PEM_END.search(line)
        kept.append(line)
    return kept


def _without_double_blanks(lines: list[str]) -> list[str]:
    return [line for before, line in zip(["", *lines], lines, strict=False) if line or before]


def _capped(line: str) -> str:
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
