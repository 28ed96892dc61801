"""For those who operate it: `/healthz`, `/readyz`, `/metrics` (Prometheus text, written by hand)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lifecycle.base.errors import LifecycleError
from lifecycle.deliver.picking import PARKED
from lifecycle.store.tables import contacts, enrolments, events, hits, inbox, messages
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import in_thread

#: Counting a large ledger takes a moment: answers are kept for so many seconds.
METRICS_KEPT_S = 5.0
#: Source: Prometheus exposition format 0.0.4.
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_Sample = tuple[str, float]


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""
    metrics = _Metrics(parts)

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        def work() -> Response:
            checks = {"database": "ok", "content": "ok"}
            try:
                with parts.store.read() as connection:
                    connection.execute(select(contacts.c.id).limit(1))
            except LifecycleError as error:
                checks["database"] = error.message
            try:
                checks["content"] = "ok" if parts.content() is not None else "nothing is in force"
            except LifecycleError as error:
                checks["content"] = error.message
            ready = all(state == "ok" for state in checks.values())
            return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)

        return await in_thread(work)

    async def show(_request: Request) -> Response:
        return PlainTextResponse(await in_thread(metrics.text), media_type=_PROMETHEUS)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", show)]


class _Metrics:
    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._lock = Lock()
        self._kept: tuple[float, str] | None = None

    def text(self) -> str:
        clock = self._parts.clock
        with self._lock:
            if self._kept is None or not 0 <= clock.monotonic() - self._kept[0] < METRICS_KEPT_S:
                with self._parts.store.read() as connection:
                    self._kept = (clock.monotonic(), "".join(_lines(self._families(connection, clock.now()))))
            return self._kept[1]

    def _families(self, connection: Connection, now: datetime) -> Iterable[tuple[str, str, str, list[_Sample]]]:
        by_state = connection.execute(select(messages.c.state, messages.c.kind, func.count()).group_by("state", "kind"))
        yield (
            "lifecycle_messages", "gauge", "Ledger rows by state and kind.",
            [(_labels(state=state, kind=kind), count) for state, kind, count in by_state],
        )  # fmt: skip
        due = select(func.min(messages.c.due_at)).where(
            # what waits at a sending limit is meant to, and is counted on its own
            messages.c.state.in_(("queued", "deferred")),
            messages.c.queue == "",
            messages.c.due_at <= now,
        )
        yield (
            "lifecycle_outbox_lag_seconds",
            "gauge",
            "How long the oldest due mail has waited.",
            [("", _age(connection.execute(due).scalar(), now))],
        )
        parked = select(messages.c.queue, func.count()).where(PARKED).group_by(messages.c.queue)
        yield (
            "lifecycle_outbox_parked",
            "gauge",
            "Mails that wait at a sending limit.",
            [(_labels(limit=queue), count) for queue, count in connection.execute(parked)],
        )
        waiting = select(func.min(enrolments.c.due_at)).where(enrolments.c.due_at <= now)
        yield (
            "lifecycle_journey_lag_seconds",
            "gauge",
            "How long the oldest due step has waited.",
            [("", _age(connection.execute(waiting).scalar(), now))],
        )
        yield (
            "lifecycle_inbox",
            "gauge",
            "Changes that the journey has not looked at.",
            [("", _count(connection, inbox.c.id))],
        )
        by_enrolment = connection.execute(select(enrolments.c.state, func.count()).group_by(enrolments.c.state))
        yield (
            "lifecycle_enrolments",
            "gauge",
            "Enrolments by state.",
            [(_labels(state=state), count) for state, count in by_enrolment],
        )
        yield "lifecycle_contacts", "gauge", "Contacts.", [("", _count(connection, contacts.c.id))]
        newest = select(func.coalesce(func.max(events.c.id), 0))
        yield (
            "lifecycle_events_last_id",
            "counter",
            "Number of the newest event.",
            [("", connection.execute(newest).scalar_one())],
        )
        by_kind = connection.execute(select(hits.c.kind, hits.c.verdict, func.count()).group_by("kind", "verdict"))
        yield (
            "lifecycle_hits",
            "gauge",
            "Raw hits by kind and verdict.",
            [(_labels(kind=kind, verdict=verdict), count) for kind, verdict, count in by_kind],
        )
        recorder = self._parts.recorder
        yield (
            "lifecycle_hit_commits_total",
            "counter",
            "Transactions of this process that recorded opens and clicks.",
            [("", recorder.batches)],
        )
        yield (
            "lifecycle_hits_recorded_total",
            "counter",
            "Opens and clicks recorded by this process.",
            [("", recorder.hits)],
        )
        yield (
            "lifecycle_hits_waiting",
            "gauge",
            "Opens and clicks that wait for their commit.",
            [("", recorder.waiting)],
        )


def _lines(families: Iterable[tuple[str, str, str, list[_Sample]]]) -> Iterable[str]:
    for name, kind, text, samples in families:
        yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
        for labels, value in samples:
            yield f"{name}{labels} {value:g}\n" if isinstance(value, float) else f"{name}{labels} {value}\n"


def _labels(**labels: str) -> str:
    def plain(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{plain(text)}"' for name, text in labels.items()) + "}"


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _count(connection: Connection, column: ColumnElement[Any]) -> int:
    return int(connection.execute(select(func.count(column))).scalar_one())
