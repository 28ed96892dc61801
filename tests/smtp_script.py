"""An SMTP server that says what a test scripts, and remembers what it was told: for what real ones seldom do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

#: An answer that never comes.
MUTE = "mute"
_DEFAULTS = {
    "EHLO": "250", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on", ".": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok", "QUIT": "221 2.0.0 bye", "STARTTLS": "220 2.0.0 go on",
}  # fmt: skip


class ScriptedSmtp:
    """A server on a free port; one connection after the other, each in a thread. `close` it.

    `answers` are by verb, "." being the end of the content and "GREETING" the first line; a list is used up one by
    one, its last for ever after. An answer may have several lines; one that begins with 421 is
    followed by the end of the connection, and so is one that ends with "!". `early` is set when the client sent on
    before it had its answer, without PIPELINING. It greets after `late_s`.
    """

    def __init__(
        self,
        *offers: str,
        tls: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
        password: str = "",
        host: str = "127.0.0.1",
        late_s: float = 0.0,
        answers: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        self.offers, self._tls, self._tls_at_once, self._password = offers, tls, tls_at_once, password
        self._answers: dict[str, list[str]] = {
            verb: [answer] if isinstance(answer, str) else list(answer) for verb, answer in (answers or {}).items()
        }
        self._late_s = late_s
        self.told: list[str] = []
        self.mails: list[bytes] = []
        self.connections = 0
        self.early = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self.port = self._socket.getsockname()[1]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._begin(self._accept)

    def verbs(self) -> list[str]:
        """Return the commands without their arguments, in order."""
        return [line.split(" ", 1)[0].upper() for line in self.told]

    def close(self) -> None:
        """Hang up on everybody."""
        self._over.set()
        for each in (self._socket, *self._open):
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, name="scripted", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                self._open.append(connection)
                self._begin(self._talk, connection)

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError):
            _Talk(self, connection).run()
        connection.close()

    def answer(self, verb: str) -> str:
        """Return the next answer to the verb."""
        left = self._answers.get(verb, [_DEFAULTS.get(verb, "502 5.5.1 what?")])
        return left.pop(0) if len(left) > 1 else left[0]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Hang up."""
        self.close()


class _Talk:
    """One connection."""

    def __init__(self, server: ScriptedSmtp, connection: socket.socket) -> None:
        self.server, self.connection = server, connection
        self.buffer = b""

    def run(self) -> None:
        server = self.server
        if server._tls_at_once:
            self._secure()
        server._over.wait(server._late_s)
        self._say(server._answers.get("GREETING", ["220 scripted.example ESMTP"])[0])
        while True:
            line = self._line()
            server.told.append(line)
            verb = line.split(" ", 1)[0].upper()
            if verb == "AUTH":
                self._say("235 2.7.0 in" if self._lets_in(line.split(" ")[1:]) else "535 5.7.8 no such password")
                continue
            answer = server.answer(verb)
            if verb == "EHLO" and answer == "250":
                self._say("\n".join(f"250 {each}" for each in ("scripted.example", *server.offers)))
                continue
            if verb == "MAIL" and "PIPELINING" in server.offers:
                # it answers when it has all three: a client that waits for the first would wait for ever
                rest = [self._line(), self._line()]
                server.told += rest
                self._say(answer)
                for each in rest:
                    self._say(server.answer(each.split(" ", 1)[0].upper()))
                verb = "DATA"
            else:
                server.early |= bool(self.buffer or select.select([self.connection], [], [], 0.01)[0])
                self._say(answer)
            if verb == "STARTTLS" and answer.startswith("220"):
                self._secure()
            if verb == "DATA" and server.answer("DATA").startswith("354"):
                server.mails.append(self._content())
                self._say(server.answer("."))
            if verb == "QUIT":
                return

    def _secure(self) -> None:
        assert self.server._tls is not None
        self.connection = self.server._tls.wrap_socket(self.connection, server_side=True)
        self.server._open.append(self.connection)

    def _lets_in(self, words: list[str]) -> bool:
        mechanism, password = words[0].upper(), self.server._password
        if mechanism == "PLAIN":
            return base64.b64decode(words[1]).split(b"\0")[2].decode() == password
        if mechanism == "LOGIN":
            user = words[1] if len(words) > 1 else self._ask("Username:")
            assert base64.b64decode(user)
            return base64.b64decode(self._ask("Password:")).decode() == password
        challenge = "<1@scripted.example>"
        given = base64.b64decode(self._ask(challenge)).decode().split(" ")[-1]
        return given == hmac.new(password.encode(), challenge.encode(), hashlib.md5).hexdigest()

    def _ask(self, words: str) -> str:
        self._say(f"334 {base64.b64encode(words.encode()).decode()}")
        return self._line()

    def _say(self, answer: str) -> None:
        if answer == MUTE:
            self.server._over.wait(60)
            raise EOFError
        *first, last = answer.removesuffix("!").split("\n")
        lines = [f"{line[:3]}-{line[4:]}" for line in first] + [last]
        self.connection.sendall("".join(line + "\r\n" for line in lines).encode())
        if answer.startswith("421") or answer.endswith("!"):
            raise EOFError

    def _line(self) -> str:
        return self._octets().decode()

    def _octets(self) -> bytes:
        """Return the next line as it came."""
        while b"\r\n" not in self.buffer:
            more = self.connection.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _content(self) -> bytes:
        content = b""
        while True:
            line = self._octets()
            if line == b".":
                return content
            content += line.removeprefix(b".") + b"\r\n"
