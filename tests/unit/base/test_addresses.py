"""Addresses are read the short way and the long way to the same end."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from lifecycle.base import address
from lifecycle.base.errors import UsageError

_LOCALS = st.one_of(
    st.text("aZ09.-_+'@ \"é", max_size=8),
    st.integers(60, 66).map(lambda length: "a" * length),
    st.sampled_from(["Info", "postmaster", "NEWS", "sara.k+shop"]),
)
_DOMAINS = st.one_of(
    st.sampled_from(
        [
            "example.org", "EXAMPLE.Org", "localhost", "shop.local", "x.invalid", "1.2.3.4", "com", "a_b.com", "b.c.",
            "xn--mgbh0fb.com", "xn--zz.com", "متجر.example", ".".join(["a" * 60] * 3) + ".com", "a" * 64 + ".com",
        ]
    ),
    st.text("aZ1.-", max_size=8),
)  # fmt: skip


def _said(read: Callable[[str], str], text: str) -> tuple[bool, str]:
    try:
        return True, read(text)
    except UsageError as error:
        return False, error.message


@given(_LOCALS, _DOMAINS)
@example("a" * 64, ".".join(["a" * 61] * 3) + ".com")
@example("a" * 64, ".".join(["a" * 61] * 3) + ".coms")
def test_a_plain_address_is_what_a_close_look_makes_of_it(local: str, domain: str) -> None:
    """The domain is looked at once and the local part by a pattern: neither changes what is said of an address."""
    text = f" {local}@{domain}"
    assert _said(address.parse_address, text) == _said(address._parse, text.strip())
