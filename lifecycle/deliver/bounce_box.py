"""The bounce box: a Maildir into which the mail server puts what comes back to our envelope addresses.

Each mail in `new/` is read, handed on, and then moved: to `cur/` as seen, or into the folder `.unclaimed` when it is
for a person (a letter, a report that is not ours). Killed between handing on and moving, a report is handed on again,
under the same event, so it counts once; so it does when two processes look at once. Nothing is answered or deleted.
"""

from __future__ import annotations

import logging
import mailbox
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from lifecycle.base.errors import LifecycleError, SettingsError, UsageError
from lifecycle.base.tokens import Tokens
from lifecycle.providers.bounce_mail import Reading, Verdict, read_report
from lifecycle.providers.bounce_rows import Sent, SentOf, rows_by_token
from lifecycle.providers.feedback import Feedback
from lifecycle.providers.mail_parts import MAX_OCTETS
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

log = logging.getLogger("lifecycle.deliver")

#: Writes down what was told, and returns how many of it were new.
Take = Callable[[Sequence[Feedback]], int]

#: Reports that are handed on together.
BATCH = 50
UNCLAIMED = ".unclaimed"
#: What nobody needs to look at again.
_SEEN = frozenset({Verdict.OURS, Verdict.NOTHING_NEW, Verdict.AUTO_REPLY})


@dataclass(slots=True)
class Read:
    """What a look into the box found: mails by verdict, and how many tellings were new."""

    mails: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def __str__(self) -> str:
        """Return it as one line."""
        return ", ".join(f"{count} {name}" for name, count in sorted(self.mails.items())) or "nothing"


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    reading: Reading


def read_box(
    box: Path,
    tokens: Tokens,
    take: Take,
    now: datetime,
    *,
    sent_of: SentOf | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Read:
    """Hand everything in `new/` on to `take`, and file it. Raises SettingsError for what is no Maildir of ours.

    What `take` raises as a LifecycleError (the database is away) is raised, and the batch stays for the next look.
    """
    row_of, known = rows_by_token(tokens), sent_of or (lambda _row: None)
    done = Read()
    names = waiting(box)
    for start in range(0, len(names), BATCH):
        if stopping():
            break
        found = [
            _Found(name, read_report(raw, row_of, now, known))
            for name in names[start : start + BATCH]
            if (raw := _octets(box / "new" / name)) is not None
        ]
        spoiled = _hand_on(found, take, done)
        for one in found:
            done.mails[one.reading.verdict] += 1
            if one.reading.verdict not in _SEEN:
                log.info("bounce box: %s: %s (%s)", one.name, one.reading.verdict, one.reading.why)
            _file(box, one.name, seen=one.reading.verdict in _SEEN and one.name not in spoiled)
    return done


def look_at(
    path: Path, tokens: Tokens, now: datetime, *, sent_of: SentOf | None = None
) -> Iterator[tuple[str, Reading]]:
    """Yield the name and the reading of each mail that is new in a Maildir, in an mbox, or is the file. Moves nothing.

    Raises UsageError for what is none of these.
    """
    row_of, known = rows_by_token(tokens), sent_of or (lambda _row: None)
    for name, raw in _mails(path):
        yield name, read_report(raw, row_of, now, known)


def _mails(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for name in waiting(path):
            raw = _octets(path / "new" / name)
            if raw is not None:
                yield name, raw
        return
    try:
        with path.open("rb") as file:
            head = file.read(MAX_OCTETS)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", hint="name a Maildir, an mbox or an .eml file"
        ) from error
    if not head.startswith(b"From "):
        yield path.name, head
        return
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), start=1):
            yield f"{path.name}:{number}", box.get_bytes(key)
    finally:
        box.close()


def sent_by(store: Store) -> SentOf:
    """Return what looks a row up in the ledger."""

    def sent_of(row: int) -> Sent | None:
        with store.read() as connection:
            found = connection.execute(
                select(messages.c.message_id, messages.c.address).where(messages.c.id == row)
            ).first()
        return None if found is None else Sent(found.message_id, found.address)

    return sent_of


def _hand_on(found: Sequence[_Found], take: Take, done: Read) -> frozenset[str]:
    """Hand the batch on, one by one when that fails; return the names of those that cannot be taken."""
    told = [each for one in found for each in one.reading.feedback]
    if not told:
        return frozenset()
    try:
        done.taken += take(told)
    except LifecycleError:
        raise
    except Exception:
        log.exception("bounce box: a batch of reports cannot be taken, so each is tried alone")
        return frozenset(_alone(found, take, done))
    return frozenset()


def _alone(found: Sequence[_Found], take: Take, done: Read) -> Iterator[str]:
    for one in found:
        if not one.reading.feedback:
            continue
        try:
            done.taken += take(one.reading.feedback)
        except LifecycleError:
            raise
        except Exception:
            log.exception("bounce box: %s cannot be taken and is set aside in %s", one.name, UNCLAIMED)
            yield one.name


def waiting(box: Path) -> list[str]:
    """Return what is new, oldest first: a Maildir's names begin with the time."""
    new = box / "new"
    try:
        found = sorted(path.name for path in new.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SettingsError(
            f"the bounce box {box} is no Maildir that can be read: {error.strerror}",
            hint="LIFECYCLE_BOUNCES=maildir:/PATH names a folder with new, cur and tmp in it",
        ) from error
    if found and not (os.access(new, os.W_OK) and os.access(box, os.W_OK)):
        raise SettingsError(
            f"the bounce box {box} cannot be written, so nothing in it can be filed",
            hint="let the engine run as a user who owns it",
        )
    return found


def _octets(path: Path) -> bytes | None:
    """Return the beginning of the mail, nothing of what is no file, None when somebody else has just filed it."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return b""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_OCTETS)
    except FileNotFoundError:
        return None
    except OSError:
        return b""


def _file(box: Path, name: str, *, seen: bool) -> None:
    base = name.partition(":")[0]
    target = box / "cur" / f"{base}:2,S" if seen else box / UNCLAIMED / "new" / base
    try:
        if not target.parent.is_dir():
            _make_folders(target.parent.parent)
        os.replace(box / "new" / name, target)  # noqa: PTH105 - atomic, and over a copy of itself
    except FileNotFoundError:
        return  # the other process was quicker
    except OSError as error:
        raise SettingsError(f"{name} in the bounce box {box} cannot be filed: {error.strerror}") from error


def _make_folders(folder: Path) -> None:
    for part in ("tmp", "cur", "new"):
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.name == UNCLAIMED:
        (folder / "maildirfolder").touch(mode=0o600)
