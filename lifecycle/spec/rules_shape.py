"""LC1xx: a file, a key or a value does not have the shape that the language gives it."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule


class MissingKey(Rule):
    """A key is missing.

    The message names the key and what needs it.
    """

    code = "LC101"


class WrongType(Rule):
    """The value is of another type than the language has here.

    The message says what was expected and what was found. `no`, `yes` and `12:30` are text here, as in YAML 1.2.
    """

    code = "LC102"


class NotAnOption(Rule):
    """The value is none of those that the language has here.

    The message lists the words that are known here.
    """

    code = "LC103"


class UnknownKey(Rule):
    """The key means nothing here.

    Most often it is misspelt, or indented one level too far.
    """

    code = "LC104"


class BadFormat(Rule):
    """The text is not written as the language writes it.

    Durations are `90s 15m 3h 7d 2w 1mo 1y`, shares `10%`, times of day `"09:00"`, instants `2026-12-01T09:00:00Z`.
    """

    code = "LC105"


class EmptyList(Rule):
    """At least one is needed here.

    Fix: write what is missing, or take the key away.
    """

    code = "LC106"


class OutOfRange(Rule):
    """The number is out of range.

    The message says what the range is.
    """

    code = "LC107"


class KeysExclude(Rule):
    """Exactly one of these keys is needed.

    Some keys are alternatives, as percent and amount of a coupon. Fix: keep one.
    """

    code = "LC108"


class DuplicateStep(Rule):
    """Two steps of a campaign have one id.

    Each step has one id: its `id`, else the template's name for a send, else its kind and ordinal. The ledger counts
    by it, so that nobody gets one step twice. Fix: give the second one an `id`.
    """

    code = "LC109"


class FileNameDiffers(Rule):
    """A file is named after what it holds.

    campaigns/welcome.yaml holds the campaign `welcome`, so that people find it. Fix: rename one of them.
    """

    code = "LC110"


class DuplicateId(Rule):
    """The id is taken.

    Fix: rename one of them.
    """

    code = "LC111"


class BadName(Rule):
    """An id is made of letters, digits, "-", "_" and ".".

    Ids go into links, reports and file names, so they are Latin; labels may be in any language.
    """

    code = "LC112"


class WrongExtension(Rule):
    """The file would be ignored: content files end in .yaml.

    Fix: rename it from .yml to .yaml.
    """

    code = "LC113"


class NoProject(Rule):
    """There is no lifecycle.yaml here.

    A project is a folder with a lifecycle.yaml. `lifecycle init DIR` makes one.
    """

    code = "LC114"


class TiersOutOfOrder(Rule):
    """Tiers are written from the lowest to the highest.

    A contact is in the last tier whose points it has, so each `from` is more than the one before. Fix: put them in
    order.
    """

    code = "LC115"


class IdleKey(Rule):
    """The key does nothing beside the others here.

    As `scale` in a survey of kind nps, whose scores are always 0 to 10. Fix: take it away.
    """

    code = "LC116"


class UnsafeAddress(Rule):
    """A webhook goes to https, and to a host that the whole world can reach.

    What a campaign sends is about people, so it travels encrypted; and nothing in a content file may reach inside the
    network that the engine runs in.
    """

    code = "LC117"


class BadHeader(Rule):
    """The header is not one that a webhook may set.

    A name is made of letters, digits and "-"; a value is one line of ASCII. Host, lengths, the content type and the
    signature (webhook-…) are written by the engine.
    """

    code = "LC118"


class TooManySteps(Rule):
    """A campaign has more than 500 steps.

    Nobody could follow such a journey. Fix: end it with `emit`, and let another campaign begin with that event.
    """

    code = "LC119"


class LimitedTwice(Rule):
    """The same mails are limited twice.

    A mail counts for one limit of its domain, and for one more that names its provider; a provider has one limit for
    each length of time, and one warm-up. Fix: keep one of the two.
    """

    code = "LC120"


class WarmUpShrinks(Rule):
    """A warm-up grows from its first day to its last.

    `to` is what the last day may have, so it is no less than `from`. Fix: exchange them.
    """

    code = "LC121"
