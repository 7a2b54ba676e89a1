"""How long a regular expression may search one line that was made to take long: an upper bound, without trying.

`re` tries one way after the other. The number of ways grows with each repeat that may stop at several places, and it
explodes when such a repeat is repeated. Rule: a bound may be too high, never far too low; places where only one way can
go on, because the next character tells, count once.

Numbers of ways are sums over powers of the length of the line: `(a, b, c)` is a + b·N + c·N²/2. Places in the line are
counted in their one order, hence the factorials.
"""

import math
from functools import lru_cache, reduce
from typing import assert_never

from bot.core.evidence import MAX_READ_LINE
from bot.pipeline.regex_tree import ENDLESS, Choice, Final, Look, Node, Nothing, One, Repeat, Row, parts_of

LINE = MAX_READ_LINE
"""Characters of a line that are searched, at most."""

_LONG = LINE // 2
"""A repeat of more than this is as good as one without end."""
_FAR = 16
"""How many characters are looked at to tell whether a way can go on."""
_TOO_MANY = 1e12

Ways = tuple[float, ...]
Sets = tuple[int, ...]
Leads = tuple[Sets, ...]

_NONE: Ways = (0.0,)
_ONCE: Ways = (1.0,)
_UNKNOWN: Leads = ((),)
_MOST_LEADS = 16


class Endless(ValueError):
    """There are more ways than can ever be tried."""


def steps_to_search(tree: Node) -> float:
    """Steps for one line of 500 characters, at worst. Raises Endless."""
    tree = _without_idle_end(tree)
    starts = _ONCE if _anchored(tree) else _every(_density(_leads(tree, _UNKNOWN)))
    _, cost = _walk(tree, _UNKNOWN)
    return LINE + _number(_product(starts, cost))


def _number(ways: Ways) -> float:
    return sum(count * math.pow(LINE, power) / math.factorial(power) for power, count in enumerate(ways))


def _sum(one: Ways, other: Ways) -> Ways:
    return tuple(_at(one, place) + _at(other, place) for place in range(max(len(one), len(other))))


def _most(one: Ways, other: Ways) -> Ways:
    return tuple(max(_at(one, place), _at(other, place)) for place in range(max(len(one), len(other))))


def _at(ways: Ways, power: int) -> float:
    return ways[power] if power < len(ways) else 0.0


def _product(one: Ways, other: Ways) -> Ways:
    result = [0.0] * (len(one) + len(other) - 1)
    for power, count in enumerate(one):
        for other_power, other_count in enumerate(other):
            result[power + other_power] += count * other_count
    ways = tuple(result)
    if _number(ways) > _TOO_MANY:
        raise Endless
    return ways


def _every(density: float) -> Ways:
    """One way at each of so many places of the line."""
    return (1.0, density)


# -- what comes next -------------------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def _leads(node: Node, follow: Leads) -> Leads:
    """All that may come next: for each the sets that the next characters must be in, as far as that is known."""
    match node:
        case One(chars):
            return _few(tuple((chars, *sets)[:_FAR] for sets in follow))
        case Nothing() | Look():
            return follow
        case Final(body):
            return _leads(body, follow)
        case Row(parts):
            for part in reversed(parts):
                follow = _leads(part, follow)
            return follow
        case Choice(ways):
            return _few(tuple(sets for way in ways for sets in _leads(way, follow)))
        case Repeat(body, least, most):
            width = _width(body)
            exact = least == most and width
            after = follow if exact else _few((*_leads(body, _UNKNOWN), *follow))
            for _ in range(min(least, math.ceil(_FAR / width)) if width else 0):
                after = _leads(body, after)
            return after
        case _:
            assert_never(node)


def _few(leads: Leads) -> Leads:
    """Each once; those beyond the first are taken together when they are too many."""
    each = tuple(dict.fromkeys(leads))
    if len(each) <= _MOST_LEADS:
        return each
    return (*each[:_MOST_LEADS], _merged(each[_MOST_LEADS:]))


def _merged(leads: Leads) -> Sets:
    return reduce(lambda one, other: tuple(a | b for a, b in zip(one, other, strict=False)), leads)


def _apart(some: Leads, others: Leads) -> bool:
    """Whether no text can go on both ways."""
    return all(_differ(one, other) for one in some for other in others)


def _differ(one: Sets, other: Sets) -> bool:
    return any(not a & b for a, b in zip(one, other, strict=False))


def _density(leads: Leads) -> float:
    """At which part of all places one of these can stand, at most: `abab` may begin again after two."""
    return min(1 / _period(_merged(leads)), sum(1 / _period(sets) for sets in leads))


@lru_cache(maxsize=10_000)
def _period(sets: Sets) -> int:
    for distance in range(1, len(sets)):
        if all(a & b for a, b in zip(sets, sets[distance:], strict=False)):
            return distance
    return max(1, len(sets))


# -- how many ways there are -----------------------------------------------------------------------


def _walk(node: Node, follow: Leads) -> tuple[Ways, Ways]:
    """The ways through a node from one place, and the steps that trying them all takes."""
    match node:
        case One():
            return _ONCE, _ONCE
        case Nothing():
            return _ONCE, _ONCE
        case Look(body):
            return _ONCE, _walk(body, _UNKNOWN)[1]
        case Final(body):
            return _ONCE, _walk(body, _UNKNOWN)[1]
        case Row(parts):
            return _walk_row(parts, follow)
        case Choice(ways):
            return _walk_choice(ways, follow)
        case Repeat():
            return _walk_repeat(node, follow)
        case _:
            assert_never(node)


def _walk_row(parts: tuple[Node, ...], follow: Leads) -> tuple[Ways, Ways]:
    if not parts:
        return _ONCE, _ONCE
    follows = [follow]
    for part in reversed(parts[1:]):
        follows.append(_leads(part, follows[-1]))
    ways, steps = _ONCE, _NONE
    for part, after in zip(parts, reversed(follows), strict=True):
        through, cost = _walk(part, after)
        steps = _sum(steps, _product(ways, cost))
        ways = _product(ways, through)
    return ways, steps


def _walk_choice(choices: tuple[Node, ...], follow: Leads) -> tuple[Ways, Ways]:
    walks = [_walk(choice, follow) for choice in choices]
    leads = [_leads(choice, follow) for choice in choices]
    alone = all(_apart(lead, other) for at, lead in enumerate(leads) for other in leads[:at])
    ways, steps = (reduce(_most if alone else _sum, each) for each in zip(*walks, strict=True))
    return ways, _sum(steps, (float(len(choices)),))


def _walk_repeat(node: Repeat, follow: Leads) -> tuple[Ways, Ways]:
    body, least, most = node.body, node.least, node.most
    again = _leads(body, _UNKNOWN)
    if most == 1:
        through, cost = _walk(body, follow)
        alone = _apart(_leads(body, follow), follow)
        ways = through if least else _most(_ONCE, through) if alone else _sum(_ONCE, through)
        return ways, _sum(_ONCE, cost)
    through, cost = _walk(body, _few((*again, *follow)))
    width = max(1, _width(body))
    rounds = min(most, LINE // width + 1)
    endless = rounds * width > _LONG
    if through != _ONCE:
        return _many_ways(through, cost, least, rounds)
    free = (ENDLESS if endless else most) - least
    ends = _ends_of_one(again, follow, free) if _is_one(body) else _ends(again, follow, width, free)
    if _is_one(body):
        return ends, (1.0, 1.0) if endless else (float(rounds + 1),)
    if endless and not _looks(body):
        # One round takes up where the other has ended, so all of them together read the line once.
        return ends, (1.0, float(_size(body)))
    return ends, _product(_every(1 / width) if endless else (float(rounds),), cost)


def _ends_of_one(again: Leads, follow: Leads, free: int) -> Ways:
    """The places where a repeat of single characters may stop and the rest go on."""
    # Where the rest may begin, the repeat goes on no further than to the first character that is not its own.
    every = _merged(again)[0]
    short: Leads = ()
    furthest = 0
    for sets in follow:
        ahead = next((place for place, chars in enumerate(sets) if not chars & every), free)
        if min(ahead, free) < _LONG:
            short = (*short, sets)
            furthest = max(furthest, min(ahead, free))
    ends: Ways = (
        min(furthest + 1.0, sum(furthest // _period(sets) + 1.0 for sets in short)) if short else 0.0,
    )
    far = tuple(sets for sets in follow if sets not in short)
    return _sum(ends, _every(_density(far))) if far else ends


def _ends(again: Leads, follow: Leads, width: int, free: int) -> Ways:
    """The places where a repeat that can go one way only may stop and the rest go on."""
    if free == 0 or _apart(again, follow):
        return _ONCE
    return _every(min(1 / width, _density(follow))) if free * width >= _LONG else (float(free + 1),)


def _many_ways(through: Ways, cost: Ways, least: int, rounds: int) -> tuple[Ways, Ways]:
    ways, steps, so_far = _NONE, _NONE, _ONCE
    for number in range(rounds + 1):
        if number >= least:
            ways = _sum(ways, so_far)
        steps = _sum(steps, _product(so_far, cost))
        so_far = _product(so_far, through)
    return ways, steps


# -- shapes ----------------------------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def _width(node: Node) -> int:
    """The least number of characters it takes."""
    match node:
        case One():
            return 1
        case Nothing() | Look():
            return 0
        case Final(body):
            return _width(body)
        case Row(parts):
            return sum(map(_width, parts))
        case Choice(ways):
            return min(map(_width, ways))
        case Repeat(body, least, _):
            return _width(body) * min(least, LINE)
        case _:
            assert_never(node)


def _is_one(node: Node) -> bool:
    """Whether it is always a single character."""
    return isinstance(node, One) or (isinstance(node, Choice) and all(map(_is_one, node.ways)))


def _size(node: Node) -> int:
    return 1 + sum(map(_size, parts_of(node)))


def _looks(node: Node) -> bool:
    return isinstance(node, Look) or any(map(_looks, parts_of(node)))


def _anchored(node: Node) -> bool:
    match node:
        case Nothing(begins):
            return begins
        case Row(parts):
            return bool(parts) and _anchored(parts[0])
        case Choice(ways):
            return all(map(_anchored, ways))
        case Final(body):
            return _anchored(body)
        case _:
            return False


def _without_idle_end(node: Node) -> Node:
    """A repeat at the end may stop at once: what it could take besides makes no difference."""
    match node:
        case Repeat(_, 0, _):
            return Row(())
        case Repeat(body, least, _):
            return Repeat(body, least, least)
        case Row((*parts, last)):
            rest = _without_idle_end(last)
            return _without_idle_end(Row(tuple(parts))) if rest == Row(()) else Row((*parts, rest))
        case _:
            return node
