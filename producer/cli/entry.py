"""Where the command begins: before its imports, which take longer than anything else, so that Ctrl-C may end them too.

What Python itself does before this, some tens of milliseconds, is not ours to end quietly.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # of `typing`, whose import takes longer than all of this

if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130
"""As `producer.cli.ending.ExitCode` has it, which takes imports of its own."""


def main() -> NoReturn:
    """Run a command of this process's arguments, and end with its exit code."""
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else whoever started us has it ignored
    if is_usual:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from producer.cli import app

    try:
        if is_usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        app.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
