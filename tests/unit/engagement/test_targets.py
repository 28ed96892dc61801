"""Where links may lead."""

from __future__ import annotations

from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.engagement.targets import safe_target


@given(st.text(max_size=60) | st.from_regex(r"\A(https?|javascript|data|//)?:?/{0,3}[^\s]{0,40}\Z"))
def test_a_target_is_an_absolute_web_address_of_ascii_or_none(text: str) -> None:
    """Whatever stands in a mail: http or https, a host, no credentials, no line break, no space."""
    found = safe_target(text)
    if found is not None:
        parts = urlsplit(found)
        assert parts.scheme in {"http", "https"}
        assert parts.hostname
        assert parts.username is None
        assert found.isascii()
        assert not set(found) & set("\r\n\t \\\0")


def test_what_a_shop_links_to_stays_as_it_is() -> None:
    """Queries, fragments, ports, escapes and IPv6 survive; a host of its own script becomes its ASCII form."""
    for same in (
        "https://rihla.example/a/b?x=1&y=%20#part", "http://rihla.example:8080/", "https://[2001:db8::1]:8443/x",
        "https://rihla.example/?q=a+b,c;d=(e)",
    ):  # fmt: skip
        assert safe_target(same) == same
    assert safe_target("HTTPS://Rihla.Example/X") == "https://rihla.example/X"
    assert safe_target("https://رحلة.example/") == "https://xn--ogbhl1f.example/"
