"""A story: everything that a seed decides, written down before anything happens.

Rule: a story is a value. It can be told again, printed as code, and told with something left out.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody asks for a release, `at` seconds after the beginning, in issue `issue` of the home."""

    at: float
    version: str
    issue: int = 7
    by: str = "maya"


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something happens `at` seconds after the beginning; `kind` is a name of the catalogue.

    `n`, `m` and `where` mean what the kind says; `luck` decides what can only be decided on the spot.
    """

    at: float
    kind: str
    n: int = 0
    m: float = 0
    where: str = ""
    luck: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """`shape`: the pipeline. `calm`: when all faults end, in seconds. `old_api`: GitHub speaks 2022-11-28 only."""

    seed: int
    shape: str
    asks: tuple[Ask, ...]
    mishaps: tuple[Mishap, ...] = ()
    calm: float = 600.0
    old_api: bool = False
    private_home: bool = False
    look_seconds: int = 60
