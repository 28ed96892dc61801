"""Messages a column at a time: most of a history are events of userIds, and need never be objects of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

from lifecycle.intake.payload import Incoming, Names

#: The fields of messages, each as the values that it has in all of them.
Fields: TypeAlias = "Mapping[str, Sequence[Any]]"


class Tracks(Sequence[Incoming]):
    """Events that name their contacts by userId and by nothing else. A message is made when it is asked for."""

    def __init__(self, fields: Fields, users: Sequence[str]) -> None:
        """Take the fields of the messages; `users` stands for their names."""
        self.fields = fields
        self.users = users

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.users)

    @overload
    def __getitem__(self, place: int) -> Incoming: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Incoming]: ...

    def __getitem__(self, place: int | slice) -> Incoming | Sequence[Incoming]:
        """Return the message at a place, or those of a slice."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        names = Names(self.users[place], None, None)
        return Incoming(names=names, **{name: column[place] for name, column in self.fields.items() if name != "names"})

    def __iter__(self) -> Iterator[Incoming]:
        """Yield the messages."""
        names = (Names(user, None, None) for user in self.users)
        columns = (names if name == "names" else self.fields[name] for name in Incoming._fields)
        return map(Incoming, *columns)


def fields_of(messages: Sequence[Incoming]) -> Fields:
    """Return the fields of messages; empty columns without any."""
    if isinstance(messages, Tracks):
        return messages.fields
    columns: Sequence[Sequence[Any]] = list(zip(*messages, strict=True)) or [()] * len(Incoming._fields)
    return dict(zip(Incoming._fields, columns, strict=True))
