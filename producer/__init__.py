"""Asking and reading: documents in, jobs, results and reports out. `from producer import Client` is the Python API."""

from __future__ import annotations

TYPE_CHECKING = False  # of `typing`, whose import Ctrl-C in the first moments of a command might meet

if TYPE_CHECKING:
    from producer.client import Client, Job, JobStoppedError, WaitTimeoutError
    from producer.gateway import Gateway
    from producer.live_answer import Answer
    from producer.results import ResultRow

__all__ = ["Answer", "Client", "Gateway", "Job", "JobStoppedError", "ResultRow", "WaitTimeoutError"]

_HOMES = {
    "Answer": "producer.live_answer",
    "Client": "producer.client",
    "Gateway": "producer.gateway",
    "Job": "producer.client",
    "JobStoppedError": "producer.client",
    "ResultRow": "producer.results",
    "WaitTimeoutError": "producer.client",
}


def __getattr__(name: str) -> object:
    # Imported when asked for: the client brings SQLAlchemy and Celery, which `cheapfirst --help` must not wait for.
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
