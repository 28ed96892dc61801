"""A worker or a scheduler as a process of its own, over a real broker, for tests that kill it.

Arguments: role (worker, scheduler), database, broker, SMTP URL. What runs is what `lifecycle worker` and `lifecycle
scheduler` run, with plain mails, and with short waits, so that a killed process is missed soon.
"""

from __future__ import annotations

import logging
import sys
import threading

from ledger import make_parts
from lifecycle.base.clock import SystemClock
from lifecycle.deliver import scheduler, send, settle
from lifecycle.deliver.actors import Hints, declare_actors, start_workers
from lifecycle.deliver.brokers import make_broker
from lifecycle.deliver.parts import Parts
from lifecycle.providers.smtp import SmtpProvider
from lifecycle.store.engine import Store

LEASE_S = 2.0
THREADS = 2
#: The engine's waits that are shortened, in seconds.
WAITS = {
    (scheduler, "RECONCILE_S"): 0.5,
    (settle, "BACKOFF_S"): (0.3, 1.0),
    (send, "FINISH_AGAIN_S"): 0.2,
}


def main(role: str, database: str, broker_url: str, smtp: str) -> None:
    """Work until killed."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    for (module, name), value in WAITS.items():
        setattr(module, name, value)
    clock = SystemClock()
    parts = make_parts(Store(database), clock, SmtpProvider(smtp), lease_s=LEASE_S)
    broker = make_broker(broker_url)
    declare_actors(broker, deliver=lambda: _deliver_all(parts), advance=lambda: None)
    print("up", flush=True)
    if role == "scheduler":
        scheduler.Scheduler(parts, Hints(broker, clock), deliver_lanes=THREADS).run()
    else:
        start_workers(broker, THREADS)
        threading.Event().wait()


def _deliver_all(parts: Parts) -> None:
    while send.deliver_batch(parts).claimed:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:5])
