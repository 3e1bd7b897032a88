"""Where the command begins: before its imports, which take longer than anything else, so that Ctrl-C may end them too.

What Python itself does before this, some tens of milliseconds, is not ours to end quietly.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # of `typing`, whose import takes longer than all of this

if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

INTERRUPTED = 130
"""As `producer.cli.ending.ExitCode` has it, which takes imports of its own."""


class Interruptions:
    """What Ctrl-C does: ends the process at once while it only imports, then raises KeyboardInterrupt as usual.

    `met` tells that it was raised: libraries turn it into errors of their own where it meets their imports.
    """

    def __init__(self) -> None:
        self.importing = True
        self.met = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.importing:
            os._exit(INTERRUPTED)
        self.met = True
        signal.default_int_handler(number, frame)


def main() -> NoReturn:
    """Run a command of this process's arguments, and end with its exit code."""
    interruptions = Interruptions()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started us has it ignored
        signal.signal(signal.SIGINT, interruptions)
    from producer.cli import app

    try:
        interruptions.importing = False
        app.main(is_interrupted=lambda: interruptions.met)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
