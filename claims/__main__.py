"""`python -m claims`: replay the recorded sets through the product, and write what they show of the claims."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from claims.catalogue import cases
from claims.page import page
from claims.recorded_set import read_halves
from claims.replay import replay
from claims.staging import set_stage
from producer.cli.ending import ExitCode, of_error, tell
from producer.cli.output import print_text, say
from producer.cli.run import sigterm_interrupts
from producer.whole_file import whole_file
from routing.errors import CheapfirstError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claims.case import Case
    from claims.replay import Replayed


def write_document(chosen: Sequence[Case], data: Path, output: Path, limit: int | None = None) -> list[Replayed]:
    """Replay cases, of `limit` rows of each set where one is given, and write the document. Raises a CheapfirstError.

    Everything in between is thrown away: ledgers, recordings and logs.
    """
    began = monotonic()
    halves = {name: read_halves(data, name, limit) for name in dict.fromkeys(case.data_set for case in chosen)}
    replayed = []
    with tempfile.TemporaryDirectory(prefix="claims-") as folder:
        for number, case in enumerate(chosen, 1):
            say(f"[{number}/{len(chosen)}] {case.data_set}: {case.title}, {case.checks}")
            stage = set_stage(case, halves[case.data_set], Path(folder))
            replayed.append(replay(case, stage, lambda step: say(f"  {monotonic() - began:4.0f} s  {step}")))
    repeated = {name: half.repeated for name, half in halves.items() if half.repeated}
    with whole_file(output, "The document") as file:
        file.write(page(replayed, repeated).encode())
    return replayed


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m claims", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the recorded sets")
    parser.add_argument("--output", type=Path, required=True, help="the document to write")
    given = parser.parse_args(arguments)
    try:
        with sigterm_interrupts():
            write_document(cases(), given.data, given.output)
    except CheapfirstError as error:
        tell(error)
        return of_error(error)
    except KeyboardInterrupt:
        say("Interrupted; nothing was written.")
        return ExitCode.INTERRUPTED
    print_text(f"{given.output} is written.")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
