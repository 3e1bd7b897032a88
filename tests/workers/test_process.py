"""A worker process holds what it works with."""

from __future__ import annotations

import subprocess
import sys

_LOADING = """
import sys, workers.process, workers.app, workers.pool, workers.engine
from celery.apps.worker import Worker
print(*sys.modules)
"""


def test_a_worker_holds_no_command_line() -> None:
    """Neither Celery's, with what its plug-ins bring, nor what only people's commands need."""
    loaded = subprocess.run([sys.executable, "-c", _LOADING], capture_output=True, check=True, text=True).stdout.split()
    unwanted = {
        "celery.bin",
        "prompt_toolkit",
        "pygments",
        "flower",
        "tornado",
        "typer",
        "rich",
        "rapidfuzz",
        "alembic",
    }
    assert not unwanted.intersection(loaded)
