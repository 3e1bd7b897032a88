"""The process that reads hostile formats, started as `python -m producer.documents.limited_process MEMORY_BYTES`.

It holds no secrets: it gets bytes on standard input, answers with text on standard output, and opens no file of the
user's. It imports the parsers only, never the rest of the product.
"""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING

from producer.documents.formats.registry import LIMITED_READERS
from producer.documents.frames import Frame, read_frame, write_frame
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from typing import BinaryIO

    from producer.documents.extract import Extract


def request(ending: str, data: bytes, limits: IntakeLimits) -> Frame:
    """Return the frame that asks for the text of one file."""
    return Frame({"ending": ending, "limits": asdict(limits)}, data)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one file after the other until the requests end."""
    while frame := read_frame(requests, sys.maxsize):
        limits = IntakeLimits(**frame.header["limits"])
        _allow_cpu(limits.reader_cpu_s)
        write_frame(answers, _answer(frame.header["ending"], frame.body, limits))


def _answer(ending: str, data: bytes, limits: IntakeLimits) -> Frame:
    try:
        extract: Extract = import_module(LIMITED_READERS[ending]).extract(data, limits)
        if len(extract.text) > limits.max_text_chars:
            return _refused(RefusalCode.TOO_LARGE, f"its text is longer than {limits.max_text_chars} characters")
        body = extract.text.encode()
    except RefusedInputError as refused:
        return _refused(refused.code, refused.reason)
    except MemoryError:
        return _refused(
            RefusalCode.TOO_COSTLY, f"reading it takes more than {limits.reader_memory_bytes} bytes of memory"
        )
    except Exception as error:  # noqa: BLE001 - the bytes are hostile: whatever a parser raises refuses the file
        # The type only: a parser's message may quote the document.
        return _refused(RefusalCode.MALFORMED, f"it cannot be read ({type(error).__name__}); open and save it again")
    return Frame({"pages": extract.pages, "metadata": extract.metadata}, body)


def _refused(code: RefusalCode, reason: str) -> Frame:
    return Frame({"code": code, "reason": reason}, b"")


def _allow_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def main() -> None:
    """Limit this process, keep its output to the protocol, and serve."""
    memory_bytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A parser that prints must not write into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
