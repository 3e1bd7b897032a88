"""Run a command until it ends or this process's parent does, whichever is first.

Started by its path, never imported by the product, and with the standard library only, so that it is up in a few
milliseconds: `python -I -S watchdog.py GRACE_S COMMAND...`. Its standard input is a pipe whose other end the parent
alone holds; the end of that pipe is the end of the parent, even one that was killed with SIGKILL. This works from any
thread and on every POSIX system, which `prctl(PR_SET_PDEATHSIG)` does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

STANDARD_INPUT = 0
CANNOT_RUN = 127


def end_with_parent(child: subprocess.Popen[bytes], grace_s: float, lifeline: int) -> None:
    """Wait until the parent's end of the pipe is closed, then end the child: asked first, killed after `grace_s`."""
    # os.read and not sys.stdin: a thread that waits inside sys.stdin would hold its lock while the interpreter ends.
    os.read(lifeline, 1)
    child.terminate()
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        child.kill()


def main(arguments: Sequence[str], lifeline: int = STANDARD_INPUT) -> int:
    """Run the command and return its exit code, 128 + N where signal N ended it, 127 where it cannot be started.

    `lifeline` is the descriptor that comes to its end with the parent.
    """
    grace_s, *command = arguments
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - from our parent
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return CANNOT_RUN

    def pass_on(signal_number: int, _frame: FrameType | None) -> None:
        child.send_signal(signal_number)

    signal.signal(signal.SIGTERM, pass_on)
    threading.Thread(target=end_with_parent, args=(child, float(grace_s), lifeline), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
