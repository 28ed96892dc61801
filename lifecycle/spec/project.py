"""From texts to Content: every file read, decoded and held against the others; all mistakes in one run.

Texts come by path, so that files on disk and a version in the database load alike. A file that does not read hides
nothing of the others: names that it would have declared count as declared, so that one mistake gives one diagnostic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lifecycle.base.errors import UsageError
from lifecycle.base.ids import content_hash
from lifecycle.spec import decode_campaign, decode_project, rules_shape, rules_yaml
from lifecycle.spec.decode import Reading, Refused
from lifecycle.spec.decode_values import is_name
from lifecycle.spec.diagnostics import Diagnostic, in_order
from lifecycle.spec.model import Content
from lifecycle.spec.place import Place
from lifecycle.spec.source import MapNode, Node, ScalarNode, read

PROJECT_FILE = "lifecycle.yaml"
#: What belongs to the content, by folder.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "segments": (".yaml", ".yml"),
    "campaigns": (".yaml", ".yml"),
    "templates": (".mjml", ".yaml", ".yml"),
    "locales": (".yaml", ".yml"),
    "tests/journeys": (".yaml", ".yml"),
}
#: Larger files are not read at all; `source` refuses what is larger than its own limit, at its place.
_MAX_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading.

    `content` is None when there is an error; `partial` holds what is sound even then, and is None only when
    lifecycle.yaml itself is not. `declared` holds, by kind, the ids that broken files meant to declare too.
    """

    content: Content | None
    diagnostics: list[Diagnostic]
    partial: Content | None
    declared: Mapping[str, AbstractSet[str]] = field(default_factory=dict)

    @property
    def errors(self) -> list[Diagnostic]:
        """Return the diagnostics that are errors."""
        return [found for found in self.diagnostics if found.is_error]


def read_folder(folder: Path) -> dict[str, str]:
    """Return the texts of the project in `folder` by posix path.

    Lines end in LF alone; bytes that are not UTF-8 are kept as surrogates, which `load` reports at their place. Raises
    UsageError when there is no lifecycle.yaml.
    """
    if not (folder / PROJECT_FILE).is_file():
        raise UsageError(
            f"there is no lifecycle.yaml in {folder}", hint="lifecycle init DIR makes a project; -C DIR names one"
        )
    files = {PROJECT_FILE: _text(folder / PROJECT_FILE)}
    for top, suffixes in _SUFFIXES.items():
        for path in sorted((folder / top).rglob("*")):
            inside = path.relative_to(folder)
            if path.suffix in suffixes and path.is_file() and not any(part.startswith(".") for part in inside.parts):
                files[inside.as_posix()] = _text(path)
    return files


def _text(path: Path) -> str:
    with path.open("rb") as opened:
        found = opened.read(_MAX_BYTES)
    return found.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")


def load(files: Mapping[str, str]) -> Loaded:
    """Return the content of `files` (texts by posix path) and all that is wrong with them. Never raises."""
    from lifecycle.spec.rules import check_all

    reading = Reading()
    nodes = dict(_read_all(files, reading))
    if PROJECT_FILE not in files:
        reading.found.append(rules_shape.NoProject.at(Place(PROJECT_FILE, 1, 1), hint="lifecycle init DIR makes one"))
    project = _decoded(decode_project.project, nodes.get(PROJECT_FILE), reading)
    segments = _decode_files("segments", "segment", decode_campaign.segment, files, nodes, reading)
    campaigns = _decode_files("campaigns", "campaign", decode_campaign.campaign, files, nodes, reading)
    if project is None:
        return Loaded(None, in_order(reading.found), None)
    partial = Content(
        project,
        segments.made,
        campaigns.made,
        dict(files),
        hash=_hash(files),
        campaign_hashes={
            name: content_hash(files[campaigns.paths[name]].encode(errors="replace")) for name in campaigns.made
        },
    )
    declared = {"segment": segments.declared, "campaign": campaigns.declared}
    reading.found += check_all(partial, reading, declared)
    sound = not any(found.is_error for found in reading.found)
    return Loaded(partial if sound else None, in_order(reading.found), partial, declared)


def _hash(files: Mapping[str, str]) -> str:
    return content_hash(*(part.encode(errors="replace") for path in sorted(files) for part in (path, files[path])))


def _read_all(files: Mapping[str, str], reading: Reading) -> Iterator[tuple[str, Node]]:
    for path in sorted(files):
        top = path.split("/", 1)[0]
        if path != PROJECT_FILE and top not in {"segments", "campaigns"}:
            continue
        if path.endswith(".yml"):
            place = Place(path, 1, 1)
            reading.found.append(
                rules_shape.WrongExtension.at(place, hint=f"rename it to {PurePosixPath(path).stem}.yaml")
            )
        node, found = read(path, files[path])
        reading.found += found
        if node is not None:
            yield path, node


def _decoded(decode: Callable[[Node, Reading], Any], node: Node | None, reading: Reading) -> Any:
    """Return what `decode` makes of a file, None when it refuses."""
    if node is None:
        return None
    reading.begin()
    before = len(reading.found)
    told = {_start(found.place) for found in reading.found if found.is_error}
    try:
        return decode(node, reading)
    except Refused:
        if reading.full:
            reading.found.append(rules_yaml.TooManyMistakes.at(Place(node.place.path, 1, 1)))
        # what YAML itself forbids there (an alias, a merge) has been said; what follows from it would only confuse
        reading.found[before:] = [found for found in reading.found[before:] if _start(found.place) not in told]
        return None


def _start(place: Place) -> tuple[str, int, int]:
    return place.path, place.line, place.column


@dataclass(slots=True)
class _Files:
    """The files of one kind: what they made by id, where each stands, and every id that they meant to declare."""

    made: dict[str, Any]
    paths: dict[str, str]
    declared: set[str]


def _decode_files(
    folder: str, key: str, decode: Callable[[Node, Reading], Any], files: Iterable[str], nodes: Mapping[str, Node],
    reading: Reading,
) -> _Files:  # fmt: skip
    # a file that cannot be read, or whose id is another than its name, has been told so
    found = _Files({}, {}, {PurePosixPath(path).stem for path in files if path.startswith(f"{folder}/")})
    for path, node in nodes.items():
        if not path.startswith(f"{folder}/"):
            continue
        made = _decoded(decode, node, reading)
        called = node.get(key) if isinstance(node, MapNode) else None
        if not isinstance(called, ScalarNode):
            continue
        _look_at_name(key, called, path, found, reading)
        if made is not None and called.text not in found.made:
            found.made[called.text] = made
        found.paths.setdefault(called.text, path)
        found.declared.add(called.text)
    return found


def _look_at_name(key: str, called: ScalarNode, path: str, found: _Files, reading: Reading) -> None:
    stem = PurePosixPath(path).stem
    if called.text in found.paths:
        message = f'the {key} "{called.text}" is declared twice'
        hint = f"first in {found.paths[called.text]}"
        reading.found.append(rules_shape.DuplicateId.at(called.place, message, hint=hint))
    elif stem != called.text and is_name(called.text):
        message = f'the {key} "{called.text}" stands in {PurePosixPath(path).name}'
        hint = f"rename the file to {called.text}.yaml, or the {key} to {stem}"
        reading.found.append(rules_shape.FileNameDiffers.at(called.place, message, hint=hint))
