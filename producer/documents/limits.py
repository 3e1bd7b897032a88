"""How much one input may take."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What lies beyond a limit is refused, never cut.

    `max_line_bytes` bounds a JSONL line, a CSV record and a whole .json file, all of which are parsed in memory.
    `max_file_bytes` bounds the other files. `max_unpacked_bytes` bounds what a .docx unpacks to. `max_text_chars`
    bounds the text of one document. The `reader_` limits hold the process that reads PDF, DOCX and HTML; the times are
    per file, and `reader_cpu_s` is whole seconds because the kernel counts so.
    """

    max_line_bytes: int = 16 * MEBIBYTE
    max_file_bytes: int = 64 * MEBIBYTE
    max_unpacked_bytes: int = 256 * MEBIBYTE
    max_text_chars: int = 16 * MEBIBYTE
    max_pages: int = 5_000
    reader_memory_bytes: int = 1024 * MEBIBYTE
    reader_cpu_s: int = 30
    reader_timeout_s: float = 60.0
