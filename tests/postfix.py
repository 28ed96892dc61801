"""A real Postfix of a test's own: in a folder, on a free port of 127.0.0.1, asking no DNS and reaching nobody.

Everything goes on to one address, a `servers.Sink`, but what comes back to our envelope addresses: that is delivered
into a Maildir, as an operator would have it.
"""

from __future__ import annotations

import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from terminal import eventually

#: Why it cannot run here, an empty text when it can.
MISSING = (
    "NO POSTFIX: apt-get install postfix to let a real mail server accept, relay and bounce our mails"
    if shutil.which("postfix") is None
    else ""
)
#: Who owns the Maildir: virtual(8) never writes as root.
OWNER = "nobody"

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{domain}
myorigin = {domain}
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtputf8_enable = yes
alias_maps =
alias_database =
local_recipient_maps =
smtp_dns_support_level = disabled
smtp_host_lookup = native
default_transport = smtp:[127.0.0.1]:{onward}
relay_transport = smtp:[127.0.0.1]:{onward}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = regexp:{folder}/etc/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
maximal_queue_lifetime = {lifetime_s}s
bounce_queue_lifetime = {lifetime_s}s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
default_destination_concurrency_failed_cohort_limit = 0
smtp_destination_concurrency_limit = 5
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A running instance, as root. `close` it."""

    def __init__(self, onward: int, domain: str, *, lifetime_s: int = 4) -> None:
        # beside pytest's folder, which nobody but its owner may enter: Postfix delivers as somebody else
        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-postfix-"))
        self.folder.chmod(0o755)
        owner, postfix = pwd.getpwnam(OWNER), pwd.getpwnam("postfix")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.box = self.folder / "mail" / "bounces"
        for name in ("etc", "queue", "data", "mail"):
            (self.folder / name).mkdir(mode=0o755)
        shutil.chown(self.folder / "data", postfix.pw_uid)
        shutil.chown(self.folder / "mail", owner.pw_uid)
        fill = {
            "folder": self.folder, "domain": domain, "onward": onward, "port": self.port, "uid": owner.pw_uid,
            "gid": owner.pw_gid, "lifetime_s": lifetime_s,
        }  # fmt: skip
        (self.folder / "etc" / "main.cf").write_text(_MAIN.format(**fill))
        (self.folder / "etc" / "master.cf").write_text(_MASTER.format(**fill))
        escaped = domain.replace(".", r"\.")
        (self.folder / "etc" / "mailboxes").write_text(f"/^bounce\\+.+@{escaped}$/ bounces/\n")
        try:
            self._run("start")
            eventually(self._greets)
        except AssertionError:
            self.close()
            raise

    @property
    def log(self) -> str:
        """Return what it logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def came_back(self) -> list[Path]:
        """Return the mails that lie in the Maildir, new ones."""
        return sorted((self.box / "new").glob("*")) if self.box.exists() else []

    def close(self) -> None:
        """Stop it at once, and remove it."""
        try:
            self._run("abort")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: str) -> None:
        arguments = ["postfix", "-c", str(self.folder / "etc"), command]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (command, done.stderr, self.log)

    def _greets(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as connection:
                return connection.noop()[0] == 250
        except OSError:
            return False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop it."""
        self.close()
