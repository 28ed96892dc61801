"""Steps as the plain data that `spec.decode_steps` reads. Each step's id is written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lifecycle.base.units import Duration
from lifecycle.spec.dump_conditions import condition_data, property_tests_data
from lifecycle.spec.dump_values import below_properties, one_or_more_data, optional, time_data, without_nothing
from lifecycle.spec.model import (
    Arm,
    Branch,
    Coupon,
    Emit,
    Exit,
    Points,
    Send,
    Split,
    Step,
    Ticket,
    Update,
    Wait,
    WaitFor,
    Webhook,
)


def step_data(step: Step) -> dict[str, Any]:
    """Return a step as data."""
    return {**_kind_data(step), "id": step.id}


def _kind_data(step: Step) -> dict[str, Any]:
    match step:
        case Send():
            data = {
                "send": step.template,
                "deadline": optional(str, step.deadline),
                "skip_if": optional(condition_data, step.skip_if),
                "sender": step.sender,
                "data": dict(step.data),
            }
            return without_nothing(data)
        case Wait():
            return {"wait": _wait_data(step)}
        case WaitFor():
            data = {
                "wait_for": one_or_more_data(step.events),
                "where": property_tests_data(step.where),
                "timeout": str(step.timeout),
                "then": _steps_data(step.then),
                "on_timeout": _steps_data(step.on_timeout),
            }
            return without_nothing(data)
        case Branch():
            return {"branch": [_arm_data(arm) for arm in step.arms]}
        case Split():
            variants = [
                {"variant": each.variant, "weight": each.weight, "steps": _steps_data(each.steps)}
                for each in step.variants
            ]
            winner = optional(lambda found: {"metric": found.metric, "after": str(found.after)}, step.winner)
            return without_nothing({"split": variants, "winner": winner})
        case Update():
            return {"update": dict(step.attributes)}
        case Points():
            how: dict[str, Any] = {"give": step.give} if step.per is None else {"per": below_properties(step.per)}
            return {"points": ({"take": "all"} if step.takes_all else how) | without_nothing({"reason": step.reason})}
        case Coupon():
            data = {
                "percent": step.percent,
                "amount": step.amount,
                "expires": optional(str, step.expires),
                "as": step.name,
            }
            return {"coupon": without_nothing(data)}
        case Emit():
            return without_nothing({"emit": step.event, "properties": dict(step.properties)})
        case Webhook():
            return without_nothing({"webhook": step.webhook, "payload": dict(step.payload)})
        case Ticket():
            return without_nothing({"ticket": step.subject, "note": step.note})
        case Exit():
            return {"exit": step.reason or None}


def _steps_data(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [step_data(step) for step in steps]


def _arm_data(arm: Arm) -> dict[str, Any]:
    steps = _steps_data(arm.steps)
    return {"otherwise": steps} if arm.when is None else {"when": condition_data(arm.when), "steps": steps}


def _wait_data(step: Wait) -> Any:
    if step.duration is not None:
        return _length_data(step)
    until = below_properties(step.date) if step.date is not None else optional(time_data, step.until)
    offset = str(step.offset) if step.date is not None else None
    return without_nothing({"until": until, "weekdays": list(step.weekdays), "offset": offset})


def _length_data(step: Wait) -> Any:
    """Return `3d`, or a mapping of units where no single unit says it in six digits."""
    length = step.duration or Duration()
    if (length.months and length.seconds) or (length.seconds > 999_999 and str(length).endswith("s")):
        days, seconds = divmod(length.seconds, 86400)
        return without_nothing({"months": length.months or None, "days": days or None, "seconds": seconds or None})
    return str(length)
