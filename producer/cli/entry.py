"""Where the command begins: before its imports, which take longer than anything else, so that Ctrl-C may end them too.

What Python itself does before this, some tens of milliseconds, is not ours to end quietly. While it takes itself down
again, after the command, the signal has its first meaning: it ends the process at once, which is 130 too to a shell.
"""

from __future__ import annotations

import signal
import sys
import time

TYPE_CHECKING = False  # of `typing`, whose import takes longer than all of this

if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

INTERRUPTED = 130
"""As `producer.cli.ending.ExitCode` has it, which takes imports of its own."""

LONGEST_IMPORT_S = 2.0
LOOK_AGAIN_S = 0.001


def main() -> NoReturn:
    """Run a command of this process's arguments, and end with its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started us has it ignored
        signal.signal(signal.SIGINT, Interrupt())
    try:
        from producer.cli import app

        app.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)  # of an interrupt that still waits: the command ended before it


class Interrupt:
    """Ctrl-C, kept until the import that it meets is over.

    Libraries make an error of their own of an interrupt that meets them halfway, and Python itself loses one that meets
    its import locks. A module that comes to no end is interrupted after `LONGEST_IMPORT_S`, whatever becomes of it.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def __call__(self, _number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, now or when the import is over."""
        now = time.monotonic()
        self._since = self._since or now
        if _is_importing(frame) and now - self._since < LONGEST_IMPORT_S:
            signal.signal(signal.SIGALRM, self)
            signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN_S)
            return
        self._since = None
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
