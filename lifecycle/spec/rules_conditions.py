"""LC3xx: conditions that mean nothing, or can never hold, or compare what cannot be compared."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule


class UnknownLeaf(Rule):
    """A condition has no such leaf.

    A condition is made of leaves (docs/content.md lists them) and each leaf of tests. Attributes begin with `contact.`
    or `account.`.
    """

    code = "LC301"


class UnfitOperator(Rule):
    """The test does not fit what is tested.

    An instant is tested by within, older_than, before and after; a number by at_least and its like; top is for facts.
    """

    code = "LC302"


class UnknownProperty(Rule):
    """The event is declared without this property.

    The event is declared with its properties, and this is not among them. Fix: correct it, or declare it.
    """

    code = "LC303"


class PropertyTypeDiffers(Rule):
    """The test does not fit the property's declared type.

    A text is compared with a number, or a number tested like a text: no event would ever pass.
    """

    code = "LC304"


class UnknownAttribute(Rule):
    """The attribute is not declared.

    lifecycle.yaml declares attributes, and this is not among them. Fix: correct it, or declare it.
    """

    code = "LC305"


class AttributeTypeDiffers(Rule):
    """The test does not fit the attribute's declared type.

    See LC304.
    """

    code = "LC306"


class ImpossibleTest(Rule):
    """No value can pass the test.

    Bounds exclude each other, or a window ends before it begins. Fix: look which way round they are.
    """

    code = "LC307"


class StageInStage(Rule):
    """A stage cannot depend on stages: they are what its condition computes.

    A contact's stage is the last whose condition holds; a condition that asks for the stage would chase its own tail.
    """

    code = "LC309"


class PropertyOfNoEvent(Rule):
    """A property is read from the trigger's event, but no event triggers the campaign.

    Only a campaign that an event triggers can read that event's properties.
    """

    code = "LC310"


class UseTypeDiffers(Rule):
    """It is read as another type than it is declared with.

    Revenue, totals and points need a number, waits and anniversaries a date.
    """

    code = "LC311"
