"""RabbitMQ as the broker. The one module that needs the extra `rabbitmq`."""

from __future__ import annotations

import logging
from typing import Any

import dramatiq
import pika
import pika.exceptions
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from lifecycle.deliver.brokers import HINT_MAX_AGE_MS, MOST_HINTS

#: Seconds to wait for an answer, unless the URL says otherwise (`?socket_timeout=…`). A server that is out of memory
#: or disk takes nothing and says nothing: it counts as away.
TIMEOUTS = {"socket_timeout": 5.0, "stack_timeout": 8.0, "blocked_connection_timeout": 10.0}

#: What pika raises. A server that takes the connection and then says nothing is none of its AMQPErrors.
ERRORS = (pika.exceptions.AMQPError, AMQPConnectorException)


class BoundedRabbitmqBroker(RabbitmqBroker):
    """Its queues forget hints that grow old, and the oldest when there are too many; failed ones too."""

    def __init__(self, url: str, middleware: list[Middleware]) -> None:
        super().__init__(url=url, middleware=middleware, confirm_delivery=True)
        several = self.parameters if isinstance(self.parameters, list) else [self.parameters]
        for parameters in several:
            _be_patient(parameters, url)
        # each attempt of many is told there, with a traceback; we say once that the broker is away
        logging.getLogger("pika").setLevel(logging.CRITICAL + 1)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Enqueue the message. Raises ConnectionClosed, whatever pika raised."""
        try:
            return super().enqueue(message, delay=delay)
        except ConnectionClosed as error:
            raise _closed(error.args[0] if error.args else error) from error
        except ERRORS as error:
            del self.connection
            raise _closed(error) from error

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        """Return what the queue is declared with; RabbitMQ refuses a queue that is there with other arguments."""
        del queue_name
        return {"x-max-length": MOST_HINTS, "x-message-ttl": HINT_MAX_AGE_MS}


def check(url: str, timeout_s: float) -> None:
    """Connect and log in. Raises OSError with what stands in the way, ValueError for a URL that cannot be read."""
    parameters = [pika.URLParameters(each) for each in url.split(";")]
    for each in parameters:
        _be_patient(each, url)
        each.socket_timeout = timeout_s
    level = logging.getLogger("pika").level
    logging.getLogger("pika").setLevel(logging.CRITICAL + 1)
    try:
        pika.BlockingConnection(parameters).close()
    except ERRORS as error:
        raise OSError(reason(error)) from error
    finally:
        logging.getLogger("pika").setLevel(level)


def reason(error: BaseException) -> str:
    """Return what happened, for people: most of pika's errors have no words, and carry another one that has."""
    carried = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    inner = next((each for each in carried if isinstance(each, BaseException)), None)
    if inner is not None:
        return reason(inner)
    return str(error).strip() or type(error).__name__


def _closed(error: object) -> Exception:
    words = reason(error) if isinstance(error, BaseException) else str(error)
    return ConnectionClosed(words)  # type: ignore[no-untyped-call]


def _be_patient(parameters: pika.connection.Parameters, url: str) -> None:
    for name, seconds in TIMEOUTS.items():
        if f"{name}=" not in url:
            setattr(parameters, name, seconds)
