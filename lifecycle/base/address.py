"""E-mail addresses: one spelling for comparing, one for sending.

Source: RFC 5321 2.4 (domains compare without case; local parts in practice too), RFC 5890 (IDN), RFC 6531 (SMTPUTF8).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from lifecycle.base.errors import UsageError


@lru_cache(maxsize=65536)
def parse_address(text: str) -> str:
    """Return the address as it is sent: trimmed, domain lower-case and IDN as Unicode. Raises UsageError."""
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise UsageError(f"not an e-mail address: {error}") from error
    return found.normalized


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
