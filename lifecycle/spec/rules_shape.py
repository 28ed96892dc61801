"""LC1xx: a file, a key or a value does not have the shape that the language gives it."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule


class MissingKey(Rule):
    """A key is missing."""

    code = "LC101"


class WrongType(Rule):
    """The value is of another type than the language has here."""

    code = "LC102"


class NotAnOption(Rule):
    """The value is none of those that the language has here."""

    code = "LC103"


class UnknownKey(Rule):
    """The key means nothing here."""

    code = "LC104"


class BadFormat(Rule):
    """The text is not written as the language writes it."""

    code = "LC105"


class EmptyList(Rule):
    """At least one is needed here."""

    code = "LC106"


class OutOfRange(Rule):
    """The number is out of range."""

    code = "LC107"


class KeysExclude(Rule):
    """Exactly one of these keys is needed."""

    code = "LC108"


class DuplicateStep(Rule):
    """Two steps of a campaign have one id."""

    code = "LC109"


class FileNameDiffers(Rule):
    """A file is named after what it holds."""

    code = "LC110"


class DuplicateId(Rule):
    """The id is taken."""

    code = "LC111"


class BadName(Rule):
    """An id is made of letters, digits, "-", "_" and "."."""

    code = "LC112"


class WrongExtension(Rule):
    """The file would be ignored: content files end in .yaml."""

    code = "LC113"


class NoProject(Rule):
    """There is no lifecycle.yaml here."""

    code = "LC114"
