"""What a template needs: reads that nothing has asked for before."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from lifecycle.render.jinja_check import Reading
from lifecycle.render.needs import needs, reads
from lifecycle.spec.place import Place


def reading(text: str) -> Reading:
    """Return a template as the checks read it."""
    return Reading(Environment(autoescape=True).parse(text), text, None, Place("x.mjml", 1, 1), {})


def unguarded(text: str) -> list[str]:
    """Return what the template needs, as it is written; what is sure to be there in front of a colon."""
    found = needs([reading(text)])
    return [
        ":".join(".".join(part) for part in (need.path[: need.sure], need.path[need.sure :]) if part) for need in found
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ coupon.code }}", ["coupon.code"]),
        ("{% if coupon %}{{ coupon.code }}{% endif %}", ["coupon:code"]),
        ("{% if coupon.code %}{{ coupon.code }}{% endif %}", []),
        ("{% if coupon.code %}a{% endif %}{{ coupon.code }}", ["coupon.code"]),
        ("{% if not coupon.code %}a{% else %}{{ coupon.code }}{% endif %}", []),
        ("{% if not coupon.code %}{{ coupon.code }}{% endif %}", ["coupon.code"]),
        ("{% if vip %}a{% elif coupon.code %}{{ coupon.code }}{% endif %}", []),
        ("{% if vip and coupon.code %}{{ coupon.code }}{% endif %}", []),
        ("{% if vip or coupon.code %}{{ coupon.code }}{% endif %}", ["coupon.code"]),
        ("{% if not (vip or coupon.code) %}a{% else %}{{ coupon.code }}{% endif %}", ["coupon.code"]),
        ("{{ coupon.code if coupon.code else 'none' }}", []),
        ("{{ coupon.code | default('none') }}", []),
        ("{{ coupon.code or 'none' }}", []),
        ("{{ contact.code or coupon.code }}", ["coupon.code"]),
        ("{{ coupon.expires_at | date or 'none' }}", ["coupon.expires_at"]),
        ("{{ coupon.code and coupon.code | upper }}", ["coupon.code"]),
        ("{% if cart.total > 300 %}a{% endif %}", ["cart.total"]),
        ("{% if cart.total and cart.total > 300 %}{{ cart.total }}{% endif %}", []),
        ("{% if coupon is defined %}{{ coupon }}{% endif %}", []),
        ("{% if coupon is undefined %}a{% else %}{{ coupon }}{% endif %}", []),
        ("{% for line in cart.lines %}{{ line.name }}{% endfor %}", ["cart.lines", "line.name"]),
        ("{% if data.a.b %}{{ data.a }}{{ data }}{{ data.c }}{% endif %}", ["data:c"]),
        ("{% set code = coupon.code %}", ["coupon.code"]),
    ],
)
def test_a_read_is_needed_unless_something_asked_for_it(text: str, expected: list[str]) -> None:
    """`{% if coupon %}` says that there is a coupon, and nothing about what is in it."""
    assert unguarded(text) == expected


def test_all_that_is_read_is_known_guarded_or_not() -> None:
    """Whoever asks whether a template names the coupon at all."""
    found = reads([reading("{% if coupon.code %}{{ points.balance }}{% endif %}{{ now | date }}")])
    assert found == {("coupon", "code"), ("points", "balance"), ("now",)}
