"""What goes into the store and what comes out of it, in the bot's own types.

Rule: frozen values; a row becomes one of these in its `from_row` and nowhere else. Repositories come out in
lower case.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from sqlalchemy import RowMapping

from bot.core.model import Release
from bot.store.codec import release_from_json


class DeliveryState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class SendState(StrEnum):
    OPEN = "open"
    """It may have left, and its run is not known."""
    BOUND = "bound"
    CLOSED = "closed"


class PostState(StrEnum):
    TODO = "todo"
    SENDING = "sending"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery as it came in. `payload` is the body's JSON text; `second_key` names what it tells, whatever
    its id; `ignored` is why it means nothing to the bot: then nothing is left to be done about it.
    """

    id: str
    event: str
    payload: str = field(repr=False)
    second_key: str | None
    received_at: datetime
    ignored: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A stored delivery; `seq` counts in the order of arrival."""

    seq: int
    id: str
    event: str
    payload: str = field(repr=False)
    second_key: str | None
    received_at: datetime
    state: DeliveryState
    tries: int
    outcome: str | None

    @classmethod
    def from_row(cls, row: RowMapping) -> "DeliveryRow":
        return cls(**{**row, "state": DeliveryState(row["state"])})


@dataclass(frozen=True, slots=True)
class Stored:
    """A release as it is in the database at `revision`; `seq` counts in the order of creation."""

    release: Release
    revision: int
    seq: int

    @classmethod
    def from_row(cls, row: RowMapping) -> "Stored":
        return cls(release_from_json(row["state"]), row["revision"], row["seq"])


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One commit of a release. `event` has the event's name under `event`, then its fields; None: none."""

    id: int
    release_id: str
    revision: int
    at: datetime
    event: Mapping[str, object] | None
    reasons: tuple[str, ...]

    @classmethod
    def from_row(cls, row: RowMapping) -> "JournalRow":
        event = None if row["event"] is None else json.loads(row["event"])
        return cls(**{**row, "event": event, "reasons": tuple(json.loads(row["reasons"]))})


@dataclass(frozen=True, slots=True)
class SendToOpen:
    """The intent to make the one request of this send number."""

    step: str
    send: int
    repo: str
    workflow: str
    ref: str
    nonce: str | None


@dataclass(frozen=True, slots=True)
class SendRow:
    """A send number that was opened once and for all."""

    key: str
    release_id: str
    step: str
    send: int
    repo: str
    workflow: str
    ref: str
    nonce: str | None
    state: SendState
    opened_at: datetime
    outcome: str | None

    @classmethod
    def from_row(cls, row: RowMapping) -> "SendRow":
        return cls(**{**row, "state": SendState(row["state"])})


@dataclass(frozen=True, slots=True)
class BoundRunRow:
    """A workflow run that belongs to a step."""

    repo: str
    run_id: int
    release_id: str
    step: str
    bound_at: datetime

    @classmethod
    def from_row(cls, row: RowMapping) -> "BoundRunRow":
        return cls(**row)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostToMake:
    """A comment in `issue`, or a reaction to `comment_id` (`body` is then its content). The key makes it
    happen once.
    """

    key: str
    repo: str
    kind: Literal["comment", "notice", "reaction"]
    issue: int | None = None
    comment_id: int | None = None
    body: str
    release_id: str | None = None


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post and how far it got. With `tries` above 0 it may be on GitHub already: look before making it
    again.

    `made_id`: id of the comment or reaction that it became.
    """

    seq: int
    key: str
    repo: str
    kind: Literal["comment", "notice", "reaction"]
    issue: int | None
    comment_id: int | None
    body: str
    release_id: str | None
    state: PostState
    tries: int
    due_at: datetime
    made_id: int | None
    outcome: str | None

    @classmethod
    def from_row(cls, row: RowMapping) -> "PostRow":
        return cls(**{**row, "state": PostState(row["state"])})


@dataclass(frozen=True, slots=True)
class Surface:
    """What GitHub shows of a release: its status comment (`step` empty) or the newest check run of a step; and of the
    releases that one command started the comment that lists them (`together`, kept with the first of them), of those
    of one day its summary (`day`, likewise).

    `digest`: of what was published last; `made`: how often it was created; `used_buttons`: of this
    `github_id`, kept by `use_button` alone; `data`: whatever the reporter wants to remember, plain JSON.
    """

    release_id: str
    kind: Literal["status", "check", "together", "day"]
    step: str
    repo: str
    github_id: int | None = None
    sha: str | None = None
    digest: str = ""
    state: str = ""
    made: int = 0
    used_buttons: tuple[str, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: RowMapping) -> "Surface":
        used, data = json.loads(row["used_buttons"]), json.loads(row["data"])
        return cls(**{**row, "used_buttons": tuple(used), "data": data})


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A repository in which commands are heard. `listed_until`: comments up to this time have been looked
    through.
    """

    repo: str
    full_name: str
    repository_id: int | None
    installation_id: int | None
    listed_until: datetime | None

    @classmethod
    def from_row(cls, row: RowMapping) -> "HomeRow":
        return cls(**row)
