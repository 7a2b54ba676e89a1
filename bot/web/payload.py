"""From the bytes of a body to a JSON object without surprises.

Rule: what two readers could read differently, or what code and database further in might choke on, is refused.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn


class NotAcceptable(ValueError):
    """The body is no JSON object that the bot takes."""


def parse_payload(body: bytes, depth: int) -> dict[str, object]:
    """The JSON object in `body`, without anything that could surprise code or database further in.

    Refused with NotAcceptable: other values, duplicate names, NaN and infinity, integers over 64 bits, text that is
    not Unicode, and nesting deeper than `depth`.
    """
    try:
        payload: object = _DECODER.decode(body.decode("utf-8"))
        if _LONE_SURROGATE.search(body):
            json.dumps(payload, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:  # UnicodeError and JSONDecodeError are ValueErrors
        raise NotAcceptable from error
    if not isinstance(payload, dict) or not _is_flatter_than(depth, payload):
        raise NotAcceptable
    return payload


_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # or half of a pair: the encoder tells


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two readers of `{"action": 1, "action": 2}` may see two things."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name occurs twice")
    return read


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError("an integer over 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number over all bounds")
    return number


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)


def _is_flatter_than(depth: int, payload: dict[str, object]) -> bool:
    level: list[object] = [payload]
    for _ in range(depth):
        level = [child for one in level for child in _children(one) if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
