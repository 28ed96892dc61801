"""The version in force and older ones by hash, parsed once each."""

from __future__ import annotations

import threading

from sqlalchemy import select

from lifecycle.base.errors import NotFoundError, StoreError
from lifecycle.spec.model import Content
from lifecycle.spec.project import load
from lifecycle.store.engine import Store
from lifecycle.store.tables import applications, versions


class Versions:
    """Reads versions from the store and remembers what it parsed; notices an apply by another process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, Content] = {}
        self._lock = threading.Lock()

    def in_force_hash(self) -> str | None:
        """Return the hash of the version in force, None before the first apply."""
        query = select(applications.c.version).order_by(applications.c.id.desc()).limit(1)
        with self._store.read() as connection:
            return connection.execute(query).scalar()

    def in_force(self) -> Content | None:
        """Return the version in force, None before the first apply."""
        found = self.in_force_hash()
        return None if found is None else self.get(found)

    def get(self, wanted: str) -> Content:
        """Return the version of that hash. Raises NotFoundError when it was never applied."""
        with self._lock:
            if wanted not in self._parsed:
                self._parsed[wanted] = self._read(wanted)
            return self._parsed[wanted]

    def _read(self, wanted: str) -> Content:
        with self._store.read() as connection:
            files = connection.execute(select(versions.c.files).where(versions.c.hash == wanted)).scalar()
        if files is None:
            raise NotFoundError(f"no version {wanted} in the database")
        content = load(files).content
        if content is None:
            raise StoreError(f"version {wanted} no longer parses", hint="apply the project again")
        return content
