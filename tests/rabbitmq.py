"""A real RabbitMQ of a test's own: in a folder, on free ports of 127.0.0.1, without plugins, gone when it is closed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from ports import lasting_ports
from terminal import eventually

#: Debian's own script insists on the user that its service has; this one is what it calls.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
#: Why it cannot run here, an empty text when it can.
MISSING = (
    ""
    if _SERVER.exists() and shutil.which("epmd")
    else "NO RABBITMQ: apt-get install rabbitmq-server to let hints go through a real one"
)
#: One scheduler that does not spin: the machine has other work.
_FRUGAL = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMq:
    """A running node. `close` it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-rabbit-"))
        (self.folder / "plugins").write_text("[].\n")
        self.port, distribution, names = lasting_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}"
        paths = {
            "RABBITMQ_BASE": "", "RABBITMQ_MNESIA_BASE": "data", "RABBITMQ_LOG_BASE": "log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "plugins", "RABBITMQ_CONFIG_FILE": "none",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "none.config", "RABBITMQ_CONF_ENV_FILE": "none.env",
            "RABBITMQ_GENERATED_CONFIG_DIR": "config", "RABBITMQ_PID_FILE": "pid", "HOME": "",
        }  # fmt: skip
        self._environ = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
            **{name: str(self.folder / path) for name, path in paths.items()},
            "RABBITMQ_NODENAME": f"lifecycle{self.port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _FRUGAL, "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }  # fmt: skip
        # a name server of our own: Erlang starts one that outlives whoever asked for it
        self._names = self._start("epmd", "-port", str(names))
        self._node: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the node, empty, unless it runs, and wait until it takes connections."""
        if self._node is not None:
            return
        self._node = self._start(str(_SERVER))
        try:
            eventually(self._listens, within_s=60)
        except AssertionError:
            said = (self.folder / "said").read_text(errors="replace")
            self.close()
            raise AssertionError(f"RabbitMQ does not start: {said[-2000:]}") from None

    def kill(self) -> None:
        """Kill the node; what it had is forgotten."""
        if self._node is not None:
            _kill(self._node)
            self._node = None
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def close(self) -> None:
        """Kill it, and remove it."""
        self.kill()
        _kill(self._names)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                words, env=self._environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )

    def _listens(self) -> bool:
        assert self._node is not None
        assert self._node.poll() is None, "it has ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            # what is no AMQP is answered with the version that would be
            connection.settimeout(10)
            connection.sendall(b"12345678")
            return connection.recv(4) == b"AMQP"
        return False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Kill it."""
        self.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
