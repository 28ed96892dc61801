"""One address, as services take it that know neither SMTPUTF8 nor more than one recipient at a time."""

from __future__ import annotations

import re

from lifecycle.base.address import ascii_domain
from lifecycle.base.errors import PermanentError

#: None of these can stand in an address without quotes, and we send none with quotes.
_NOT_ONE = re.compile(r'[\s,;:<>()\[\]"\\\x00-\x1f\x7f]')


def plain_address(address: str, service: str) -> str:
    """Return the address with its domain as A-labels. Raises PermanentError for two, or a local part beyond ASCII."""
    local, _, domain = address.rpartition("@")
    if _NOT_ONE.search(address) or not local or not domain:
        raise PermanentError("the address is not one address", code=550, enhanced="5.1.3")
    if not local.isascii():
        raise PermanentError(f"{service} takes no internationalised addresses (SMTPUTF8)", code=550, enhanced="5.6.7")
    try:
        return f"{local}@{ascii_domain(domain)}"
    except UnicodeError as error:
        raise PermanentError("the address has no domain that DNS knows", code=550, enhanced="5.1.2") from error
