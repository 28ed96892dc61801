"""What a template needs to be filled: the names it reads where nothing has asked before whether they are there.

`{% if coupon %}{{ coupon.code }}{% endif %}` needs nothing, `{{ coupon.code }}` needs a coupon. A test guards what it
asks for in the part that it leads to: `{% if not coupon %}` guards its `{% else %}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from jinja2 import nodes

from lifecycle.render.jinja_check import Reading
from lifecycle.spec.place import Place

#: names from the outside in: ("event", "properties", "price")
Path: TypeAlias = tuple[str, ...]
_NOTHING: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True)
class Need:
    """One read of a name that nothing guards, in a line of `reading`. The first `sure` names of the path are there."""

    path: Path
    sure: int
    reading: Reading
    line: int

    @property
    def place(self) -> Place:
        """Return where the name stands."""
        return self.reading.at(self.line, self.path[0])

    def place_of(self, name: str) -> Place:
        """Return where a name below it stands."""
        return self.reading.at(self.line, name, self.path[self.path.index(name) - 1])


def needs(readings: Iterable[Reading]) -> Iterator[Need]:
    """Yield each unguarded read of a template, in the order of the text."""
    for reading in readings:
        for node, path, sure in _reads(reading.tree, _NOTHING):
            yield Need(path, sure, reading, node.lineno)


def reads(readings: Iterable[Reading]) -> set[Path]:
    """Return every name that the template reads, guarded or not."""
    return {path for reading in readings for path in _paths(reading.tree)}


def _reads(node: nodes.Node, sure: frozenset[Path]) -> Iterator[tuple[nodes.Node, Path, int]]:
    """Yield what is read below `node` and is not among `sure`."""
    match node:
        case nodes.If():
            yield from _condition(node.test, node.body, [*node.elif_, *node.else_], sure)
        case nodes.CondExpr():
            yield from _condition(node.test, [node.expr1], [node.expr2] if node.expr2 else [], sure)
        case nodes.And():
            yield from _reads(node.left, sure)
            yield from _reads(node.right, sure | _when(node.left, holds=True))
        case nodes.Or():  # `a or b` asks for a, and takes b when it is not there
            yield from _asks(node.left, sure)
            yield from _reads(node.right, sure | _when(node.left, holds=False))
        case nodes.Filter(name="default" | "d"):
            for part in (*node.args, *(pair.value for pair in node.kwargs)):
                yield from _reads(part, sure)
        case nodes.Test(name="defined" | "undefined" | "none"):
            return
        case nodes.Name() | nodes.Getattr():
            path = path_of(node)
            if path is None:
                for inner in node.iter_child_nodes():
                    yield from _reads(inner, sure)
            elif (not isinstance(node, nodes.Name) or node.ctx == "load") and path not in sure:
                yield node, path, max((length for length in range(len(path)) if path[:length] in sure), default=0)
        case _:
            for inner in node.iter_child_nodes():
                yield from _reads(inner, sure)


def _condition(
    test: nodes.Node, then: Iterable[nodes.Node], otherwise: Iterable[nodes.Node], sure: frozenset[Path]
) -> Iterator[tuple[nodes.Node, Path, int]]:
    yield from _asks(test, sure)
    for part in then:
        yield from _reads(part, sure | _when(test, holds=True))
    for part in otherwise:
        yield from _reads(part, sure | _when(test, holds=False))


def _asks(test: nodes.Node, sure: frozenset[Path]) -> Iterator[tuple[nodes.Node, Path, int]]:
    """Yield what a test needs; a bare name only asks whether it is there."""
    match test:
        case nodes.Name() | nodes.Getattr() if path_of(test) is not None:
            return
        case nodes.Not():
            yield from _asks(test.node, sure)
        case nodes.And() | nodes.Or():
            yield from _asks(test.left, sure)
            yield from _asks(test.right, sure | _when(test.left, holds=isinstance(test, nodes.And)))
        case _:
            yield from _reads(test, sure)


def _when(test: nodes.Node, *, holds: bool) -> frozenset[Path]:
    """Return what is sure to be there when the test holds, or does not."""
    match test:
        case nodes.Not():
            return _when(test.node, holds=not holds)
        case nodes.And() | nodes.Or():
            left, right = _when(test.left, holds=holds), _when(test.right, holds=holds)
            both = isinstance(test, nodes.And) is holds
            return left | right if both else left & right
        case nodes.Test(name="undefined" | "none"):
            return _NOTHING if holds else _above(_paths(test.node))
        case _:
            return _above(_paths(test)) if holds else _NOTHING


def _above(paths: Iterable[Path]) -> frozenset[Path]:
    """Return the paths and all that they lie below: what has a code is a coupon."""
    return frozenset(path[:length] for path in paths for length in range(1, len(path) + 1))


def _paths(node: nodes.Node) -> Iterator[Path]:
    path = path_of(node)
    if path is not None:
        yield path
        return
    for part in node.iter_child_nodes():
        yield from _paths(part)


def path_of(node: nodes.Node) -> Path | None:
    """Return the names of `a.b.c` from the outside in, None for anything else."""
    match node:
        case nodes.Name():
            return (node.name,)
        case nodes.Getattr():
            owner = path_of(node.node)
            return (*owner, node.attr) if owner is not None else None
        case _:
            return None
