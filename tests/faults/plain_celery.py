"""The control of the fault suite: the same cascade as a plain Celery application, set up as its docs recommend.

Acknowledged late, given back when its worker is lost, one message fetched ahead, and messages that nobody acknowledged
within 20 s delivered again. There is no ledger: a result is a line in a file.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from celery import Celery

from tests.faults.trial import append_line

QUEUE = "plain"
VISIBILITY_TIMEOUT_S = 20
_CALL_TIMEOUT_S = 30

app = Celery("plain", set_as_current=False)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue=QUEUE,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT_S, "max_connections": 1000},
    result_backend=None,
)


@app.task(name="extract", ignore_result=True)  # type: ignore[untyped-decorator] # Celery is untyped
def extract(base_url: str, results: str, custom_id: str, text: str) -> None:
    """Ask the cheap model, then the expensive one where a total is missing, and append the result."""
    output = _ask(base_url, "small", text)
    if "total" not in output:
        output = _ask(base_url, "large", text)
    append_line(Path(results), {"custom_id": custom_id, "output": output})


def _ask(base_url: str, model: str, text: str) -> Any:  # noqa: ANN401 - JSON
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(f"{base_url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_CALL_TIMEOUT_S) as answer:
        return json.loads(json.loads(answer.read())["choices"][0]["message"]["content"])
