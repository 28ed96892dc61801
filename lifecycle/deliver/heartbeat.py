"""Keeps the lease of a batch alive while a thread sends it."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from lifecycle.base.errors import StoreError
from lifecycle.deliver.outbox import Batch, renew
from lifecycle.store.engine import Store

log = logging.getLogger("lifecycle.deliver")


class Heartbeat:
    """Renews the lease three times in its length, in a thread, for as long as the `with` block lasts."""

    def __init__(self, store: Store, batch: Batch) -> None:
        self._store = store
        self._batch = batch
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        """Start beating."""
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop beating."""
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(self._batch.lease.seconds / 3):
            try:
                if not renew(self._store, self._batch):
                    log.warning("the lease on batch %s was lost", self._batch.worker)
                    return
            except StoreError as error:
                # the next beat tries again; if none comes through, the lease runs out and nothing more is begun
                log.warning("the lease on batch %s was not renewed: %s", self._batch.worker, error)
