"""Section 1 of the contract: the variables, their defaults and bounds, and one line per problem."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import (
    BadSettings,
    LocalPipelines,
    PostgresServer,
    RepositoryPipelines,
    Settings,
    SqliteFile,
)

Load = Callable[..., Settings]

NAMES = sorted(
    str(field.validation_alias) for field in Settings.model_fields.values() if field.validation_alias
)


@pytest.fixture
def load(private_key_pem: str, tmp_path: Path) -> Load:
    """Good settings with changes; None takes a variable away."""

    def load(**changes: str | None) -> Settings:
        good = {"APP_ID": "12", "PRIVATE_KEY": private_key_pem, "WEBHOOK_SECRET": "open sesame"}
        return Settings.load({k: v for k, v in {**good, **changes}.items() if v is not None}, tmp_path)

    return load


def problems(load: Callable[[], Settings]) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as caught:
        load()
    return caught.value.problems


def test_the_three_required_variables_are_enough(load: Load, tmp_path: Path) -> None:
    settings = load()

    assert settings.app_id == "12"
    assert settings.secrets == (b"open sesame",)
    assert settings.github_api_url == "https://api.github.com"
    assert settings.github_url == "https://github.com"
    assert settings.database == SqliteFile(tmp_path / "release-bot.db")
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert settings.pipelines is None
    assert settings.homes == ()
    assert (settings.look_seconds, settings.command_ttl_seconds, settings.edit_seconds) == (60, 900, 10)
    assert settings.writes_per_minute == 60
    assert (settings.log_level, settings.log_format) == ("info", "auto")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ID", None),
        ("APP_ID", ""),
        ("APP_ID", "12 34"),
        ("WEBHOOK_SECRET", None),
        ("WEBHOOK_SECRET", ""),
        ("WEBHOOK_SECRET", "  "),
        ("WEBHOOK_SECRET", "one,,two"),
        ("WEBHOOK_SECRET", ","),
        ("PRIVATE_KEY", None),
        ("PRIVATE_KEY", "not a key"),
        ("PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY-----\\nAAAA\\n-----END RSA PRIVATE KEY-----"),
        ("GITHUB_API_URL", "api.github.com"),
        ("GITHUB_API_URL", "ftp://api.github.com"),
        ("GITHUB_API_URL", "https://me:pw@ghes.example"),
        ("GITHUB_API_URL", "https://ghes.example:port"),
        ("GITHUB_URL", "https://"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "sqlite://release.db"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_URL", "postgresql://h:port/x"),
        ("HOST", "two words"),
        ("HOST", "[::1"),
        ("HOST", "[]"),
        ("PORT", "banana"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "3000.5"),
        ("PORT", "3000.0"),
        ("PORT", "3_000"),
        ("PORT", "+3000"),
        ("PORT", "٣٠٠٠"),
        ("PORT", "9" * 5000),
        ("PIPELINES", "acme/widget:../secret.yml"),
        ("HOMES", "acme"),
        ("HOMES", "acme/widget, acme/.."),
        ("HOMES", ","),
        ("LOOK_SECONDS", "soon"),
        ("LOOK_SECONDS", "0.05"),
        ("LOOK_SECONDS", "3601"),
        ("LOOK_SECONDS", "nan"),
        ("LOOK_SECONDS", "inf"),
        ("LOOK_SECONDS", "1_0"),
        ("LOOK_SECONDS", "1e1"),
        ("LOOK_SECONDS", "+5"),
        ("COMMAND_TTL_SECONDS", "0"),
        ("EDIT_SECONDS", "-1"),
        ("WRITES_PER_MINUTE", "0"),
        ("WRITES_PER_MINUTE", "1_000"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "poem"),
        ("LOG_FORMAT", "auto\njson"),
    ],
)
def test_a_bad_variable_is_one_line_that_names_it(load: Load, name: str, value: str | None) -> None:
    (line,) = problems(lambda: load(**{name: value}))

    assert re.findall(rf"\b{name}\b", line) == [name]
    assert [n for n in NAMES if n in line and n not in {name, "PRIVATE_KEY_PATH"} and n not in name] == []
    assert len(line.splitlines()) == 1


def test_all_problems_are_told_at_once_with_one_line_each(load: Load) -> None:
    lines = problems(lambda: load(APP_ID=None, WEBHOOK_SECRET=None, PRIVATE_KEY=None, PORT="banana"))

    assert [line.partition(":")[0] for line in lines] == ["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET", "PORT"]


@pytest.mark.parametrize(
    "name", ["PRIVATE_KEY", "WEBHOOK_SECRET", "DATABASE_URL", "GITHUB_API_URL", "APP_ID"]
)
def test_no_problem_shows_what_may_be_a_secret(load: Load, name: str) -> None:
    told = "\n".join(problems(lambda: load(**{name: "hunter2 , ,"})))

    assert "hunter2" not in told


def test_the_exception_carries_no_secret_in_its_cause(load: Load) -> None:
    with pytest.raises(BadSettings) as caught:
        load(PRIVATE_KEY="hunter2")

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_attack_49_settings_do_not_show_their_secrets(load: Load, private_key_pem: str) -> None:
    shown = repr(load(DATABASE_URL="postgres://me:hunter2@db/x"))

    assert "open sesame" not in shown
    assert "hunter2" not in shown
    assert private_key_pem.splitlines()[1] not in shown


def test_a_key_on_one_line_with_written_newlines_is_accepted(load: Load, private_key_pem: str) -> None:
    settings = load(PRIVATE_KEY=private_key_pem.replace("\n", "\\n"))

    assert settings.private_key.get_secret_value() == private_key_pem


def test_a_key_file_is_found_from_the_working_directory(
    load: Load, private_key_pem: str, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(private_key_pem)

    settings = load(PRIVATE_KEY=None, PRIVATE_KEY_PATH="key.pem")

    assert settings.private_key.get_secret_value() == private_key_pem


@pytest.mark.parametrize(
    "written",
    [lambda pem: pem.replace("\n", "\\n"), lambda pem: "\ufeff" + pem, lambda pem: pem.replace("\n", "\r\n")],
    ids=["newlines as two characters", "a byte order mark", "lines as Windows ends them"],
)
def test_a_key_file_is_read_however_an_editor_or_a_platform_wrote_it(
    load: Load, private_key_pem: str, tmp_path: Path, written: Callable[[str], str]
) -> None:
    (tmp_path / "key.pem").write_bytes(written(private_key_pem).encode())

    settings = load(PRIVATE_KEY=None, PRIVATE_KEY_PATH="key.pem")

    assert settings.private_key.get_secret_value() == private_key_pem


@pytest.mark.parametrize("path", ["missing.pem", ".", "binary", "-----BEGIN RSA PRIVATE KEY-----", "a\nb"])
def test_a_key_file_that_cannot_be_used_is_one_line(load: Load, tmp_path: Path, path: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    (line,) = problems(lambda: load(PRIVATE_KEY=None, PRIVATE_KEY_PATH=path))

    assert re.findall(r"\bPRIVATE_KEY_PATH\b", line) == ["PRIVATE_KEY_PATH"]
    assert len(line.splitlines()) == 1


def test_a_key_that_is_not_rsa_is_refused(load: Load) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    (line,) = problems(lambda: load(PRIVATE_KEY=pem))

    assert "RSA" in line


def test_several_webhook_secrets_are_valid_at_once(load: Load) -> None:
    assert load(WEBHOOK_SECRET="new, old").secrets == (b"new", b"old")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://ghes.example/api/v3/", "https://ghes.example/api/v3"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_an_address_of_github_is_kept_without_its_last_slash(load: Load, url: str, kept: str) -> None:
    assert load(GITHUB_API_URL=url).github_api_url == kept
    assert load(GITHUB_URL=url).github_url == kept


def test_three_slashes_are_relative_and_four_absolute(load: Load, tmp_path: Path) -> None:
    assert load(DATABASE_URL="sqlite:///data/bot.db").database == SqliteFile(tmp_path / "data" / "bot.db")
    assert load(DATABASE_URL="sqlite:////var/lib/bot.db").database == SqliteFile(Path("/var/lib/bot.db"))


@pytest.mark.parametrize("url", [" sqlite:///bot.db\n", "SQLITE:///bot.db", "Sqlite:///bot.db"])
def test_blanks_and_capitals_do_not_change_which_file_it_is(load: Load, tmp_path: Path, url: str) -> None:
    assert load(DATABASE_URL=url).database == SqliteFile(tmp_path / "bot.db")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "POSTGRES", " Postgresql"])
def test_both_names_of_postgresql_mean_the_same(load: Load, scheme: str) -> None:
    database = load(DATABASE_URL=f"{scheme}://me:pw@db:5432/bot").database

    assert isinstance(database, PostgresServer)
    assert database.url.get_secret_value() == "postgresql://me:pw@db:5432/bot"


def test_pipelines_are_a_file_here_or_in_a_repository(load: Load, tmp_path: Path) -> None:
    assert load(PIPELINES="conf/release.yml").pipelines == LocalPipelines(tmp_path / "conf/release.yml")
    assert load(PIPELINES="/etc/release.yml").pipelines == LocalPipelines(Path("/etc/release.yml"))
    assert load(PIPELINES="acme/ops:ci/release.yml").pipelines == RepositoryPipelines(
        "acme/ops", "ci/release.yml"
    )


def test_homes_are_compared_whatever_their_letter_case(load: Load) -> None:
    settings = load(HOMES="Acme/Widget, acme/widget,acme/ops")

    assert settings.homes == ("Acme/Widget", "acme/ops")
    assert settings.is_home("ACME/WIDGET")
    assert not settings.is_home("acme/other")


def test_without_homes_every_repository_is_one(load: Load) -> None:
    assert load().is_home("any/where")


def test_an_empty_optional_variable_counts_as_unset(load: Load) -> None:
    settings = load(PIPELINES="", HOMES="", PORT="", LOG_LEVEL=" ", DATABASE_URL="", GITHUB_URL="")

    assert settings == load()


def test_words_for_the_log_are_taken_in_any_case(load: Load) -> None:
    assert load(LOG_LEVEL="DEBUG", LOG_FORMAT="Json").log_level == "debug"


@pytest.mark.parametrize(
    ("word", "level"),
    [("trace", "debug"), ("WARN", "warning"), ("fatal", "error"), ("critical", "error")],
)
def test_other_programs_words_for_a_level_mean_the_nearest_of_ours(load: Load, word: str, level: str) -> None:
    assert load(LOG_LEVEL=word).log_level == level


def test_an_address_in_brackets_is_the_address(load: Load) -> None:
    assert load(HOST=" [::1] ").host == "::1"


def test_blanks_around_a_number_do_not_matter(load: Load) -> None:
    settings = load(PORT=" 8080\n", LOOK_SECONDS=" .5 ", EDIT_SECONDS="0", WRITES_PER_MINUTE="\t30")

    assert (settings.port, settings.look_seconds, settings.edit_seconds) == (8080, 0.5, 0)
    assert settings.writes_per_minute == 30


def test_the_app_id_is_text_even_when_it_looks_like_a_number(load: Load) -> None:
    assert load(APP_ID="0012").app_id == "0012"
    assert load(APP_ID="Iv23liAbc").app_id == "Iv23liAbc"


def test_a_dotenv_file_is_read_and_the_environment_wins(private_key_pem: str, tmp_path: Path) -> None:
    key = private_key_pem.replace("\n", "\\n")
    (tmp_path / ".env").write_text(
        f'APP_ID="7"\nWEBHOOK_SECRET=from-file\nPRIVATE_KEY="{key}"\nPORT=\nLOOK_SECONDS=1\nUNKNOWN=1\n'
    )

    settings = Settings.load({"WEBHOOK_SECRET": "from-environment"}, tmp_path)

    assert (settings.app_id, settings.port, settings.look_seconds) == ("7", 3000, 1)
    assert settings.secrets == (b"from-environment",)
    assert settings.private_key.get_secret_value() == private_key_pem


def test_a_key_file_of_the_environment_wins_over_a_key_in_dotenv(
    load: Load, private_key_pem: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PRIVATE_KEY=outdated\n")
    (tmp_path / "key.pem").write_text(private_key_pem)

    settings = load(PRIVATE_KEY=None, PRIVATE_KEY_PATH="key.pem")

    assert settings.private_key.get_secret_value() == private_key_pem


def test_a_key_of_the_environment_wins_over_a_key_file_in_dotenv(
    load: Load, private_key_pem: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PRIVATE_KEY_PATH=nope.pem\n")

    assert load().private_key.get_secret_value() == private_key_pem


@pytest.mark.parametrize("dotenv", [True, False])
def test_of_a_key_and_a_key_file_in_one_place_the_key_counts_and_the_file_is_not_read(
    load: Load, private_key_pem: str, tmp_path: Path, dotenv: bool
) -> None:
    key = private_key_pem.replace("\n", "\\n")
    if dotenv:
        (tmp_path / ".env").write_text(f'PRIVATE_KEY="{key}"\nPRIVATE_KEY_PATH=nope.pem\n')
        settings = load(PRIVATE_KEY=None)
    else:
        settings = load(PRIVATE_KEY_PATH="nope.pem")

    assert settings.private_key.get_secret_value() == private_key_pem


def test_an_empty_variable_does_not_hide_what_dotenv_says(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEBHOOK_SECRET=from-file\n")

    assert load(WEBHOOK_SECRET=" ").secrets == (b"from-file",)


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("WEBHOOK_SECRET='a${b}c'", b"a${b}c"),
        ("WEBHOOK_SECRET=a${HOME}c", b"a${HOME}c"),
        ('WEBHOOK_SECRET="${APP_ID:-x}$y"', b"${APP_ID:-x}$y"),
        ("\ufeffWEBHOOK_SECRET=first-line", b"first-line"),
    ],
)
def test_what_dotenv_says_is_taken_as_it_is_written(
    load: Load, tmp_path: Path, line: str, secret: bytes
) -> None:
    (tmp_path / ".env").write_text(line, encoding="utf-8")

    assert load(WEBHOOK_SECRET=None).secrets == (secret,)


def test_a_folder_named_dotenv_is_no_file_of_settings(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    assert load().app_id == "12"


def test_a_dotenv_file_that_is_no_text_is_one_problem(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"WEBHOOK_SECRET=hunter2\nAPP_ID=\xff\xfe\n")

    with pytest.raises(BadSettings) as caught:
        load()

    (line,) = caught.value.problems
    assert line.startswith(".env: ")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@given(
    name=st.sampled_from(NAMES),
    value=st.text(st.characters(exclude_characters="\0"), max_size=60),
)
def test_any_text_in_any_variable_is_taken_or_told_in_its_own_lines(name: str, value: str) -> None:
    try:
        Settings.load({name: value}, Path("/nonexistent"))
    except BadSettings as bad:
        told = bad.problems

    assert all(re.match(rf"({'|'.join(NAMES)}): ", line) and len(line.splitlines()) == 1 for line in told)
    assert len({line.partition(":")[0] for line in told}) == len(told)
