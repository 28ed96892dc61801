"""Companies, from `group` messages: made, described and joined in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from lifecycle.intake.bulk import allocate, look_up, upsert
from lifecycle.intake.payload import Incoming
from lifecycle.store import tables
from lifecycle.store.columns import dumps

_ACCOUNTS, _CONTACTS = tables.accounts, tables.contacts
_COLUMNS = ("id", "external_id", "attributes")


class Accounts:
    """The accounts of one batch: `load`, then `describe` message by message, then `write`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids: dict[str, int] = {}
        self._attributes: dict[str, dict[str, Any]] = {}
        #: ids of accounts whose attributes changed
        self.changed: set[int] = set()
        #: grows with each change of any
        self.changes = 0

    def load(self, messages: Sequence[Incoming]) -> None:
        """Find the accounts that the messages name, and number those that are new."""
        names = sorted({message.group_id for message in messages if message.group_id})
        for row in look_up(self._connection, _ACCOUNTS, _COLUMNS, ("external_id",), [(name,) for name in names]):
            self._ids[row.external_id] = row.id
            self._attributes[row.external_id] = dict(row.attributes or {})
        missing = [name for name in names if name not in self._ids]
        for name, row_id in zip(missing, allocate(self._connection, _ACCOUNTS, len(missing)), strict=True):
            self._ids[name], self._attributes[name] = row_id, {}
            self.changed.add(row_id)

    def describe(self, message: Incoming) -> int | None:
        """Give the account what the message says of it, and return its id; None when the person leaves his company.

        Traits with None are removed.
        """
        name = message.group_id
        if not name:
            return None
        before = self._attributes[name]
        after = {key: value for key, value in {**before, **message.group_traits}.items() if value is not None}
        if after != before:
            self._attributes[name] = after
            self.changed.add(self._ids[name])
            self.changes += 1
        return self._ids[name]

    def write(self) -> None:
        """Insert the new accounts and update the changed."""
        rows = [
            (row_id, name, dumps(self._attributes[name]))
            for name, row_id in self._ids.items()
            if row_id in self.changed
        ]
        upsert(self._connection, _ACCOUNTS, ("id",), ("external_id", "attributes"), rows)

    def people(self) -> set[int]:
        """Return the rows of everybody at an account that changed: what is known of the company is known of them."""
        changed = [(account,) for account in self.changed]
        alive = "t.merged_into IS NULL AND t.erased_at IS NULL"
        return {row.id for row in look_up(self._connection, _CONTACTS, ("id",), ("account_id",), changed, only=alive)}
