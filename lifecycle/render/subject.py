"""What makes a subject look like spam to filters and people: how it is written, never which words it has."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: fewer capitals are an abbreviation or a name
MIN_CAPITALS = 8
MAX_EMOJI = 2

_EXCLAMATION = re.compile(r"[!\uff01\u2755\u2757]|[\u203c\u2049]\ufe0f?")
_ASKING = re.compile(r"[?؟\uff1f][!\uff01]|[!\uff01][?؟\uff1f]|[?؟\uff1f]{2,}")
_MONEY = re.compile(r"[$€£¥﷼]{2,}")
#: how programs mark answers and forwarded mails; Arabic ones too
_ANSWER = re.compile(r"(re|fw|fwd|رد|إعادة توجيه)\s*(\[\d+\]\s*)?[:\uff1a]", re.IGNORECASE)
#: one picture: a flag, or signs that are joined, with their colours and genders
_SIGN = "[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55]"
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_SIGN}[\ufe0f\U0001f3fb-\U0001f3ff]*(?:\u200d{_SIGN}[\ufe0f\U0001f3fb-\U0001f3ff]*)*"
)


def signs_of_spam(subject: str) -> Iterator[str]:
    """Yield what a subject does that costs a place in the inbox, as the end of a sentence about it."""
    letters = [char for char in subject if char.isalpha()]
    cased = [char for char in letters if char.lower() != char.upper()]
    # a script without capitals says nothing by the code or name in it
    if len(cased) > MIN_CAPITALS and len(cased) * 2 > len(letters) and all(char.isupper() for char in cased):
        yield "it is all in capitals"
    cries = sum(2 if found[0][0] in "\u203c\u2049" else 1 for found in _EXCLAMATION.finditer(subject))
    if cries > 1:
        yield f"it has {cries} exclamation marks"
    elif _ASKING.search(subject):
        yield "it asks and cries at once"
    if _MONEY.search(subject):
        yield "it repeats the sign of a currency"
    if _ANSWER.match(subject.strip()):
        yield "it claims to answer or forward a mail"
    pictures = len(_EMOJI.findall(subject))
    if pictures > MAX_EMOJI:
        yield f"it has {pictures} emoji"
