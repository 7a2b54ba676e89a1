"""Regular expressions of rules: refused when a line made for them could take long, taken when none can."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.pipeline.patterns import BadPattern, check_pattern, joined
from bot.pipeline.regex_time import LINE

LONG_LINES = [
    (text * LINE)[:LINE] + end
    for text in ("a", "b", "ab", "aab", "a ", " ", "1", "a1 ", "aaaaaaaaab", "abab ")
    for end in ("", "!", "b")
]
HALVES = [(one * 250 + other * 250)[:LINE] for one in "ab 1" for other in "ab 1"]


def refusal(text: str) -> str | None:
    try:
        check_pattern(text)
    except BadPattern as problem:
        return str(problem)
    return None


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+b",
        "(a*)*b",
        "(a|a)*b",
        "(a|b|ab)*c",
        "(.|\\s)*a",
        "(\\w+\\s?)+$",
        "(\\w|\\d)+$",
        "([a-z]+)*1",
        "([a-z]+)*?1",
        "(?:a{1,30}){1,30}b",
        "(?:a?){30}b",
        "(?:a+){12}b",
        "x(a+)+$",
        "(?i)(a+A+)+b",
        "(x+x+)+y",
        "(?=(a+)+b)a",
        "(?!(a+)+b)a",
        "(?P<name>a+)+b",
        "((a+))+b",
        "(?:(?:a{0,9}){0,9}){0,9}b",
        "^(?:.?){40}b",
        "(?:é|\\w)*b",
        "(?:[^a]|[^b])*c",
        "(?#why)(a+)+b",
        "[(](a+)+b",
        "(?:a\\b|a)*b",
        "(" * 10 + "a" + "+)" * 10 + "b",
        "(?:" * 9 + "a?" + "){16}" * 9 + "b",
        "(?:" * 9 + "(?:a|a)" + "){2,3}" * 9 + "b",
    ],
)
def test_what_can_take_for_ever_is_refused(text: str) -> None:
    problem = refusal(text)

    assert problem is not None
    assert "which can take for ever" in problem or "can take too long" in problem


@pytest.mark.parametrize(
    "text",
    ["a.*b.*c", ".*foo.*bar.*baz", "x.*\\s*$", "\\w+\\s*\\w+\\s*x", "(?:\\w+\\.)+\\w+Exception", "a+a+a+b"],
)
def test_what_grows_with_the_cube_of_a_line_is_refused(text: str) -> None:
    assert "can take too long on a line made for it" in (refusal(text) or "")


@pytest.mark.parametrize(
    "text",
    [
        "Connection reset",
        "(?i)could not (?:get|put) '[^']+'.* status code 5\\d\\d",
        ".*Connection reset.*",
        "^\\S+ \\S+ \\S+ failed$",
        "(?:\\w{1,60}\\.){1,10}\\w{1,60}Exception: timeout",
        "[\\w.]+Exception: timeout",
        "\\[ERROR\\] .* on project .*: .*",
        "(\\w+\\s)+$",
        "(?:[a-z]{1,30}-){0,5}[a-z]{1,30}\\d",
        "(a|ab)*c",
        "(?:ab|cd|ef)+x",
        "(?>a+)+b",
        "(?:a++)+b",
        "^(?:\\[\\w+\\] )*error",
        "\\d+\\.\\d+\\.\\d+",
        "a{3}b{2,}c{,4}d{,}e{x}f{}",
        "[]a]b[^]c]d[\\]]e",
        "\\Aa\\Z|\\bb\\B|\\x41|\\u0041|\\101|\\N{DIGIT ONE}",
        "(?P<n>a)(?P=n)(b)\\2",
        "(?i:a(?-i:b)c)(?s:.)",
        "(?<=a)b(?<!c)d",
        "[[a]",
        "Überschritten",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    assert refusal(text) is None


def test_flags_and_groups_of_one_expression_do_not_reach_the_next() -> None:
    pattern = joined(("(?i)(a)b", "(c)d\\1", "[\\1]e", "(f)(g)\\2\\1"))

    found = [text for text in ("AB", "cdc", "CDC", "cda", "\x01e", "fggf", "fgfg") if pattern.search(text)]

    assert found == ["AB", "cdc", "\x01e", "fggf"]


def test_two_groups_of_one_name_are_a_mistake_and_no_accident() -> None:
    with pytest.raises(BadPattern, match="is not a regular expression: redefinition of group name"):
        joined(("(?P<n>a)", "(?P<n>b)"))


ATOMS = st.sampled_from(
    ["a", "b", "ab", "aa", ".", "\\w", "[ab]", "[^b]", "\\d", "\\s", " ", "1", "\\b", "^", "$", "(?i:A)"]
)
REPEATS = st.sampled_from(
    ["*", "+", "?", "{0,5}", "{1,60}", "{2}", "{3,}", "{0,250}", "*?", "+?", "*+", "{,20}"]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=4).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})")
        | st.builds("(?:{}){}".format, inner, REPEATS)
        | st.builds("({}{})".format, st.sampled_from(["?=", "?!", "?>", ""]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(EXPRESSIONS)
def test_what_is_taken_comes_to_an_end_on_every_line(text: str) -> None:
    assume(refusal(text) is None)
    pattern = re.compile(text)
    for line in (*LONG_LINES, *HALVES):
        pattern.search(line[:LINE])


@settings(max_examples=300)
@given(st.text("ab()[]{}|*+?.\\^$-,01:=!<>P#i", max_size=40))
def test_any_text_is_taken_or_refused_in_words(text: str) -> None:
    problem = refusal(text)

    assert problem is None or problem.isprintable()
    assert problem is not None or re.compile(text)
