"""E-mail addresses: one spelling for comparing, one for sending.

Source: RFC 5321 2.4 (domains compare without case; local parts in practice too), RFC 5890 (IDN), RFC 6531 (SMTPUTF8).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from lifecycle.base.errors import UsageError

#: What nearly every local part is, and needs no closer look. Source: RFC 5321 4.1.2 (Dot-string), RFC 5321 4.5.3.1.1.
_PLAIN = re.compile(r"(?=.{1,64}@)([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([A-Za-z0-9.-]+)")
#: Octets of a whole address. Source: RFC 5321 4.5.3.1.3, which counts the angle brackets too.
_LONGEST = 254


@lru_cache(maxsize=4096)
def parse_address(text: str) -> str:
    """Return the address as it is sent: trimmed, domain lower-case and IDN as Unicode. Raises UsageError."""
    trimmed = text.strip()
    plain = _PLAIN.fullmatch(trimmed)
    if plain is not None and len(trimmed) <= _LONGEST and plain[1].lower() not in CASE_INSENSITIVE_MAILBOX_NAMES:
        # a million addresses have a few thousand domains, and the domain is what takes long to look at
        domain = _domain(plain[2])
        if domain is not None and len(domain) == len(plain[2]):
            return f"{plain[1]}@{domain}"
    return _parse(trimmed)


def _parse(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise UsageError(f"not an e-mail address: {error}") from error


@lru_cache(maxsize=65536)
def _domain(text: str) -> str | None:
    """Return the domain as it is sent, None for one that is not valid."""
    try:
        return _parse(f"a@{text}").rpartition("@")[2]
    except UsageError:
        return None


def address_key(text: str) -> str:
    """Return the address as it is compared: trimmed and lower-case, domain as IDN; unparsable text is only folded."""
    try:
        return parse_address(text).lower()
    except UsageError:
        return text.strip().lower()


def address_hash(text: str) -> str:
    """Return the hash under which a suppression survives erasure: SHA-256 of the compared spelling, as hex."""
    return hashlib.sha256(address_key(text).encode()).hexdigest()


def ascii_domain(domain: str) -> str:
    """Return the domain as SMTP without SMTPUTF8 takes it (A-labels)."""
    import idna

    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()


def key_hash(key: str) -> str:
    """Return `address_hash` of an address whose compared spelling is known already."""
    return hashlib.sha256(key.encode()).hexdigest()


@lru_cache(maxsize=65536)
def domain_of(address: str) -> str:
    """Return the domain of an address as it is compared: lower-case A-labels; "" for what has none."""
    domain = address.rpartition("@")[2].strip().lower() if "@" in address else ""
    try:
        return ascii_domain(domain).lower()
    except UnicodeError:  # idna's errors are some
        return domain
