"""What Ctrl-C does while a module is imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """
import signal, threading
from producer.cli.entry import Interrupt
signal.signal(signal.SIGINT, Interrupt())
import module_of_this_test
threading.Event().wait(60)
"""
BRIEF = """
print("begun", flush=True)
try:
    input()
except BaseException as error:
    print("met", type(error))
print("whole", flush=True)
"""
ENDLESS = """
print("begun", flush=True)
while True:
    pass
"""


def test_an_interrupt_waits_for_the_import_to_end(tmp_path: Path) -> None:
    """No module is left half imported, where a library would make another error of the interrupt."""
    with _importing(tmp_path, BRIEF) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate("\n", timeout=60)
    assert out == "whole\n"
    assert err.endswith("KeyboardInterrupt\n"), err


def test_an_import_without_end_is_interrupted(tmp_path: Path) -> None:
    """It waits for a while, not for ever."""
    with _importing(tmp_path, ENDLESS) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert err.endswith("KeyboardInterrupt\n"), err


@contextmanager
def _importing(folder: Path, source: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "module_of_this_test.py").write_text(source)
    path = os.pathsep.join((str(folder), str(Path(__file__).parents[3])))
    with subprocess.Popen(
        (sys.executable, "-c", PROGRAM),
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            yield process
        finally:
            process.kill()
