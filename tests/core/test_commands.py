"""Commands: what a line means, and what a person is told when it means nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import (
    Adopt,
    Approve,
    Cancel,
    Command,
    Flakes,
    Help,
    Malformed,
    NotOurs,
    Pause,
    Redo,
    Resume,
    Retry,
    Skip,
    Start,
    Status,
)
from bot.core.grammar import parse, parse_comment
from bot.core.suggest import nearest, quoted
from bot.core.verbs import RESERVED_NAMES, VERBS, Verb

PIPELINES = ("release", "Docs-Site")
STEPS = ("oss", "ee-docker")
RUN_URL = "https://github.com/acme/widget/actions/runs/123"


def refusal(line: str) -> str:
    reading = parse(line, PIPELINES, STEPS)
    assert isinstance(reading, Malformed), reading
    return reading.sentence


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/release", Help(pipeline="release")),
        ("/release help", Help(pipeline="release")),
        ("/release 1.0.3", Start(pipeline="release", versions=("1.0.3",))),
        ("/release 1.0.3 0.24.9", Start(pipeline="release", versions=("1.0.3", "0.24.9"))),
        ("/release 1.0.3 1.0.4 1.0.3", Start(pipeline="release", versions=("1.0.3", "1.0.4"))),
        ("/release 1.0.3-RC1 1.0.3-rc1", Start(pipeline="release", versions=("1.0.3-RC1", "1.0.3-rc1"))),
        ("/release 1.0.3 --dry-run", Start(pipeline="release", versions=("1.0.3",), dry_run=True)),
        (
            "/release --dry-run 1.0.3 1.0.4",
            Start(pipeline="release", versions=("1.0.3", "1.0.4"), dry_run=True),
        ),
        ("/release 1.0.3 --continue", Start(pipeline="release", versions=("1.0.3",), continues=True)),
        (
            "/release --dry-run 1.0.3 --Continue --continue",
            Start(pipeline="release", versions=("1.0.3",), dry_run=True, continues=True),
        ),
        (
            "/release 1.0.3 java=21",
            Start(pipeline="release", versions=("1.0.3",), parameters=(("java", "21"),)),
        ),
        (
            "/release 1.0.3 Edition=oss,ee 0.24.9 java= --continue ref=a=b",
            Start(
                pipeline="release",
                versions=("1.0.3", "0.24.9"),
                parameters=(("Edition", "oss,ee"), ("java", ""), ("ref", "a=b")),
                continues=True,
            ),
        ),
        ("/release status", Status(pipeline="release")),
        ("/release status 1.0.3", Status(pipeline="release", version="1.0.3")),
        ("/release retry", Retry(pipeline="release")),
        ("/release retry 1.0.3", Retry(pipeline="release", version="1.0.3")),
        ("/release retry oss", Retry(pipeline="release", step="oss")),
        ("/release retry 1.0.3 oss", Retry(pipeline="release", version="1.0.3", step="oss")),
        ("/release retry v2", Retry(pipeline="release", step="v2")),
        ("/release redo oss", Redo(pipeline="release", step="oss")),
        ("/release redo 1.0.3 oss", Redo(pipeline="release", version="1.0.3", step="oss")),
        ("/release skip oss", Skip(pipeline="release", step="oss")),
        ("/release skip 1.0.3 oss", Skip(pipeline="release", version="1.0.3", step="oss")),
        ("/release adopt oss 123", Adopt(pipeline="release", step="oss", run_id=123)),
        ("/release adopt 1.0.3 oss 123", Adopt(pipeline="release", version="1.0.3", step="oss", run_id=123)),
        ("/release approve", Approve(pipeline="release")),
        ("/release approve go", Approve(pipeline="release", step="go")),
        ("/release approve 1.0.3 go", Approve(pipeline="release", version="1.0.3", step="go")),
        ("/release pause", Pause(pipeline="release")),
        ("/release resume 1.0.3", Resume(pipeline="release", version="1.0.3")),
        ("/release cancel 1.0.3", Cancel(pipeline="release", version="1.0.3")),
        ("/release flakes", Flakes(pipeline="release")),
        ("/release flakes 1.0", Flakes(pipeline="release", line="1.0")),
        ("/release flakes 1.0.3", Flakes(pipeline="release", line="1.0")),
        ("/release flakes release/1.0.x", Flakes(pipeline="release", line="1.0")),
        ("/release flakes develop", Flakes(pipeline="release", line="develop")),
        ("/release flakes feature/Cart-2", Flakes(pipeline="release", line="feature/Cart-2")),
    ],
)
def test_each_command_of_the_contract_is_understood(line: str, command: Command) -> None:
    assert parse(line, PIPELINES, STEPS) == command


@pytest.mark.parametrize(
    "url",
    [
        RUN_URL,
        RUN_URL + "/",
        RUN_URL + "/attempts/2",
        RUN_URL + "/job/456",
        RUN_URL + "/job/456?pr=7#step:4:2",
        "HTTPS://GitHub.com/acme/widget/actions/runs/123",
    ],
)
def test_the_url_of_a_run_tells_its_id_and_its_repository(url: str) -> None:
    adopted = Adopt(pipeline="release", step="oss", run_id=123, run_repository="acme/widget")

    assert parse(f"/release adopt oss {url}", PIPELINES) == adopted


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/RELEASE STATUS 1.0.3", Status(pipeline="release", version="1.0.3")),
        ("/docs-site Help", Help(pipeline="Docs-Site")),
        ("/Release 1.0.3 --DRY-RUN", Start(pipeline="release", versions=("1.0.3",), dry_run=True)),
        ("/release \t 1.0.3  ", Start(pipeline="release", versions=("1.0.3",))),
    ],
)
def test_letter_case_and_spaces_do_not_matter(line: str, command: Command) -> None:
    assert parse(line, PIPELINES) == command


@pytest.mark.parametrize(
    "line",
    [
        "/deploy 1.0.3",
        "/releases 1.0.3",
        "/release,",
        "/release/1.0.3",
        "/relase 1.0.3",
        "/développer",
        "release 1.0.3",
        "please /release 1.0.3",
        "/ release 1.0.3",
        "/deploy " + "x" * 5_000,
        "",
    ],
)
def test_what_belongs_to_no_pipeline_meets_silence(line: str) -> None:
    assert parse(line, PIPELINES) == NotOurs()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/release statsu", "`statsu` is not a command of `/release`. Did you mean `/release status`?"),
        ("/release retyr oss", "`retyr` is not a command of `/release`. Did you mean `/release retry`?"),
        ("/release stop", "`stop` is not a command of `/release`. Did you mean `/release pause`?"),
        ("/release abort 1.0.3", "`abort` is not a command of `/release`. Did you mean `/release cancel`?"),
        ("/release start 1.0.5", "`start` is not a command of `/release`. Did you mean `/release 1.0.5`?"),
        ("/release start", "`start` is not a command of `/release`. Did you mean `/release 1.0.3`?"),
        ("/release 1.0.3 --help", "`--help` is not an option of `/release`. Did you mean `/release help`?"),
        ("/release status --all", "`/release status` has no options: leave out `--all`."),
        ("/release retry oss -f", "`/release retry` has no options: leave out `-f`."),
        ("/release lgtm", "`lgtm` is not a command of `/release`. See `/release help`."),
        (
            "/release oss",
            (
                "`oss` is not a command of `/release`. "
                "It is a step; say what to do with it, for example `/release retry oss`."
            ),
        ),
        ("/release --continue", "`--continue` goes with a version to start: `/release 1.0.3 --continue`."),
        (
            "/release retry oss --continue",
            "`--continue` goes with a version to start: `/release 1.0.3 --continue`.",
        ),
        (
            "/release 1.0.3 --contine",
            "`--contine` is not an option of `/release`. Did you mean `--continue`?",
        ),
        ("/release 1.0.3 continue", "`continue` is not a version. Did you mean `--continue`?"),
        (
            "/release continue 1.0.3",
            "`continue` is not a command of `/release`. Did you mean `/release 1.0.3 --continue`?",
        ),
        ("/release flaks", "`flaks` is not a command of `/release`. Did you mean `/release flakes`?"),
        (
            "/release flakes $(id)",
            "`$(id)` cannot be the name of a branch or a series: `/release flakes [LINE]`.",
        ),
        ("/release flakes develop main", "`main` is one word too many: `/release flakes [LINE]`."),
        (
            "/release flakes --dry-run",
            "`--dry-run` goes with a version to start: `/release 1.0.3 --dry-run`.",
        ),
        ("/release 1.0.3 flakes", "The version goes behind the verb: `/release flakes 1.0.3`."),
        (
            "/release edition=oss 1.0.3",
            "`edition=oss` goes with a version to start: `/release 1.0.3 edition=oss`.",
        ),
        ("/release v2=oss", "`v2=oss` goes with a version to start: `/release 1.0.3 v2=oss`."),
        (
            "/release retry 1.0.3 edition=oss",
            "`edition=oss` goes with a version to start: `/release 1.0.3 edition=oss`.",
        ),
        ("/release help java=21", "`java=21` goes with a version to start: `/release 1.0.3 java=21`."),
        (
            "/release 1.0.3 --java=21",
            "`--java=21` is not an option of `/release`. Did you mean `java=21`?",
        ),
        ("/release 1.0.3 java=17 Java=21", "The parameter `Java` is given twice."),
        ("/release 1.0.3 --dryrun", "`--dryrun` is not an option of `/release`. Did you mean `--dry-run`?"),
        ("/release 1.0.3 -x", "`-x` is not an option of `/release`. There are `--dry-run` and `--continue`."),
        ("/release --dry-run", "`--dry-run` goes with a version to start: `/release 1.0.3 --dry-run`."),
        (
            "/release skip oss --dry-run",
            "`--dry-run` goes with a version to start: `/release 1.0.3 --dry-run`.",
        ),
        ("/release 1.0.3 dry-run", "`dry-run` is not a version. Did you mean `--dry-run`?"),
        ("/release 1.0.3 retry", "The version goes behind the verb: `/release retry 1.0.3`."),
        ("/release redo", "The name of the step is missing: `/release redo [VERSION] STEP`."),
        ("/release skip 1.0.3", "The name of the step is missing: `/release skip [VERSION] STEP`."),
        ("/release skip $(id)", "`$(id)` cannot be the name of a step: `/release skip [VERSION] STEP`."),
        ("/release adopt", "The name of the step is missing: `/release adopt [VERSION] STEP RUN`."),
        ("/release adopt 123", "`123` cannot be the name of a step: `/release adopt [VERSION] STEP RUN`."),
        ("/release adopt oss", "The run is missing, its id or its URL: `/release adopt [VERSION] STEP RUN`."),
        (
            "/release adopt oss #123",
            "`#123` is neither the id nor the URL of a workflow run: `/release adopt [VERSION] STEP RUN`.",
        ),
        (
            "/release adopt oss 1.0.3 https://github.com/acme/vault/actions/runs/17000000001",
            "`1.0.3` is neither the id nor the URL of a workflow run: `/release adopt [VERSION] STEP RUN`.",
        ),
        (
            "/release adopt oss 5 https://github.com/acme/vault/actions/runs/17000000001",
            "`…` is one word too many: `/release adopt [VERSION] STEP RUN`.",
        ),
        (
            "/release adopt oss #17000000001",
            "`#…` is neither the id nor the URL of a workflow run: `/release adopt [VERSION] STEP RUN`.",
        ),
        (
            "/release 1.0.3-2026112212+1",
            "`1.0.3-2026112212+1` is not a version: it must not have a `+` part; leave that out.",
        ),
        ("/release pause now", "`now` is one word too many: `/release pause [VERSION]`."),
        ("/release retry oss ee", "`ee` is one word too many: `/release retry [VERSION] [STEP]`."),
        (
            "/release retry oss 1.0.3",
            "`1.0.3` is one version too many, or in the wrong place: `/release retry [VERSION] [STEP]`.",
        ),
    ],
)
def test_a_command_that_cannot_be_done_is_refused_with_what_to_write(line: str, sentence: str) -> None:
    assert refusal(line) == sentence


@pytest.mark.parametrize(
    "line",
    [
        "/release 1.0.3 v1.0.4",
        "/release v1.0.3",
        "/release 1.0 1.0.3",
        "/release 01.0.0",
        "/release 1.0.3;id",
        "/release 1.0.3 `id`",
        "/release 1.0.3 $(id)",
        "/release 1.0.3 ../../x",
        "/release 1.0.3 please",
        "/release status 1.0",
        "/release status v1",
        "/release retry v1.0.3 oss",
        "/release adopt 1.0 oss 123",
    ],
)
def test_attack_23_one_badly_formed_version_refuses_the_whole_command(line: str) -> None:
    assert " is not a version: " in refusal(line)


@pytest.mark.parametrize(
    "run",
    [
        "0",
        "-1",
        "1e9",
        "9" * 40,
        "https://github.com/acme/widget/runs/123",
        "https://github.com/acme/widget/actions/runs/",
        "https://github.com/acme/widget/actions/runs/123x",
        "https://github.com/../widget/../actions/runs/123",
        "javascript:alert(1)/actions/runs/123",
    ],
)
def test_what_is_no_run_is_refused(run: str) -> None:
    assert isinstance(parse(f"/release adopt oss {run}", PIPELINES), Malformed)


@pytest.mark.parametrize(
    "line",
    [
        "/release 1.0.３",
        "/release 1.0.3\N{ZERO WIDTH JOINER}",
        "/release \N{RIGHT-TO-LEFT OVERRIDE}1.0.3",
        "/release 1.0.3\N{NO-BREAK SPACE}1.0.4",
        "/release 1.0.3 \N{EM DASH}force",
        "/release 1.0.3\N{EM DASH}dry-run",
        "/release 1.0.3 \N{EM DASH}\N{EM DASH}dry-run",
        "/release 1.0.3 \N{EM DASH}dry-run.",
        "/release 1.0.3 \N{EM DASH} dry-run",
        "/release 1.0.3 \N{EM DASH}d\N{CYRILLIC SMALL LETTER ER}y-run",
        "/release 1.0.3 \N{EM DASH}cont\N{LATIN SMALL LETTER DOTLESS I}nue",
        "/release 1.0.3 \N{NON-BREAKING HYPHEN}dry-run",
        "/release 1.0.3 \N{EM DASH}dry\N{EN DASH}run",
        "/release 1.0.3 \N{EM DASH}dry-run \N{ZERO WIDTH SPACE}",
        "/release\N{NO-BREAK SPACE}1.0.3",
        "/release\N{NO-BREAK SPACE}\N{EM DASH}dry-run 1.0.3",
        "/release\x1f1.0.3",
        "/release 1.0.3\N{NO-BREAK SPACE}\N{EM DASH}dry-run",
        "/release 1.0.3\x00",
        "/release 1.0.3\x1b[31m",
        "/release 1.0.3\N{LINE SEPARATOR}/release cancel",
        "/release st\N{CYRILLIC SMALL LETTER A}tus",
        "/r\N{CYRILLIC SMALL LETTER IE}lease 1.0.3",
        "/R\N{CYRILLIC CAPITAL LETTER IE}LEASE 1.0.3",
        "/release\N{ZERO WIDTH SPACE} 1.0.3",
        "/ｒｅｌｅａｓｅ 1.0.3",
        "/relea\N{LATIN SMALL LETTER LONG S}e 1.0.3",
    ],
)
def test_attack_22_invisible_and_look_alike_characters_get_one_fixed_sentence(line: str) -> None:
    assert refusal(line) == refusal("/release é")
    assert "not plain ASCII" in refusal(line)


@pytest.mark.parametrize("dash", ["\N{EM DASH}", "\N{EN DASH}", "\N{HORIZONTAL BAR}", "\N{MINUS SIGN}"])
def test_the_dash_that_a_phone_makes_of_two_is_read_as_two_right_before_an_option(dash: str) -> None:
    for typed in (f"1.0.3 {dash}dry-run", f"{dash}Dry-Run 1.0.3", f"1.0.3\t{dash}dry-run  "):
        assert parse(f"/release {typed}", PIPELINES) == parse("/release 1.0.3 --dry-run", PIPELINES)
    assert parse(f"/release 1.0.3 {dash}continue", PIPELINES) == parse("/release 1.0.3 --continue", PIPELINES)
    assert parse(f"/release {dash}help", PIPELINES) == Help(pipeline="release")
    assert "goes with a version" in refusal(f"/release retry oss {dash}continue")


@pytest.mark.parametrize(
    "line", ["/release --help", "/release -h", "/release retry --help", "/release --HELP status"]
)
def test_help_may_be_asked_for_as_of_other_programs(line: str) -> None:
    assert parse(line, PIPELINES) == Help(pipeline="release")


def test_a_line_of_more_than_a_thousand_characters_is_refused() -> None:
    assert "longer than 1,000 characters" in refusal("/release " + "1.0.3 " * 200)


def test_two_commands_in_one_comment_are_refused() -> None:
    assert parse_comment(["/release 1.0.3", "/release 1.0.4"], PIPELINES) == parse_comment(
        ["/release help", "/docs-site lgtm"], PIPELINES
    )
    assert isinstance(parse_comment(["/release 1.0.3", "/release 1.0.3"], PIPELINES), Malformed)


def test_commands_of_other_bots_beside_ours_do_not_count() -> None:
    assert parse_comment(["/deploy", "/release", "/lgtm"], PIPELINES) == Help(pipeline="release")
    assert parse_comment(["/deploy", "/lgtm"], PIPELINES) == NotOurs()


@given(st.text(max_size=200).map("/release ".__add__))
def test_any_text_behind_the_pipeline_is_a_command_or_one_inert_sentence(line: str) -> None:
    match parse(line, PIPELINES, STEPS):
        case Malformed(sentence=sentence):
            assert "\n" not in sentence
            assert sentence.count("`") % 2 == 0
            assert not {"@", "<", ">"} & set(sentence)
        case reading:
            assert not isinstance(reading, NotOurs)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.example)
def test_every_example_of_the_help_is_a_command(verb: Verb) -> None:
    reading = parse(f"/release {verb.example}", PIPELINES)

    assert type(reading).__name__.lower() == (verb.name or "start")


def test_the_verbs_of_the_contract_are_reserved_names() -> None:
    contract = "status retry redo skip adopt approve pause resume cancel flakes help"

    assert set(contract.split()) == RESERVED_NAMES


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("statsu", "status"),
        ("relase", "release"),
        ("retyr", "retry"),
        ("STATSU", "status"),
        ("lgtm", None),
        ("", None),
    ],
)
def test_a_slip_of_the_fingers_is_recognised(word: str, meant: str | None) -> None:
    assert nearest(word, ["status", "release", "retry", "redo", "help"]) == meant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("statsu", "`statsu`"),
        ("a`b``c", "`a'b''c`"),
        ("@acme/team", "`(at)acme/team`"),
        ("<!-- release-bot:1 -->", "`‹!-- release-bot:1 --›`"),
        ("a|b", "`a¦b`"),
        ("one\r\n/release two", "`one /release two`"),
        ("a\x1bb\N{RIGHT-TO-LEFT OVERRIDE}c", "`a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c`"),
        ("x" * 61, "`" + "x" * 59 + "…`"),
        ("", "`(nothing)`"),
    ],
)
def test_quoted_text_can_do_nothing(text: str, code: str) -> None:
    assert quoted(text) == code


@given(st.text())
def test_quoted_text_is_one_short_code_span(text: str) -> None:
    inside = quoted(text)[1:-1]

    assert 1 <= len(inside) <= 60
    assert inside.isprintable()
    assert not {"`", "@", "<", ">", "|"} & set(inside)
