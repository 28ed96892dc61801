"""Whether the broker can be reached; `lifecycle doctor` asks. Mail waits in the database, so a broker loses none."""

from __future__ import annotations

import redis

from lifecycle.base.errors import SettingsError
from lifecycle.deliver.brokers import kind_of, without_pika

#: Seconds to wait for an answer.
TIMEOUT_S = 5.0

_HINT = "is LIFECYCLE_BROKER_URL right, and the broker up? no mail is lost meanwhile"


def check_broker(url: str | None) -> str:
    """Return what answered, for people. Raises SettingsError when nothing does, or for a URL of no broker."""
    if url is None:
        return "in this process"
    if kind_of(url) == "redis":
        try:
            with redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise SettingsError(f"Redis does not answer: {error}", hint=_HINT) from error
        return "Redis answers"
    try:
        from lifecycle.deliver.rabbitmq import check
    except ImportError as error:
        raise without_pika() from error
    try:
        check(url, TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise SettingsError(f"RabbitMQ does not let us in: {error}", hint=_HINT) from error
    return "RabbitMQ answers"
