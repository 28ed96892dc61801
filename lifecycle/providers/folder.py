"""Writes mails as .eml files: the embedded default, so that a first run needs no mail server.

A file is named by its Message-ID, so a mail that was sent twice shows as a second file of that name (`ID.2.eml`), and
appears whole or not at all. Nothing is synced: a power cut may lose files, it never loses the ledger.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lifecycle.base.errors import MisconfiguredError
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, send_each

_UNSAFE = re.compile(r"[^A-Za-z0-9@._+-]")


class FolderProvider:
    """A folder of .eml files, with the envelope in two X- lines on top. Thread-safe."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = False

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Write a file for each mail."""
        return send_each(batch, may_begin, self._deliver)

    def check(self) -> None:
        """Look whether the folder is there, or can be made, and can be written. Raises MisconfiguredError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(self.folder, error) from error
        if not os.access(self.folder, os.W_OK):
            raise MisconfiguredError(f"cannot write mails into {self.folder}", hint="set LIFECYCLE_MAIL_FOLDER")

    def hang_up(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open."""

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        del may_begin  # asked just now by send_each
        if not self._made:
            self.check()
            self._made = True
        stem = _UNSAFE.sub("_", mail.message_id.strip("<>"))[:200].lstrip(".") or "mail"
        draft = self.folder / f".{mail.row}-{os.getpid()}.draft"
        try:
            draft.write_bytes(_envelope(mail) + mail.data)
            name = _place(draft, self.folder, stem)
        except OSError as error:
            # the file only counts once it has its name, so nothing was sent: a full disk is nobody's mail's fault
            draft.unlink(missing_ok=True)
            self._made = False
            raise _refused(self.folder, error) from error
        return Outcome(mail.row, Ending.ACCEPTED, ref=name)


def _envelope(mail: Outgoing) -> bytes:
    return f"X-Envelope-From: <{mail.envelope_sender}>\r\nX-Envelope-To: <{mail.recipient}>\r\n".encode()


def _place(draft: Path, folder: Path, stem: str) -> str:
    """Give the draft its name without ever replacing a file: a hard link fails where a rename would overwrite."""
    for number in range(1, 1000):
        name = f"{stem}.eml" if number == 1 else f"{stem}.{number}.eml"
        try:
            os.link(draft, folder / name)
        except FileExistsError:
            continue
        draft.unlink()
        return name
    raise FileExistsError(f"{stem}.eml was written 999 times")


def _refused(folder: Path, error: OSError) -> MisconfiguredError:
    return MisconfiguredError(
        f"cannot write mails into {folder}: {error.strerror or error}", hint="make room, or set LIFECYCLE_MAIL_FOLDER"
    )
