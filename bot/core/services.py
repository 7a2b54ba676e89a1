"""What seems to be failing when the network is at fault: a name by which failures of different jobs can be compared.

Rule of this file: the name comes from the deciding line, or, where that names none, from those that stand around it:
tools tell one error in several lines. So the same outage has the same name in every repository. The machine itself,
and places that only explain an error, are no service.
"""

import re
import sys
from collections.abc import Iterator

from bot.core.causes import Cause, Finding
from bot.core.evidence import MAX_READ_LINE, FailedJob

_HOST = r"([A-Za-z0-9][\w.-]{0,252})"
_LABELS = re.compile(r"(?:[a-z0-9_-]{1,63}\.){0,12}[a-z0-9_-]{1,63}$")
# Where tools name the host they could not reach, the surest first.
_NAMED = tuple(
    re.compile(pattern.replace("HOST", _HOST))
    for pattern in (
        r"(?i)(?:not|n't|unable to|failed to) resolve (?:host(?: ?name| address)?|proxy):? ?['\"‘]?HOST",
        r"(?:ENOTFOUND|EAI_AGAIN) HOST",
        r"(?:UnknownHostException|Unknown ?host|No such host is known\.?|Could not reach host):? \(?['\"]?HOST",
        r"\blookup HOST(?: on |: )",
        r"(?i)\bconnect(?:ing|ion)? to \[?HOST(?:\]|:\d{2,5}| port \d{2,5}| \[|/)",
        r"(?i)\bto host HOST port \d{2,5}",
        r"\bhost='HOST', port=",
        r"(?i)\b(?:https?|ssh|git|oci|docker)://(?:[^/@\s]{1,100}@)?HOST",
        r"(?<![\w.@/-])HOST:\d{2,5}(?![\w.])",
        r"\bgit@HOST:",
        r"(?:\b(?:push|pull|pulling|pushing|from|to|host|for|resolve|login) )HOST/",
        r"(?<![\w.@/-])HOST/[\w.-]{1,100}[/:@]",
        r"(?<![\w.@/-])HOST(?![\w.-])",
    )
)
_DOTTED_ONLY = 8
"""From this place on the patterns take anything for a host that has a dot and a known kind of ending."""
_AROUND = 4
"""Lines before and after the deciding one in which a tool tells more of the same error."""
_TOP = re.compile(
    r"\.(?:com|org|net|io|dev|de|eu|ch|at|fr|uk|us|co|cloud|app|gov|edu|info|ai|in|cn|jp|internal|corp|lan|local|example"
    r"|intra|private|nl|se|pl|it|es|tech|sh|me|test|invalid|localdomain)$"
)
_MACHINE = re.compile(
    r"(?:localhost|(?:[\w-]{1,63}\.){0,5}(?:local|localdomain|localhost)|(?:host|gateway)\.docker\.internal|ip6-.{1,20})$"
)
_EXPLAINS = re.compile(
    r"(?:www|docs|doc|help|support|developer|errors|wiki|cwiki|status|community)\.|aka\.ms$|npm\.community$|pip\.pypa\.io$"
)
_FILE = re.compile(
    r"\.(?:jar|pom|aar|war|java|kt|py|go|rs|js|ts|json|xml|ya?ml|zip|gz|tgz|whl|deb|log|md|txt|sha\d+)$"
)
# Different names of one service: its mirrors, and the places where it keeps files or gives tokens.
_ALIASES = {
    "repo1.maven.org": "repo.maven.apache.org",
    "registry.yarnpkg.com": "registry.npmjs.org",
    "files.pythonhosted.org": "pypi.org",
    "auth.docker.io": "registry-1.docker.io",
    "index.docker.io": "registry-1.docker.io",
    "docker.io": "registry-1.docker.io",
    "production.cloudflare.docker.com": "registry-1.docker.io",
    "pkg-containers.githubusercontent.com": "ghcr.io",
    "downloads.gradle-dn.com": "services.gradle.org",
    "downloads.gradle.org": "services.gradle.org",
}


def service_of(finding: Finding, job: FailedJob | None = None) -> str:
    """The host that the deciding line names, or one around it in the job's log, in lower case and without a port, or
    else the rule's name.

    Empty for every cause but transient, and when neither is known.
    """
    if finding.cause is not Cause.TRANSIENT:
        return ""
    around = (host for line in _around(finding, job) for host in _hosts(line, most=_DOTTED_ONLY))
    host = next(_hosts(finding.line or ""), "") or next(around, "")
    return _ALIASES.get(host, host) or finding.rule or ""


def _around(finding: Finding, job: FailedJob | None) -> tuple[str, ...]:
    """The lines next to the deciding one, those after it first."""
    if job is None or job.log_tail is None or finding.line_number is None:
        return ()
    lines, at = job.log_tail.split("\n"), finding.line_number
    near = [*lines[at : at + _AROUND], *reversed(lines[max(0, at - 1 - _AROUND) : at - 1])]
    return tuple(line[:MAX_READ_LINE] for line in near)


def _hosts(line: str, *, most: int = sys.maxsize) -> Iterator[str]:
    """The hosts of a line that can be services, the surest first, by the first `most` patterns."""
    for place, pattern in enumerate(_NAMED[:most]):
        for found in pattern.finditer(line):
            host = found[1].rstrip(".-").lower()
            if _can_be_a_service(host) and (place < _DOTTED_ONLY or _TOP.search(host)):
                yield host


def _can_be_a_service(host: str) -> bool:
    """Not an address: that of the machine says nothing, and one of many behind a name would hide the outage."""
    named = _LABELS.match(host) and any(letter.isalpha() for letter in host)
    return bool(named) and not (_MACHINE.match(host) or _EXPLAINS.match(host) or _FILE.search(host))
