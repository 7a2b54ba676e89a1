"""Templates: what they can say, and that nothing else gets in or grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.versions import Version
from bot.pipeline.template import LONGEST, BadTemplate, render

VARIABLES = Version.parse("1.0.3").variables()


@pytest.mark.parametrize(
    ("template", "text"),
    [
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
    ],
)
def test_a_template_yields_text(template: str, text: str) -> None:
    assert render(template, VARIABLES) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ versoin }}", "the template uses `versoin`, which is not defined; did you mean `version`?"),
        ("{{ x }}", "which is not defined; there are `major`, `minor`, `patch`, `series`, `version`"),
        ("{{ 'a' if major == '1' else x }}", "the template uses `x`, which is not defined"),
        ("{{ range(10**9) }}", "the template uses `range`, which is not defined"),
        ("{{ self }}", "the template uses `self`, which is not defined"),
        ("{{ github.ref }}", "the template uses `github`, which is not defined"),
        ("{{ version.__class__.__mro__ }}", "a template cannot use this (`getattr`)"),
        ("{{ version['__class__'] }}", "a template cannot use this (`getitem`)"),
        ("{{ version.format(1) }}", "a template cannot use this (`getattr`)"),
        ("{{ version() }}", "a template cannot use this (`call`)"),
        ("{{ version * 9 }}", "a template cannot use this (`mul`)"),
        ("{{ 9 ** 9 }}", "a template cannot use this (`pow`)"),
        ("{{ [version] }}", "a template cannot use this (`list`)"),
        ("{{ version is defined }}", "a template cannot use this (`test`)"),
        ("{{ none }}", "`None` has no place in a template"),
        ("{{ version|center(10) }}", "the filter `center` is not available; there are `int`, `lower`"),
        ("{{ version|int }}", "`int` works on digits, not on `1.0.3`"),
        ("{{ version|replace(1, 2) }}", "`replace` works on text"),
        ("{{ version + 1 }}", "cannot be worked out"),
        ("{{ version", "the template `{{ version` has a mistake"),
        ("{{ version }", "has a mistake"),
        ("{% set x = 1 %}", "statements in `{% … %}` are not allowed"),
        ("{% include 'x' %}", "statements in `{% … %}` are not allowed"),
    ],
)
def test_what_is_not_allowed_is_refused_with_a_reason(template: str, message: str) -> None:
    with pytest.raises(BadTemplate) as bad:
        render(template, VARIABLES)

    assert message in str(bad.value)
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize(
    "template",
    [
        "x" * (LONGEST + 1),
        "{{ version" + "|replace('', 'twenty letters or so')" * 20 + " }}",
        "{{" + "version~" * 110 + "version}}" + "x" * 900,
        "{{" + "(" * 480 + "1" + ")" * 480 + "}}",
        "{{" + "not " * 240 + "1}}",
        "{{" + "1+" * 480 + "1}}",
        "{{" + "-" * 900 + "1}}",
        "{{ " + "version if patch else " * 40 + "version }}",
    ],
)
def test_what_would_grow_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate):
        render(template, VARIABLES)


PIECES = st.sampled_from(
    [*"{}%#|()[].,'\"~+-*= 1", "{{", "}}", "{%", "%}", "version", "patch", "int", "if", "else"]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=40).map("".join))
def test_any_text_yields_text_or_a_sentence(template: str) -> None:
    try:
        answer = render(template, VARIABLES)
    except BadTemplate as bad:
        answer = str(bad)

    assert len(answer) <= LONGEST
