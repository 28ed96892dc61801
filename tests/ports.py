"""Ports for servers of a test that are killed and come back at the same address."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

#: From where on the system gives ports away by itself, to whoever asks for any. Source: ip(7).
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def lasting_ports(number: int) -> list[int]:
    """Return free ports of 127.0.0.1 that the system gives to nobody while the server is away.

    One that it chose would be its to give again: to a connection of any other test, for as long as that lasts.
    """
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    found: list[int] = []
    draw = random.SystemRandom()
    while len(found) < number:
        port = draw.randrange(_LOWEST, end)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found
