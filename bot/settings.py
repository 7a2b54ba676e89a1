"""What the operator decides: every variable of section 1 of the contract, its default and its bounds.

The rule here: all problems are found in one pass, each is one line that names its variable, and no line
shows a value that could be a secret. Nothing is read when this module is imported.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, assert_never
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, PlainValidator, SecretStr, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/(?!\.{1,2}(?:[:]|\Z))[A-Za-z0-9._-]{1,100}"
"""`owner/name`; owners of managed accounts carry an underscore."""


class BadSettings(Exception):
    """The settings cannot be used. `problems`: one line each, for the operator's eyes."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A database in one file; `path` is absolute."""

    path: Path


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A database server; the URL may hold a password and always begins with `postgresql://`."""

    url: SecretStr


Database: TypeAlias = SqliteFile | PostgresServer


def database_url(database: Database) -> str:
    """As the store opens it; it may hold a password."""
    match database:
        case SqliteFile(path=path):
            return f"sqlite:///{path}"
        case PostgresServer(url=url):
            return url.get_secret_value()
        case _:
            assert_never(database)


@dataclass(frozen=True, slots=True)
class LocalPipelines:
    """The pipeline file lies on this machine; `path` is absolute. Whether it exists is asked per command."""

    path: Path


@dataclass(frozen=True, slots=True)
class RepositoryPipelines:
    """The pipeline file lies on the default branch of `repository` (`owner/name`), at `path`."""

    repository: str
    path: str


Pipelines: TypeAlias = LocalPipelines | RepositoryPipelines


def _database(text: str, info: ValidationInfo) -> Database:
    return read_database(text, folder=_folder(info))


def read_database(text: str, *, folder: Path) -> Database:
    """A database's URL; the name of a file starts in `folder`. ValueError completes the sentence 'the URL …'."""
    scheme, _, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if scheme == "sqlite" and rest.startswith("/"):
        name = rest.removeprefix("/")
        if name.strip("/") in {"", ":memory:"} or "?" in name or "\0" in name:
            raise ValueError(
                "names no file; write sqlite:///FILE (relative) or sqlite:////FOLDER/FILE (absolute)"
            )
        return SqliteFile(folder / name)
    if scheme not in {"postgres", "postgresql"}:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    try:
        parts = urlsplit(f"postgresql://{rest}")
        _ = parts.port
    except ValueError:
        raise ValueError(
            "is no URL that can be read; write postgresql://user:password@server:5432/name"
        ) from None
    if not (parts.netloc or parts.query) or not rest.isprintable() or " " in rest:
        raise ValueError("is no URL that can be read; write postgresql://user:password@server:5432/name")
    return PostgresServer(SecretStr(f"postgresql://{rest}"))


def _pipelines(text: str | None, info: ValidationInfo) -> Pipelines | None:
    if text is None:
        return None
    if found := re.fullmatch(f"({REPOSITORY}):(.*)", text):
        path = found[2].strip().strip("/")
        if not path or ".." in path.split("/") or not path.isprintable():
            raise ValueError("names no file in the repository; write OWNER/REPOSITORY:PATH")
        return RepositoryPipelines(repository=found[1], path=path)
    if "\0" in text:
        raise ValueError("is no file name")
    return LocalPipelines(_folder(info) / text)


def _homes(text: str | None) -> tuple[str, ...]:
    """Distinct names, as first written. Unset means everywhere, so a value without a name is refused."""
    if text is None:
        return ()
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError(
            "names no repository; write OWNER/REPOSITORY, separated by commas, or leave it unset"
        )
    for name in names:
        if not re.fullmatch(REPOSITORY, name):
            raise ValueError(f"{_shown(name)} is no repository; write OWNER/REPOSITORY, separated by commas")
    return tuple({name.lower(): name for name in reversed(names)}.values())[::-1]


def _secrets(text: str) -> tuple[bytes, ...]:
    """Several secrets are valid together while one replaces the other.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ValueError("holds an empty secret: each one between commas must have at least one character")
    # The operating system hands over bytes that are no UTF-8 as surrogates; they are part of the secret.
    return tuple(part.encode("utf-8", "surrogateescape") for part in parts)


def _url(text: str) -> str:
    """An address of GitHub without its last slash, ready to have a path appended."""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no URL; write it like https://github.example.com/api/v3") from None
    if parts.scheme not in {"http", "https"} or not host or not text.isprintable() or " " in text.strip():
        raise ValueError("is no http(s) URL; write it like https://github.example.com/api/v3")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be a plain address: no user name, no ? and no # in it")
    return text.strip().rstrip("/")


def _key_file(text: str | None, info: ValidationInfo) -> SecretStr | None:
    """The key that the named file holds."""
    if text is None:
        return None
    if "-----" in text:
        raise ValueError("holds the key itself; it must be the name of the file that holds it")
    try:
        pem = (_folder(info) / text).read_text(encoding="utf-8-sig")  # some editors begin with a mark
    except OSError as error:
        raise ValueError(
            f"the file {_shown(text)} cannot be read: {error.strerror or 'unknown error'}; "
            "name the .pem file from the app's page"
        ) from None
    except ValueError:
        raise ValueError(
            f"{_shown(text)} is no PEM file; download the key again from the app's page"
        ) from None
    return _rsa_key(_with_lines(pem), where="the file holds ")


def _private_key(text: str | None, info: ValidationInfo) -> SecretStr:
    if text:
        return _rsa_key(_with_lines(text), where="")
    if "private_key_path" not in info.data:  # it is already reported; one mistake is one line
        return SecretStr("")
    from_file: SecretStr | None = info.data["private_key_path"]
    if from_file is None:
        raise ValueError(
            "not set; put the app's private key (PEM) there, or the name of its file in PRIVATE_KEY_PATH"
        )
    return from_file


def _with_lines(pem: str) -> str:
    """A platform that keeps a variable on one line has the line ends written as two characters."""
    return pem.replace("\\n", "\n")


@lru_cache(maxsize=2)
def _rsa_key(pem: str, *, where: str) -> SecretStr:
    """Checking that a key is whole takes a while; the same text is checked once."""
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except TypeError:  # cryptography's way to say that it wants a password
        raise ValueError(f"{where}a key locked by a passphrase; the bot needs it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            f"{where}no private key in PEM form; download the key again from the app's page"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{where}a key of another kind; GitHub Apps use RSA keys")
    return SecretStr(pem.strip() + "\n")


def _folder(info: ValidationInfo) -> Path:
    folder: Path = info.data["folder"]
    return folder


def _lower(text: object) -> object:
    return text.strip().lower() if isinstance(text, str) else text


def _strip(text: object) -> object:
    return text.strip() if isinstance(text, str) else text


def _level(text: object) -> object:
    """Words that people bring along from other programs mean the nearest of ours."""
    word = _lower(text)
    return _OTHER_LEVELS.get(word, word) if isinstance(word, str) else word


_OTHER_LEVELS = {"trace": "debug", "warn": "warning", "fatal": "error", "critical": "error"}


def _address(text: object) -> object:
    """In a URL an IPv6 address stands in brackets; that is how it is often copied."""
    word = _strip(text)
    return word[1:-1] if isinstance(word, str) and re.fullmatch(r"\[[^\[\]]*:[^\[\]]*\]", word) else word


def _plainly(pattern: str) -> BeforeValidator:
    """A number as people write one: pydantic would also take Python's, `3_000` or `1e3` or other digits."""

    def plain(text: object) -> object:
        word = _strip(text)
        if isinstance(word, str) and not re.fullmatch(pattern, word):
            raise PydanticCustomError("no_plain_number", "no plain number")
        return word

    return BeforeValidator(plain)


_Whole: TypeAlias = Annotated[int, _plainly(r"[0-9]+")]
_Decimal: TypeAlias = Annotated[float, _plainly(r"[0-9]*\.?[0-9]+")]


def _shown(value: object) -> str:
    """A value that is no secret, on one line; a long one is left out, it was meant for elsewhere."""
    text = ascii(value)
    return text if len(text) <= 80 else "the value"


_SHOWABLE = frozenset({"HOST", "PORT", "WRITES_PER_MINUTE", "LOG_LEVEL", "LOG_FORMAT"})
_SHOWABLE |= {"LOOK_SECONDS", "COMMAND_TTL_SECONDS", "EDIT_SECONDS"}
"""Variables whose wrong value may be repeated to the operator."""


class Settings(BaseSettings):
    """Checked settings. A field's description completes the sentence 'must be …' of its problem line."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    folder: Path
    """The working directory: relative names start here. No variable."""
    app_id: Annotated[str, BeforeValidator(_strip)] = Field(
        validation_alias="APP_ID",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="the app's id or client id, as its page on GitHub shows it",
    )
    private_key_path: Annotated[SecretStr | None, NoDecode, PlainValidator(_key_file)] = Field(
        None, validation_alias="PRIVATE_KEY_PATH", repr=False, exclude=True, validate_default=True
    )
    private_key: Annotated[SecretStr, NoDecode, PlainValidator(_private_key)] = Field(
        None, validation_alias="PRIVATE_KEY", repr=False, validate_default=True
    )
    """The app's key as PEM, whichever variable it came from."""
    secrets: Annotated[tuple[bytes, ...], NoDecode, PlainValidator(_secrets)] = Field(
        validation_alias="WEBHOOK_SECRET",
        repr=False,
        exclude=True,
        description="the secret that was given to GitHub as the webhook's secret",
    )
    github_api_url: Annotated[str, PlainValidator(_url)] = Field(
        "https://api.github.com", validation_alias="GITHUB_API_URL"
    )
    github_url: Annotated[str, PlainValidator(_url)] = Field(
        "https://github.com", validation_alias="GITHUB_URL"
    )
    database: Annotated[Database, NoDecode, PlainValidator(_database)] = Field(
        "sqlite:///release-bot.db", validation_alias="DATABASE_URL", validate_default=True
    )
    host: Annotated[str, BeforeValidator(_address)] = Field(
        "127.0.0.1",
        validation_alias="HOST",
        pattern=r"^[A-Za-z0-9.:_%-]{1,255}$",
        description="the address to listen on, for example 127.0.0.1 or 0.0.0.0",
    )
    port: _Whole = Field(
        3000,
        validation_alias="PORT",
        ge=0,
        le=65535,
        description="a whole number from 0 to 65535 (0: any free one)",
    )
    pipelines: Annotated[Pipelines | None, NoDecode, PlainValidator(_pipelines)] = Field(
        None, validation_alias="PIPELINES"
    )
    homes: Annotated[tuple[str, ...], NoDecode, PlainValidator(_homes)] = Field(
        None, validation_alias="HOMES", validate_default=True
    )
    """Empty: commands are heard in every repository."""
    look_seconds: _Decimal = Field(
        60,
        validation_alias="LOOK_SECONDS",
        ge=0.1,
        le=3600,
        description="a number of seconds from 0.1 to 3600",
    )
    command_ttl_seconds: _Decimal = Field(
        900,
        validation_alias="COMMAND_TTL_SECONDS",
        ge=1,
        le=86400,
        description="a number of seconds from 1 to 86400",
    )
    edit_seconds: _Decimal = Field(
        10, validation_alias="EDIT_SECONDS", ge=0, le=3600, description="a number of seconds from 0 to 3600"
    )
    writes_per_minute: _Whole = Field(
        60,
        validation_alias="WRITES_PER_MINUTE",
        ge=1,
        le=1_000_000,
        description="a whole number from 1 to 1000000",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_level)] = Field(
        "info", validation_alias="LOG_LEVEL", description="debug, info, warning or error"
    )
    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_lower)] = Field(
        "auto", validation_alias="LOG_FORMAT", description="auto, json or console"
    )

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Self:
        """Read `environment` (the process's own by default) and `.env` in `folder` (the working directory).

        An empty variable counts as unset. Raises `BadSettings` with every problem found.
        """
        folder = Path.cwd() if folder is None else folder.absolute()
        variables: dict[str, Any] = variables_of(os.environ if environment is None else environment, folder)
        if "PRIVATE_KEY" in variables:
            variables.pop("PRIVATE_KEY_PATH", None)  # as Probot has it: the file is not even read
        try:
            return cls(folder=folder, **variables)
        except ValidationError as error:
            problems = tuple(_problem(mistake) for mistake in error.errors(include_url=False))
        raise BadSettings(problems)  # outside the handlers: the cause would show what was given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `variables_of` found arrives as init values; nothing else is read."""
        return (init_settings,)

    def is_home(self, repository: str) -> bool:
        """Whether comments of this repository (`owner/name`, any letter case) are commands."""
        return not self.homes or repository.lower() in {home.lower() for home in self.homes}


def variables_of(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Our variables that are not empty, from `environment` and the `.env` in `folder`; the environment wins.

    `.env` is taken as it is written: a `$` in a secret is a `$`. Raises `BadSettings` when it cannot be read.
    """
    reason: str | None = None
    written: dict[str, str] = {}
    try:
        written = _ours(dotenv_values(folder / ".env", interpolate=False, encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "unknown error"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    if reason is not None:  # outside the handlers: the cause would show what the file holds
        raise BadSettings((f".env: the file in the working directory cannot be read: {reason}",))
    given = _ours(environment)
    if not _KEY.isdisjoint(
        given
    ):  # two names for one thing: what the environment says of it is all that counts
        written = {name: value for name, value in written.items() if name not in _KEY}
    return written | given


_KEY = frozenset({"PRIVATE_KEY", "PRIVATE_KEY_PATH"})


def _ours(found: Mapping[str, str | None]) -> dict[str, str]:
    names = {field.validation_alias for field in Settings.model_fields.values()}
    return {name: value for name, value in found.items() if name in names and value and value.strip()}


def _problem(mistake: ErrorDetails) -> str:
    place = str(mistake["loc"][0])  # the variable, or the field when its default was judged
    name, field = next(
        (str(field.validation_alias), field)
        for field_name, field in Settings.model_fields.items()
        if place in {field_name, field.validation_alias}
    )
    match mistake["type"]:
        case "missing":
            return f"{name}: not set; it must be {field.description}"
        case "value_error":
            return f"{name}: {mistake['ctx']['error']}"
        case _ if name in _SHOWABLE:
            return f"{name}: must be {field.description}, not {_shown(mistake['input'])}"
        case _:
            return f"{name}: must be {field.description}"
