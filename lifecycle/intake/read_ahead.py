"""A large file read in a process of its own, so that a chunk is parsed and checked while one before is stored.

The child writes chunks to its standard output, and a thread here takes the next one from it. The pipe holds less than
one, so nobody is ever more than two ahead, and the child ends by itself when nobody reads any more.
`python -m lifecycle.intake.read_ahead` is the child.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
import subprocess
import sys
import traceback
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import IO

from lifecycle.base.clock import Clock, SystemClock
from lifecycle.base.errors import LifecycleError
from lifecycle.intake.chunks import Chunk, pack, unpack
from lifecycle.intake.reading import Reader, Source

#: Bytes of a file below which a second Python is not worth its start.
SMALLEST = 2_000_000
#: How long a child that was told to end may take, in seconds.
_PATIENCE_S = 10
#: What comes next on the pipe, and its length.
_HEAD = struct.Struct(">cQ")
_CHUNK, _FAULT, _END = b"c", b"f", b"e"


def read_chunks(source: Source, clock: Clock) -> Generator[Chunk, None, None]:
    """Yield the file's chunks in order. Raises what `Reader.chunks` raises, and LifecycleError when the child dies."""
    child = _start() if _is_worth_it(source, clock) else None
    if child is None:
        yield from Reader(source, clock).chunks()
        return
    chunks = _received(child, source)
    aside = ThreadPoolExecutor(1, "read-ahead")
    try:
        following = aside.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = aside.submit(next, chunks, None)
            yield chunk
    finally:
        _end(child)
        aside.shutdown()
        _close(child)


def _is_worth_it(source: Source, clock: Clock) -> bool:
    """Say whether the file is large, and nothing is needed for reading it that this process alone has."""
    return (
        source.kind in {"contacts", "events"}
        and source.csv_map is None  # made of functions, which do not travel
        and isinstance(clock, SystemClock)  # any other stands still here alone
        and not getattr(sys, "frozen", False)
        and source.path.is_file()
        and source.path.stat().st_size >= SMALLEST
    )


def _start(*, stderr: int | None = None) -> subprocess.Popen[bytes] | None:
    """Start the child; None when the machine has no room for one more."""
    path = os.pathsep.join(filter(None, sys.path))
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "lifecycle.intake.read_ahead"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, "PYTHONPATH": path},
            process_group=0 if os.name == "posix" else None,  # Ctrl-C is for us, and we end the child
        )  # fmt: skip
    except OSError:
        return None


def _received(child: subprocess.Popen[bytes], source: Source) -> Iterator[Chunk]:
    if child.stdout is None:
        raise RuntimeError("the child was started with a pipe")
    _tell(child, source)
    while True:
        head = child.stdout.read(_HEAD.size)
        kind, size = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0)
        data = child.stdout.read(size)
        if kind not in {_CHUNK, _FAULT, _END} or len(data) < size:
            raise LifecycleError(
                f"the process that reads {source.path} {_ending(child)}",
                hint="what came before is stored; import the whole file again, nothing is stored twice",
            )
        if kind == _END:
            return
        if kind == _FAULT:
            raise pickle.loads(data)  # noqa: S301 - our own child wrote it
        yield unpack(data)


def _tell(child: subprocess.Popen[bytes], source: Source) -> None:
    """Tell the child what to read."""
    if child.stdin is None:
        raise RuntimeError("the child was started with a pipe")
    with suppress(BrokenPipeError), child.stdin:  # should it have died at once, that will be seen
        pickle.dump(source, child.stdin)


def _ending(child: subprocess.Popen[bytes]) -> str:
    code = child.wait()
    if code >= 0:
        return f"ended too early, with exit code {code}"
    number = -code
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return f"was killed by {name}" + (" (is there too little memory?)" if number == signal.SIGKILL else "")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


# ---------------------------------------------------------------- the child


def main() -> None:
    """Read the source that standard input names, and write its chunks to standard output."""
    source = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        try:
            with ready_for_millions():
                for chunk in Reader(source, SystemClock()).chunks():
                    _send(out, _CHUNK, pack(chunk))
            _send(out, _END, b"")
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
            _send(out, _FAULT, _pickled(error))
    except BrokenPipeError:
        # nobody reads any more, and Python would complain once more when it closes the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _send(out: IO[bytes], kind: bytes, data: bytes) -> None:
    out.write(_HEAD.pack(kind, len(data)))
    out.write(data)
    out.flush()


def _pickled(error: Exception) -> bytes:
    if not isinstance(error, LifecycleError):
        error.add_note("in the process that reads the file:\n" + "".join(traceback.format_exception(error)))
    return pickle.dumps(error)


@contextmanager
def ready_for_millions() -> Iterator[None]:
    """Let Python look for cycles seldom and threads take turns often.

    Rows are born by the million, in no cycle, and looking takes a third. A thread that feeds a COPY has a moment's work
    now and then; waiting for its turn for the usual 5 ms leaves the server without rows.
    """
    thresholds, interval_s = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(500_000, *thresholds[1:])
    sys.setswitchinterval(0.0002)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval_s)


if __name__ == "__main__":
    main()
