"""One person while a batch is stored, in memory: what is known of him, and whom he has become."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from lifecycle.intake.payload import Incoming
from lifecycle.store.columns import dumps

#: The columns of `written`, behind the id.
WRITTEN = (
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
    #: in what order the batch came to know of people
    number: int = 0
    dirty: bool = False
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

    @property
    def speaker(self) -> int:
        """Return who this was before he became another: his row, or a number below 0 for who never had one."""
        return self.id if self.id is not None else -1 - self.number


def current(person: Person) -> Person:
    """Return whom the person has become by merging; itself otherwise."""
    while person.became is not None:
        person = person.became
    return person


class Merged(NamedTuple):
    """That two turned out to be one: who gives way to whom, by what kind of name, and which message said so."""

    goes: Person
    stays: Person
    cause: str
    message: Incoming


def seniority(person: Person) -> tuple[bool, bool, int]:
    """Return a key: of two who are one, the smaller stays. It is the same in whatever batches their messages came."""
    return (person.external_id is None, person.id is None, person.number if person.id is None else person.id)


def written(person: Person) -> tuple[Any, ...]:
    """Return the row of contacts: the id, then WRITTEN."""
    return (
        person.id, person.identifier, person.external_id, person.email, person.key, person.locale, person.timezone,
        dumps(person.attributes or {}), person.account_id, person.created_at,
    )  # fmt: skip
