"""`python -m tests.support.taking_in [--limits=JSON] FILE...`: take files in as `submit` does, and weigh this process.

Prints a JSON object: for each file the ids that were accepted, the codes of what was refused with their lines, how much
memory it took above idle, and the processor time of the process that reads formats; `reader_peak_mb` is the most memory
that process had. Nothing is kept but these.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from producer.documents.intake import read_documents
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import Refusal
from routing.row_reader import RowReader
from routing.task import InputSpec
from tests.support.resident_memory import forget_peak, peak_mb, resident_mb

_LIMITS = "--limits="


def _taken_in(file: str, limits: IntakeLimits) -> dict[str, object]:
    accepted: list[str] = []
    refused: list[tuple[int | None, str]] = []
    began_s = _children().ru_utime
    forget_peak()
    idle_mb = resident_mb()
    for outcome in read_documents([file], RowReader(InputSpec()), limits):
        if isinstance(outcome, Refusal):
            refused.append((outcome.line, outcome.code.value))
        else:
            accepted.append(outcome.custom_id)
    return {
        "accepted": accepted,
        "refused": refused,
        "peak_mb": peak_mb() - idle_mb,
        "reader_cpu_s": _children().ru_utime - began_s,
    }


def _children() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_CHILDREN)


def main() -> None:
    """Take in each file in turn; what is imported on the way counts as idle."""
    arguments = sys.argv[1:]
    limits = IntakeLimits()
    if arguments[0].startswith(_LIMITS):
        limits = IntakeLimits(**json.loads(arguments.pop(0).removeprefix(_LIMITS)))
    _taken_in(arguments[0], limits)
    told: dict[str, object] = {Path(file).name: _taken_in(file, limits) for file in arguments}
    json.dump(told | {"reader_peak_mb": _children().ru_maxrss / 1024}, sys.stdout)


if __name__ == "__main__":
    main()
