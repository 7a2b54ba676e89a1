"""The pipelines that stories are told about. Times are short, so that little virtual time is spent waiting.

Rule: the private repository is full of canaries: words that may never be seen in public.
"""

from dataclasses import dataclass

from tests.scenarios.stage import OSS

CANARY_REPO, CANARY_FILE, CANARY_BRANCH, CANARY_JOB, CANARY_LINE = (
    "vault-qzkfwmtb",
    "hidden-xvbnrtzq",
    "trunk-wqpzkdfh",
    "smelt-kqzvbrtx",
    "oops-zqwhgtfk",
)
VAULT = f"acme/{CANARY_REPO}"
CANARIES = (CANARY_REPO, CANARY_FILE, CANARY_BRANCH, CANARY_JOB, CANARY_LINE)

_START = 'inputs: {releaseVersion: "{{ version }}"}, unless-tag: "v{{ version }}"'
BUDGET = {"transient": 3, "flaky": 2, "unknown": 1, "broken": 0}
"""Automatic re-runs, by cause; every step of every shape says so."""
SIGNS = {"transient": "no such host", "broken": "error: expected"}
"""What the log of a job shows that fails for this cause; any other failure is unknown."""
_RETRY = ", ".join(f"{cause}: {times}" for cause, times in BUDGET.items())
_TIMES = f"appears-within: 4m, timeout: 20m, retry: {{{_RETRY}, wait: 10s}}"
_TAG = '"v{{ version }}"'
_LINE = (
    'one-at-a-time: images, moves: [latest, "{{ series }}"], '
    'inputs: {latest: "{{ moves_latest }}", series: "{{ moves_series }}"}'
)
_VERSION = 'inputs: {version: "{{ version }}"}'


def _build(name: str, *, more: str = "", ref: str = "develop") -> str:
    return f"      {name}: {{repo: {OSS}, dispatch: build.yml, ref: {ref}, {_VERSION}, {more}{_TIMES}}}\n"


def _edition(
    prefix: str, repo: str, start: str, tagged: str, docker: str, needs: str, branch: str
) -> tuple[str, str]:
    begin = (
        f"      {prefix}-start: {{repo: {repo}, dispatch: {start}, ref: {branch}, {_START}, {_TIMES}}}\n"
        f"      {prefix}: {{needs: {prefix}-start, repo: {repo}, watch: {tagged}, ref: {_TAG}, {_TIMES}}}\n"
    )
    end = f"      {prefix}-docker: {{needs: {needs}, repo: {repo}, dispatch: {docker}, ref: {_TAG}, {_TIMES}}}\n"
    return begin, end


@dataclass(frozen=True, slots=True)
class Shape:
    """A pipeline file, and the (private?, workflow file) pairs that its steps use."""

    text: str
    steps: tuple[str, ...]
    workflows: tuple[tuple[bool, str], ...]
    weight: int
    several: bool = True
    """Whether several releases at once make sense."""
    lasts: float = 140.0
    """Seconds that a release takes when nothing goes wrong."""


def _file(steps: str, concurrency: str = "") -> str:
    line = f'    concurrency: "{concurrency}"\n' if concurrency else ""
    return f"pipelines:\n  release:\n{line}    steps:\n{steps}"


def _shapes() -> dict[str, Shape]:
    oss, oss_docker = _edition(
        "oss",
        OSS,
        "global-start-release.yml",
        "pre-release.yml",
        "release-docker.yml",
        "[oss, ee]",
        "develop",
    )
    ee, ee_docker = _edition(
        "ee", VAULT, f"{CANARY_FILE}-start.yml", f"{CANARY_FILE}.yml", f"{CANARY_FILE}-docker.yml", "[oss, ee]",
        CANARY_BRANCH,
    )  # fmt: skip
    chain, chain_docker = _edition(
        "oss", OSS, "global-start-release.yml", "pre-release.yml", "release-docker.yml", "oss", "develop"
    )
    build = (False, "build.yml")
    secret = (True, f"{CANARY_FILE}-build.yml")
    hidden = (
        f"      hidden: {{repo: {VAULT}, dispatch: {CANARY_FILE}-build.yml, ref: {CANARY_BRANCH}, nonce: ticket, "
        f"{_VERSION}, {_TIMES}}}\n"
    )
    approval = '      go: {needs: build, approval: "Publish?"}\n'
    branch = f"      after: {{needs: build, repo: {OSS}, watch: nightly.yml, ref: nightly, {_TIMES}}}\n"
    start_oss = (
        (False, "global-start-release.yml"),
        (False, "pre-release.yml"),
        (False, "release-docker.yml"),
    )
    start_ee = tuple((True, f"{CANARY_FILE}{end}.yml") for end in ("-start", "", "-docker"))
    return {
        "one step": Shape(_file(_build("build")), ("build",), (build,), 5),
        "one step with a nonce": Shape(_file(_build("build", more="nonce: ticket, ")), ("build",), (build,), 4),
        "one after the other": Shape(_file(_build("build"), "{{ series }}"), ("build",), (build,), 3),
        "approval": Shape(
            _file(_build("build") + approval + hidden.replace("{repo", "{needs: go, repo")),
            ("build", "go", "hidden"), (build, secret), 3, lasts=270.0,
        ),
        "hidden": Shape(_file(hidden), ("hidden",), (secret,), 3),
        "side by side": Shape(
            _file(_build("one") + _build("two") + _build("three")), ("one", "two", "three"), (build,), 2, several=False
        ),
        "branch": Shape(
            _file(_build("build") + branch), ("build", "after"), (build, (False, "nightly.yml")), 2, lasts=400.0
        ),
        "chain": Shape(_file(chain + chain_docker), ("oss-start", "oss", "oss-docker"), start_oss, 4, lasts=400.0),
        "in line": Shape(
            _file(chain + chain_docker.replace("{needs", f"{{{_LINE}, needs")),
            ("oss-start", "oss", "oss-docker"), start_oss, 4, lasts=400.0,
        ),
        "two editions": Shape(
            _file(oss + ee + oss_docker + ee_docker),
            ("oss-start", "oss", "ee-start", "ee", "oss-docker", "ee-docker"),
            (*start_oss, *start_ee), 2, several=False, lasts=400.0,
        ),
    }  # fmt: skip


SHAPES = _shapes()
