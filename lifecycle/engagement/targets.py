"""Where a tracked link leads: to what the mail pointed at, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from urllib.parse import quote, urlsplit

from sqlalchemy import Connection, select

from lifecycle.base.address import ascii_domain
from lifecycle.store.tables import template_versions

#: What may stand in a URL as it is; the rest, line breaks above all, is percent-encoded. Source: RFC 3986 2.2, 2.3.
_KEPT = "%/:=&?~#+!$,;'@()*[]-._"


class Targets:
    """The fixed links of compiled templates by hash; a hash never changes its links, so they are read once."""

    #: Hashes kept; a shop has some dozens in use.
    LIMIT = 1024

    def __init__(self) -> None:
        self._links: dict[str, Mapping[str, str]] = {}
        self._lock = Lock()

    def fixed(self, connection: Connection, template_hash: str | None) -> Mapping[str, str]:
        """Return the fixed targets by number; none for an unknown hash (which is asked about again)."""
        if template_hash is None:
            return {}
        found = self._links.get(template_hash)
        if found is None:
            found = connection.execute(
                select(template_versions.c.links).where(template_versions.c.hash == template_hash)
            ).scalar()
            if found is None:
                return {}
            with self._lock:
                if len(self._links) >= self.LIMIT:
                    self._links.clear()
                self._links[template_hash] = found
        return found


def safe_target(target: str | None) -> str | None:
    """Return `target` as a Location header takes it, or None when a mail must not lead there.

    Only absolute http and https addresses: no `javascript:`, no `//host`, no credentials that dress up a host.
    """
    if not target:
        return None
    try:
        parts = urlsplit(target.strip())
        host, port = parts.hostname, parts.port
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None or "\\" in parts.netloc:
            return None
        plain = host if ":" not in host else f"[{host}]"
        netloc = ascii_domain(plain) + (f":{port}" if port is not None else "")
    except (ValueError, UnicodeError):
        return None
    return quote(parts._replace(netloc=netloc).geturl(), safe=_KEPT)
