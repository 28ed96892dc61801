"""Who a batch of messages is about: names resolved in bulk, contacts made and merged in memory, then written once.

A name leads to at most one contact: its external id or an alias, an anonymous id, its address (as compared). Two
contacts turn out to be one when a message calls one person by the names of both: an anonymous visitor who identifies
himself, an address that a second userId brings. The one with a row, then with a userId, then the older one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from lifecycle.base.address import address_key
from lifecycle.intake.bulk import allocate, insert, is_sqlite, look_up, upsert
from lifecycle.intake.payload import Incoming, Traits
from lifecycle.store import tables
from lifecycle.store.columns import dumps

#: Advisory lock of everybody who makes contacts or gives them names, so that one address never makes two.
_NAMING_LOCK = 5_001_001
_CONTACTS, _IDENTITIES = tables.contacts, tables.identities
_NARROW = ("id", "identifier", "external_id", "email", "address_key", "account_id", "created_at", "merged_into")
_WIDE = (*_NARROW, "locale", "timezone", "attributes")
_WRITTEN = (
    "identifier", "external_id", "email", "address_key", "locale", "timezone", "attributes", "account_id", "created_at",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Person:
    """A contact while a batch is stored; `id` is None until it has a row, `attributes` until they are needed."""

    identifier: str
    created_at: datetime
    id: int | None = None
    external_id: str | None = None
    email: str | None = None
    key: str | None = None
    locale: str | None = None
    timezone: str | None = None
    attributes: dict[str, Any] | None = None
    account_id: int | None = None
    dirty: bool = False
    #: identities to add
    names: set[tuple[str, str]] = field(default_factory=set)
    #: ids of stored contacts that this one has absorbed
    absorbed: list[int] = field(default_factory=list)
    became: Person | None = None

    @property
    def row(self) -> int:
        """Return the id of the row, once written."""
        person = current(self)
        if person.id is None:
            raise RuntimeError("the people of a batch are written before what they did")
        return person.id


def current(person: Person) -> Person:
    """Return whom the person has become by merging; itself otherwise."""
    while person.became is not None:
        person = person.became
    return person


class People:
    """The people of one batch. `load`, then `resolve` and `describe` message by message, then `write`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_user: dict[str, Person] = {}
        self._by_anonymous: dict[str, Person] = {}
        self._by_key: dict[str, Person] = {}
        self._by_old_key: dict[str, Person] = {}
        self._everyone: list[Person] = []
        #: grows with each change of anybody
        self.changes = 0

    # ------------------------------------------------------------ finding

    def load(self, messages: Sequence[Incoming]) -> None:
        """Find and lock (in order of id) everybody whom the messages name."""
        users = {name for message in messages for name in (message.names.user_id, message.previous_id) if name}
        anonymous = {name for message in messages for name in (message.names.anonymous_id, message.previous_id) if name}
        keys = {key for message in messages if (key := message.names.key)}
        wide = any(message.traits is not None or message.group_id or message.previous_id for message in messages)
        found = self._find(users, anonymous, keys)
        if not is_sqlite(self._connection):
            missing = (
                len(found.users) < len(users) or len(found.anonymous) < len(anonymous) or len(found.keys) < len(keys)
            )
            if missing or wide:
                lock_names(self._connection)
                found = self._find(users, anonymous, keys)
        rows = self._lock(found.contact_ids, wide=wide)
        while len(rows) < len(found.contact_ids) or any(row.merged_into is not None for row in rows):
            # merged or erased by another transaction while we waited for the lock: their names lead elsewhere now
            found = self._find(users, anonymous, keys)
            rows = self._lock(found.contact_ids, wide=wide)
        people = {row.id: self._person(row, wide=wide) for row in rows}
        for index, names in (
            (self._by_user, found.users), (self._by_anonymous, found.anonymous),
            (self._by_key, found.keys), (self._by_old_key, found.old_keys),
        ):  # fmt: skip
            index.update((name, people[contact]) for name, contact in names.items() if contact in people)

    def _find(self, users: set[str], anonymous: set[str], keys: set[str]) -> _Found:
        found = _Found()
        for row in look_up(self._connection, _CONTACTS, ("id", "external_id"), ("external_id",), _single(users)):
            found.users[row.external_id] = row.id
        for row in look_up(self._connection, _CONTACTS, ("id", "address_key"), ("address_key",), _single(keys)):
            # two of one address cannot be made here; should they be there, the older one is meant
            found.keys[row.address_key] = min(row.id, found.keys.get(row.address_key, row.id))
        missing = [("alias", name) for name in users - found.users.keys()]
        missing += [("anonymous_id", name) for name in anonymous]
        missing += [("email", name) for name in keys - found.keys.keys()]
        columns = ("kind", "value", "contact_id")
        for row in look_up(self._connection, _IDENTITIES, columns, ("kind", "value"), missing):
            index = {"alias": found.users, "anonymous_id": found.anonymous, "email": found.old_keys}[row.kind]
            index[row.value] = row.contact_id
        return found

    def _lock(self, ids: set[int], *, wide: bool) -> Sequence[Any]:
        tail = "" if is_sqlite(self._connection) else "ORDER BY t.id FOR UPDATE OF t"
        columns = _WIDE if wide else _NARROW
        return look_up(
            self._connection, _CONTACTS, columns, ("id",), _single(ids), only="t.erased_at IS NULL", tail=tail
        )

    def _person(self, row: Any, *, wide: bool) -> Person:
        person = Person(
            row.identifier,
            row.created_at,
            row.id,
            row.external_id,
            row.email,
            row.address_key,
            account_id=row.account_id,
        )
        if wide:
            person.locale, person.timezone, person.attributes = row.locale, row.timezone, dict(row.attributes or {})
        self._everyone.append(person)
        return person

    def _widen(self, person: Person) -> dict[str, Any]:
        if person.attributes is None:
            row = look_up(self._connection, _CONTACTS, _WIDE, ("id",), [(person.id,)])[0]
            person.locale, person.timezone, person.attributes = row.locale, row.timezone, dict(row.attributes or {})
        return person.attributes

    # ------------------------------------------------------------ resolving

    def resolve(self, message: Incoming) -> Person:
        """Return whom the message is about: found, made, or two merged into one."""
        user_id, anonymous_id, email = message.names
        if user_id is not None and anonymous_id is None and email is None:
            known = self._by_user.get(user_id)
            return current(known) if known is not None else self._make(message, user_id=user_id)
        key = message.names.key
        person = self._get(self._by_user, user_id)
        visitor = self._get(self._by_anonymous, anonymous_id)
        owner = self._get(self._by_key, key)
        if visitor is not None and visitor is not person and (user_id is None or visitor.external_id is None):
            person = visitor if person is None else self._merge(person, visitor)
        if owner is not None:
            owner = current(owner)
            person = owner if person is None or person is owner else self._merge(person, owner)
        if person is None and user_id is None and anonymous_id is None:
            person = self._get(self._by_old_key, key)
        if person is None:
            person = self._make(message, user_id=user_id)
        elif user_id is not None and self._get(self._by_user, user_id) is None:
            self._call(person, user_id)
        if anonymous_id is not None and anonymous_id not in self._by_anonymous:
            self._by_anonymous[anonymous_id] = person
            self._name(person, "anonymous_id", anonymous_id)
        if email is not None and person.email is None and key not in self._by_old_key:
            self._set_email(person, email)
        return person

    def alias(self, message: Incoming, person: Person) -> Person:
        """Give `person` the message's previousId as another name, merging with whoever has it."""
        previous = message.previous_id or ""
        before = self._get(self._by_user, previous) or self._get(self._by_anonymous, previous)
        if before is person:
            return person
        if before is not None:
            return self._merge(person, before)
        self._by_user[previous] = person
        self._name(person, "alias", previous)
        return person

    def describe(self, person: Person, traits: Traits) -> None:
        """Give the person what an identify says of it."""
        attributes = self._widen(person)
        for name, value in traits.attributes.items():
            if value is None and name in attributes:
                del attributes[name]
                self._touch(person)
            elif value is not None and (name not in attributes or attributes[name] != value):
                attributes[name] = value
                self._touch(person)
        for name, value in traits.columns.items():
            if name == "email":
                if value != person.email:
                    self._set_email(person, value)
            elif value != getattr(person, name):
                setattr(person, name, value)
                self._touch(person)
        if traits.created_at is not None and traits.created_at < person.created_at:
            person.created_at = traits.created_at
            self._touch(person)

    def join(self, person: Person, account_id: int) -> None:
        """Make the person one of the account's."""
        if person.account_id != account_id:
            self._widen(person)
            person.account_id = account_id
            self._touch(person)

    def _get(self, index: dict[str, Person], name: str | None) -> Person | None:
        found = index.get(name) if name is not None else None
        return None if found is None else current(found)

    def _make(self, message: Incoming, *, user_id: str | None) -> Person:
        names = message.names
        person = Person(user_id or names.key or names.anonymous_id or "", message.at, attributes={})
        self._everyone.append(person)
        if user_id is not None:
            self._by_user[user_id] = person
            person.external_id = user_id
        if names.email is not None:
            self._set_email(person, names.email)
        self._touch(person)
        return person

    def _call(self, person: Person, user_id: str) -> None:
        """Give a person whom we knew otherwise a userId: its first is the external id, further ones are aliases."""
        self._by_user[user_id] = person
        if person.external_id is None:
            self._widen(person)
            person.external_id = user_id
            self._touch(person)
        else:
            self._name(person, "alias", user_id)

    def _set_email(self, person: Person, email: str | None) -> None:
        self._widen(person)
        if person.key is not None:
            person.names.add(("email", person.key))
            if self._get(self._by_key, person.key) is person:
                del self._by_key[person.key]
        person.email, person.key = email, None if email is None else address_key(email)
        if person.key is not None:
            person.names.discard(("email", person.key))
            self._by_key[person.key] = person
        self._touch(person)

    def _name(self, person: Person, kind: str, value: str) -> None:
        person.names.add((kind, value))
        self.changes += 1

    def _touch(self, person: Person) -> None:
        person.dirty = True
        self.changes += 1

    def _merge(self, one: Person, other: Person) -> Person:
        one, other = current(one), current(other)
        if one is other:
            return one
        stays, goes = sorted((one, other), key=_seniority)
        known = {**self._widen(goes), **self._widen(stays)}
        goes.became, stays.attributes = stays, known
        stays.absorbed += goes.absorbed + ([goes.id] if goes.id is not None else [])
        stays.names |= goes.names
        if goes.external_id is not None:
            if stays.external_id is None:
                stays.external_id = goes.external_id
            else:
                stays.names.add(("alias", goes.external_id))
        if goes.key is not None:
            if stays.key is None:
                stays.email, stays.key = goes.email, goes.key
            elif stays.key != goes.key:
                stays.names.add(("email", goes.key))
        stays.locale, stays.timezone = stays.locale or goes.locale, stays.timezone or goes.timezone
        stays.account_id = stays.account_id if stays.account_id is not None else goes.account_id
        stays.created_at = min(stays.created_at, goes.created_at)
        self._touch(stays)
        return stays

    # ------------------------------------------------------------ writing

    @property
    def merges(self) -> list[tuple[int, Person]]:
        """Return who has to give way in the database to whom: (row of the one who goes, the one who stays)."""
        return [(row, person) for person in self._everyone if person.became is None for row in person.absorbed]

    def number(self) -> list[Person]:
        """Give the new people their rows' ids, and return them."""
        new = [person for person in self._everyone if person.id is None and person.became is None]
        for person, row in zip(new, allocate(self._connection, _CONTACTS, len(new)), strict=True):
            person.id = row
        return new

    def write(self, new: Sequence[Person]) -> None:
        """Insert the `new`, update the changed, add identities. Merges stand in the database already."""
        rows = [_row(person) for person in new]
        insert(self._connection, _CONTACTS, ("id", *_WRITTEN), rows)
        made = set(map(id, new))
        old = [_row(p) for p in self._everyone if p.dirty and p.became is None and id(p) not in made]
        upsert(self._connection, _CONTACTS, ("id",), _WRITTEN, old)
        names = {name: person.row for person in self._everyone if person.became is None for name in person.names}
        upsert(
            self._connection, _IDENTITIES, ("kind", "value"), ("contact_id",), [(*n, row) for n, row in names.items()]
        )


@dataclass(slots=True)
class _Found:
    """Ids of stored contacts by each kind of name."""

    users: dict[str, int] = field(default_factory=dict)
    anonymous: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    old_keys: dict[str, int] = field(default_factory=dict)

    @property
    def contact_ids(self) -> set[int]:
        return {*self.users.values(), *self.anonymous.values(), *self.keys.values(), *self.old_keys.values()}


def lock_names(connection: Connection) -> None:
    """Wait for whoever makes contacts or gives them names, and make others wait until the transaction ends."""
    if not is_sqlite(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _NAMING_LOCK})


def _single(values: Iterable[Any]) -> list[tuple[Any]]:
    return [(value,) for value in values]


def _seniority(person: Person) -> tuple[bool, bool, int]:
    return (person.id is None, person.external_id is None, person.id or 0)


def _row(person: Person) -> tuple[Any, ...]:
    return (
        person.id, person.identifier, person.external_id, person.email, person.key, person.locale, person.timezone,
        dumps(person.attributes or {}), person.account_id, person.created_at,
    )  # fmt: skip
