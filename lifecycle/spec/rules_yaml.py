"""LC0xx: what is wrong with a file before it means anything."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule, Severity


class NotUtf8(Rule):
    """The file is not UTF-8 text."""

    code = "LC001"


class ControlCharacter(Rule):
    """A character that cannot be seen does not belong in a text file."""

    code = "LC002"


class ByteOrderMark(Rule):
    """The file starts with a byte order mark, which some tools trip over."""

    code = "LC003"
    severity = Severity.WARNING


class FileTooLarge(Rule):
    """The file is larger than 1 MB."""

    code = "LC004"


class TooDeep(Rule):
    """The file is nested more than 64 levels deep."""

    code = "LC005"


class TooManyNodes(Rule):
    """The file has more than 50,000 values."""

    code = "LC006"


class NotYaml(Rule):
    """The file is not YAML."""

    code = "LC007"


class TabIndent(Rule):
    """A tab cannot indent YAML."""

    code = "LC008"


class DuplicateKey(Rule):
    """The key stands here twice."""

    code = "LC009"


class AnchorUsed(Rule):
    """Anchors and aliases are refused: write the value out."""

    code = "LC010"


class MergeUsed(Rule):
    """Merge keys (<<) are refused: write the keys out."""

    code = "LC011"


class TagUsed(Rule):
    """Tags (!) are refused: types come from the language."""

    code = "LC012"


class KeyNotText(Rule):
    """A key must be a word."""

    code = "LC013"


class SecondDocument(Rule):
    """A file holds one document."""

    code = "LC014"


class EmptyFile(Rule):
    """The file says nothing."""

    code = "LC015"


class LeadingZero(Rule):
    """A number with a leading zero is read as a decimal number."""

    code = "LC016"
    severity = Severity.WARNING


class TooManyMistakes(Rule):
    """There are more mistakes in this file; these come first."""

    code = "LC018"


class NumberTooLong(Rule):
    """The number is too large."""

    code = "LC017"
