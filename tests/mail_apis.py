"""SES and Postmark on this machine: a real HTTP server that speaks their recorded answers and writes what it accepted.

The answers are shaped as in the providers' public documentation. `Reply`s make it misbehave on purpose.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lifecycle.base.clock import SystemClock
from lifecycle.providers.postmark import PostmarkProvider
from lifecycle.providers.ses import SesProvider
from lifecycle.providers.sigv4 import Credentials, signed_headers

ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1"
TOKEN = "0f1e2d3c-token-of-tests"


def ses(api: MailApi, **options: Any) -> SesProvider:
    """Return SES before the local server."""
    keys = {"region": REGION, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "endpoint": api.url}
    return SesProvider(**({"clock": SystemClock()} | keys | options))


def postmark(api: MailApi, **options: Any) -> PostmarkProvider:
    """Return Postmark before the local server."""
    return PostmarkProvider(options.pop("token", TOKEN), SystemClock(), endpoint=api.url, **options)


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer so to a mail for an address that contains `match`, `times` times (0: always).

    `status` 0 hangs up without an answer, after keeping the mail if `keep`; `at` "headers" hangs up before the body is
    read. `late_s` is how long the answer takes. `closes` says nothing and closes the connection after the answer.
    """

    status: int = 0
    body: Any = None
    match: str = ""
    times: int = 0
    error: str = ""
    at: str = "answer"
    keep: bool = False
    late_s: float = 0.0
    closes: bool = False


class MailApi:
    """The server. `with` starts and stops it; `requests` are the JSON bodies of all posts, `mails` what it accepted."""

    def __init__(self, folder: Path, *replies: Reply, certificate: tuple[Path, Path] | None = None) -> None:
        self.folder = folder
        self.replies = list(replies)
        self.used = [0] * len(replies)
        self.requests: list[dict[str, Any]] = []
        self.mails: list[dict[str, Any]] = []
        self.connections = 0
        self.account: dict[str, Any] = {"SendingEnabled": True, "ProductionAccessEnabled": True}
        self.server_of_postmark: dict[str, Any] = {"ID": 1, "Name": "Staging Testing", "DeliveryType": "Live"}
        self.lock = threading.Lock()
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._server.open = []
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Return its address."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.released.set()
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hang_up(self) -> None:
        """Close every open connection, as servers do with those that are idle."""
        with self.lock:
            sockets, self._server.open = self._server.open, []
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def reply_to(self, recipient: str) -> Reply | None:
        """Return how to misbehave towards a recipient, None for the truth."""
        with self.lock:
            for number, reply in enumerate(self.replies):
                if reply.match in recipient and (not reply.times or self.used[number] < reply.times):
                    self.used[number] += 1
                    return reply
        return None

    def accept(self, request: dict[str, Any], data: bytes) -> str:
        """Keep a mail; return its id."""
        with self.lock:
            number = len(self.mails) + 1
            self.mails.append(request)
            (self.folder / f"{number:04}.eml").write_bytes(data)
        return f"0100018f{number:08d}-7c191be4-02f9-4d12-a87d-dd0099a07f8a-000000"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: MailApi
    open: list[socket.socket]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of these tests hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.server.api.lock:
            self.server.api.connections += 1
            self.server.open.append(self.connection)

    def log_message(self, *_words: Any) -> None:
        pass

    def do_GET(self) -> None:
        api = self.server.api
        match self.path:
            case "/v2/email/account":
                self._answer(*self._aws(b"") or (200, api.account, ""))
            case "/server":
                self._answer(*self._postmark() or (200, api.server_of_postmark, ""))
            case "/message-streams/outbound":
                self._answer(*self._postmark() or (200, {"ID": "outbound", "MessageStreamType": "Transactional"}, ""))
            case _:
                self._answer(404, {"ErrorCode": 1226, "Message": "The message stream provided was not found."})

    def do_POST(self) -> None:
        api = self.server.api
        length = int(self.headers["Content-Length"])
        if any(reply.at == "headers" for reply in api.replies) and api.reply_to("") is not None:
            self._hang_up()
            return
        body = self.rfile.read(length)
        request = json.loads(body)
        api.requests.append(request)
        is_ses = self.path == "/v2/email/outbound-emails"
        denied = self._aws(body) if is_ses else self._postmark()
        if denied is not None:
            self._answer(*denied)
            return
        recipient = request["Destination"]["ToAddresses"][0] if is_ses else request["To"]
        data = base64.b64decode(request["Content"]["Raw"]["Data"]) if is_ses else _as_mime(request)
        reply = api.reply_to(recipient)
        if reply is None:
            self._accepted(request, data, is_ses=is_ses)
            return
        if reply.late_s:
            api.released.wait(reply.late_s)
        if reply.keep:
            api.accept(request, data)
        if reply.closes:
            self._accepted(request, data, is_ses=is_ses)
            self.close_connection = True
        elif reply.status:
            self._answer(reply.status, reply.body, reply.error)
        else:
            self._hang_up()

    def _accepted(self, request: dict[str, Any], data: bytes, *, is_ses: bool) -> None:
        ref = self.server.api.accept(request, data)
        if is_ses:
            self._answer(200, {"MessageId": ref})
        else:
            self._answer(200, {
                "To": request["To"], "SubmittedAt": "2014-02-17T07:25:01.4178645-05:00", "MessageID": ref,
                "ErrorCode": 0, "Message": "OK",
            })  # fmt: skip

    def _aws(self, body: bytes) -> tuple[int, Any, str] | None:
        """Check the signature as AWS does: over what it was given."""
        at = datetime.strptime(self.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        given = {name: self.headers[name] for name in ("Host", "Content-Type")}
        keys = Credentials(ACCESS_KEY, SECRET_KEY, REGION, "ses")
        wanted = signed_headers(keys, self.command, self.path, given, body, at)["Authorization"]
        if self.headers["Authorization"] == wanted:
            return None
        message = "The request signature we calculated does not match the signature you provided."
        return 403, {"message": message}, "SignatureDoesNotMatch"

    def _postmark(self) -> tuple[int, Any, str] | None:
        if self.headers["X-Postmark-Server-Token"] == TOKEN:
            return None
        message = "The Server Token you provided in the X-Postmark-Server-Token request header was invalid."
        return 401, {"ErrorCode": 10, "Message": message}, ""

    def _answer(self, status: int, body: Any, error: str = "") -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if error:
            self.send_header("x-amzn-ErrorType", f"{error}:http://internal.amazon.com/coral/com.amazonaws.ses/")
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        """Close with a reset, as a server that dies does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _as_mime(request: dict[str, Any]) -> bytes:
    """Build the mail as Postmark does of what it was given."""
    message = EmailMessage()
    for name, key in (("From", "From"), ("To", "To"), ("Subject", "Subject"), ("Reply-To", "ReplyTo")):
        if key in request:
            message[name] = request[key]
    for header in request["Headers"]:
        message[header["Name"]] = header["Value"]
    # set_content ends a text with a newline of its own, so the encoded octets are set by hand
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = 'multipart/alternative; boundary="=_postmark"'
    lines = [message.as_bytes().partition(b"\n\n")[0].replace(b"\n", b"\r\n"), b"\r\n"]
    for key, kind in (("TextBody", "plain"), ("HtmlBody", "html")):
        if key in request:
            encoded = base64.encodebytes(request[key].encode()).replace(b"\n", b"\r\n")
            kind_line = f'Content-Type: text/{kind}; charset="utf-8"'.encode()
            lines += [
                b"\r\n--=_postmark\r\n", kind_line, b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", encoded,
            ]  # fmt: skip
    return b"".join([*lines, b"\r\n--=_postmark--\r\n"])
