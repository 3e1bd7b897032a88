"""Reads PDF, DOCX and HTML in a process of limited memory and time, so that no document can harm the product."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from producer.documents.extract import Extract
from producer.documents.frames import BrokenFrameError, Frame, read_frame, write_frame
from producer.documents.limited_process import request
from producer.documents.refusal import RefusalCode, RefusedInputError
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from producer.documents.limits import IntakeLimits

_MODULE = "producer.documents.limited_process"
_ROOT = Path(__file__).parents[2]
_BYTES_PER_CHAR = 4  # at most, in UTF-8
_HEADER_ROOM_BYTES = 64 * 1024
_FILES_PER_PROCESS = 500  # then a new one, so that what a parser leaks never counts against a later file


class LimitedReader:
    """One process, started with the first file and reused; it is started anew after a file has ended it."""

    def __init__(self, limits: IntakeLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def extract(self, data: bytes, ending: str) -> Extract:
        """Return the text of one file. Raises RefusedInputError where it has none or goes beyond a limit."""
        if self._files >= _FILES_PER_PROCESS:
            self._end()
        process = self._process or self._start()
        self._files += 1
        with _deadline(process, self._limits.reader_timeout_s) as missed:
            answer = self._ask(process, request(ending, data, self._limits))
        if answer is None or missed.is_set():
            raise RefusedInputError(RefusalCode.TOO_COSTLY, self._cause_of_end(missed=missed.is_set()))
        if "code" in answer.header:
            raise RefusedInputError(RefusalCode(answer.header["code"]), answer.header["reason"])
        return Extract(answer.body.decode(), answer.header["pages"], answer.header["metadata"])

    def _ask(self, process: subprocess.Popen[bytes], frame: Frame) -> Frame | None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            write_frame(process.stdin, frame)
            return read_frame(process.stdout, self._limits.max_text_chars * _BYTES_PER_CHAR + _HEADER_ROOM_BYTES)
        except (OSError, BrokenFrameError):
            return None

    def _cause_of_end(self, *, missed: bool) -> str:
        status = self._end()
        if missed:
            return f"reading it took longer than {self._limits.reader_timeout_s:g} s"
        if status == -signal.SIGXCPU:
            return f"reading it took more than {self._limits.reader_cpu_s} s of processor time"
        return f"reading it ended the reader (status {status}); it is broken, or needs too much memory"

    def _start(self) -> subprocess.Popen[bytes]:
        self._files = 0
        # An empty environment: no key of the user's is where hostile input is read. A session of its own: Ctrl-C is
        # for the command, which then closes the pipe.
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", _MODULE, str(self._limits.reader_memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                env={},
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(
                f"The process that reads PDF, DOCX and HTML cannot be started: {error.strerror}.",
                "Free some memory or processes, then run again.",
            ) from error
        return self._process

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):  # it broke when the process ended
                pipe.close()
        process.kill()
        return process.wait()


@contextmanager
def _deadline(process: subprocess.Popen[bytes], timeout_s: float) -> Iterator[threading.Event]:
    """Kill the process when the time is over, which ends every read and write on its pipes."""
    missed = threading.Event()

    def kill() -> None:
        missed.set()
        process.kill()

    timer = threading.Timer(timeout_s, kill)
    timer.daemon = True
    timer.start()
    try:
        yield missed
    finally:
        timer.cancel()
        timer.join()
