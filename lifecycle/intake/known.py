"""What one import knows from its batches before, so that it need not ask the database again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: userIds that are remembered: some 25 MB.
_MOST_NAMES = 200_000
#: Batches that look for duplicates after one had some; a batch that does not look and meets one is stored again.
_WARY = 20


class Known:
    """The rows of contacts by userId, which hold until a row is merged or erased, and whether duplicates come."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        # the first batch tells whether the file was imported before
        self._wary = 1
        #: whether the batch before had to make contacts, so that the next one will, too
        self.makes = False

    def rows(self, users: Iterable[str]) -> list[int | None]:
        """Return the row of each userId, None of one that is not known."""
        return list(map(self._rows.get, users))

    def learn(self, rows: Mapping[str, int]) -> None:
        """Remember rows that were not known and are committed; where there is no room, instead of all others."""
        if len(self._rows) + len(rows) > _MOST_NAMES:
            self._rows.clear()
        self._rows.update(rows)

    def forget(self) -> None:
        """Forget whose row is whose: somebody was merged or erased."""
        self._rows.clear()

    @property
    def expects_duplicates(self) -> bool:
        """Say whether stored events are to be looked for before new ones are stored."""
        return self._wary > 0

    def met(self, duplicates: int) -> None:
        """Take note of how many events of a batch were stored before."""
        self._wary = _WARY if duplicates else max(0, self._wary - 1)
