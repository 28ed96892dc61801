"""Text woven from several files that still knows where each character was written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from lifecycle.spec.place import Place


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. `origin` is its offset in the file `path`; one that was `made` stands for that one point."""

    text: str
    path: str
    origin: int
    made: bool = False


class Woven:
    """Pieces in a row: `text` is all of them, `place` finds the way back."""

    def __init__(self, pieces: Iterable[Piece], files: Mapping[str, str], path: str = "") -> None:
        #: where an empty text is: the file that says nothing
        self.path = path
        self.pieces = [piece for piece in pieces if piece.text]
        self.files = files
        self.text = "".join(piece.text for piece in self.pieces)
        self._starts = [0, *accumulate(len(piece.text) for piece in self.pieces)]

    def origin(self, offset: int) -> tuple[str, int]:
        """Return the file of the character at `offset`, and its offset there."""
        if not self.pieces:
            return (self.path, 0)
        index = min(bisect_right(self._starts, offset) - 1, len(self.pieces) - 1)
        piece = self.pieces[index]
        return (piece.path, piece.origin + (0 if piece.made else min(offset - self._starts[index], len(piece.text))))

    def place(self, offset: int, length: int = 1) -> Place:
        """Return where the character at `offset` was written."""
        path, origin = self.origin(offset)
        return place_in(self.files, path, origin, length)

    def slice(self, start: int, end: int) -> list[Piece]:
        """Return the pieces of text[start:end]."""
        found = []
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self.pieces) and self._starts[index] < end:
            piece, first = self.pieces[index], self._starts[index]
            left, right = max(start - first, 0), min(end - first, len(piece.text))
            origin = piece.origin if piece.made else piece.origin + left
            found.append(Piece(piece.text[left:right], piece.path, origin, piece.made))
            index += 1
        return found


def place_in(files: Mapping[str, str], path: str, origin: int, length: int = 1) -> Place:
    """Return the place of the character at offset `origin` of a file."""
    before = files.get(path, "")[:origin]
    return Place(path, before.count("\n") + 1, origin - (before.rfind("\n") + 1) + 1, max(length, 1))
