"""Bad answers of GitHub, and what becomes of its deliveries.

Rule: a call is named, so that a story can be read; the path behind the name stands here only.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from bot.simulator.faults import UNICORN, Break, Failure, Fault
from tests.chaos.house import House
from tests.chaos.kinds import SOON, Do, Draw, Kind, for_a_while
from tests.chaos.limits import reset_in
from tests.chaos.story import Mishap

WRITES = {
    "dispatch": ("POST", r"/dispatches$"),
    "re-run": ("POST", r"/rerun-failed-jobs$"),
    "cancel": ("POST", r"/cancel$"),
    "comment": ("POST", r"/issues/\d+/comments$"),
    "edit": ("PATCH", r"/issues/comments/\d+$"),
    "reaction": ("POST", r"/reactions$"),
    "check run": ("POST", r"/check-runs$"),
    "check run's change": ("PATCH", r"/check-runs/\d+$"),
}
READS = {
    "runs": ("GET", r"/actions/runs$"),
    "runs of a workflow": ("GET", r"/workflows/[^/]+/runs$"),
    "run": ("GET", r"/runs/\d+$"),
    "jobs": ("GET", r"/jobs$"),
    "log": ("GET", r"/logs$"),
    "ref": ("GET", r"/git/"),
    "role": ("GET", r"/permission$"),
    "installation": ("GET", r"/installation$"),
    "file": ("GET", r"/contents/"),
    "repository": ("GET", r"^/repos/[^/]+/[^/]+$"),
    "comments": ("GET", r"/issues/(\d+/)?comments"),
    "workflows": ("GET", r"/actions/workflows$"),
}
OTHERS = {"token": ("POST", r"/access_tokens$"), "anything": ("*", r"")}
CALLS = {**WRITES, **READS, **OTHERS}
EVENTS = ("*", "workflow_run", "workflow_job", "issue_comment", "check_run")
_WRITTEN, _READ = tuple(WRITES), tuple(READS)
_ANY = tuple(CALLS)
_WEIGHTY = ("dispatch", "dispatch", "dispatch", "dispatch", "re-run", "cancel", *_WRITTEN)


def _at(names: Sequence[str], most: int = 2) -> Draw:
    """Some calls by name: `n` of them are hit, after `m` were let pass."""

    def draw(luck: Random, mishap: Mishap) -> Mishap:
        return replace(
            mishap, where=luck.choice(names), n=luck.randint(1, most), m=luck.choice((0, 0, 0, 0, 1, 3))
        )

    return draw


def _hit(house: House, mishap: Mishap, fault: Fault) -> None:
    fault.method, fault.path = CALLS[mishap.where]
    fault.times, fault.skip = mishap.n, int(mishap.m)
    house.world.trouble.add(fault)


def _answers(status: Sequence[int], message: str = "Server Error", when: str = "before") -> Do:
    def do(house: House, mishap: Mishap) -> None:
        number = status[mishap.luck % len(status)]
        body = {
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(number),
        }
        _hit(house, mishap, Fault("", "", when, Failure(number, body)))  # type: ignore[arg-type]

    return do


def _breaks(how: Break, when: str) -> Do:
    return lambda house, mishap: _hit(house, mishap, Fault("", "", when, breaks=how))  # type: ignore[arg-type]


def _html(when: str) -> Do:
    failure = Failure(502, UNICORN, {"content-type": "text/html; charset=utf-8"})
    return lambda house, mishap: _hit(house, mishap, Fault("", "", when, failure))  # type: ignore[arg-type]


def _slow(house: House, mishap: Mishap) -> None:
    _hit(house, mishap, Fault("", "", "after", delay=timedelta(seconds=1 + mishap.luck % 25)))


def _secondary(status: int) -> Do:
    def do(house: House, mishap: Mishap) -> None:
        method, path = CALLS[mishap.where]
        after = (None, 5, 60)[mishap.luck % 3]
        house.world.trouble.secondary_limit(method, path, retry_after=after, status=status, times=mishap.n)

    return do


def _primary(house: House, mishap: Mishap) -> None:
    method, path = CALLS[mishap.where]
    house.world.trouble.primary_limit(method, path, reset_in=reset_in(mishap), times=1)


def _down(house: House, mishap: Mishap) -> None:
    trouble = house.world.trouble
    fault = (
        trouble.answers("*", "", 502, times=None)
        if mishap.n < 2
        else trouble.answers("*", "", 503, times=None, when="after")
        if mishap.n == 2
        else trouble.breaks("*", "", Break.CONNECT, times=None)
    )
    house.after(mishap.m, lambda: trouble.ends(fault))


_QUESTIONS = ("jobs", "run", "runs of a workflow", "ref", "log", "re-run", "repository")


def _for_long(luck: Random, mishap: Mishap) -> Mishap:
    return replace(mishap, where=luck.choice(_QUESTIONS), m=luck.choice((600, 1500, 4000)))


def _unanswered(house: House, mishap: Mishap) -> None:
    trouble = house.world.trouble
    method, path = CALLS[mishap.where]
    fault = trouble.answers(method, path, (500, 502)[mishap.luck % 2], times=None)
    house.after(mishap.m, lambda: trouble.ends(fault))


def _of_event(luck: Random, mishap: Mishap) -> Mishap:
    return replace(
        mishap, where=luck.choice(EVENTS), n=luck.choice((1, 2, 5, 100)), m=luck.choice((2, 30, 300))
    )


def _lost(house: House, mishap: Mishap) -> None:
    house.world.hook.post.loses(mishap.where, times=mishap.n)


def _lost_for_good(house: House, mishap: Mishap) -> None:
    """Nobody repairs it: what is lost from now on is found by looking only."""
    house.world.hook.post.loses(mishap.where)


def _from_now_on(luck: Random, mishap: Mishap) -> Mishap:
    return replace(mishap, where=luck.choice(("*", "*", "workflow_run", "workflow_run", "issue_comment")))


def _doubled(same: bool) -> Do:
    def do(house: House, mishap: Mishap) -> None:
        late = timedelta(seconds=mishap.m if mishap.luck % 2 else 0)
        house.world.hook.post.doubles(mishap.where, same_guid=same, late=late, times=mishap.n)

    return do


def _late(house: House, mishap: Mishap) -> None:
    house.world.hook.post.delays(mishap.where, by=timedelta(seconds=mishap.m), times=mishap.n)


def _shuffled(house: House, mishap: Mishap) -> None:
    house.world.hook.post.shuffles(mishap.where, within=timedelta(seconds=mishap.m))


KINDS: dict[str, Kind] = {
    "F01 deliveries are lost": Kind(3, _of_event, _lost, "{n} deliveries ({where}) are lost"),
    "F01 deliveries are lost from now on": Kind(
        4,
        _from_now_on,
        _lost_for_good,
        "deliveries ({where}) are lost from now on, for good",
        early=True,
        stays=True,
    ),
    "F02 deliveries come twice": Kind(
        2, _of_event, _doubled(same=True), "{n} deliveries ({where}) come twice"
    ),
    "F03 deliveries come twice under two ids": Kind(
        2, _of_event, _doubled(same=False), "{n} deliveries ({where}) come twice under two ids"
    ),
    "F06 deliveries are shuffled": Kind(
        1, _of_event, _shuffled, "deliveries ({where}) are shuffled within {m} s"
    ),
    "F09 deliveries are late": Kind(2, _of_event, _late, "{n} deliveries ({where}) are {m} s late"),
    "F23 5xx after the effect": Kind(
        4,
        _at(_WEIGHTY),
        _answers((500, 502, 503, 504), when="after"),
        "{where}: done, and answered 5xx",
        early=True,
    ),
    "F24 reset after the effect": Kind(
        3, _at(_WEIGHTY), _breaks(Break.RESET, "after"), "{where}: done, and the answer is lost", early=True
    ),
    "F24 no answer after the effect": Kind(
        2, _at(_WEIGHTY), _breaks(Break.HANG, "after"), "{where}: done, and no answer comes", early=True
    ),
    "F25 5xx": Kind(4, _at(_ANY, 4), _answers((500, 502, 503, 504)), "{where}: 5xx, {n} times"),
    "F25 reset": Kind(2, _at(_ANY, 4), _breaks(Break.RESET, "before"), "{where}: reset, {n} times"),
    "F25 no connection": Kind(
        2, _at(_ANY, 4), _breaks(Break.CONNECT, "before"), "{where}: no connection, {n} times"
    ),
    "F25 no answer": Kind(1, _at(_ANY), _breaks(Break.HANG, "before"), "{where}: no answer, {n} times"),
    "F30 422 on a dispatch": Kind(
        1, _at(("dispatch",)), _answers((422,), "No ref found"), "the dispatch is refused with 422"
    ),
    "F35 403 on a re-run": Kind(
        1, _at(("re-run",)), _answers((403,), "This workflow is already running"), "the re-run is refused"
    ),
    "F46 new tokens are refused": Kind(
        1,
        _at(_READ, 3),
        _answers((401, 403), "Bad credentials"),
        "{where}: refused as if the token were unknown",
    ),
    "F47 401": Kind(2, _at(_ANY), _answers((401,), "Bad credentials"), "{where}: 401, {n} times"),
    "F49 primary limit": Kind(1, _at(_ANY), _primary, "{where}: the primary rate limit is reached"),
    "F49 secondary limit, 403": Kind(1, _at(_ANY), _secondary(403), "{where}: a secondary limit, as 403"),
    "F49 secondary limit, 429": Kind(1, _at(_ANY), _secondary(429), "{where}: a secondary limit, as 429"),
    "F50 HTML": Kind(1, _at(_ANY), _html("before"), "{where}: an HTML page"),
    "F50 HTML after the effect": Kind(
        1, _at(_WEIGHTY), _html("after"), "{where}: done, and answered with HTML"
    ),
    "F50 GitHub is down": Kind(1.5, for_a_while((*SOON, 2000.0)), _down, "GitHub is down for {m} s"),
    "F50 one thing is never answered": Kind(
        1, _for_long, _unanswered, "{where}: 5xx for {m} s, while everything else is answered", long=True
    ),
    "F51 404 on something young": Kind(
        1.5,
        _at(("run", "ref", "jobs", "runs of a workflow"), 3),
        _answers((404,), "Not Found"),
        "{where}: 404, {n} times",
    ),
    "F52 422 on a check run": Kind(
        1,
        _at(("check run", "check run's change"), 3),
        _answers((422,), "No commit found"),
        "check runs are refused",
    ),
    "F60 slow answers": Kind(2, _at(_ANY, 4), _slow, "{where}: {n} slow answers"),
}
