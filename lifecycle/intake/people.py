"""Who a batch of messages is about: names resolved in bulk, contacts made and merged in memory, then written once.

A name leads to at most one contact: its external id or an alias, an anonymous id, its address (as compared). Two
contacts turn out to be one when a message calls one person by the names of both: an anonymous visitor who identifies
himself, an address that a second userId brings. The one with a userId, then the older one stays. In what batches the
messages come changes nothing of who is who; their order does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from lifecycle.base.address import address_key
from lifecycle.intake.bulk import allocate, insert, is_sqlite, look_up, upsert
from lifecycle.intake.payload import ROLE, Incoming, Traits
from lifecycle.intake.person import WRITTEN, Merged, Person, current, seniority, written
from lifecycle.store import tables

#: Advisory lock of everybody who makes contacts or gives them names, so that one address never makes two.
_NAMING_LOCK = 5_001_001
_CONTACTS, _IDENTITIES = tables.contacts, tables.identities
_NARROW = ("id", "identifier", "external_id", "email", "address_key", "account_id", "created_at", "merged_into")
_WIDE = (*_NARROW, "locale", "timezone", "attributes")


class People:
    """The people of one batch. `load`, then `resolve` and `describe` message by message, then `write`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_user: dict[str, Person] = {}
        self._by_anonymous: dict[str, Person] = {}
        self._by_key: dict[str, Person] = {}
        self._by_old_key: dict[str, Person] = {}
        self._everyone: list[Person] = []
        #: identities to write: the latest who is called by a name has it
        self._named: dict[tuple[str, str], Person] = {}
        #: who has become whom, in order
        self.merged: list[Merged] = []
        #: grows with each change of anybody
        self.changes = 0

    # ------------------------------------------------------------ finding

    def load(self, messages: Sequence[Incoming]) -> None:
        """Find and lock (in order of id) everybody whom the messages name."""
        users = {name for message in messages for name in (message.names.user_id, message.previous_id) if name}
        anonymous = {name for message in messages for name in (message.names.anonymous_id, message.previous_id) if name}
        keys = {key for message in messages for key in (message.names.key, message.previous_key) if key}
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
        missing += [("email", name) for name in keys]
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
        self._add(person)
        return person

    def _add(self, person: Person) -> None:
        person.number = len(self._everyone)
        self._everyone.append(person)

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
        if visitor is not None and visitor is not person and (user_id is None or visitor.external_id is None):
            person = visitor if person is None else self._merge(person, visitor, "anonymous_id", message)
        owner = self._owner(key, person)
        if owner is not None:
            if person is None or (user_id is None and person.external_id is not None and owner.external_id is not None):
                person = owner  # of two who are known by userIds, the address says more than the device
            elif person is not owner:
                person = self._merge(person, owner, "email", message)
        if person is None and user_id is None and anonymous_id is None:
            person = self._get(self._by_old_key, key)
        if person is None:
            person = self._make(message, user_id=user_id)
        elif user_id is not None and self._get(self._by_user, user_id) is None:
            self._call(person, user_id)
        if anonymous_id is not None and anonymous_id not in self._by_anonymous:
            self._name(person, "anonymous_id", anonymous_id)
        if email is not None and person.email is None and key not in self._by_old_key:
            self._set_email(person, email)
        return person

    def alias(self, message: Incoming, person: Person) -> Person:
        """Give `person` the message's previousId as another name, merging with whoever has it.

        It may have been a userId, an anonymousId or an address; from now on it is each of these.
        """
        previous, key = message.previous_id or "", message.previous_key
        for before in (
            self._get(self._by_user, previous), self._get(self._by_anonymous, previous), self._owner(key, person)
        ):  # fmt: skip
            if before is not None and current(before) is not person:
                person = self._merge(person, current(before), "alias", message)
        for kind, index, name in (
            ("alias", self._by_user, previous), ("anonymous_id", self._by_anonymous, previous),
            ("email", self._by_old_key, key),
        ):  # fmt: skip
            if name is not None and name not in index and (kind != "email" or name not in self._by_key):
                self._name(person, kind, name)
        return person

    def _owner(self, key: str | None, person: Person | None) -> Person | None:
        """Return who has the address; nobody, as far as `person` is concerned who gave it up before that."""
        owner = self._get(self._by_key, key)
        gave_up = person is not None and owner is not person and self._get(self._by_old_key, key) is person
        return None if gave_up else owner

    def describe(self, person: Person, message: Incoming) -> None:
        """Give the person what the message says of it."""
        traits = message.traits or Traits()
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
                if value != person.email and self._may_have(person, message):
                    self._set_email(person, value)
            elif value != getattr(person, name):
                setattr(person, name, value)
                self._touch(person)
        if traits.created_at is not None and traits.created_at < person.created_at:
            person.created_at = traits.created_at
            self._touch(person)

    def _may_have(self, person: Person, message: Incoming) -> bool:
        """Say whether the address of the message may become the person's.

        Not while another has it; nor where the message knows the person by nothing but an address he has given up:
        whoever types that into a form must not turn his mail aside.
        """
        user_id, anonymous_id, _ = message.names
        key = message.names.key
        if key is None or key == person.key:
            return True
        named_otherwise = user_id is not None or anonymous_id is not None or person.key is None
        return named_otherwise and self._get(self._by_key, key) is None

    def join(self, person: Person, account_id: int | None) -> None:
        """Make the person one of the account's, or of none. The role at one company is no role at the next."""
        if person.account_id != account_id:
            attributes = self._widen(person)
            if person.account_id is not None:
                attributes.pop(ROLE, None)
            person.account_id = account_id
            self._touch(person)

    def _get(self, index: dict[str, Person], name: str | None) -> Person | None:
        found = index.get(name) if name is not None else None
        return None if found is None else current(found)

    def _make(self, message: Incoming, *, user_id: str | None) -> Person:
        names = message.names
        person = Person(user_id or names.key or names.anonymous_id or "", message.at, attributes={})
        self._add(person)
        if user_id is not None:
            self._by_user[user_id] = person
            person.external_id = user_id
        if names.email is not None:
            self._set_email(person, names.email)
        self._touch(person)
        return person

    def _call(self, person: Person, user_id: str) -> None:
        """Give a person whom we knew otherwise a userId: its first is the external id, further ones are aliases."""
        if person.external_id is None:
            self._widen(person)
            self._by_user[user_id] = person
            person.external_id = user_id
            self._touch(person)
        else:
            self._name(person, "alias", user_id)

    def _set_email(self, person: Person, email: str | None) -> None:
        self._widen(person)
        key = None if email is None else address_key(email)
        if person.key is not None and person.key != key:
            self._by_key.pop(person.key, None)
            self._name(person, "email", person.key)
        person.email, person.key = email, key
        if key is not None:
            self._by_key[key] = person
        self._touch(person)

    def _name(self, person: Person, kind: str, value: str) -> None:
        index = {"alias": self._by_user, "anonymous_id": self._by_anonymous, "email": self._by_old_key}[kind]
        index[value] = self._named[kind, value] = person
        self.changes += 1

    def _touch(self, person: Person) -> None:
        person.dirty = True
        self.changes += 1

    def _merge(self, one: Person, other: Person, cause: str, message: Incoming) -> Person:
        """Make one person of two, who are not yet; `cause` is the kind of name that says so."""
        stays, goes = sorted((one, other), key=seniority)
        self.merged.append(Merged(goes, stays, cause, message))
        known = {**self._widen(goes), **self._widen(stays)}
        role = _joint_role(stays, goes)
        known.pop(ROLE, None)
        goes.became, stays.attributes = stays, known if role is None else {**known, ROLE: role}
        stays.absorbed += goes.absorbed + ([goes.id] if goes.id is not None else [])
        if goes.external_id is not None:
            # who stays has a userId where one of the two has
            self._name(stays, "alias", goes.external_id)
        if goes.key is not None:
            self._by_key.pop(goes.key, None)
            if stays.key is None:
                self._set_email(stays, goes.email)
            elif stays.key != goes.key:
                self._name(stays, "email", goes.key)
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
        rows = [written(person) for person in new]
        insert(self._connection, _CONTACTS, ("id", *WRITTEN), rows)
        made = set(map(id, new))
        old = [written(p) for p in self._everyone if p.dirty and p.became is None and id(p) not in made]
        upsert(self._connection, _CONTACTS, ("id",), WRITTEN, old)
        names = [(*name, person.row) for name, person in self._named.items()]
        upsert(self._connection, _IDENTITIES, ("kind", "value"), ("contact_id",), names)


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


def _joint_role(stays: Person, goes: Person) -> Any:
    """Return the role of two who are one: that at the company which both together are at from now on."""
    first, second = (goes, stays) if stays.account_id is None and goes.account_id is not None else (stays, goes)
    role = (first.attributes or {}).get(ROLE)
    elsewhere = second.account_id is not None and second.account_id != first.account_id
    return role if role is not None or elsewhere else (second.attributes or {}).get(ROLE)


def lock_names(connection: Connection) -> None:
    """Wait for whoever makes contacts or gives them names, and make others wait until the transaction ends."""
    if not is_sqlite(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _NAMING_LOCK})


def _single(values: Iterable[Any]) -> list[tuple[Any]]:
    return [(value,) for value in values]
