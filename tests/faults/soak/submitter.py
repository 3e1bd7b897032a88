"""`python -m tests.faults.soak.submitter TASK JOBS ITEMS EVERY_S`: an application that submits a job every few seconds.

One client for the whole soak. A submission that fails, as broker or ledger are away, is made again until it is taken;
one that comes late is followed by the next at once. Each failure is a line of JSON on stderr. Ends after the last job.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from time import monotonic

from producer.client import Client
from routing.errors import ServiceUnreachableError
from tests.support.documents import write_lines
from tests.support.runs import invoice

AGAIN_S = 1.0


def main() -> None:
    """Submit."""
    task, jobs, items, every_s = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    began = monotonic()
    pause = threading.Event()
    with Client() as client:
        for number in range(jobs):
            pause.wait(max(0.0, began + number * every_s - monotonic()))
            first = number * items + 1
            file = write_lines(Path(f"{job_name(number)}.jsonl"), *map(invoice, range(first, first + items)))
            _submit(client, task, file, job_name(number), pause)
            file.unlink()


def job_name(number: int) -> str:
    """Return the name of the job with this number, from 0 on."""
    return f"soak-{number}"


def _submit(client: Client, task: Path, file: Path, name: str, pause: threading.Event) -> None:
    while True:
        try:
            client.submit(task, file, name=name)
        except ServiceUnreachableError as error:
            print(json.dumps({"job": name, "error": str(error)}), file=sys.stderr, flush=True)  # noqa: T201
            pause.wait(AGAIN_S)
        else:
            return


if __name__ == "__main__":
    main()
