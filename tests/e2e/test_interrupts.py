"""Ctrl-C in the first moments of a command, while it imports what it needs."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.runs import Workplace

BEGIN = (sys.executable, "-c", "from producer.cli import entry; print('.', flush=True); entry.main()")
MOMENTS = 4
WITHIN_S = 0.4
INTERRUPTED = {130, -signal.SIGINT}
"""The second where Python takes itself down, its work done: the signal itself ends it. A shell says 130 of both."""


@pytest.mark.parametrize("arguments", [("--help",), ("status",), ("worker", "cheap")])
def test_an_early_interrupt_ends_a_command_quietly(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It ends with 130, or had ended by itself; no traceback is shown, whenever the signal comes."""
    draw = random.Random()
    for _ in range(MOMENTS):
        with Workplace(tmp_path).start(*arguments, command=BEGIN) as process:
            assert process.stdout is not None
            assert process.stdout.read(2) == ".\n"
            moment_s = draw.uniform(0.0, WITHIN_S)
            threading.Event().wait(moment_s)
            process.send_signal(signal.SIGINT)
            try:
                _, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert "Traceback" not in err, (moment_s, err)
        ended_by_itself = process.returncode in {0, 2} and "Abort" not in err
        assert process.returncode in INTERRUPTED or ended_by_itself, (process.returncode, moment_s, err)
