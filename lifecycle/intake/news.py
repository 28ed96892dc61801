"""What is new about a contact: events by name, and of everything else the kind. Pure.

Each stage that changes something says so (the inbox, the outcome of an import), and `audience` asks again only those
conditions that read it. The passing of time is no news: when it may change an answer is known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: attribute: of the contact or its account, and which account that is; message: sent, opened, clicked, bounced, …;
#: reward: points, tier, referrals; rank: others have passed it, or it has passed them, at the end of a top share.
Kind: TypeAlias = Literal["attribute", "consent", "message", "reward", "rank"]


@dataclass(frozen=True, slots=True)
class News:
    """What has happened to a contact since it was last looked at. `anything`: it is not known what."""

    events: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    anything: bool = False

    @classmethod
    def of_event(cls, name: str) -> News:
        """Return the news of one event."""
        return cls(events=frozenset({name}))

    @classmethod
    def of(cls, kind: Kind | None) -> News:
        """Return the news of a change that is no event; None: of any."""
        return cls(anything=True) if kind is None else cls(kinds=frozenset({kind}))

    def __or__(self, other: News) -> News:
        """Return both."""
        return News(self.events | other.events, self.kinds | other.kinds, self.anything or other.anything)

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return self.anything or bool(self.events or self.kinds)

    @property
    def cause(self) -> str:
        """Return what is stored as the cause of a change that no event and no passing of time has made."""
        return min(self.kinds) if len(self.kinds) == 1 else "attribute"


NOTHING = News()
ANYTHING = News(anything=True)
