"""A real SMTP server in a process of its own, which survives the death of whoever sends to it.

Each accepted mail is a line in a log, synced before the answer to its dot. `Rule`s make it misbehave on purpose.
"""

# ruff: noqa: N802, ARG002 - aiosmtpd finds its hooks by their names and hands all of them everything
from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax


@dataclass(frozen=True, slots=True)
class Rule:
    """At `at` (mail, rcpt, data, dot) answer so to mails whose recipient contains `match`, `times` times (0: always).

    The answer `drop` hangs up without one; at the dot, `keep` says whether the mail is accepted first, and `delay_s`
    how long the answer takes.
    """

    at: str
    answer: str = ""
    match: str = ""
    times: int = 0
    keep: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted mail."""

    message_id: str
    date: str
    sender: str
    recipients: list[str]
    size: int


class Sink:
    """A running server. `close` it."""

    def __init__(
        self, folder: Path, *rules: Rule, pipelining: bool = False, keep: bool = False, sync: bool = True
    ) -> None:
        self.log = folder / "sink.ndjson"
        self.log.touch()
        self.folder = folder
        options = {"rules": [asdict(rule) for rule in rules], "pipelining": pipelining, "keep": keep, "sync": sync}
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(folder), json.dumps(options)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.url = f"smtp://127.0.0.1:{self.port}"

    def accepted(self) -> list[Accepted]:
        """Return what it accepted so far, in order."""
        return [Accepted(**json.loads(line)) for line in self.log.read_text().splitlines()]

    def counts(self) -> Counter[str]:
        """Return how often each Message-ID was accepted."""
        return Counter(mail.message_id for mail in self.accepted())

    def close(self) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop it."""
        self.close()


class _Handler:
    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        self.rules = [Rule(**rule) for rule in options["rules"]]
        self.used = Counter[int]()
        self.options = options
        self.folder = folder
        self.number = 0
        self.log = os.open(folder / "sink.ndjson", os.O_WRONLY | os.O_APPEND)

    def rule(self, at: str, recipient: str) -> Rule | None:
        for index, rule in enumerate(self.rules):
            if rule.at == at and rule.match in recipient and (not rule.times or self.used[index] < rule.times):
                self.used[index] += 1
                return rule
        return None

    async def answer(self, server: SMTP, rule: Rule) -> str:
        await asyncio.sleep(rule.delay_s)
        if rule.answer == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return rule.answer if rule.answer not in {"", "drop"} else "250 2.0.0 OK"

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.options["pipelining"] else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        rule = self.rule("mail", address)
        if rule is not None:
            return await self.answer(server, rule)
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        rule = self.rule("rcpt", address)
        if rule is not None:
            return await self.answer(server, rule)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        rule = self.rule("dot", envelope.rcpt_tos[0])
        if rule is None or rule.keep or rule.answer == "":
            self.keep(envelope)
        return "250 2.0.0 OK" if rule is None else await self.answer(server, rule)

    def keep(self, envelope: Envelope) -> None:
        content = envelope.content
        assert isinstance(content, bytes)
        head = BytesHeaderParser().parsebytes(content)
        self.number += 1
        if self.options["keep"]:
            (self.folder / f"{self.number:06}.eml").write_bytes(content)
        mail = Accepted(
            head["Message-ID"].strip("<>"), head["Date"], str(envelope.mail_from), list(envelope.rcpt_tos), len(content)
        )
        os.write(self.log, (json.dumps(asdict(mail)) + "\n").encode())
        if self.options["sync"]:
            os.fsync(self.log)


class _Server(SMTP):
    """Refuses DATA itself where a rule says so; aiosmtpd has no hook for that."""

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        handler = self.event_handler
        recipients = self.envelope.rcpt_tos if self.envelope else []
        rule = handler.rule("data", recipients[0]) if recipients else None
        if rule is None:
            await super().smtp_DATA(arg)
        else:
            answer = await handler.answer(self, rule)
            if rule.answer != "drop":
                await self.push(answer)


async def _serve(folder: Path, options: dict[str, Any]) -> None:
    handler = _Handler(folder, options)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Server(handler, hostname="sink.example", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await done.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), json.loads(sys.argv[2])))
