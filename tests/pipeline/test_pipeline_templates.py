"""Templates: what they can say, and that nothing else gets in or grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.versions import Version
from bot.pipeline.template import LONGEST, BadTemplate, render, variables_of

VARIABLES = Version.parse("1.0.3").variables()


PLAIN = [
    ("v{{ version }}", "v1.0.3"),
    ("{{series}}.x", "1.0.x"),
    ("{{ major }}.{{ minor }}.{{ patch }}", "1.0.3"),
    ("{{ major }}.{{ minor }}.{{ patch|int + 1 }}-SNAPSHOT", "1.0.4-SNAPSHOT"),
    ("{{ version|replace('.', '-') }}", "1-0-3"),
    ("{{ version|replace('.', '') }}", "103"),
    ("{{ 'A' ~ version|lower ~ ('b'|upper) }}", "A1.0.3B"),
    ("{{ 'minor' if patch == '0' else 'micro' }}", "micro"),
    ("{{ 'one' if major == '1' and not minor == '1' else 'other' }}", "one"),
    ("x{{ 'y' if patch == '0' }}", "x"),
    ("{{ " + "version ~ " * 90 + "version }}", "1.0.3" * 91),
    ("{# a remark #}x\n", "x\n"),
    ("no template", "no template"),
    ("<b>&amp;}}", "<b>&amp;}}"),
    ("a\r\nb", "a\r\nb"),
    ("", ""),
]

STATEMENTS = [
    ("{% if patch == '0' %}minor{% else %}micro{% endif %}", "micro"),
    ("{% if patch == '0' %}a{% elif patch == '3' %}b{% elif major %}c{% else %}d{% endif %}", "b"),
    ("{% if minor == '0' %}{% if patch == '3' %}both{% endif %}{% endif %}!", "both!"),
    ("a\n{%- if true %} b{% endif -%}\n c", "a bc"),
    ("{% raw %}${{ github.ref }} {% x %}{% endraw %} {{ major }}", "${{ github.ref }} {% x %} 1"),
]

EXPRESSIONS = [
    ("{{ version[0] }}", "1"),
    ("{{ version[-1] }}", "3"),
    ("{{ version[:3] }}-{{ version[2:] }}-{{ version[::-1] }}", "1.0-0.3-3.0.1"),
    ("{{ version.split('-')[0] }}", "1.0.3"),
    ("{{ version.split('.', 1)[1] }}", "0.3"),
    ("{{ version.rsplit('.', maxsplit=1)[0] }}", "1.0"),
    ("{{ version.split('.') | first }}{{ version.split('.') | last }}", "13"),
    ("{{ version.split('.')|join('_') }}", "1_0_3"),
    ("{{ version.split('.')[1:]|join('_') }}{{ ['a', 'b'][1] }}", "0_3b"),
    ("{{ version.split('-')[1]|default('none') }}", "none"),
    ("{{ 'yes' if version.split('-')[1] is defined else 'no' }}", "no"),
    ("{{ 'yes' if '0' in version.split('.') else 'no' }}", "yes"),
    ("{{ ' a '.strip() }}{{ 'b'.upper() }}{{ 'C'.lower() }}", "aBc"),
    ("{{ 'yes' if version.startswith('1.') and not version.endswith('-rc') else 'no' }}", "yes"),
    ("{{ 'v1'.removeprefix('v') }}", "1"),
    ("{{ 'yes' if '-' in version else 'no' }}", "no"),
    ("{{ 'yes' if series in ['1.0', '1.1'] else 'no' }}", "yes"),
    ("{{ 'yes' if series not in ('1.1', '1.2') else 'no' }}", "yes"),
    ("{{ 'yes' if 0 < patch|int <= 3 else 'no' }}", "yes"),
    ("{{ version|trim('1') }}", ".0.3"),
    ("{{ ''|default('x', true) }}{{ version|default('x') }}", "x1.0.3"),
    ("{{ version|length }}{{ [1, 2]|count }}", "52"),
    ("{{ 'some words here'.title() }} {{ 'ABC'|capitalize }}", "Some Words Here Abc"),
    ("{{ 'one two three'|truncate(9, leeway=0) }}", "one..."),
    ("{{ 'one two three'|truncate(9, True, '', 0) }}", "one two t"),
    ("{{ 12|string ~ '1' }}{{ -3|abs }}", "1213"),
    ("{{ 'x'|int(7) }}{{ 4|int }}{{ '05'|int }}", "745"),
    ("{{ patch|int + 2 }} {{ 5 - 7 }} {{ 'a' + 'b' }}", "5 -2 ab"),
    ("{{ 'odd' if patch|int is odd else 'even' }}", "odd"),
    ("{{ 'yes' if patch|int is divisibleby 3 and version is eq '1.0.3' else 'no' }}", "yes"),
    ("{{ 'yes' if version is defined and version is not undefined else 'no' }}", "yes"),
    ("{{ 'yes' if version is in ['1.0.3'] and 'a' is lower and 1 is number else 'no' }}", "yes"),
    ("{{ version or 'x' }}{{ '' or 'y' }}{{ 'a' and 'b' }}", "1.0.3yb"),
    ("{{ true }} {{ 1 == 1 }}", "True True"),
]


@pytest.mark.parametrize(("template", "text"), [*PLAIN, *STATEMENTS, *EXPRESSIONS])
def test_a_template_yields_text(template: str, text: str) -> None:
    assert render(template, VARIABLES) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ versoin }}", "the template uses `versoin`, which is not defined; did you mean `version`?"),
        ("{{ x }}", "which is not defined; there are `major`, `minor`, `patch`, `series`, `version`"),
        ("{{ 'a' if major == '1' else x }}", "the template uses `x`, which is not defined"),
        ("{% if major == '1' %}a{% else %}{{ x }}{% endif %}", "the template uses `x`, which is not defined"),
        ("{% if major == '1' %}{% elif x %}{% endif %}", "the template uses `x`, which is not defined"),
        ("{{ 'a' if x is defined else 'b' }}", "the template uses `x`, which is not defined"),
        ("{{ x|default('a') }}", "the template uses `x`, which is not defined"),
        (
            "{% set x = 1 %}",
            "`{% set %}` is not available in templates: write the expression where it is used",
        ),
        ("{% set a %}x{% endset %}", "`{% set %}` is not available in templates: write the expression"),
        ("{% if patch %}{% set x = 1 %}{% endif %}", "`{% set %}` is not available in templates"),
        ("{{ range(10**9) }}", "the template uses `range`, which is not defined"),
        ("{{ self }}", "the template uses `self`, which is not defined"),
        ("{{ github.ref }}", "the template uses `github`, which is not defined"),
        ("{{ version.__class__.__mro__ }}", "`.__class__` is not available in templates"),
        ("{{ version.upper }}", "`.upper` is not available in templates: write `.upper()`"),
        ("{{ version.__len__() }}", "the method `__len__` is not available; there are `capitalize`, "),
        ("{{ version['__class__'] }}", "`[…]` takes numbers only, such as `[0]` or `[:3]`"),
        ("{{ version[patch] }}", "`[…]` takes numbers only"),
        ("{{ version[:patch] }}", "`[…]` takes numbers only"),
        ("{{ version[9] }}", "cannot be worked out: str object has no element 9"),
        ("{{ version.split('-')[1] }}", "cannot be worked out: list object has no element 1"),
        ("{{ version[::0] }}", "cannot be worked out"),
        ("{{ version.format(1) }}", "the method `format` is not available"),
        ("{{ version.format_map(1) }}", "the method `format_map` is not available"),
        ("{{ ','.join('a') }}", "the method `join` is not available"),
        (
            "{{ version.replace('.', '') }}",
            "the method `replace` is not available: use the filter, `|replace(",
        ),
        ("{{ version.pop() }}", "the method `pop` is not available"),
        ("{{ version.split('.').upper() }}", "a list is possible behind `in` only, or with `[0]`, `first`"),
        ("{{ version.split('.') ~ 'a' }}", "a list is possible behind `in` only, or with `[0]`, `first`"),
        (
            "{{ version.split('.')[1:]|string }}",
            "a list is possible behind `in` only, or with `[0]`, `first`",
        ),
        (
            "{{ version.split('.') if major else 'a' }}",
            "a list is possible behind `in` only, or with `[0]`, `first`",
        ),
        ("{{ version.split('.') or 'a' }}", "a list is possible behind `in` only, or with `[0]`, `first`"),
        (
            "{{ version.split('.')|default('a') }}",
            "a list is possible behind `in` only, or with `[0]`, `first`",
        ),
        ("{{ 'a'|default(['a', 'b']) }}", "a list is possible behind `in` only, or with `[0]`, `first`"),
        (
            "{{ ('a' ~ version).strip(version.split('.')) }}",
            "a list is possible behind `in` only, or with `[0]`, `first`",
        ),
        (
            "{{ ''|default(default_value=['a']) }}",
            "a list is possible behind `in` only, or with `[0]`, `first`",
        ),
        ("{{ 5 .upper() }}", "cannot be worked out: 'int object' has no attribute"),
        ("{{ version|join(',') }}", "`join` works on lists"),
        ("{{ version.split(*'ab') }}", "`*` is not available"),
        ("{{ version.split(**'ab') }}", "`*` is not available"),
        ("{{ version|replace(*'ab') }}", "`*` is not available"),
        ("{{ version() }}", "calls are not available in templates"),
        ("{{ version.split('.')[0]() }}", "calls are not available in templates"),
        ("{{ version * 9 }}", "`*` is not available in templates; there are `+`, `-` and `~`"),
        ("{{ '%9d' % 1 }}", "`%` is not available in templates; there are `+`, `-` and `~`"),
        ("{{ 9 ** 9 }}", "`**` is not available in templates"),
        ("{{ 9 / 9 }}", "`/` is not available in templates"),
        ("{{ 9 // 2 }}", "`//` is not available in templates"),
        ("{{ 9 is divisibleby 0 }}", "cannot be worked out: integer modulo by zero"),
        ("{{ '%d' is odd }}", "only numbers are odd, even or divisible: use `int`"),
        ("{{ '%d' is even }}", "only numbers are odd, even or divisible: use `int`"),
        ("{{ '%d' is divisibleby 2 }}", "only numbers are odd, even or divisible: use `int`"),
        ("{{ 1.5 }}", "`1.5` has no place in a template: use text in quotes"),
        ("{{ {'a': 1} }}", "a template cannot use this (`pair`)"),
        ("{{ [version] }}", "a list is possible behind `in` only, or with `[0]`, `first`"),
        ("{{ [[version]] }}", "a list is possible behind `in` only, or with `[0]`, `first`"),
        (
            "{{ version is sameas 1 }}",
            "the test `sameas` is not available; there are `defined`, `divisibleby`, ",
        ),
        ("{{ version is divisibleby 2 }}", "cannot be worked out"),
        ("{{ none }}", "`None` has no place in a template"),
        ("{{ version|center(10) }}", "the filter `center` is not available; there are `abs`, "),
        ("{{ version|int }}", "`int` works on digits, not on `1.0.3`"),
        ("{{ version|replace(1, 2) }}", "`replace` works on text"),
        ("{{ version|upper(1) }}", "cannot be worked out: `upper` does not take this"),
        ("{{ version|upper(a=1) }}", "cannot be worked out: `upper` does not take this"),
        ("{{ version + 1 }}", "cannot be worked out"),
        ("{{ version < 1 }}", "cannot be worked out"),
        ("{{ version", "the template `{{ version` has a mistake"),
        ("{{ version }", "has a mistake"),
        ("{% if 1 %}", "has a mistake"),
        ("{% foreach x %}", "has a mistake: Encountered unknown tag 'foreach'"),
        ("{% for x in version %}{% endfor %}", "`{% for %}` is not available in templates"),
        ("{% macro x() %}{% endmacro %}", "`{% macro %}` is not available in templates"),
        ("{% call x() %}{% endcall %}", "`{% call %}` is not available in templates"),
        ("{% filter upper %}{% endfilter %}", "`{% filter %}` is not available in templates"),
        ("{% with %}{% endwith %}", "`{% with %}` is not available in templates"),
        ("{% block x %}{% endblock %}", "`{% block %}` is not available in templates"),
        ("{% extends 'x' %}", "`{% extends %}` is not available in templates"),
        ("{% include 'x' %}", "`{% include %}` is not available in templates"),
        ("{% import 'x' as y %}", "`{% import %}` is not available in templates"),
        ("{% from 'x' import y %}", "`{% from %}` is not available in templates"),
        ("{% autoescape true %}{% endautoescape %}", "`{% autoescape %}` is not available in templates"),
        (
            "a\nb\n{% include 'x' %}",
            "is not available in templates; there are `if` and `raw` (line 3 of",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_with_a_reason(template: str, message: str) -> None:
    with pytest.raises(BadTemplate) as bad:
        render(template, VARIABLES)

    assert message in str(bad.value)
    assert "\n" not in str(bad.value)


MANY = "twenty letters or so"


@pytest.mark.parametrize(
    "template",
    [
        "{{ version }}" + "x" * LONGEST,
        "{{ version }}" * 14_000,
        "{{ version" + f"|replace('', '{MANY}')" * 20 + " }}",
        "{{ version|replace('', '" + "x" * 990 + "') }}",
        "{{ '" + "x" * 1_001 + "'|upper }}",
        "{{ ('" + "x" * 1_001 + "').upper() }}",
        "{{ version.split('" + "x" * 1_001 + "')[0] }}",
        "{{ version|default(default_value='" + "x" * 1_001 + "') }}",
        "{{ '" + "," * 900 + "'.split(',')|join('" + "x" * 900 + "') }}",
        "{{ ('" + "," * 900 + "'.split(',')|join('" + "x" * 90 + "'))[:3] }}",
        "{{ ('" + "9" * 900 + "')|int }}",
        "{{ [" + "'" + "x" * 900 + "'," * 2 + "]|join }}",
        "{{ ('" + "," * 900 + "'.split(',') ~ '')" + ".split('a') ~ ''" + " }}",
        "{{ '%999999999d' is odd }}",
        "{{ '%999999999d' is even }}",
        "{{ '%999999999d' is divisibleby 9 }}",
        "{{ '%999999999d' % 9 }}",
        "{{ '{:999999999}'.format(9) }}",
        "{{ '{:999999999}'|format(9) }}",
        "{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
        "{{ 'a' * 10**9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9**9**9 }}",
        "{{ " + "9" * 5_000 + " }}",
        "{{ 0x" + "f" * 900 + " }}",
        "{{ 1e999 }}",
        "{{ '9' * 9 }}",
        "{{ ('" + "9" * 5_000 + "')|int }}",
        "{{ version.zfill(999999999) }}",
        "{{ version.ljust(999999999) }}",
        "{{ range(999999999)|join }}",
        "{{ version|indent(999999999) }}",
        "{{ 'x'|truncate(0, true, 'a') }}",
        "{{" + "(" * 480 + "1" + ")" * 480 + "}}",
        "{{" + "not " * 240 + "1}}",
        "{{" + "1+" * 480 + "1}}",
        "{{" + "-" * 900 + "1}}",
        "{{ " + "version if patch else " * 40 + "version }}",
        "{% if patch %}" * 200 + "{% endif %}" * 200,
        "{% if patch %}{% elif patch %}" + "{% elif patch %}" * 900 + "{% endif %}",
        "{{" + "(" * 30_000,
        "{{" + "a." * 30_000,
        "{%" * 30_000,
        "{% raw %}" * 7_000,
        "{% raw" + " " * 60_000,
        "{{ '" + "\\" * 60_000,
        "{{ version" + "|replace('a', 'b')" * 3_000 + "}}",
    ],
)
def test_what_would_grow_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate):
        render(template, VARIABLES)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("not ", ""),
        ("(", "|upper)"),
        ("(", ".upper())"),
        ("(", "[0])"),
        ("(", "|replace(major, minor))"),
        ("(", " ~ version)"),
        ("(", " == version)"),
        ("(", " + version)"),
        ("(", " if patch else version)"),
        ("(version if ", " else version)"),
        ("(", " or version)"),
        ("(", " is defined)"),
        ("'a'.removeprefix(", ")"),
        ("'a'|default(", ", boolean=true)"),
    ],
)
def test_the_deepest_template_that_is_allowed_is_compiled(start: str, end: str) -> None:
    answers = [nested(start, end, depth) for depth in range(8, 40)]

    assert set(answers) == {"", "nested too deeply"}
    assert answers == sorted(answers)


def nested(start: str, end: str, depth: int) -> str:
    """What is wrong with a template that is nested so often; nothing when it makes a text."""
    try:
        render("{{ " + start * depth + "version" + end * depth + " }}", VARIABLES)
    except BadTemplate as bad:
        return "nested too deeply" if "nested too deeply" in str(bad) else str(bad)
    return ""


def test_statements_may_be_nested_as_deeply() -> None:
    assert render("{% if patch %}" * 27 + "x" + "{% endif %}" * 27, VARIABLES) == "x"


def test_a_long_text_is_kept_and_a_long_answer_is_given() -> None:
    assert render("x" * 200_000, VARIABLES) == "x" * 200_000
    assert render("x" * 65_000 + "{{ version }}", VARIABLES) == "x" * 65_000 + "1.0.3"


def test_the_variables_of_a_template_are_those_of_all_its_branches() -> None:
    text = "{{ major }}{% if minor %}{{ patch }}{% elif series %}{{ version[0] }}{% endif %}"
    assert variables_of(text) == {"major", "minor", "patch", "series", "version"}


PIECES = st.sampled_from(
    [
        *"{}%#|()[].,'\"~+-*/= 1:",
        *("{{", "}}", "{%", "%}", "{% ", " %}", "version", "patch", "int", "if ", "else", "elif ", "endif"),
        *(
            "set ",
            "x",
            " = ",
            "raw",
            "endraw",
            " is ",
            " in ",
            "defined",
            ".split(",
            "|join",
            "'-'",
            "[0]",
            "[:2]",
        ),
        *("{{ version", "{% if patch %}", "{% endif %}", "{% set x = ", "for ", "**", "not "),
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=40).map("".join))
def test_any_text_yields_text_or_a_sentence(template: str) -> None:
    try:
        answer = render(template, VARIABLES)
    except BadTemplate as bad:
        answer = str(bad)
        assert answer.isprintable()

    assert len(answer) <= LONGEST
