r"""The golden cases: project fragments and the exact text that `check` prints for them.

A case is one file. Its first line says what the mistake is; each `--- PATH` begins a file that is laid over base.case;
`--- expected` begins the text. Behind a path, `(escaped)` means that \uXXXX and \n in the content are escapes,
`(times N)` that its last line is repeated, `(absent)` that the project has no such file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lifecycle.spec.diagnostics import Diagnostic, as_text
from lifecycle.spec.project import load

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "diagnostics"
_PART = re.compile(r"^--- (?P<path>\S+)(?: \((?P<how>[a-z]+)(?: (?P<times>\d+))?\))?\n", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One mistake, or one run with several."""

    path: Path
    title: str
    files: dict[str, str]
    expected: str

    @property
    def name(self) -> str:
        """Return the file's name without its ending."""
        return self.path.stem

    def found(self) -> list[Diagnostic]:
        """Return what loading the case's project finds."""
        return load(self.files).diagnostics

    def text(self) -> str:
        """Return what `check` prints for it."""
        return "".join(as_text(found, self.files) + "\n" for found in self.found())

    def write(self) -> None:
        """Write what is found as what is expected."""
        source = self.path.read_text(encoding="utf-8")
        head = source.partition("--- expected\n")[0]
        self.path.write_text(f"{head}--- expected\n{self.text()}", encoding="utf-8")


def read_case(path: Path, base: dict[str, str]) -> Case:
    """Read one case over the base project."""
    source = path.read_text(encoding="utf-8")
    parts = list(_PART.finditer(source))
    files = dict(base)
    expected = ""
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        content = source[part.end() : following.start() if following else len(source)]
        match part["path"], part["how"]:
            case "expected", _:
                expected = content
            case name, "absent":
                files.pop(name, None)
            case name, "escaped":
                files[name] = json.loads(f'"{content.strip()}"')
            case name, "times":
                head, _, last = content.strip().rpartition("\n")
                once = json.loads(f'"{last}"')
                repeated = "".join(once.replace("%d", str(n)) for n in range(int(part["times"])))
                files[name] = (f"{head}\n" if head else "") + repeated
            case name, _:
                files[name] = content
    return Case(path, source.splitlines()[0].lstrip("# "), files, expected)


def all_cases() -> Iterator[Case]:
    """Yield every case, in the order of their names."""
    base = read_case(FOLDER / "base.case", {}).files
    for path in sorted(FOLDER.glob("*.case")):
        if path.name != "base.case":
            yield read_case(path, base)
