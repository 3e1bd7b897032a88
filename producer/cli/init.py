"""`init`: a first deployment file and a first task that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from producer.cli.output import print_text
from routing.errors import UsageError

FIRST_TASK = Path(__file__).parents[1] / "first_task"


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write them.")] = Path(),
) -> None:
    """Write a first deployment and a first task.

    The deployment file is commented; the task has documents and runs as it is, on an offline engine. Nothing that is
    there already is touched.
    """
    sources = sorted(path for path in FIRST_TASK.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    targets = {source: folder / source.relative_to(FIRST_TASK) for source in sources}
    existing = [target for target in targets.values() if target.exists()]
    if existing:
        raise UsageError(f"{existing[0]} exists already, so nothing was written.", "Name another folder.")
    try:
        for source, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.", "Name another folder.") from error
    print_text("\n".join(f"wrote {target}" for target in targets.values()))
    place = "" if folder == Path() else f"cd {folder} && "
    print_text(f"next: {place}cheapfirst run invoices invoices/documents")
