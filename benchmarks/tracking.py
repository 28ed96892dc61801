"""Tracking requests, each answered after its commit, against a bare ASGI response on the same server.

    python benchmarks/tracking.py [--seconds 5] [--connections 128] [--rounds 3] [--database URL]

Both run in a server process of their own, the client in another; rounds alternate, so that a busy machine slows both.
Each open is a new hit of one of 20,000 sent messages: a row in `hits`, the first of each message also a mark on the
ledger and an inbox row. DESIGN section 8 asks for 0.5 of the bare response at least.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import cast

import uvloop
from sqlalchemy import func, insert, select
from sqlmodel import SQLModel

from lifecycle.base.clock import SystemClock
from lifecycle.base.tokens import Purpose, Tokens
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, hits, messages
from lifecycle.web.app import WebParts, create_app
from lifecycle.web.asgi import Receive, Scope, Send
from lifecycle.web.serve import Server
from lifecycle.web.tracking import PIXEL

SECRET = b"a secret for the benchmark alone"
MESSAGES = 20_000
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
FLOOR = 0.5


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything with a pixel."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
        return
    headers = [(b"content-type", b"image/gif"), (b"content-length", b"43"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PIXEL})


def serve(kind: str, url: str, pipe: Pipe) -> None:
    """Run a server until told to stop; say its port, and at the end the CPU seconds it took."""
    store = Store(url)
    parts = WebParts(store=store, clock=SystemClock(), tokens=Tokens(SECRET), content=lambda: None, secret=SECRET)
    with Server(bare if kind == "bare" else create_app(parts), port=0) as server:
        before = time.process_time()
        pipe.send(server.port)
        pipe.recv()
        pipe.send(time.process_time() - before)
    store.close()


def fill(store: Store) -> None:
    """Make the ledger of a campaign that was sent an hour ago."""
    now = SystemClock().now()
    ago = now - timedelta(hours=1)
    with store.write() as connection:
        for start in range(0, MESSAGES, 1000):
            keys = range(start + 1, start + 1001)
            connection.execute(
                insert(contacts), [{"id": n, "identifier": f"c{n}", "created_at": ago, "attributes": {}} for n in keys]
            )
            row = {
                "campaign": "news", "step": "news", "occurrence": "1", "version": "v", "kind": "marketing",
                "topic": "news", "template": "news", "state": "sent", "reached_at": ago, "due_at": ago,
                "sending_at": ago, "sent_at": ago, "data": {}, "links": {},
            }  # fmt: skip
            connection.execute(
                insert(messages), [{**row, "id": n, "contact_id": n, "message_id": f"m{n}"} for n in keys]
            )


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, requests: Iterator[bytes], counts: list[int]) -> None:
        self.requests = requests
        self.counts = counts
        self.transport: asyncio.Transport
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and ask again."""
        self.received += data
        if self.received.endswith(PIXEL):
            assert self.received.startswith(b"HTTP/1.1 200")
            self.received = b""
            self.counts[0] += 1
            self.transport.write(next(self.requests))


def load(port: int, seconds: float, connections: int) -> tuple[float, int]:
    """Return answers a second once warm, and all answers."""
    tokens = Tokens(SECRET)
    texts = [
        f"GET /o/{tokens.make(Purpose.OPEN, str(n))}.gif HTTP/1.1\r\nHost: t\r\nUser-Agent: {AGENT}\r\n\r\n".encode()
        for n in range(1, MESSAGES + 1)
    ]
    requests = itertools.cycle(texts)
    counts = [0]

    async def drive() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: Client(requests, counts), "127.0.0.1", port)
            for _ in range(connections)
        ]
        await asyncio.sleep(0.5)  # warm
        warm, began = counts[0], time.perf_counter()
        await asyncio.sleep(seconds)
        rate = (counts[0] - warm) / (time.perf_counter() - began)
        for transport, _ in made:
            transport.abort()
        return rate, counts[0]

    return uvloop.run(drive())


def measure(kind: str, url: str, seconds: float, connections: int) -> tuple[float, float]:
    """Return answers a second of one kind of server, and the microseconds of CPU that each cost it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(kind, url, theirs))
    process.start()
    rate, answers = load(ours.recv(), seconds, connections)
    ours.send("stop")
    cpu_s = ours.recv()
    process.join()
    return rate, cpu_s / answers * 1e6


def main() -> None:
    """Run the rounds and print the ratio."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--connections", type=int, default=128)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--database", help="an empty PostgreSQL database; SQLite in a temporary folder by default")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.database or f"sqlite:///{Path(folder) / 'tracking.db'}"
        store = Store(url)
        SQLModel.metadata.create_all(store.engine)
        fill(store)
        ratios = []
        for turn in range(1, chosen.rounds + 1):
            plain, plain_cpu = measure("bare", url, chosen.seconds, chosen.connections)
            tracked, tracked_cpu = measure("tracking", url, chosen.seconds, chosen.connections)
            ratios.append(tracked / plain)
            print(
                f"round {turn}: bare {plain:7,.0f}/s, {plain_cpu:4.0f} µs CPU   tracking {tracked:7,.0f}/s, "
                f"{tracked_cpu:4.0f} µs CPU   ratio {tracked / plain:.2f}"
            )
        with store.read() as connection:
            count = connection.execute(select(func.count()).select_from(hits)).scalar_one()
        store.close()
    ratio = statistics.median(ratios)
    verdict = "ok" if ratio >= FLOOR else "BELOW"
    print(
        f"{count:,} hits committed on {url.partition(':')[0]}; "
        f"tracking vs bare: {ratio:.2f}x (floor {FLOOR}x: {verdict})"
    )


if __name__ == "__main__":
    main()
