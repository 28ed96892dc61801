"""Tokens are bound to one purpose and cannot be made without the key; hashes and addresses are stable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.base.address import address_hash, address_key, ascii_domain, key_hash, parse_address
from lifecycle.base.errors import TokenError, UsageError
from lifecycle.base.ids import bucket, content_hash, keyed_hash
from lifecycle.base.tokens import Purpose, Tokens

TOKENS = Tokens(b"sixteen bytes or more")


@given(st.text(max_size=100), st.sampled_from(Purpose))
def test_a_token_names_its_subject_for_its_purpose(subject: str, purpose: Purpose) -> None:
    """What was put in comes out, for that purpose alone and with that key alone."""
    token = TOKENS.make(purpose, subject)
    assert TOKENS.read(purpose, token) == subject
    other = Purpose.OPEN if purpose is not Purpose.OPEN else Purpose.CLICK
    for tokens, wanted in ((TOKENS, other), (Tokens(b"another key, sixteen"), purpose)):
        with pytest.raises(TokenError):
            tokens.read(wanted, token)


@given(st.text(max_size=600))
def test_no_text_of_somebody_elses_making_is_a_token(text: str) -> None:
    """Anything else raises TokenError, and nothing but TokenError, with one message."""
    with pytest.raises(TokenError, match=r"^the token is not valid$"):
        TOKENS.read(Purpose.UNSUBSCRIBE, text)


@given(st.integers(0, 60), st.integers(0, 63))
def test_a_token_with_one_changed_letter_is_no_token(place: int, letter: int) -> None:
    """Each letter counts, the last ones with their spare bits too."""
    token = TOKENS.make(Purpose.OPEN, "12345")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    index = place % len(token)
    changed = token[:index] + letters[letter] + token[index + 1 :]
    if changed != token:
        with pytest.raises(TokenError):
            TOKENS.read(Purpose.OPEN, changed)


def test_a_short_key_is_refused() -> None:
    """Fewer than 16 bytes are no secret."""
    with pytest.raises(ValueError, match="16 bytes"):
        Tokens(b"short")


def test_buckets_are_even_and_depend_on_the_salt() -> None:
    """A tenth of many contacts falls below 0.1, and another salt chooses another tenth."""
    people = [f"u-{number}" for number in range(20_000)]
    first = {name for name in people if bucket(name, "a") < 0.1}
    second = {name for name in people if bucket(name, "b") < 0.1}
    assert 1_850 < len(first) < 2_150
    assert 120 < len(first & second) < 290
    assert bucket("u-1", "a") == bucket("u-1", "a")


def test_hashes_tell_lists_apart_that_join_to_the_same_text() -> None:
    """Parts are length-prefixed."""
    assert content_hash("ab", "c") != content_hash("a", "bc")
    assert keyed_hash(b"k" * 16, "ab", "c") != keyed_hash(b"k" * 16, "a", "bc")
    assert keyed_hash(b"k" * 16, "a") != keyed_hash(b"l" * 16, "a")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (" Sara@Example.COM ", "sara@example.com"),
        ("سارة@مثال.إختبار", "سارة@مثال.إختبار"),
        ("a@xn--exmple-cua.com", "a@exämple.com"),
        ("not an address", "not an address"),
    ],
)
def test_addresses_compare_without_case_and_with_idn(text: str, key: str) -> None:
    """One spelling for comparing; what cannot be parsed is only folded."""
    assert address_key(text) == key
    assert address_hash(text) == key_hash(key)


@pytest.mark.parametrize("text", ["", "a@", "a@b@c", "a b@example.com", "a@example.com\nBcc: x@y.z", "@example.com"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """The reason is for people."""
    with pytest.raises(UsageError, match="not an e-mail address"):
        parse_address(text)


def test_domains_go_to_smtp_as_ascii() -> None:
    """A-labels for servers without SMTPUTF8."""
    assert ascii_domain("exämple.com") == "xn--exmple-cua.com"
    assert ascii_domain("example.com") == "example.com"
