"""LC0xx: what is wrong with a file before it means anything."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule, Severity


class NotUtf8(Rule):
    """The file is not UTF-8 text.

    Some bytes of it are no UTF-8, as when it was saved in a Windows or Arabic code page. Fix: save it as UTF-8.
    """

    code = "LC001"


class ControlCharacter(Rule):
    """A character that cannot be seen does not belong in a text file.

    A control character, or a line break of another kind than LF and CRLF, came in by copying. Fix: delete it.
    """

    code = "LC002"


class ByteOrderMark(Rule):
    """The file starts with a byte order mark, which some tools trip over.

    It is read all the same. Fix: save it as UTF-8 without BOM.
    """

    code = "LC003"
    severity = Severity.WARNING


class FileTooLarge(Rule):
    """The file is larger than 1 MB.

    Limits hold before any memory is spent. Fix: split the file.
    """

    code = "LC004"


class TooDeep(Rule):
    """The file is nested more than 64 levels deep.

    Nobody writes that by hand. Fix: look for a bracket that was repeated.
    """

    code = "LC005"


class TooManyNodes(Rule):
    """The file has more than 20,000 values.

    Fix: split the file.
    """

    code = "LC006"


class NotYaml(Rule):
    """The file is not YAML.

    The message says what stood in the way, the hint what it usually means. What follows is not looked at.
    """

    code = "LC007"


class TabIndent(Rule):
    """A tab cannot indent YAML.

    YAML forbids it, and the eye cannot tell. Fix: let the editor indent with spaces.
    """

    code = "LC008"


class DuplicateKey(Rule):
    """The key stands here twice.

    Other loaders let the last one win silently. Fix: keep one.
    """

    code = "LC009"


class AnchorUsed(Rule):
    """Anchors and aliases are refused: write the value out.

    `&name` and `*name` make files that no one can read in parts, and that can grow without bounds.
    """

    code = "LC010"


class MergeUsed(Rule):
    """Merge keys (<<) are refused: write the keys out.

    See LC010.
    """

    code = "LC011"


class TagUsed(Rule):
    """Tags (!) are refused: types come from the language.

    `!!python/object` and the like have no place in content. Text that begins with ! goes in quotes.
    """

    code = "LC012"


class KeyNotText(Rule):
    """A key must be a word.

    A list, a mapping or nothing stands where a key belongs. Fix: put text that begins with `{` or `[` in quotes.
    """

    code = "LC013"


class SecondDocument(Rule):
    """A file holds one document.

    `---` begins a second document. Fix: make it a file of its own.
    """

    code = "LC014"


class EmptyFile(Rule):
    """The file says nothing.

    There are only comments and blank lines in it. Fix: write it, or delete it.
    """

    code = "LC015"


class LeadingZero(Rule):
    """A number with a leading zero is read as a decimal number.

    YAML 1.1 reads `010` as 8, YAML 1.2 as 10. Fix: write 10, or put it in quotes if the zero matters.
    """

    code = "LC016"
    severity = Severity.WARNING


class TooManyMistakes(Rule):
    """There are more mistakes in this file; these come first.

    After fifty, the rest of a file is not looked at: it is probably another kind of file.
    """

    code = "LC018"


class NumberTooLong(Rule):
    """The number is too large.

    A number has 18 digits at most. Fix: an id or a telephone number is text, and goes in quotes.
    """

    code = "LC017"
