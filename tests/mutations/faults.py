r"""Seeded faults: what a marketer could mistype in the sample project, and the words that `check` must point at.

faults/*.txt hold them, each a block as in a diff. `# ` begins one and says what was done; a path begins its changes
in that file: `-` lines are the text taken out, which must stand there exactly once, `+` lines what is put in its place
(`~` lines too, with escapes as \t and \ufeff), and ` ` lines are text that stays, in which something is reported. A
`-` block without `+` takes the lines away; `+` without `-` makes the file, and the word `absent` removes it.

⟦LC104|dayz⟧ is the stretch that exactly one diagnostic of that code must cover, to the column and the length;
⟦LC703 LC703|…⟧ expects two of them. What is not marked must not be reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lifecycle.spec.place import Place

FOLDER = Path(__file__).parent / "faults"
_EDGE = re.compile(r"(⟦LC[0-9LC ]+\||⟧)")
_TITLE, _ABSENT = "# ", "absent"


@dataclass(frozen=True, slots=True)
class Change:
    """One stretch of one file. `old` is None for a new file, `new` (with marks) None for one that goes."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: where it is written down, what was done, and how."""

    id: str
    title: str
    changes: tuple[Change, ...]

    def seed(self, files: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, Place]]]:
        """Return the project with the fault, and each code that it must give with its place.

        Raises ValueError when a text does not stand exactly once in its file: the sample has moved on.
        """
        mutant = dict(files)
        for change in self.changes:
            if change.new is None:
                del mutant[change.path]
            elif change.old is None:
                mutant[change.path] = change.new
            else:
                mutant[change.path] = _replaced(change, mutant[change.path])
        expected = []
        for path in {change.path for change in self.changes if change.new is not None}:
            mutant[path], found = unmark(path, mutant[path])
            expected += found
        return mutant, sorted(expected, key=str)

    @property
    def codes(self) -> set[str]:
        """Return the codes that it must give."""
        marks = (mark for change in self.changes for mark in _EDGE.findall(change.new or ""))
        return {code for mark in marks for code in mark.strip("⟦|⟧").split()}


def _replaced(change: Change, text: str) -> str:
    old, new = change.old or "", change.new or ""
    times = _plain(text).count(old)
    if times != 1 or old not in text:
        raise ValueError(f"{change.path} has {times} times: {old}")
    if new:
        return text.replace(old, new)
    start = text.rindex("\n", 0, text.index(old)) + 1 if "\n" in text[: text.index(old)] else 0
    return text[:start] + text[text.index("\n", text.index(old) + len(old)) + 1 :]


def unmark(path: str, text: str) -> tuple[str, list[tuple[str, Place]]]:
    """Return the text without its marks, and each marked code with the place of its words. Marks may stand in marks."""
    found: list[tuple[str, Place]] = []
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        plain = ""
        opened: list[tuple[str, int]] = []
        for part in _EDGE.split(line):
            if part.startswith("⟦"):
                opened.append((part[1:-1], len(plain)))
            elif part == "⟧":
                codes, start = opened.pop()
                # an invisible mark at the head of a file counts for no column
                column = len(plain[:start].removeprefix("\ufeff")) + 1
                place = Place(path, number, column, max(len(plain) - start, 1))
                found += [(code, place) for code in codes.split()]
            else:
                plain += part
        lines.append(plain)
    return "\n".join(lines), found


def _plain(text: str) -> str:
    return _EDGE.sub("", text)


def all_faults() -> Iterator[Fault]:
    """Yield the faults of every file of the folder, in their order."""
    for path in sorted(FOLDER.glob("*.txt")):
        for number, block in enumerate(_blocks(path.read_text(encoding="utf-8")), 1):
            title = block[0].removeprefix(_TITLE)
            yield Fault(f"{path.stem}-{number:03}", title, tuple(_changes(block[1:])))


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.split("\n"):
        if line.startswith(_TITLE):
            if block:
                yield block
            block = []
        if line:
            block.append(line)
    yield block


def _changes(lines: list[str]) -> Iterator[Change]:
    path = ""
    old: list[str] = []
    new: list[str] = []
    for line in [*lines, ""]:
        kept = line[:1]
        if (old or new) and (kept not in {"-", "+", "~"} or (kept == "-" and new)):
            yield Change(path, "\n".join(old) if old else None, "\n".join(new))
            old, new = [], []
        match kept:
            case "-":
                old.append(line[1:])
            case "+":
                new.append(line[1:])
            case "~":
                new.append(line[1:].encode("latin-1", "backslashreplace").decode("unicode_escape"))
            case " ":
                yield Change(path, _plain(line[1:]), line[1:])
            case _ if line == _ABSENT:
                yield Change(path, None, None)
            case _:
                path = line
