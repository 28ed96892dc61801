"""Conditions that lead back to themselves: segments through segments, and stages through segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifecycle.spec.conditions import Condition, SegmentLeaf, StageLeaf, walk
from lifecycle.spec.diagnostics import Diagnostic, Rule
from lifecycle.spec.model import Content
from lifecycle.spec.place import Place
from lifecycle.spec.rules_conditions import StageInStage

#: A segment may lean on a segment that leans on one, and so on, this many times.
MAX_LEVELS = 16
#: Stages are one knot: which one a contact is in depends on all of their conditions.
_STAGES = "stage"


class ConditionCycle(Rule):
    """The condition leads back to itself.

    Each segment in the circle asks for the next. Fix: break it where it makes least sense.
    """

    code = "LC210"


class TooManyLevels(Rule):
    """Segments lean on segments more than 16 levels deep.

    Fix: write the inner conditions out.
    """

    code = "LC211"


@dataclass(frozen=True, slots=True)
class _Edge:
    target: str
    place: Place


def check_cycles(content: Content) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each segment that closes a circle, and for each stage that asks about stages."""
    edges: dict[str, list[_Edge]] = {_STAGES: []}
    for stage in content.project.stages:
        for edge in _edges(stage.when):
            if edge.target == _STAGES:
                yield StageInStage.at(edge.place)
            else:
                edges[_STAGES].append(edge)
    for segment in content.segments.values():
        edges[f"segment {segment.segment}"] = list(_edges(segment.where))
    yield from _walk_edges(edges)


def _edges(condition: Condition) -> Iterator[_Edge]:
    for part in walk(condition):
        if part.place is None:
            continue
        if isinstance(part, SegmentLeaf):
            yield _Edge(f"segment {part.segment}", part.place)
        elif isinstance(part, StageLeaf):
            yield _Edge(_STAGES, part.place)


def _walk_edges(edges: Mapping[str, list[_Edge]]) -> Iterator[Diagnostic]:
    """Walk depth first without recursion: chains may be as long as there are files."""
    levels: dict[str, int] = {}
    for root in edges:
        trail: list[tuple[str, Iterator[_Edge]]] = [(root, iter(edges[root]))] if root not in levels else []
        on_trail = {root} if trail else set[str]()
        while trail:
            name, rest = trail[-1]
            edge = next(rest, None)
            if edge is None:
                trail.pop()
                on_trail.discard(name)
                levels[name] = 1 + max((levels.get(each.target, 0) for each in edges[name]), default=0)
                if levels[name] == MAX_LEVELS + 1 and edges[name]:
                    yield TooManyLevels.at(edges[name][0].place)
            elif edge.target in on_trail:
                names = [each for each, _ in trail]
                circle = [*names[names.index(edge.target) :], edge.target]
                yield ConditionCycle.at(edge.place, "this leads back to itself: " + " → ".join(circle))
            elif edge.target in edges and edge.target not in levels:
                trail.append((edge.target, iter(edges[edge.target])))
                on_trail.add(edge.target)
