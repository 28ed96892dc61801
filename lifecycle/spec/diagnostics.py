"""What is wrong with the content, where, and what to do: permanent code, place, frame, hint.

Codes: LC0xx YAML itself, LC1xx the shape of a file, LC2xx references between files, LC3xx conditions and types,
LC4xx what a campaign means, LC5xx templates and MJML, LC6xx catalogs and locales, LC7xx quality of a mail. A code is
never given to another mistake, and never renumbered.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

from lifecycle.spec.place import Place


class Severity(StrEnum):
    """An error stops the commands that need the file; a warning stops nothing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. `hint` is one short sentence: what was meant, or what to do."""

    code: str
    severity: Severity
    message: str
    place: Place
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """Say whether it stops the commands that need the file."""
        return self.severity is Severity.ERROR


class Rule:
    """A kind of mistake. The subclass's docstring is its default message; its code is permanent."""

    code: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    #: every rule by its code
    registry: ClassVar[dict[str, type[Rule]]] = {}

    def __init_subclass__(cls) -> None:
        """Register the rule, unless it is a family without a code. Raises ValueError when its code is taken."""
        if "code" not in cls.__dict__:
            return
        taken = Rule.registry.get(cls.code)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ValueError(f"{cls.code} is {taken.__name__} already")
        Rule.registry[cls.code] = cls

    @classmethod
    def at(cls, place: Place, message: str = "", *, hint: str = "") -> Diagnostic:
        """Return this mistake at `place`; the message is the docstring's first line unless given."""
        return Diagnostic(cls.code, cls.severity, message or cls.summary(), place, hint)

    @classmethod
    def summary(cls) -> str:
        """Return the docstring's first line as it stands behind a code: begun small, without its full stop."""
        text = (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")
        is_name = text[1:2].isupper()  # MJML, HTML
        return text if is_name else text[0].lower() + text[1:]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "x"?` for the closest known word, else "" (Damerau-like ratio of at least 0.6)."""
    if len(word) > 100:
        return ""  # nobody meant that, and comparing takes quadratic time
    options = [str(option) for option in known]
    folded = {option.lower(): option for option in reversed(options)}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return f'did you mean "{folded[close[0]]}"?' if close else ""


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return them by file, line and column, each once."""
    unique = dict.fromkeys(diagnostics)
    return sorted(unique, key=lambda found: (found.place.path, found.place.line, found.place.column, found.code))


def as_text(diagnostic: Diagnostic, files: Mapping[str, str]) -> str:
    """Return the diagnostic with its frame: the source line, a caret under the place, the hint behind the caret."""
    place = diagnostic.place
    lines = [f"{place}: {diagnostic.severity} {diagnostic.code}: {diagnostic.message}"]
    source = _lines(files.get(place.path, ""))
    line = source[place.line - 1] if 1 <= place.line <= len(source) else ""
    if line and not line.isspace():
        text, column = _window(line, place.column)
        gutter = f"{place.line:>3} | "
        caret = " " * (column - 1) + "^" * max(1, min(place.length, len(text) - column + 1))
        lines += [f"{gutter}{text}", f"{' ' * (len(gutter) - 2)}| {caret} {diagnostic.hint}".rstrip()]
    elif diagnostic.hint:
        lines.append(f"    {diagnostic.hint}")
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", "\n".join(lines))


#: A frame shows at most this much of a line.
_FRAME_WIDTH = 120
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@lru_cache(maxsize=16)
def _lines(text: str) -> list[str]:
    return re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))


def _window(line: str, column: int) -> tuple[str, int]:
    """Return the part of a line around `column`, and the column in that part; no work is done for the rest of it."""
    start = max(0, min(column - _FRAME_WIDTH // 2, len(line) - _FRAME_WIDTH)) if len(line) > _FRAME_WIDTH else 0
    part = line[start : start + _FRAME_WIDTH].replace("\t", " ")
    tail = "…" if start + _FRAME_WIDTH < len(line) else ""
    head = "…" if start else ""
    return f"{head}{part if tail else part.rstrip()}{tail}", column - start + len(head)


def as_json(diagnostics: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """Return them as `check --format json` prints them."""
    return [
        {
            "code": found.code, "severity": str(found.severity), "message": found.message, "hint": found.hint,
            "file": found.place.path, "line": found.place.line, "column": found.place.column,
            "length": found.place.length,
        }
        for found in diagnostics
    ]  # fmt: skip
