"""LC3xx: conditions that mean nothing, or can never hold, or compare what cannot be compared."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule


class UnknownLeaf(Rule):
    """A condition has no such leaf."""

    code = "LC301"


class UnfitOperator(Rule):
    """The test does not fit what is tested."""

    code = "LC302"


class UnknownProperty(Rule):
    """The event is declared without this property."""

    code = "LC303"


class PropertyTypeDiffers(Rule):
    """The test does not fit the property's declared type."""

    code = "LC304"


class UnknownAttribute(Rule):
    """The attribute is not declared."""

    code = "LC305"


class AttributeTypeDiffers(Rule):
    """The test does not fit the attribute's declared type."""

    code = "LC306"


class ImpossibleTest(Rule):
    """No value can pass the test."""

    code = "LC307"


class ValueTypeDiffers(Rule):
    """The test needs a value of another type."""

    code = "LC308"


class StageInStage(Rule):
    """A stage cannot depend on stages: they are what its condition computes."""

    code = "LC309"


class PropertyOfNoEvent(Rule):
    """A property is read from the trigger's event, but no event triggers the campaign."""

    code = "LC310"


class UseTypeDiffers(Rule):
    """It is read as another type than it is declared with."""

    code = "LC311"
