"""The sending limits of a simulated world, and who began when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger import limit
from lifecycle.spec.model import SendingLimit

if TYPE_CHECKING:
    from simulated import World

#: So long that the engine holds them where mails arrive, too: what is released may begin 20 s later.
WINDOW_S = 600.0


class Limits:
    """At most so many in ten minutes: by one server, and marketing to all the people; None is no limit."""

    def __init__(self, world: World, server: int | None, people: int | None) -> None:
        self._world = world
        self.server, self.people = server, people
        self.first = world.providers[0]
        self._marketing = {"news", "loud"}
        self._began: list[tuple[float, str, str]] = []

    @classmethod
    def of(cls, world: World) -> Limits:
        """Draw them; half of the worlds have none."""
        draw = world.draw
        some = draw.random() < 0.5
        server, people = draw.choice([(None, 5), (12, None), (8, 6)]) if some else (None, None)
        return cls(world, server, people)

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return self.server is not None or self.people is not None

    def written(self) -> Sequence[SendingLimit]:
        """Return them as content has them."""
        found = []
        if self.server is not None:
            found.append(limit(self.server, "10m", provider=self.first))
        if self.people is not None:
            found.append(limit(self.people, "10m", "example.org"))
        return found

    def begins(self, provider: str, row: int) -> None:
        """See the content of a mail leave, and say what is over a limit then."""
        world = self._world
        self._began.append((world.second, provider, world.campaign_of[row]))
        recent = [one for one in self._began if world.second - one[0] < WINDOW_S]
        by_first = sum(one[1] == self.first for one in recent)
        marketing = sum(one[2] in self._marketing for one in recent)
        # a clock that is ahead is worth one burst, which is one mail here, each time that it gets ahead
        gained = world.struck["skew"] + world.struck["jump"]
        for what, count, most in ((self.first, by_first, self.server), ("people", marketing, self.people)):
            if most is not None and count > most + gained:
                world.wrong.append(f"limit: {count} mails in ten minutes by or to {what}, and {most} are allowed")
