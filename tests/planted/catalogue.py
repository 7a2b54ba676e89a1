"""Every bug by name."""

from tests.planted import day, driving, outside, retrying, sending
from tests.planted.bug import Bug

BUGS: dict[str, Bug] = {
    bug.name: bug for bug in (*sending.BUGS, *driving.BUGS, *retrying.BUGS, *day.BUGS, *outside.BUGS)
}
