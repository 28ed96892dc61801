"""A provider as the outbox uses it, with a pause when it cannot be used; and who is next for a mail when one is out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lifecycle.base.clock import Clock
from lifecycle.base.errors import SettingsError
from lifecycle.deliver.limits import limits_of
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.parking import Limited
from lifecycle.deliver.picking import NOTHING_SHUT, Shut
from lifecycle.deliver.taking import Limiting, LimitTime
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, Provider
from lifecycle.spec.model import Project

log = logging.getLogger("lifecycle.deliver")

#: Seconds without a new try after a provider could not be used; doubled each time, up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 2.0, 60.0


class Channel:
    """One provider, the rate that the settings give it (mails a second), and its pause. Thread-safe."""

    def __init__(self, provider: Provider, clock: Clock, *, rate_per_s: float | None = None) -> None:
        if rate_per_s is not None and rate_per_s <= 0:
            raise ValueError("a rate is more than zero mails a second, or None")
        self.provider = provider
        self.rate_per_s = rate_per_s
        self.clock = clock
        self._lock = threading.Lock()
        self._pause_s = 0.0
        self._paused_to = 0.0
        #: why it cannot be used, "" while it can
        self.trouble = ""

    @property
    def name(self) -> str:
        """Return the provider's name."""
        return self.provider.name

    def paused_s(self) -> float:
        """Return for how many seconds nothing shall be tried; 0 when it is open."""
        with self._lock:
            return max(0.0, self._paused_to - self.clock.monotonic()) if self.trouble else 0.0

    def send(self, mails: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send, and remember whether the provider could be used."""
        outcomes = self.provider.send(mails, may_begin)
        trouble = next((one for one in outcomes if one.ending is Ending.MISCONFIGURED), None)
        if trouble is not None:
            self._shut(trouble.detail)
        elif any(one.ending is not Ending.NOT_BEGUN for one in outcomes):
            self._open()
        return outcomes

    def _shut(self, trouble: str) -> None:
        with self._lock:
            new = trouble != self.trouble
            self.trouble = trouble
            self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LAST_PAUSE_S)
            self._paused_to = self.clock.monotonic() + self._pause_s
        if new:  # once, not once a mail
            log.error("provider %s: %s", self.name, trouble)

    def _open(self) -> None:
        with self._lock:
            was, self.trouble, self._pause_s = self.trouble, "", 0.0
        if was:
            log.info("provider %s works again", self.name)


class Channels:
    """The channels by name, and the one that senders without a `provider` use."""

    def __init__(self, channels: Iterable[Channel], default: str | None = None) -> None:
        self._by_name: Mapping[str, Channel] = {channel.name: channel for channel in channels}
        if not self._by_name:
            raise SettingsError("no provider is set up")
        self.default = default or next(iter(self._by_name))
        clock = self._by_name[self.default].clock
        self._time = LimitTime(clock)
        self._limiting: tuple[Project, Limiting] | None = None

    def __iter__(self) -> Iterator[Channel]:
        """Yield each channel."""
        return iter(self._by_name.values())

    def route(self, sender: str | None, project: Project) -> tuple[Channel, ...]:
        """Return the channels of a sender in their order, those that are set up; else the default one alone."""
        try:
            wanted = project.sender(sender).providers
        except KeyError:  # a sender that is no more
            wanted = ()
        found = tuple(self._by_name[name] for name in dict.fromkeys(wanted) if name in self._by_name)
        return found or (self._by_name[self.default],)

    def route_of(self, row: Claimed, project: Project) -> tuple[Channel, ...]:
        """Return the channels by which the row may go: the one that may have it already, or those of its sender.

        None, where the one that may have it is not set up.
        """
        if row.bound_to is None:
            return self.route(row.sender, project)
        bound = self._by_name.get(row.bound_to)
        return (bound,) if bound is not None else ()

    def of(self, sender: str | None, project: Project) -> Channel:
        """Return the channel by which a sender's mail would go now: the first that is not out, else the first."""
        route = self.route(sender, project)
        return first_open(route) or route[0]

    def shut(self, project: Project) -> Shut:
        """Return what cannot be used now: senders all of whose providers are out, and the providers that are."""
        out = frozenset(channel.name for channel in self if channel.paused_s() > 0)
        if not out:
            return NOTHING_SHUT
        names: list[str | None] = [None, *project.senders]
        return Shut(
            frozenset(name for name in names if all(each.name in out for each in self.route(name, project))), out
        )

    def wait_s(self, project: Project) -> float:
        """Return the seconds until each sender has a provider again that is not out; 0 when all have."""
        routes = [self.route(name, project) for name in (None, *project.senders)]
        return max(min(channel.paused_s() for channel in route) for route in routes)

    def trouble(self, project: Project) -> str:
        """Return why a sender's mails cannot be sent by anybody, "" when all can."""
        routes = [self.route(name, project) for name in (None, *project.senders)]
        return next((route[0].trouble for route in routes if all(each.trouble for each in route)), "")

    def limiting(self, project: Project) -> Limiting | None:
        """Return the limits in force, None when there are none."""
        if self._limiting is None or self._limiting[0] is not project:
            rates = {channel.name: channel.rate_per_s for channel in self}
            limiting = Limiting(limits_of(project, rates), self._time, self._by_name[self.default].clock)
            self._limiting = (project, limiting)
        found = self._limiting[1]
        return found if found.limits else None

    def limited(self, project: Project) -> Limited | None:
        """Return the limits in force, and by whom each sender's mails would go now; None without a limit."""
        limiting = self.limiting(project)
        if limiting is None:
            return None
        names: list[str | None] = [None, *project.senders]
        return Limited(limiting, {name: self.of(name, project).name for name in names})

    def hang_up(self) -> None:
        """Let nobody wait for a provider's answer any longer."""
        for channel in self._by_name.values():
            channel.provider.hang_up()

    def close(self) -> None:
        """Close every provider."""
        for channel in self:
            channel.provider.close()


def first_open(route: Sequence[Channel]) -> Channel | None:
    """Return the first channel that is not out."""
    return next((channel for channel in route if channel.paused_s() == 0), None)
