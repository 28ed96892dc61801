"""What a condition is asked in: the project, its segments, and where each top share ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lifecycle.audience.boundary import Boundary
from lifecycle.audience.reads import Reads, brought_by, reads_of
from lifecycle.base.errors import ContentError
from lifecycle.base.units import Share
from lifecycle.spec.chosen import conditions_of
from lifecycle.spec.conditions import (
    Condition,
    FactLeaf,
    MessageLeaf,
    SegmentLeaf,
    StageLeaf,
    walk,
)
from lifecycle.spec.model import Content, Project, Segment, Stage

#: The fact and the share of `{top: 10%}`.
Top: TypeAlias = tuple[str, Share]
#: Under `stage:ID` a stage stands where segments are named: its own condition, whatever comes after it.
STAGE_PREFIX = "stage:"
#: Conditions inside conditions, segments inside segments: deeper is refused.
MAX_NESTING = 16


@dataclass(frozen=True, slots=True)
class Setting:
    """The project and segments of one version, and where each top share that a condition names ends.

    `ranking.load_tops` reads `tops`; SQL expressions find out for themselves what they are not told.
    """

    project: Project
    segments: Mapping[str, Segment]
    tops: Mapping[Top, Boundary] = field(default_factory=dict)
    _conditions: dict[str, Condition] = field(default_factory=dict, repr=False, compare=False)
    _reads: dict[str, Reads] = field(default_factory=dict, repr=False, compare=False)
    _brought_by: dict[int, tuple[Condition, frozenset[str] | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, content: Content, tops: Mapping[Top, Boundary] | None = None) -> Setting:
        """Return the setting of one version of the content."""
        return cls(content.project, content.segments, tops or {})

    def consent_default(self, topic: str) -> bool:
        """Say whether a contact that said nothing consents to the topic."""
        found = self.project.topic(topic)
        return found is not None and found.default == "granted"

    def reads(self, name: str) -> Reads:
        """Return what the condition of a segment, or of `stage:ID`, reads, through segments and stages."""
        if name not in self._reads:
            self._reads[name] = reads_of(walk_all(self.conditions[name], self))
        return self._reads[name]

    def may_bring(self, condition: Condition, event: str) -> bool:
        """Say whether an event of that name may make the condition come true that counts from a moment on."""
        # by identity, which the tuple keeps: conditions are deep, and hashing one costs more than asking it
        known = self._brought_by.get(id(condition))
        if known is None:
            known = self._brought_by[id(condition)] = (condition, brought_by(condition))
        return known[1] is None or event in known[1]

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """Return what is kept for each contact: each stage's own condition by `stage:ID`, in order, then segments'."""
        if not self._conditions:
            self._conditions.update((STAGE_PREFIX + stage.stage, stage.when) for stage in self.project.stages)
            self._conditions.update((name, segment.where) for name, segment in self.segments.items())
        return self._conditions

    def reached_stages(self, leaf: StageLeaf) -> tuple[str, ...]:
        """Return the stages in which the leaf holds, for a contact that has a stage; in the project's order."""
        order = [stage.stage for stage in self.project.stages]
        wanted = set(leaf.value) if isinstance(leaf.value, tuple) else {leaf.value}
        if unknown := wanted - set(order):
            raise ContentError(f'no stage "{min(unknown)}"', hint="stages: " + ", ".join(order))
        match leaf.operator:
            case "is" | "in":
                return tuple(stage for stage in order if stage in wanted)
            case "is_not" | "not_in":
                return tuple(stage for stage in order if stage not in wanted)
            case "at_least":
                return tuple(order[order.index(leaf.value) :])
            case "at_most":
                return tuple(order[: order.index(leaf.value) + 1])


@dataclass(frozen=True, slots=True)
class Nesting:
    """How deep a condition stands, and inside what; the evaluator and the compiler refuse the same things."""

    depth: int = 0
    segments: tuple[str, ...] = ()
    stage: str | None = None

    def deeper(self) -> Nesting:
        """Return the nesting of a part. Raises ContentError past MAX_NESTING."""
        if self.depth >= MAX_NESTING:
            where = f' in segment "{self.segments[0]}"' if self.segments else ""
            raise ContentError(
                f"a condition{where} is nested more than {MAX_NESTING} deep",
                hint="take a part of it out into a segment that stands beside, not inside",
            )
        return Nesting(self.depth + 1, self.segments, self.stage)

    def into_segment(self, name: str, setting: Setting) -> tuple[Segment, Nesting]:
        """Return the segment and the nesting of its condition. Raises ContentError: unknown, or a cycle."""
        if name in self.segments:
            raise ContentError("segments go round in a circle: " + " → ".join((*self.segments, name)))
        if name not in setting.segments:
            raise ContentError(f'no segment "{name}"', hint="segments: " + ", ".join(sorted(setting.segments)))
        return setting.segments[name], replace(self.deeper(), segments=(*self.segments, name))

    def into_stage(self, stage: Stage) -> Nesting:
        """Return the nesting of the stage's own condition. Raises ContentError inside another stage's condition."""
        if self.stage is not None:
            raise ContentError(
                f'the condition of stage "{self.stage}" asks for a stage',
                hint="stages are computed one after the other; ask for what makes a contact be in that stage",
            )
        return replace(self.deeper(), stage=stage.stage)


def walk_all(condition: Condition, setting: Setting, nesting: Nesting = Nesting()) -> Iterator[Condition]:
    """Yield the condition's parts, and those of the segments and stages that it names. Raises ContentError."""
    for part in walk(condition):
        yield part
        match part:
            case SegmentLeaf(segment=name):
                segment, inner = nesting.into_segment(name, setting)
                yield from walk_all(segment.where, setting, inner)
            case StageLeaf():
                for stage in setting.project.stages:
                    yield from walk_all(stage.when, setting, nesting.into_stage(stage))
            case _:
                pass


def top_shares(condition: Condition, setting: Setting) -> frozenset[Top]:
    """Return the (fact, share) of each `{top: 10%}` that the condition depends on."""
    return frozenset(
        (leaf.fact, test.value)
        for leaf in walk_all(condition, setting)
        if isinstance(leaf, FactLeaf)
        for test in leaf.tests
        if test.operator == "top"
    )


def wanted_tops(content: Content) -> list[Top]:
    """Return each top share that a condition of the content names, in one order for everybody."""
    setting = Setting.of(content)
    found = {top for condition in conditions_of(content) for top in top_shares(condition, setting)}
    return sorted(found, key=lambda top: (top[0], str(top[1])))


def asks_of_sending(content: Content) -> bool:
    """Say whether a condition may change its answer the moment a mail has been sent: rare, and then it is told."""
    setting = Setting.of(content)
    return any(
        isinstance(part, MessageLeaf) and (part.state == "sent" or part.last is not None)
        for condition in conditions_of(content)
        for part in walk_all(condition, setting)
    )
