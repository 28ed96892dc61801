"""The page, running: a server on 127.0.0.1, a watch over the files, and what is made while nobody waits for it."""

from __future__ import annotations

import logging
import secrets
import threading
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from lifecycle.render.check_cache import CheckCache
from lifecycle.web.serve import Server
from lifecycle.workbench.app import create_app
from lifecycle.workbench.desk import Desk
from lifecycle.workbench.guard import guarded
from lifecycle.workbench.guest import Guest
from lifecycle.workbench.hub import Hub
from lifecycle.workbench.watch import Watch

log = logging.getLogger("lifecycle.workbench")


class Workbench:
    """The page of a project at `url`. Raises SettingsError when the port cannot be had."""

    def __init__(
        self, folder: Path, *, port: int = 0, guest: Guest | None = None, cache: CheckCache | None = None
    ) -> None:
        self.hub = Hub()
        self._watch = Watch(folder, self._changed)  # before the first look, so that nothing falls between
        self.desk = Desk(folder, guest=guest, cache=cache)
        #: real data is for whoever started this; samples are no secret
        self._key = secrets.token_urlsafe(16) if guest is not None else None
        self._server = Server(guarded(create_app(self.desk, self.hub), self._key), port=port)
        self.url = self._server.url + "/"
        self._news, self._ended = threading.Event(), threading.Event()
        self._finisher = threading.Thread(target=self._finish, name="finish", daemon=True)

    def address(self, **chosen: str | None) -> str:
        """Return the address to open, with what is chosen there (`locale`, `who`) and the key if there is one."""
        query = urlencode({name: value for name, value in {**chosen, "key": self._key}.items() if value})
        return self.url + (f"?{query}" if query else "")

    def __enter__(self) -> Self:
        self.desk.look()
        self._server.start()
        self._watch.start()
        self._news.set()
        self._finisher.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._news.set()
        self.desk.close()
        self._watch.close()
        self.hub.close()
        self._server.stop()
        self._finisher.join(5)  # it is a daemon: a check that takes longer is left alone

    def _changed(self) -> None:
        self.desk.look()
        self._tell()
        self._news.set()

    def _finish(self) -> None:
        """Make the rest of each version once it is there; requests for a mail are answered in between."""
        while self._news.wait() and not self._ended.is_set():
            self._news.clear()
            try:
                if self.desk.finish():
                    self._tell()
            except Exception:
                log.exception("the mails could not be checked")

    def _tell(self) -> None:
        self.hub.tell({"version": self.desk.version, "checked": self.desk.is_checked})
