"""Every form of command, as a table: what it is called, what stands behind it, what it does, and who may.

Rule: the one source for the parser, for help, and for the names that nothing else may have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DRY_RUN, CONTINUE = "--dry-run", "--continue"
OPTIONS = (DRY_RUN, CONTINUE)
"""What may stand beside a version to start, in any place."""

VerbName = Literal[
    "",
    "status",
    "retry",
    "redo",
    "skip",
    "adopt",
    "approve",
    "pause",
    "resume",
    "cancel",
    "flakes",
    "help",
]


@dataclass(frozen=True, slots=True)
class Verb:
    """One form of command. `name` is empty for the one that starts; `example` follows `/PIPELINE `.

    `who`: `write` in the home repository, or the pipeline's `role` in every repository of the pipeline.
    """

    name: VerbName
    arguments: str
    does: str
    example: str
    who: Literal["write", "role"]

    def usage(self, pipeline: str) -> str:
        """For example `/release retry [VERSION] [STEP]`."""
        return " ".join(filter(None, (f"/{pipeline}", self.name, self.arguments)))


_STARTS = "starts one release for each version"
_PLANS = "reads everything, changes nothing, answers with the plan"
_GOES_ON = (
    "starts a version whose tags exist: what is tagged is not started again, and runs of it are taken up"
)
_RETRIES = "runs the failed jobs again, or sends a refused or never-found dispatch anew"
_REDOES = "dispatches a step anew whose run is over, for instance after a fix was pushed"
_FLAKES = "lists what failed and then passed on the same commit; LINE is a branch or a series such as `1.0`"
_ADOPTS = "takes a run that a person started as the step's own; RUN is its number or its address"

VERBS = (
    Verb("", "VERSION [VERSION …]", _STARTS, "1.0.3", "role"),
    Verb("", f"VERSION [VERSION …] {DRY_RUN}", _PLANS, f"1.0.3 {DRY_RUN}", "write"),
    Verb("", f"VERSION [VERSION …] {CONTINUE}", _GOES_ON, f"1.0.3 {CONTINUE}", "role"),
    Verb("status", "[VERSION]", "says where things stand", "status 1.0.3", "write"),
    Verb("retry", "[VERSION] [STEP]", _RETRIES, "retry 1.0.3 STEP", "role"),
    Verb("redo", "[VERSION] STEP", _REDOES, "redo 1.0.3 STEP", "role"),
    Verb("skip", "[VERSION] STEP", "marks a step as done by hand", "skip 1.0.3 STEP", "role"),
    Verb("adopt", "[VERSION] STEP RUN", _ADOPTS, "adopt 1.0.3 STEP 1234567890", "role"),
    Verb("approve", "[VERSION] [STEP]", "passes an approval step", "approve 1.0.3", "role"),
    Verb("pause", "[VERSION]", "holds back dispatches and automatic re-runs", "pause 1.0.3", "role"),
    Verb("resume", "[VERSION]", "goes on after a pause", "resume 1.0.3", "role"),
    Verb("cancel", "[VERSION]", "cancels live runs on GitHub and ends the release", "cancel 1.0.3", "role"),
    Verb("flakes", "[LINE]", _FLAKES, "flakes 1.0", "write"),
    Verb("help", "", "says who may do what here", "help", "write"),
)
"""Every form of command, in the order in which help shows them; `STEP` in an example stands for a name."""

BY_NAME: Mapping[str, Verb] = {verb.name: verb for verb in VERBS if verb.name}

RESERVED_NAMES = frozenset(BY_NAME)
"""What no pipeline and no step may be named, whatever the letter case."""
