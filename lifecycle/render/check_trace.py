"""Notes what the check of one template looks up: files, segments, and texts in the catalogs of its locale.

The names of what can be looked up are `check_facts`'s. A caller that keeps the notes has the first half of a verifying
trace; what is under the names now is the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from lifecycle.render.catalogs import UNREAD, Catalog
from lifecycle.render.compile import Templates
from lifecycle.render.formats import Formats
from lifecycle.render.localise import Texts
from lifecycle.spec.model import Content

Value = TypeVar("Value")


class Notes:
    """What was read since `begin`, by the names of `check_facts`."""

    def __init__(self) -> None:
        self.reads: set[str] = set()

    def begin(self) -> None:
        """Start over."""
        self.reads = set()

    def files(self, key: str | None) -> None:
        """Note a file by its path; None for the paths of all."""
        self.reads.add("paths" if key is None else f"file {key}")

    def segments(self, key: str | None) -> None:
        """Note a segment by its id; None for all."""
        self.reads.add("segments" if key is None else f"segment {key}")

    def texts(self, locale: str) -> Callable[[str | None], None]:
        """Return what notes a text of a locale by its key; None for the keys of all."""
        return lambda key: self.reads.add(f"keys {locale}" if key is None else f"text {locale} {key}")


class Traced(Mapping[str, Value]):
    """A map that notes each key that is asked for, found or not; with None, that all keys were."""

    __slots__ = ("_inner", "_note")

    def __init__(self, inner: Mapping[str, Value], note: Callable[[str | None], None]) -> None:
        self._inner = inner
        self._note = note

    def __getitem__(self, key: str) -> Value:
        self._note(key)
        return self._inner[key]

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return key in self._inner

    def __iter__(self) -> Iterator[str]:
        self._note(None)
        return iter(self._inner)

    def __len__(self) -> int:
        self._note(None)
        return len(self._inner)


class _TracedTexts(Texts):
    """Texts whose catalogs note what is looked up, through whichever method."""

    def __init__(self, note: Callable[[str | None], None], *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        chain = tuple(catalog if catalog is UNREAD else Traced(catalog, note) for catalog in self.chain)
        object.__setattr__(self, "chain", chain)
        object.__setattr__(self, "_entries", Traced(self._entries, note))


class TracedTemplates(Templates):
    """The templates of a version, for checking: `notes` holds what was read of files, catalogs and segments.

    Campaigns are not traced: every check goes through all of them for the names of coupons, which are in `base`, and
    for those that send the template, which it is held against as a whole.
    """

    def __init__(self, content: Content, *, inline: bool = False, notes: Notes | None = None) -> None:
        super().__init__(content, inline=inline)
        self.notes = notes or Notes()
        self.content = replace(
            content,
            files=Traced(content.files, self.notes.files),
            segments=Traced(content.segments, self.notes.segments),
        )
        self._untraced = content
        self._inlining: TracedTemplates | None = None

    def inlining(self) -> TracedTemplates:
        """Return the same templates with their CSS inlined, reading into the same notes."""
        if self._inlining is None:
            self._inlining = TracedTemplates(self._untraced, inline=True, notes=self.notes)
        return self._inlining

    def texts_of(
        self, locale: str, chain: tuple[Catalog, ...], formats: Formats, *, html: bool, isolate: bool
    ) -> Texts:
        """Return texts that note what is asked for."""
        note = self.notes.texts(locale)
        return _TracedTexts(note, locale, chain, formats, html=html, isolate=isolate, lenient=True)
