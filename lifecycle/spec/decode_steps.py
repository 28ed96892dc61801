"""Steps of a campaign. A step is a mapping whose key names its kind; the other keys refine it.

Ids are given here: `id`, else the template for a send, else kind and ordinal (`wait-2` is the second wait of the
campaign, named or not, so that naming one step renames no other).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

from lifecycle.base.units import Duration
from lifecycle.spec import model, rules_shape
from lifecycle.spec.conditions import Test
from lifecycle.spec.decode import Fields, Reading, Refused, Use, every, listed, mapped, one_or_more, wrong_type
from lifecycle.spec.decode_condition import condition, property_tests, use_properties
from lifecycle.spec.decode_values import (
    any_duration,
    data,
    data_map,
    duration,
    event_name,
    integer,
    name,
    option,
    path_parts,
    percents,
    property_path,
    scalar,
    share,
    step_id,
    template_name,
    text,
    time_of_day,
    unit_keys,
    weekday,
)
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import Step
from lifecycle.spec.place import Place
from lifecycle.spec.source import Entry, ListNode, MapNode, Node, ScalarNode

KINDS = (
    "send", "wait", "wait_for", "branch", "split", "update", "points", "coupon", "emit", "webhook", "ticket", "exit",
)  # fmt: skip

_Read: TypeAlias = Callable[[Fields, Entry, str], Step]

#: Steps past this many are no journey that anybody could follow.
MAX_STEPS = 500


class StepReader:
    """Reads the steps of one campaign, and gives each its id."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._ordinals: Counter[str] = Counter()
        self._taken: dict[str, Place] = {}
        self._full = False
        self._readers: dict[str, _Read] = {
            "send": self._send, "wait": self._wait, "wait_for": self._wait_for, "branch": self._branch,
            "split": self._split, "update": self._update, "points": self._points, "coupon": self._coupon,
            "emit": self._emit, "webhook": self._webhook, "ticket": self._ticket, "exit": self._exit,
        }  # fmt: skip

    def steps(self, node: Node, reading: Reading) -> tuple[Step, ...]:
        """Read a list of at least one step."""
        if isinstance(node, MapNode):
            wrong_type(node, reading, "a list of steps", hint='each step begins with "- "')
        return listed(self._step, least=1)(node, reading)

    def _step(self, node: Node, reading: Reading) -> Step:
        if isinstance(node, ScalarNode):
            return self._bare(node)
        if not isinstance(node, MapNode):
            wrong_type(node, reading, "a step as a mapping", hint="as - send: welcome/hello")
        head = next((entry for entry in node.entries if entry.name in KINDS), None)
        if head is None:
            return self._refuse_kind(node)
        fields = Fields(node, _called(head.name), reading)
        fields.entry(head.name)
        given = self._identify(fields, head)
        step = fields.run(lambda: self._readers[head.name](fields, head, given), cast("Step", None))
        fields.close(hints=lambda key: f'a step has one kind: begin the next with "- {key}:"' if key in KINDS else "")
        return step

    def _bare(self, node: ScalarNode) -> Step:
        if node.text != "exit":
            hint = did_you_mean(node.text, KINDS) or "as - send: welcome/hello"
            wrong_type(node, self._reading, "a step as a mapping", hint=hint)
        self._ordinals["exit"] += 1
        return model.Exit(self._take(f"exit-{self._ordinals['exit']}", node.place), place=node.place)

    def _refuse_kind(self, node: MapNode) -> Step:
        if not node.entries:
            self._reading.refuse(rules_shape.EmptyList.at(node.place, "the step is empty"))
        found = [(entry, did_you_mean(entry.name, KINDS)) for entry in node.entries if entry.name != "id"]
        entry, hint = next((pair for pair in found if pair[1]), found[0] if found else (node.entries[0], ""))
        message = f'unknown step "{entry.name}"'
        self._reading.refuse(
            rules_shape.UnknownKey.at(entry.key.place, message, hint=hint or "steps: " + ", ".join(KINDS))
        )

    def _identify(self, fields: Fields, head: Entry) -> str:
        """Return the step's id, taken so that no other step can have it."""
        self._ordinals[head.name] += 1
        entry = fields.entry("id")
        if entry is not None:
            written = fields.run(lambda: step_id(entry.value, self._reading), "")
            return self._take(written, entry.value.place) if written else ""
        if head.name == "send" and isinstance(head.value, ScalarNode) and head.value.value is not None:
            return self._take(head.value.text, head.value.place)
        return self._take(f"{head.name}-{self._ordinals[head.name]}", head.key.place)

    def _take(self, found: str, place: Place) -> str:
        if len(self._taken) == MAX_STEPS and found not in self._taken:
            if not self._full:
                self._full = True
                self._reading.found.append(rules_shape.TooManySteps.at(place, hint="begin another one with emit"))
            raise Refused
        first = self._taken.setdefault(found, place)
        if first is not place:
            message = f'the step id "{found}" stands here twice'
            hint = f"first on line {first.line}; give this step an id: of its own"
            self._reading.found.append(rules_shape.DuplicateStep.at(place, message, hint=hint))
        return found

    # ------------------------------------------------------------ mails and time

    def _send(self, fields: Fields, head: Entry, given: str) -> Step:
        reading = self._reading
        template = fields.required("send", template_name)
        if isinstance(head.value, ScalarNode) and template:
            reading.refer("template", template, head.value.place)
        return model.Send(
            given,
            template,
            deadline=fields.maybe("deadline", duration),
            skip_if=fields.maybe("skip_if", condition),
            sender=fields.maybe("sender", lambda node, _: reading.refer("sender", name(node, reading), node.place)),
            data=fields.maybe("data", data_map) or {},
            deadline_place=fields.value_place("deadline"),
            place=head.value.place,
        )

    def _wait(self, fields: Fields, head: Entry, given: str) -> Step:
        if not isinstance(head.value, MapNode):
            return model.Wait(given, fields.required("wait", duration), place=head.value.place)
        inner = Fields(head.value, "a wait step", self._reading)
        length = unit_keys(inner)
        until = inner.maybe("until", _moment)
        weekdays = inner.optional("weekdays", one_or_more(weekday), ())
        offset = inner.optional("offset", any_duration, Duration())
        if length is not None and inner.has("until"):
            message = "a wait step takes a length or until, not both"
            inner.report(rules_shape.KeysExclude.at(inner.place("until"), message))
        elif length is None and not inner.has("until") and not inner.refused and not inner.rest():
            inner.report(rules_shape.KeysExclude.at(head.value.place, "a wait step needs a length or until"))
        if weekdays and not hasattr(until, "hour"):
            message = '"weekdays" goes with until and a time of day'
            inner.report(rules_shape.KeysExclude.at(inner.place("weekdays"), message))
        if offset != Duration() and not isinstance(until, tuple):
            message = '"offset" goes with until and a date of the event'
            inner.report(rules_shape.KeysExclude.at(inner.place("offset"), message))
        inner.close()
        path = until if isinstance(until, tuple) else None
        if path is not None:
            self._reading.uses.append(Use("event", path, inner.value_place("until"), (), None, "date"))
        wall = None if isinstance(until, tuple) else until
        return model.Wait(given, length, wall, weekdays, path, offset, place=head.value.place)

    def _wait_for(self, fields: Fields, head: Entry, given: str) -> Step:
        inner = Fields(head.value, "a wait_for step", self._reading) if isinstance(head.value, MapNode) else fields
        names = inner.required("event" if inner is not fields else "wait_for", one_or_more(event_name))
        where = inner.optional("where", property_tests, ())
        use_properties(names or (), where, self._reading)
        timeout = inner.required("timeout", duration, hint="how long to wait at most, as timeout: 3d")
        then = inner.optional("then", self.steps, ())
        on_timeout = inner.optional("on_timeout", self.steps, ())
        if inner is not fields:
            inner.close()
        return model.WaitFor(given, names, timeout, where, then, on_timeout, place=head.value.place)

    # ------------------------------------------------------------ ways

    def _branch(self, fields: Fields, head: Entry, given: str) -> Step:
        arms = fields.required("branch", listed(self._arm, least=1))
        if arms:
            for arm, node in zip(arms[:-1], _items(head.value), strict=False):
                if arm.when is None:
                    message = '"otherwise" stands last: the arms after it are never reached'
                    fields.report(rules_shape.KeysExclude.at(arm.place or node.place, message))
            if all(arm.when is None for arm in arms):
                message = 'a branch step needs an arm with "when"'
                fields.report(rules_shape.MissingKey.at(head.key.place, message))
        return model.Branch(given, arms, place=head.key.place)

    def _arm(self, node: Node, reading: Reading) -> model.Arm:
        fields = Fields(node, "an arm of a branch", reading)
        otherwise = fields.maybe("otherwise", self.steps)
        if fields.has("otherwise"):
            fields.close(hints=lambda key: "otherwise stands alone" if key in {"when", "steps"} else "")
            return model.Arm(None, otherwise or (), place=fields.place("otherwise"))
        when = fields.required("when", condition)
        steps = fields.required("steps", self.steps)
        fields.close()
        return model.Arm(when, steps, place=fields.place("when"))

    def _split(self, fields: Fields, head: Entry, given: str) -> Step:
        winner = fields.maybe("winner", _winner)
        variants = fields.run(lambda: self._variants(head.value), ())
        names = [variant.variant for variant in variants]
        if len(variants) == 1:
            message = "a split step needs two variants or more"
            fields.report(rules_shape.EmptyList.at(head.key.place, message))
        counts = Counter(names)
        for variant in variants:
            if counts[variant.variant] > 1:
                message = f'two variants are called "{variant.variant}"'
                fields.report(rules_shape.DuplicateId.at(variant.place or head.key.place, message))
                break
        return model.Split(given, variants, winner, place=head.key.place)

    def _variants(self, node: Node) -> tuple[model.Variant, ...]:
        if isinstance(node, MapNode):
            by_name = mapped(lambda entry, reading: self._variant(entry.value, reading, entry), least=2)
            return tuple(by_name(node, self._reading).values())
        return listed(lambda item, reading: self._variant(item, reading, None), least=2)(node, self._reading)

    def _variant(self, node: Node, reading: Reading, entry: Entry | None) -> model.Variant:
        fields = Fields(node, "a variant of a split", reading)
        called = fields.run(lambda: name(entry.key, reading), "") if entry else fields.required("variant", name)
        weight = fields.optional("weight", _weight, 1)
        steps = fields.required("steps", self.steps)
        fields.close()
        place = entry.key.place if entry else fields.place("variant")
        return model.Variant(called, weight, steps, place=place)

    # ------------------------------------------------------------ effects

    def _update(self, fields: Fields, head: Entry, given: str) -> Step:
        attributes = fields.required("update", _attributes)
        return model.Update(given, attributes, place=head.key.place)

    def _points(self, fields: Fields, head: Entry, given: str) -> Step:
        points = integer(-1_000_000, 1_000_000)
        if not isinstance(head.value, MapNode):
            give = fields.required("points", points)
            return model.Points(given, give, None, fields.optional("reason", text, ""), place=head.value.place)
        inner = Fields(head.value, "a points step", self._reading)
        chosen = inner.one_of(("give", "per", "take"))
        amount = inner.required("give", points) if chosen == "give" else 0
        per = inner.required("per", property_path) if chosen == "per" else None
        if chosen == "take":
            inner.required("take", option("all"), hint="to take a number of points, give a negative one")
        reason = inner.optional("reason", text, "")
        inner.close()
        if per is not None:
            self._reading.uses.append(Use("event", per, inner.value_place("per"), (), None, "number"))
        return model.Points(given, amount, per, reason, chosen == "take", place=head.key.place)

    def _coupon(self, fields: Fields, head: Entry, given: str) -> Step:
        inner = Fields(head.value, fields.what, self._reading, hint="as coupon: {percent: 10, expires: 48h}")
        chosen = inner.one_of(("percent", "amount"))
        percent = inner.required("percent", percents) if chosen == "percent" else None
        amount = inner.required("amount", integer(1, 1_000_000_000)) if chosen == "amount" else None
        expires = inner.maybe("expires", duration)
        called = inner.optional("as", name, "coupon")
        inner.close()
        return model.Coupon(given, percent, amount, expires, called, place=head.key.place)

    def _emit(self, fields: Fields, head: Entry, given: str) -> Step:
        inner = Fields(head.value, "an emit step", self._reading) if isinstance(head.value, MapNode) else fields
        event = inner.required("event" if inner is not fields else "emit", event_name)
        properties = inner.maybe("properties", data_map) or {}
        if inner is not fields:
            inner.close()
        return model.Emit(given, event, properties, place=head.value.place)

    def _webhook(self, fields: Fields, head: Entry, given: str) -> Step:
        def declared(node: Node, reading: Reading) -> str:
            return reading.refer("webhook", name(node, reading), node.place)

        inner = Fields(head.value, "a webhook step", self._reading) if isinstance(head.value, MapNode) else fields
        called = inner.required("name" if inner is not fields else "webhook", declared)
        payload = inner.maybe("payload", data_map) or {}
        if inner is not fields:
            inner.close()
        return model.Webhook(given, called, payload, place=head.value.place)

    def _ticket(self, fields: Fields, head: Entry, given: str) -> Step:
        inner = Fields(head.value, "a ticket step", self._reading) if isinstance(head.value, MapNode) else fields
        subject = inner.required("subject" if inner is not fields else "ticket", text)
        note = inner.optional("note", text, "")
        if inner is not fields:
            inner.close()
        return model.Ticket(given, subject, note, place=head.key.place)

    def _exit(self, fields: Fields, head: Entry, given: str) -> Step:
        empty = isinstance(head.value, ScalarNode) and head.value.value is None
        reason = "" if empty else fields.required("exit", text)
        return model.Exit(given, reason, place=head.key.place)


def _called(kind: str) -> str:
    return f"an {kind} step" if kind[0] in "aeiou" else f"a {kind} step"


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, ListNode) else ()


def _moment(node: Node, reading: Reading) -> Any:
    """Read what a wait ends at: a time of day, or a date among the event's properties as its path."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value.startswith("properties"):
        return property_path(node, reading)
    return time_of_day(node, reading)


def _winner(node: Node, reading: Reading) -> model.Winner:
    fields = Fields(node, "a winner", reading)
    metric = fields.required("metric", option("conversion", "value", "clicked", "opened"))
    after = fields.required("after", duration)
    fields.close()
    return model.Winner(cast("Any", metric), after, place=node.place)


def _weight(node: Node, reading: Reading) -> int:
    """Read a weight; a percentage is one too."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value.endswith("%"):
        part = share(node, reading).fraction * 100
        if part != int(part):
            message = f"{node.value} is not a whole number of percents"
            reading.refuse(rules_shape.OutOfRange.at(node.place, message))
        return int(part)
    return integer(0, 1_000_000)(node, reading)


def _attributes(node: Node, reading: Reading) -> dict[str, Any]:
    """Read the attributes that an update sets: `vip: true`, or `contact.vip: true`."""
    if not isinstance(node, MapNode):
        wrong_type(node, reading, "a mapping of attributes", hint="as update: {vip: true}")
    if not node.entries:
        reading.refuse(rules_shape.EmptyList.at(node.place, "there is no attribute here"))

    def one(entry: Entry) -> tuple[str, Any]:
        if entry.name.startswith("account."):
            message = "an update sets attributes of the contact"
            reading.refuse(rules_shape.BadName.at(entry.key.place, message))
        called = entry.name.removeprefix("contact.")
        path = path_parts(called, entry.key, reading)
        if isinstance(entry.value, ScalarNode) and entry.value.value is None and entry.value.text:
            return called, None  # `null` written out takes the attribute away
        value = data(entry.value, reading) if isinstance(entry.value, ListNode) else scalar(entry.value, reading)
        tests = () if isinstance(value, list) else (Test("is", value, place=entry.value.place),)
        reading.uses.append(Use("contact", path, entry.key.place, tests))
        return called, value

    return dict(every([partial(one, entry) for entry in node.entries], reading))
