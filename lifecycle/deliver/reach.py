"""Whether the broker can be reached; `lifecycle doctor` asks. Mail waits in the database, so a broker loses none."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import redis

from lifecycle.base.errors import SettingsError

#: Seconds to wait for an answer.
TIMEOUT_S = 5.0

_HINT = "is LIFECYCLE_BROKER_URL right, and the broker up? no mail is lost meanwhile"


def check_broker(url: str | None) -> str:
    """Return what answered, for people. Raises SettingsError when nothing does, or for a URL of no broker."""
    if url is None:
        return "in this process"
    scheme = url.partition("://")[0]
    if scheme in {"redis", "rediss", "unix"}:
        try:
            with redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise SettingsError(f"Redis does not answer: {error}", hint=_HINT) from error
        return "Redis answers"
    if scheme in {"amqp", "amqps"}:
        try:
            parts = urlsplit(url)
            where = (parts.hostname or "localhost", parts.port or (5671 if scheme == "amqps" else 5672))
            socket.create_connection(where, timeout=TIMEOUT_S).close()
        except (OSError, ValueError) as error:
            raise SettingsError(f"RabbitMQ takes no connection: {error}", hint=_HINT) from error
        return "RabbitMQ takes connections"
    raise SettingsError(f'LIFECYCLE_BROKER_URL: no such broker: "{scheme}"', hint="redis://HOST:6379/0, or nothing")
