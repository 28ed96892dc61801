"""A provider as the outbox uses it: with its rate, and with a pause when it cannot be used as it is set up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lifecycle.base.clock import Clock
from lifecycle.base.errors import SettingsError
from lifecycle.deliver.throttle import Throttle
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, Provider
from lifecycle.spec.model import Project

log = logging.getLogger("lifecycle.deliver")

#: Seconds without a new try after a provider could not be used; doubled each time, up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 2.0, 60.0


class Channel:
    """One provider, its throttle and its pause. Thread-safe."""

    def __init__(self, provider: Provider, clock: Clock, *, rate_per_s: float | None = None) -> None:
        self.provider = provider
        self.throttle = Throttle(rate_per_s, clock)
        self._clock = clock
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
            return max(0.0, self._paused_to - self._clock.monotonic()) if self.trouble else 0.0

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
            self._paused_to = self._clock.monotonic() + self._pause_s
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

    def __iter__(self) -> Iterator[Channel]:
        """Yield each channel."""
        return iter(self._by_name.values())

    def of(self, sender: str | None, project: Project) -> Channel:
        """Return the channel of a sender; the default one for a sender or a provider that is no more."""
        try:
            wanted = project.sender(sender).provider
        except KeyError:
            wanted = None
        return self._by_name.get(wanted or self.default) or self._by_name[self.default]

    def paused_senders(self, project: Project) -> frozenset[str | None]:
        """Return the senders whose mails shall not be claimed now; None stands for rows without a sender."""
        names: list[str | None] = [None, *project.senders]
        return frozenset(name for name in names if self.of(name, project).paused_s() > 0)

    def room(self, limit: int) -> int:
        """Return how many mails it makes sense to claim, `limit` at most, given what all throttles let through."""
        allowed = 0
        for channel in self._by_name.values():
            if channel.throttle.per_s is None:
                return limit
            taken = channel.throttle.take(limit)
            channel.throttle.give_back(taken)
            allowed += taken
        return min(limit, allowed)

    def hang_up(self) -> None:
        """Let nobody wait for a provider's answer any longer."""
        for channel in self._by_name.values():
            channel.provider.hang_up()

    def close(self) -> None:
        """Close every provider."""
        for channel in self._by_name.values():
            channel.provider.close()
