"""Finding one contact by the name that people use for it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from lifecycle.base.address import address_key
from lifecycle.base.errors import NotFoundError
from lifecycle.store.tables import contacts, identities


def find_contact(connection: Connection, name: str) -> int:
    """Return the id of the contact that `name` names: external id, else e-mail, else another identity it had.

    A contact that was merged leads to the one it became. Raises NotFoundError.
    """
    lookups = (
        select(contacts.c.id).where(contacts.c.external_id == name),
        select(contacts.c.id)
        .where(contacts.c.address_key == address_key(name))
        .order_by(contacts.c.merged_into, contacts.c.id),
        # of several kinds an alias, which is a userId, comes first
        select(identities.c.contact_id)
        .where(identities.c.value.in_({name, address_key(name)}))
        .order_by(identities.c.kind),
    )
    for query in lookups:
        found = connection.execute(query.limit(1)).scalar()
        if found is not None:
            return _final(connection, found)
    raise NotFoundError(f'no contact "{name}"', hint="a contact is named by its external id, else its e-mail address")


def _final(connection: Connection, contact_id: int) -> int:
    for _ in range(100):  # merges of merges; more is a cycle that cannot be
        onward = connection.execute(select(contacts.c.merged_into).where(contacts.c.id == contact_id)).scalar()
        if onward is None:
            return contact_id
        contact_id = onward
    raise AssertionError("contacts are merged in a circle")
