"""A campaign's file and a segment's file, apart from conditions and steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any, cast

from cronsim import CronSim, CronSimError

from lifecycle.base.units import Duration
from lifecycle.spec import model, rules_shape
from lifecycle.spec.conditions import EventLeaf, walk
from lifecycle.spec.decode import Fields, Reading, Use, one_or_more
from lifecycle.spec.decode_condition import combined, condition, property_tests, use_properties
from lifecycle.spec.decode_steps import StepReader
from lifecycle.spec.decode_values import (
    any_duration,
    attribute_path,
    duration,
    event_name,
    formatted,
    instant,
    integer,
    local_text,
    local_window,
    name,
    option,
    property_path,
    share,
    time_of_day,
    wall_clock,
    weekday,
)
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.rules_campaigns import EndsBeforeStart, HoldoutIgnored, NobodyIsInside
from lifecycle.spec.rules_conditions import PropertyOfNoEvent
from lifecycle.spec.source import Node, ScalarNode

_TRIGGERS = ("event", "segment_entered", "segment_left", "stage_entered", "date", "schedule", "at")


def segment(node: Node, reading: Reading) -> model.Segment:
    """Read segments/NAME.yaml."""
    fields = Fields(node, "a segment", reading)
    called = fields.required("segment", name)
    label = fields.optional("label", local_text, model.LocalText(called))
    description = fields.optional("description", local_text, model.LocalText(""))
    where = fields.required("where", condition)
    fields.close()
    return model.Segment(called, label, where, description, place=fields.place("segment"))


def campaign(node: Node, reading: Reading) -> model.Campaign:
    """Read campaigns/NAME.yaml."""
    before = len(reading.uses)
    fields = Fields(node, "a campaign", reading)
    called = fields.required("campaign", name)
    made = model.Campaign(
        called,
        stage=fields.required("stage", _stage),
        trigger=fields.required("trigger", trigger, hint="as trigger: {event: Order Completed}, or trigger: manual"),
        steps=fields.required("steps", StepReader(reading).steps),
        topic=fields.maybe("topic", lambda node, _: reading.refer("topic", name(node, reading), node.place)),
        label=fields.optional("label", local_text, model.LocalText("")),
        status=cast("Any", fields.optional("status", option("live", "draft"), "live")),
        kind=cast("Any", fields.optional("kind", option("marketing", "transactional"), "marketing")),
        starts=fields.maybe("starts", instant),
        ends=fields.maybe("ends", instant),
        priority=fields.optional("priority", integer(0, 100), 50),
        audience=fields.maybe("audience", condition),
        reentry=fields.optional("reentry", reentry, model.Reentry()),
        enroll=cast("Any", fields.optional("enroll", option("future", "current_and_future"), "future")),
        exit_when=fields.maybe("exit_when", condition),
        goal=fields.maybe("goal", goal),
        holdout=fields.maybe("holdout", share),
        send_window=fields.optional("send_window", send_window, model.SendWindow()),
        on_change=cast("Any", fields.optional("on_change", option("keep", "migrate", "restart", "exit"), "keep")),
        place=fields.place("campaign"),
    )
    fields.close()
    _resolve_trigger(made.trigger, reading, before)
    _look_at_keys(made, fields)
    return made


def _look_at_keys(made: model.Campaign, fields: Fields) -> None:
    """Report keys that do not go together; their places are known here."""
    if made.starts and made.ends and made.ends <= made.starts:
        fields.reading.found.append(EndsBeforeStart.at(fields.value_place("ends")))
    trigger = made.trigger
    if isinstance(trigger, model.BroadcastTrigger) and made.ends and trigger.timezone == "project":
        at = trigger.at if trigger.at.tzinfo else trigger.at.replace(tzinfo=fields.reading.zone)
        if made.ends <= at:
            message = "the campaign ends before its broadcast: nobody gets it"
            fields.reading.found.append(EndsBeforeStart.at(fields.value_place("ends"), message))
    if made.kind == "transactional" and made.holdout is not None:
        hint = "take it away, or make the campaign marketing"
        fields.reading.found.append(HoldoutIgnored.at(fields.place("holdout"), hint=hint))
    states = model.SegmentTrigger | model.StageTrigger
    if made.enroll == "current_and_future" and not isinstance(made.trigger, states):
        hint = "segment_entered, segment_left or stage_entered"
        fields.reading.found.append(NobodyIsInside.at(fields.value_place("enroll"), hint=hint))


def _resolve_trigger(found: model.Trigger, reading: Reading, before: int) -> None:
    """Say of which event those properties are that a step reads from "the" event."""
    events = found.events if isinstance(found, model.EventTrigger) else None
    for index in range(before, len(reading.uses)):
        use = reading.uses[index]
        if use.events is None and events is not None:
            reading.uses[index] = replace(use, events=events)
        elif use.events is None:
            message = f"properties.{'.'.join(use.path)} is read from the trigger's event, but no event triggers this"
            reading.found.append(PropertyOfNoEvent.at(use.place, message))


def _stage(node: Node, reading: Reading) -> str:
    return reading.refer("stage", name(node, reading), node.place)


def goal(node: Node, reading: Reading) -> model.Goal:
    """Read a goal: a condition with `within` and `value` of the goal itself beside it, or under `when`.

    `within` is the goal's window from the activation; an event's own window goes into the condition under `when`.
    """
    fields = Fields(node, "a goal", reading)
    within = fields.maybe("within", duration)
    value = fields.maybe("value", property_path)
    if fields.has("when"):
        when = fields.required("when", condition)
        fields.close(hints=lambda _: "the condition stands under when, or beside within and value, not both")
    else:
        when = combined(fields)
    if value is not None:
        events = tuple(event for leaf in walk(when) if isinstance(leaf, EventLeaf) for event in leaf.events)
        place = fields.value_place("value")
        if events:
            reading.uses.append(Use("event", value, place, (), events, "number"))
        else:
            message = "the value is a property of the event that meets the goal, but no event does"
            reading.refuse(rules_shape.KeysExclude.at(place, message, hint="a goal with value needs event:"))
    return model.Goal(when, within, value, place=node.place)


def reentry(node: Node, reading: Reading) -> model.Reentry:
    """Read `once`, `always` or `{after: 7d}`."""
    if isinstance(node, ScalarNode):
        mode = option("once", "always")(node, reading)
        return model.Reentry(cast("Any", mode), place=node.place)
    fields = Fields(node, "a reentry", reading)
    after = fields.required("after", duration)
    fields.close()
    return model.Reentry("after", after, place=node.place)


def send_window(node: Node, reading: Reading) -> model.SendWindow:
    """Read `{quiet_hours: ignore}`, and hours and days of the campaign's own."""
    fields = Fields(node, "a send_window", reading)
    quiet_hours = fields.optional("quiet_hours", option("keep", "ignore"), "keep")
    hours = fields.maybe("hours", local_window)
    weekdays = fields.optional("weekdays", one_or_more(weekday), ())
    then = fields.optional("then", option("next", "skip"), "next")
    fields.close()
    return model.SendWindow(cast("Any", quiet_hours), hours, weekdays, cast("Any", then), place=node.place)


# ---------------------------------------------------------------- triggers


def trigger(node: Node, reading: Reading) -> model.Trigger:
    """Read what starts the campaign."""
    if isinstance(node, ScalarNode) and node.value is not None:
        if node.text != "manual":
            close = did_you_mean(node.text, ["manual"]) or "as trigger: {event: Order Completed}"
            message = f'"{node.text}" is no trigger'
            reading.refuse(rules_shape.NotAnOption.at(node.place, message, hint=close))
        return model.ManualTrigger(place=node.place)
    fields = Fields(node, "a trigger", reading)
    if not any(fields.has(key) for key in _TRIGGERS):
        fields.close()
        reading.refuse(
            rules_shape.MissingKey.at(node.place, "the trigger is empty", hint="one of " + ", ".join(_TRIGGERS))
        )
    fields.known.clear()
    kind = fields.one_of(_TRIGGERS)
    found: model.Trigger = model.ManualTrigger()
    match kind:
        case "event":
            found = _event_trigger(fields)
        case "segment_entered" | "segment_left":
            of = fields.required(kind, lambda node, _: reading.refer("segment", name(node, reading), node.place))
            found = model.SegmentTrigger(of, "entered" if kind == "segment_entered" else "left", place=node.place)
        case "stage_entered":
            found = model.StageTrigger(fields.required(kind, _stage), place=node.place)
        case "date":
            found = fields.required(kind, _date_trigger)
        case "schedule":
            found = model.ScheduleTrigger(fields.required(kind, cron), place=node.place)
        case "at":
            at = fields.required(kind, wall_clock)
            zone = fields.optional("timezone", option("contact", "project"), "project")
            found = model.BroadcastTrigger(at, cast("Any", zone), place=node.place)
        case _:
            pass
    fields.close()
    return found


def _event_trigger(fields: Fields) -> model.Trigger:
    events = fields.required("event", one_or_more(event_name))
    where = fields.optional("where", property_tests, ())
    quiet_for = fields.maybe("quiet_for", duration)
    restart_on = fields.optional("restart_on", one_or_more(event_name), ())
    key = fields.maybe("key", property_path)
    if restart_on and quiet_for is None and not fields.has("quiet_for"):
        message = '"restart_on" restarts the clock of "quiet_for", which is missing'
        fields.report(rules_shape.MissingKey.at(fields.place("restart_on"), message))
    if not fields.refused:
        use_properties(events, where, fields.reading)
        if key is not None:
            fields.reading.uses.append(Use("event", key, fields.value_place("key"), (), events))
    return model.EventTrigger(events, where, quiet_for, restart_on, key, place=fields.place("event"))


def _date_trigger(node: Node, reading: Reading) -> model.Trigger:
    fields = Fields(node, "a date trigger", reading)
    of = fields.required("of", attribute_path)
    every = fields.maybe("every", option("year", "month"))
    offset = fields.optional("offset", any_duration, Duration())
    at = fields.optional("at", time_of_day, time(9, 0))
    fields.close()
    reading.uses.append(Use(of[0], of[1], fields.value_place("of"), needs="date"))
    return model.DateTrigger(of[0], of[1], cast("Any", every), offset, at, place=node.place)


def _cron(word: str) -> str:
    from datetime import UTC, datetime

    if len(word.split()) != 5:
        raise ValueError("five fields: minute, hour, day, month, weekday, as 0 9 * * 1")
    try:
        next(CronSim(word, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"{error}; five fields: minute, hour, day, month, weekday, as 0 9 * * 1") from None
    except StopIteration:
        raise ValueError("no instant ever fits it") from None
    return word


cron = formatted(_cron, "a schedule")
