"""What seems to be failing has one name, whichever tool and job tells it."""

import pytest

from bot.core.causes import Cause, Finding
from bot.core.evidence import FailedJob
from bot.core.services import service_of


def finding(line: str | None, cause: Cause = Cause.TRANSIENT, rule: str | None = "timed-out") -> Finding:
    return Finding("build", None, cause, rule, "a connection timed out", line, 1)


@pytest.mark.parametrize(
    ("line", "service"),
    [
        (
            "Could not transfer artifact a:b:jar:1 from/to central (https://repo.maven.apache.org/maven2): reset",
            "repo.maven.apache.org",
        ),
        (
            "Connect to repo.maven.apache.org:443 [repo.maven.apache.org/192.0.2.7] failed: Connection refused",
            "repo.maven.apache.org",
        ),
        ("> Could not GET 'https://repo1.maven.org/maven2/a.pom'. 503", "repo.maven.apache.org"),
        ("java.net.UnknownHostException: plugins.gradle.org", "plugins.gradle.org"),
        ("curl: (6) Could not resolve host: REPO.acme.example", "repo.acme.example"),
        (
            "fatal: unable to access 'https://github.com/acme/widget/': Could not resolve host: github.com",
            "github.com",
        ),
        ("npm error request failed, reason: getaddrinfo ENOTFOUND registry.npmjs.org", "registry.npmjs.org"),
        ("npm error network request to https://registry.npmjs.org/left-pad failed", "registry.npmjs.org"),
        (
            "error An error occurred: https://registry.yarnpkg.com/a/-/a-1.tgz: ESOCKETTIMEDOUT",
            "registry.npmjs.org",
        ),
        ("Failed to connect to ghcr.io port 443 after 130000 ms", "ghcr.io"),
        ("ERROR: failed to solve: ghcr.io/acme/widget:1: 503 Service Unavailable", "ghcr.io"),
        ("failed to push ghcr.io/acme/widget: unexpected status: 502 Bad Gateway", "ghcr.io"),
        (
            'Head "https://registry-1.docker.io/v2/library/node/manifests/20": i/o timeout',
            "registry-1.docker.io",
        ),
        (
            'failed to fetch anonymous token: Get "https://auth.docker.io/token": EOF',
            "registry-1.docker.io",
        ),
        (
            'Get "https://proxy.golang.org/a/@v/1.zip": dial tcp: lookup proxy.golang.org on 127.0.0.53:53: timeout',
            "proxy.golang.org",
        ),
        ("HTTPSConnectionPool(host='files.pythonhosted.org', port=443): Read timed out.", "pypi.org"),
        ("ssh: connect to host git.acme.example port 22: Connection timed out", "git.acme.example"),
        ("https://user@nexus:8081/repository/maven: 502 Bad Gateway", "nexus"),
        ("Upload to nexus.corp.internal:8443 failed: 503", "nexus.corp.internal"),
    ],
)
def test_the_host_that_failed_is_the_service(line: str, service: str) -> None:
    assert service_of(finding(line)) == service


@pytest.mark.parametrize(
    "line",
    [
        None,
        "",
        "npm error code ECONNRESET",
        "Error: connect ETIMEDOUT 203.0.113.9:443",
        "dial tcp 127.0.0.1:5432: i/o timeout",
        "http://localhost:8080/health: 503 Service Unavailable",
        "lookup host.docker.internal: i/o timeout",
        "io.acme.flow.FlowRunner: Read timed out",
        "core-1.0.3.jar: Read timed out",
        "Read timed out, see https://docs.github.com/rest/releases",
        "java.net.SocketTimeoutException: Read timed out",
        "Error: main.go:12: connection reset",
    ],
)
def test_where_no_host_is_told_the_rule_stands_for_the_service(line: str | None) -> None:
    assert service_of(finding(line)) == "timed-out"


@pytest.mark.parametrize("cause", [Cause.FLAKY, Cause.BROKEN, Cause.UNKNOWN])
def test_only_transient_failures_have_a_service(cause: Cause) -> None:
    assert service_of(finding("Could not resolve host: ghcr.io", cause)) == ""


def test_a_failure_without_host_and_rule_has_no_service() -> None:
    assert service_of(finding(None, rule=None)) == ""


NPM = (
    "npm error code E503\n"
    "npm error 503 Service Unavailable - GET https://registry.npmjs.org/left-pad\n"
    "npm error A complete log of this run can be found in: /root/.npm/_logs/debug-0.log\n"
)


@pytest.mark.parametrize(
    ("log", "line", "service"),
    [
        (NPM, 1, "registry.npmjs.org"),
        (f"Downloading from https://ghcr.io/acme\n{NPM}", 2, "registry.npmjs.org"),
        ("fetching https://ghcr.io/acme/widget\nconnection reset\n", 2, "ghcr.io"),
        ("https://ghcr.io/acme\n" + "tick\n" * 9 + "connection reset\n", 11, "timed-out"),
        ("connection reset\nsee acme.example for more\n", 1, "timed-out"),
    ],
    ids=[
        "the line after it",
        "after comes before",
        "the line before it",
        "too far away",
        "not as a place to reach",
    ],
)
def test_a_host_that_stands_next_to_the_deciding_line_names_the_service(
    log: str, line: int, service: str
) -> None:
    job = FailedJob("build", "failure", None, (), log, 1, None)
    told = log.split("\n")[line - 1]
    found = Finding("build", None, Cause.TRANSIENT, "timed-out", "it timed out", told, line)

    assert service_of(found, job) == service
