"""The broker between scheduler and workers: in this process, Redis, RabbitMQ. It holds few hints, and no old ones."""

from __future__ import annotations

import logging
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import current_millis
from dramatiq.middleware import Middleware, Retries, ShutdownNotifications, SkipMessage, TimeLimit

from lifecycle.base.errors import SettingsError

#: A hint older than this says nothing that a newer one does not.
HINT_MAX_AGE_MS = 10_000
#: Hints that wait in a queue, at most: when no worker takes them, another one changes nothing.
MOST_HINTS = 100
#: An actor is interrupted after that long: more than the longest wait for one server (600 s) and its neighbours.
TIME_LIMIT_MS = 30 * 60 * 1000
#: How long Redis keeps what it could not hand to an actor, for people to look at.
DEAD_FOR_MS = 3_600_000

BROKERS = "redis://HOST:6379/0, amqp://USER:PASSWORD@HOST:5672, or nothing at all"


class DropOldHints(Middleware):
    """Skips hints that waited too long, so that a queue never holds more than a moment's worth."""

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Skip the message when it is old."""
        del broker
        if current_millis() - message.message_timestamp > HINT_MAX_AGE_MS:
            raise SkipMessage("an old hint")


class BoundedRedisBroker(RedisBroker):
    """Redis, which would keep the hints of a day without workers: it takes none while too many wait."""

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Enqueue the message unless its queue is full. Raises RedisError."""
        if self.client.llen(f"{self.namespace}:{message.queue_name}") >= MOST_HINTS:
            return message
        return super().enqueue(message, delay=delay)


class OnceInAWhile(logging.Filter):
    """Lets what Dramatiq says of a broker that is away through once in five minutes, not every three seconds."""

    SECONDS = 300.0
    REPEATED = ("Consumer encountered a", "Restarting consumer in", "Message %s was skipped")

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is let through."""
        sentence = str(record.msg)
        if not sentence.startswith(self.REPEATED):
            return True
        if record.created - self._said.get(sentence, float("-inf")) < self.SECONDS:
            return False
        self._said[sentence] = record.created
        return True


def make_broker(url: str | None) -> dramatiq.Broker:
    """Return the broker: in this process for None, else redis:// or amqp://. Raises SettingsError."""
    middleware: list[Middleware] = [
        DropOldHints(), TimeLimit(time_limit=TIME_LIMIT_MS), ShutdownNotifications(), Retries(max_retries=0),
    ]  # fmt: skip
    if url is None:
        return StubBroker(middleware=middleware, fail_fast_default=False)
    try:
        match kind_of(url):
            case "redis":
                return BoundedRedisBroker(url=url, middleware=middleware, dead_message_ttl=DEAD_FOR_MS)  # type: ignore[no-untyped-call]
            case _:
                from lifecycle.deliver.rabbitmq import BoundedRabbitmqBroker

                return BoundedRabbitmqBroker(url, middleware)
    except ImportError as error:
        raise without_pika() from error
    except ValueError as error:
        raise SettingsError(f"LIFECYCLE_BROKER_URL cannot be read: {error}", hint=BROKERS) from error


def kind_of(url: str) -> str:
    """Return "redis" or "rabbitmq". Raises SettingsError for a URL of neither."""
    scheme = url.partition("://")[0]
    if scheme in {"redis", "rediss", "unix"}:
        return "redis"
    if scheme in {"amqp", "amqps"}:
        return "rabbitmq"
    raise SettingsError(f'LIFECYCLE_BROKER_URL: no such broker: "{scheme}"', hint=BROKERS)


def without_pika() -> SettingsError:
    """Return the error of an installation without the extra."""
    return SettingsError(
        "LIFECYCLE_BROKER_URL: RabbitMQ needs the package pika", hint="pip install 'lifecycle[rabbitmq]'"
    )
