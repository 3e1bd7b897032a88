"""`python race.py FOLDER COUNT ARGUMENT...`: run one command line in many processes that begin at the same moment.

Everything is imported once, before the processes are forked; so they really meet, and a race of fifty takes seconds.
Each writes what it prints to FOLDER/<number>.out and .err. Prints the exit codes as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

_USED = (
    "producer.cli.app",
    "producer.enqueue",
    "producer.ledger",
    "producer.progress",
    "producer.services",
    "producer.task_folder",
    "storage.migrate",
    "workers.app",
    "psycopg",
)


def main() -> None:
    """Race."""
    folder, count, arguments = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    for name in _USED:
        importlib.import_module(name)
    start, release = os.pipe()
    children = [_fork(folder / str(number), start, release, arguments) for number in range(count)]
    os.close(release)  # the last end that is open: every child's read ends at once
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps(codes))  # noqa: T201 - what the caller reads


def _fork(output: Path, start: int, release: int, arguments: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    code: object = 70
    try:
        os.close(release)
        for descriptor, suffix in ((1, ".out"), (2, ".err")):
            os.dup2(os.open(output.with_suffix(suffix), os.O_WRONLY | os.O_CREAT), descriptor)
        os.read(start, 1)
        from producer.cli.app import main as cheapfirst

        cheapfirst(arguments)
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
