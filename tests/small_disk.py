"""A real disk of a few megabytes, to be filled and freed again: a tmpfs of a test's own."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path


class SmallDisk:
    """A mounted file system, empty at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, *, but_megabytes: int = 0) -> None:
        """Leave no more free than that."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65_536, 4_096):
                while self._left() > but_megabytes * 2**20 and _could_write(file, b"\0" * size):
                    pass
        assert self._left() <= but_megabytes * 2**20

    def _left(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_bsize

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()


def _could_write(file: FileIO, data: bytes) -> bool:
    try:
        file.write(data)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one at a new folder. Raises PermissionError where nobody may mount."""
    folder.mkdir()
    options = f"size={megabytes}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        raise PermissionError(mounted.stderr.strip())
    try:
        yield SmallDisk(folder)
    finally:
        # lazily: a process that has just been killed may still be on its way out
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
