"""Releases and events as JSON text.

Rule: the state is the truth, so a release must come back exactly as it was, and text from outside must never
make it impossible to write one down. Keys that are missing take the model's defaults, so what an older version has
stored can be read. Every change of the form needs a new `SCHEMA`: an older version that works beside this one must
not guess, nor drop what it does not know.
"""

import json
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.core.events import Event
from bot.core.model import Release

Value = TypeVar("Value")

SCHEMA = 3
"""Version of the JSON form of a release; a database with a higher one is refused. 2: steps can be in line, or have
given way to another run. 3: a run can be doubtful or a second one, and a question unanswered."""


@cache
def _adapter(kind: type) -> TypeAdapter[object]:
    return TypeAdapter(kind)


@cache
def _releases() -> TypeAdapter[Release]:
    return TypeAdapter(Release)


def release_to_json(release: Release) -> str:
    return _to_json(_releases(), release)


def release_from_json(text: str) -> Release:
    """The inverse of `release_to_json`; ValueError (such as pydantic's) when the text is no release."""
    return _releases().validate_json(text)


def event_to_json(event: Event) -> str:
    """For the journal: the event's name as `event`, then its fields."""
    kind: type = type(event)
    fields = _to_json(_adapter(kind), event).removeprefix("{")
    comma = "" if fields == "}" else ","
    return f'{{"event":"{kind.__name__}"{comma}{fields}'


def _to_json(adapter: TypeAdapter[Value], value: Value) -> str:
    try:
        return adapter.dump_json(value).decode()
    except (PydanticSerializationError, UnicodeEncodeError):
        # JSON can escape half a surrogate pair, which is no character: it is replaced, the rest is kept.
        plain = json.dumps(adapter.dump_python(value, mode="json"), ensure_ascii=False)
        return plain.encode("utf-8", "replace").decode()
