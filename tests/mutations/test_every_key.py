"""Every key of the sample's campaigns, segments and journey tests, misspelt by one letter: the caret is on that key.

Keys that are names of the author's own (data, properties of an event in a test, what a contact is) mean nothing to
`check` and are left out by name.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from checking import check_yaml

from lifecycle.spec.diagnostics import as_text
from lifecycle.spec.place import Place
from lifecycle.spec.source import ListNode, MapNode, Node, ScalarNode, read
from shop import sample_files

PATHS = [path for path in sample_files() if path.startswith(("campaigns/", "segments/", "tests/journeys/"))]
#: what stands below these keys is the author's own
_FREE = {"contact", "data", "properties"}


def _keys(node: Node) -> Iterator[ScalarNode]:
    match node:
        case MapNode(entries=entries):
            for entry in entries:
                yield entry.key
                if entry.name not in _FREE:
                    yield from _keys(entry.value)
        case ListNode(items=items):
            for item in items:
                yield from _keys(item)


@pytest.mark.parametrize("path", PATHS)
def test_every_misspelt_key_is_found_where_it_stands(path: str) -> None:
    """A letter doubled in the middle; what is reported beside stands in the same file, since the rest is as it was."""
    files = sample_files()
    node, _ = read(path, files[path])
    assert node is not None
    missed = []
    for key in _keys(node):
        at, middle = key.place, len(key.text) // 2
        misspelt = key.text[:middle] + key.text[middle - 1] + key.text[middle:]
        lines = files[path].split("\n")
        line = lines[at.line - 1]
        lines[at.line - 1] = line[: at.column - 1] + misspelt + line[at.column - 1 + len(key.text) :]
        mutant = {**files, path: "\n".join(lines)}
        found = check_yaml(mutant)
        wanted = Place(path, at.line, at.column, len(misspelt))
        if not any(each.place == wanted for each in found) or any(each.place.path != path for each in found):
            missed.append("\n".join([f"{misspelt} at {at}", *(as_text(each, mutant) for each in found)]))
    assert not missed, "\n\n".join(missed)
