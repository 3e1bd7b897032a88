"""What a command prints: results and reports on stdout, everything else on stderr."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from producer.cli.ending import ExitCode
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextmanager
def stdout() -> Iterator[BinaryIO]:
    """Yield stdout as bytes. A reader that leaves early, such as `head`, ends the command without an error.

    Raises UsageError where it takes no more for another reason, such as a full disk.
    """
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _let_go()
        raise typer.Exit(ExitCode.DONE) from None
    except OSError as error:
        _let_go()
        told = f"What this command prints cannot be written: {error.strerror}."
        raise UsageError(told, "Make room there, or let it print elsewhere.") from None


def _let_go() -> None:
    """Point stdout nowhere: the interpreter flushes it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: object) -> None:
    """Print one indented JSON value."""
    from producer.json_text import json_page

    with stdout() as stream:
        stream.write(json_page(value))


def print_text(text: str) -> None:
    """Print lines for a person."""
    with stdout() as stream:
        stream.write(f"{text}\n".encode(sys.stdout.encoding or "utf-8", "replace"))


def say(text: str) -> None:
    """Print a remark on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command line
